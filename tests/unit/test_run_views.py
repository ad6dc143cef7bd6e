"""What the messages about runs say, and that Slack takes every one of them."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slackblocks._surfaces import validate_surface_blocks

from bot import texts
from bot.slack_calls import fitting
from bot.views import answers, approving, decisions, history, hub, outcomes, picker, previews, runs, segments, sharing
from bot.views import help as helping
from bot.views.run_facts import WORDS, Counts, Message, Plan, Reason, Run, Tag, Weight
from sandbox.slack import rules
from services.access import Permission
from services.deciding import Waiting
from services.reasons import Reason as Refusal
from services.rejects import Problem
from services.segments import Overview
from services.sources import Segment

T = texts.of("en")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MEAN = "<VIP> & *bold* ~_`" + "long " * 60

PLAN: dict[str, Any] = {
    "profiles": 12345,
    "audience_members": 5000,
    "classes": {
        "new": 1204,
        "updated": 30,
        "tags_only": 12,
        "unchanged": 10000,
        "suppressed": 43,
        "no_consent": 50,
        "duplicates": 3,
        "rejected": 6,
    },
    "suppressed": {"unsubscribed": 40, "cleaned": 2, "something_new": 1},
    "rejected": {"no_address": 3, "invalid_address": 2, "merge_field": 1},
    "segments": [{"segment": "VIP", "tag": "VIP", "profiles": 900, "complete": True, "added": 900, "removed": 30}],
    "held": [],
    "binding": {},
    "calls": 34,
    "seconds": 13,
    "dropped_values": {"PHONE": 12},
}


def a_run(status: str = "waiting", **values: Any) -> Run:
    given: dict[str, Any] = {
        "run_id": 7,
        "destination_id": 3,
        "status": status,
        "destination": "Newsletter",
        "audience": "Contoso Newsletter",
        "audience_link": "https://us1.admin.mailchimp.com/lists/members/?id=1",
        "now": NOW,
        "requested_at": NOW,
        "requested_by": "U0ADA",
        "plan": Plan.model_validate(PLAN),
    }
    return Run(**(given | values))


def refused(message: Message) -> list[str]:
    """What independent judges say against a message; empty if they take it."""
    found = [str(one) for one in rules.check_message({"text": message.text, "blocks": message.blocks})]
    found += ["too long for a message"] if rules.blocks_too_long(message.blocks) else []
    found += ["no text"] if not message.text.strip() else []
    found += ["an edit's text is too long"] if len(fitting(message.text).encode()) > 4000 else []
    validate_surface_blocks(message.blocks, "message")
    return found


def every_run() -> Iterator[Run]:
    """Runs in every state, with names and numbers at their worst."""
    many = PLAN | {
        "segments": [{"segment": MEAN, "tag": MEAN[:100], "profiles": 10**6, "added": 10**6, "removed": 10**6}] * 60,
        "held": [
            {"segment": MEAN, "people": 900, "holders": 1000, "reason": reason}
            for reason in ("share", "empty", "vanished", "x")
        ]
        * 10,
        "unreadable": {MEAN: 10**6},
        "dropped_values": {f"FIELD{number}": 10**6 for number in range(80)},
        "refused_removals": {f"{MEAN[:100]}{number}": 10**6 for number in range(60)},
    }
    counts = Counts(profiles=1000, new=400, updated=20, rejected=5, tags_added=400, tags_removed=3, retries=4)
    reasons = [
        Reason(),
        Reason(waiting="removals"),
        Reason(message="Something <broke> & {what}.", values={"what": "x" * 2900}, kind="Refused"),
        Reason(message="Over by {over}.", values={"over": 5}, kind="LimitExceeded", count=1_000_005, limit=1_000_000),
        Reason(message="Sign in again.", kind="ReconnectNeeded"),
        Reason(message="Agree again.", kind="StatementChanged"),
    ]
    for status in WORDS:
        for plan in ({}, PLAN, many):
            for reason in reasons:
                for name in ("Newsletter", MEAN[:200]):
                    run = a_run(
                        status,
                        destination=name,
                        audience=name,
                        plan=Plan.model_validate(plan),
                        reason=reason,
                        counts=counts,
                        step="sending",
                        approved_by="U0BEN",
                        approved_at=NOW,
                        expires_at=NOW,
                        started_at=NOW,
                        finished_at=NOW + timedelta(seconds=90),
                        progressed_at=NOW - timedelta(minutes=9),
                        cancel_requested_by="U0BEN" if status == "canceled" else None,
                        waits_for=name,
                        rate=12.3,
                        canary=50 if plan is PLAN else 0,
                        tags=tuple(
                            Tag(name, "https://us1.admin.mailchimp.com/lists/segments/members?id=1") for _ in range(60)
                        ),
                        weights=(Weight(name, 10**6),) * 5,
                    )
                    yield run
                    yield dataclasses.replace(run, step="reading", counts=Counts(), audience_link="")
                    yield dataclasses.replace(run, preview=True, canary=0)


def test_slack_takes_every_message_about_every_run() -> None:
    for run in every_run():
        assert refused(runs.living(T, run)) == []
        assert refused(outcomes.outcome(T, run)) == []
        if run.status == "waiting":
            assert refused(outcomes.outcome(T, dataclasses.replace(run, asked=()))) == []
            assert refused(outcomes.approval_wanted(T, run)) == []
        assert refused(outcomes.decided(T, run, NOW)) == []
        card = runs.living(T, run).blocks
        for sendable in (True, False):
            modal = approving.preview(T, run, card, approving.Metadata(language="en", run=1), sendable=sendable)
            assert [str(one) for one in rules.check_view(modal, "modal")] == []
    causes = [(str(reason), 10**6) for reason in (*Problem, *Refusal)]
    for message in (
        outcomes.rejected(T, a_run(destination=MEAN), causes),
        outcomes.moved(T, a_run(), "C0GONE", "is_archived"),
        outcomes.list_comes(T, a_run(destination=MEAN)),
        outcomes.verified(T, a_run(counts=Counts(tags_added=1))),
        helping.everything(T),
        helping.unknown(T, MEAN, "export"),
        *(helping.of(T, word) for word in helping.HELP),
        sharing.copy(T, helping.everything(T, shared=True), "U0ADA", "hub.help", None),
        sharing.refused(T, "C0OLD"),
    ):
        assert refused(message) == []


def test_slack_takes_every_list() -> None:
    shown = list(every_run())
    rows = [
        hub.Row(
            at,
            MEAN[:200],
            MEAN[:200],
            "https://example.com",
            3,
            "refresh",
            "UTC",
            shown[at * 9],
            Permission.ADMINISTRATOR,
        )
        for at in range(hub.PAGE)
    ]
    assert refused(hub.hub(T, rows, 200, 3, shown[: hub.WAITING_SHOWN], 200)) == []
    assert refused(hub.hub(T, [], 0, 0)) == []
    assert refused(sharing.copy(T, hub.hub(T, rows, 200, 3, shared=True), "U0ADA", "hub.open", None)) == []
    assert refused(history.history(T, shown[:50], MEAN, history.Place(destination=1))) == []
    long_history = history.history(T, shown[:50], MEAN, history.Place(destination=1), shared=True)
    assert refused(sharing.copy(T, long_history, "U0ADA", "history.open", "{}")) == []
    causes = [("invalid_address", 3), ("compliance", 1200)]
    for run in shown:
        told = history.details(T, run, causes, history.Place(destination=1))
        assert refused(told) == []
        assert [str(one) for one in rules.check_view(answers.modal(T, told), "modal")] == []
        in_full = history.details(T, run, causes, history.Place(destination=1), shared=True)
        assert refused(sharing.copy(T, in_full, "U0ADA", "run.details", "1")) == []
    every = frozenset(range(999))
    going_on = [run for run in shown if run.status in ("queued", "waiting", "processing")]
    totals = Counter(run.status for run in going_on)
    for shared in (False, True):
        message = hub.status(T, going_on, shown, totals=totals, manageable=every, approvable=every, shared=shared)
        assert refused(message) == []
    found = [Overview(Segment(MEAN[:200], MEAN, 10**6, MEAN, "Active", NOW), (9, 5, 10**6), (MEAN,) * 9)] * 25
    for page in (0, 1, 2, 99):
        assert (
            refused(segments.listing(T, "Contoso", found, segments.Place(search=MEAN, page=page), pictures=True)) == []
        )
        listed = segments.listing(T, "Contoso", found, segments.Place(search=MEAN, page=page), shared=True)
        assert refused(sharing.copy(T, listed, "U0ADA", segments.OPEN, MEAN)) == []


def test_slack_takes_the_modal() -> None:
    class Destination:
        id, name, audience_name = 1, MEAN, MEAN

    about = decisions.Metadata(language=T.language, destination=1)
    waiting = [Waiting(f"{number:032x}", MEAN[:200], MEAN[:120], MEAN) for number in range(150)]
    for view in (
        *(decisions.form(T, MEAN, some, kept_out, about) for some in (waiting, waiting[:1], []) for kept_out in (0, 9)),
        *(decisions.saved(T, exported=one, kept_out=1 - one, asked_again=one) for one in (0, 1)),
        decisions.working(T),
        decisions.told(T, MEAN),
        picker.picker(T, [Destination()] * 200, picker.Metadata(), Destination(), segment="x" * 200),
        picker.picker(T, [], picker.Metadata()),
        picker.picker(T, [Destination()], picker.Metadata(), segment=MEAN, addable=True),
        picker.picker(T, [], picker.Metadata(), segment=MEAN, addable=True),
        picker.working(T),
        picker.problem(T, MEAN),
        *(
            picker.requested(T, a_run("queued", destination=MEAN, rule=rule, maker="U0BEN"), "C0EXPORTS")
            for rule in ("", "always")
        ),
    ):
        assert rules.check_view(view, "modal") == []
    assert len(picker.options([Destination()] * 200)) == 100


def shown(message: Message) -> str:
    return json.dumps(message.blocks, ensure_ascii=False)


def test_the_preview_shows_every_number_and_says_it_all_in_its_text_too() -> None:
    card = runs.living(T, a_run(expires_at=NOW))
    for said in (
        "12,345 profiles in the chosen segments",
        "New contacts: *1,204*",
        "Updated: *30*",
        "Tags only: *12*",
        "Unchanged: *10,000*",
        "40 unsubscribed, 2 cleaned after bounces, 1 in a state Postino does not know, 50 without consent",
        "3 with the address of another profile",
        "3 without an e-mail address, 2 with an invalid e-mail address, 1 for other reasons",
        "Billable contacts added: *1,204*",
        "VIP: put on 900, taken off 30",
        "PHONE 12",
        "34 calls to Mailchimp",
    ):
        assert said in shown(card)
    assert "1,204 new, 30 updated, 12 with tags only, 10,000 unchanged, tags put on 900, taken off 30" in card.text
    assert "Nothing has been sent yet." in card.text


def test_a_run_in_full_says_why_people_were_suppressed() -> None:
    run = a_run("successful", counts=Counts(profiles=1000, suppressed=43))
    told = history.details(T, run, [], history.Place(destination=1)).text
    assert "43 suppressed" in told
    assert "Suppressed, as planned: 40 unsubscribed, 2 " in told
    assert "Values left out because they do not fit Mailchimp's field: PHONE 12" in told


def test_a_run_in_full_says_what_the_brake_holds() -> None:
    plan = Plan.model_validate(PLAN | {"held": [{"segment": "VIP", "people": 671, "holders": 900}]})
    run = a_run("successful", plan=plan, reason=Reason(waiting="removals"))
    assert "671 of 900 people" in history.details(T, run, [], history.Place(destination=1)).text
    assert "671" not in history.details(T, a_run("successful", plan=plan), [], history.Place(destination=1)).text
    accepted = history.details(T, a_run("successful", accept_removals=True), [], history.Place(destination=1)).text
    assert "It was to take off the tags that the brake held." in accepted


def test_the_bar_follows_what_there_is_to_send_and_not_all_profiles() -> None:
    counts = Counts(profiles=10_000, unchanged=9_000, suppressed=500, new=100, updated=25)
    run = a_run("processing", step="sending", counts=counts, plan=Plan())
    assert (run.done, run.total) == (125, 500)
    assert "▓▓░░░░░░░░ 25%" in shown(runs.living(T, run))


def test_removals_alone_move_the_bar_too() -> None:
    plan = Plan.model_validate({"segments": [{"segment": "VIP", "tag": "VIP", "removed": 10}]})
    run = a_run("processing", step="sending", counts=Counts(profiles=5, unchanged=5, tags_removed=4), plan=plan)
    assert run.share == 0.4


def test_slow_is_told_apart_from_stuck() -> None:
    sending = {"step": "sending", "counts": Counts(profiles=10), "plan": Plan()}
    slow = runs.living(T, a_run("processing", throttled=True, progressed_at=NOW, **sending))
    stuck = runs.living(T, a_run("processing", throttled=True, progressed_at=NOW - timedelta(minutes=5), **sending))
    assert "Slow because Mailchimp throttles." in slow.text
    assert "No progress for 5 minutes." in stuck.text
    assert "throttles" not in stuck.text


def test_a_run_that_was_asked_to_stop_has_no_button_any_more() -> None:
    message = runs.living(T, a_run("processing", cancel_requested_by="U0BEN"))
    assert "stopping, asked by <@U0BEN>" in shown(message)
    assert "run.cancel" not in shown(message)


def test_another_workspaces_run_is_not_named() -> None:
    message = runs.living(T, a_run("queued", waits_for=""))
    assert "waits for another export of this Mailchimp account to finish" in message.text


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (
            Counts(profiles=9, new=3, not_attempted=6),
            "Where it stopped; what was sent is kept: 3 new, 6 not attempted.",
        ),
        (Counts(), "Nothing was sent."),
    ],
)
def test_a_failure_says_what_happened_what_was_done_and_offers_what_to_do(kept: Counts, said: str) -> None:
    reason = Reason(message="Mailchimp refused {what}. Do this.", values={"what": "<it>"}, kind="Refused")
    message = outcomes.outcome(T, a_run("failed", reason=reason, counts=kept, plan=Plan()))
    assert message.text == f"Newsletter: ❌ Failed. Mailchimp refused &lt;it&gt;. Do this. {said}"
    assert "Preview again" in shown(message)


def test_a_completion_links_audience_and_tags_and_its_text_has_no_markup() -> None:
    counts = Counts(profiles=2, new=2, tags_added=2)
    message = outcomes.outcome(T, a_run("successful", counts=counts, tags=(Tag("VIP", "https://example.com/tag"),)))
    assert "<https://us1.admin.mailchimp.com/lists/members/?id=1|Contoso Newsletter>" in shown(message)
    assert "<https://example.com/tag|VIP>" in shown(message)
    assert message.text == (
        "Newsletter: ✅ Successful. Audience: Contoso Newsletter. 2 new, 2 tags put on. Tags: VIP. "
        "Values left out because they do not fit Mailchimp's field: PHONE 12."
    )


def test_a_run_took_the_time_since_its_approval_and_not_the_wait_for_it() -> None:
    times = {
        "started_at": NOW,
        "approved_at": NOW + timedelta(hours=3),
        "finished_at": NOW + timedelta(hours=3, minutes=2),
    }
    message = runs.living(T, a_run("successful", approved_by="U0BEN", counts=Counts(profiles=1, new=1), **times))
    assert "in 2 minutes" in shown(message)
    assert "approved by <@U0BEN>" in shown(message)


@pytest.mark.parametrize("preview", [True, False])
def test_what_was_canceled_while_it_waited_took_no_time(preview: bool) -> None:
    times = {"started_at": NOW, "finished_at": NOW + timedelta(hours=3)}
    waited = a_run("canceled", preview=preview, **times)
    assert "in 3 hours" not in shown(runs.living(T, waited))
    sent = Plan.model_validate(PLAN | {"first_sent": NOW.timestamp()})
    assert (
        "in 3 hours" in shown(runs.living(T, a_run("canceled", plan=sent, preview=preview, **times)))
    ) is not preview


def test_a_recovery_is_told_even_if_somebody_was_rejected() -> None:
    run = a_run("rejects", recovered=True, counts=Counts(profiles=3, new=2, rejected=1))
    assert "works again and was exported" in shown(outcomes.outcome(T, run))


def test_a_preview_that_was_dismissed_has_no_figures() -> None:
    dismissed = a_run("canceled", counts=Counts(profiles=3))
    assert "nothing to do" not in runs.one_line(T, dismissed)
    assert "nothing to do" not in shown(runs.living(T, dismissed))


def test_tags_that_were_not_taken_off_are_told_where_a_run_ended_and_in_full() -> None:
    plan = Plan.model_validate(PLAN | {"refused_removals": {"VIP": 2, "Coffee & <Tea>": 1}})
    run = a_run("successful", plan=plan, counts=Counts(profiles=1, unchanged=1))
    told = outcomes.outcome(T, run)
    details = history.details(T, run, [], history.Place(run=7))
    for words in (json.dumps(told.blocks), told.text, json.dumps(details.blocks)):
        assert (
            "off people who should no longer have them: Coffee &amp; &lt;Tea&gt; 1, VIP 2. The next export tries"
            in words
        )


def test_a_run_that_waits_again_says_what_it_has_sent_and_only_that_it_has_grown_where_it_has() -> None:
    times = {"approved_by": "U0BEN", "approved_at": NOW, "counts": Counts(profiles=10, new=4, tags_removed=1)}
    for grown in (True, False):
        run = a_run("waiting", grown=grown, **times)
        card, told = json.dumps(previews.preview(T, run).blocks), outcomes.outcome(T, run).text
        assert "what was sent is kept: 4 new, 1 tag taken off." in card
        assert "Nothing has been sent yet" not in card
        assert ("it has grown since" in card) is ("has grown since it was approved" in _said(run)) is grown
        assert "Nothing was sent" not in told


def _said(run: Run) -> str:
    return json.dumps(outcomes.outcome(T, run).blocks)


def test_a_canary_with_rejects_and_a_preview_that_failed_are_told_as_that() -> None:
    told = shown(outcomes.outcome(T, a_run("rejects", canary=50)))
    assert "⚠️ The canary of" in told
    assert "with rejects." in told
    assert "⚠️ The canary" not in shown(outcomes.outcome(T, a_run("successful", canary=50)))
    assert "❌ The preview of" in shown(outcomes.outcome(T, a_run("failed", preview=True)))
    assert "❌ The export of" in shown(outcomes.outcome(T, a_run("failed")))
