"""What Slack must take in English it must take in every language, and no word of Postino's own is cut there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bot import texts
from bot.texts import Texts
from bot.views import (
    administrators,
    blocks,
    connections,
    digests,
    dropped_tags,
    forgetting,
    home,
    picker,
    policies,
    removal,
    revocations,
    statement,
    viewing,
    watching,
    wizard,
    wizard_connect,
    wizard_matching,
    wizard_segments,
)
from bot.views.run_facts import Counts, Reason
from bot.views.wizard_connect import Choice, Connecting
from bot.views.wizard_matching import Matching
from sandbox.slack import rules
from services.access import Sharing
from services.administrators import MOST
from services.destinations import CONSENT_VERSION, Policies, TakenTag, overruled
from services.drafts import Answers, Step
from services.dropped_tags import Deletion, DroppedTag
from services.errors import Unavailable
from services.individuals import Receipt
from services.mailing import Audience, MergeField
from services.nearest import NoSuchDestination
from services.reaching import Reach
from services.removing import Ending, Tags
from services.sources import Attribute, Segment
from storage.models import Destination
from tests.unit import test_run_views
from tests.unit.test_wizard_views import accepted

NAME, SOURCE = "Newsletter", "Contoso"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RECEIPT = Receipt("00ff00ff00ff00ff", {"ledger": 1, "audit": 0}, (NAME,), in_source=True, forgotten_before=NOW)
MADE_TOO_LONG = ("long long", "xxxxxxxx")
"""What stands in the names that the borrowed tests make too long on purpose."""

BORROWED: dict[str, Callable[[], None]] = {
    "runs": test_run_views.test_slack_takes_every_message_about_every_run,
    "lists": test_run_views.test_slack_takes_every_list,
    "picker": test_run_views.test_slack_takes_the_modal,
}


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was cut of texts that hold no name made too long. Paragraphs and lists may be: they are as long as their names."""
    found: list[str] = []
    shorten = blocks.shorten

    def watched(text: str, limit: int) -> str:
        if len(text) > limit and limit <= blocks.CONFIRM_TEXT and not any(part in text for part in MADE_TOO_LONG):
            found.append(text)
        return shorten(text, limit)

    monkeypatch.setattr(blocks, "shorten", watched)
    return found


@pytest.mark.parametrize("language", texts.languages())
@pytest.mark.parametrize("what", BORROWED)
def test_slack_takes_every_message_and_cuts_none(
    monkeypatch: pytest.MonkeyPatch, cut: list[str], language: str, what: str
) -> None:
    monkeypatch.setattr(test_run_views, "T", texts.of(language))
    BORROWED[what]()
    assert cut == []


@pytest.mark.parametrize("language", texts.languages())
def test_slack_takes_every_view_and_cuts_none(cut: list[str], language: str) -> None:
    shown = list(_views(texts.of(language)))
    assert len(shown) > 20
    for view in shown:
        accepted(view)
    assert cut == []


@pytest.mark.parametrize("language", texts.languages())
def test_slack_takes_the_messages_of_the_wizard(cut: list[str], language: str) -> None:
    t = texts.of(language)
    for opening in (None, t("Connected to Mailchimp as *{account}*.", account=SOURCE)):
        text, content = wizard.resume_offer(t, Answers(name=NAME), "d", opening)
        assert rules.check_message({"text": text, "blocks": content}) == []
    assert cut == []


def _views(t: Texts) -> Iterator[dict[str, Any]]:
    yield from _connecting(t)
    yield from _matching(t)
    yield from _choosing(t)
    yield from _ends(t)
    yield from _looking_after(t)
    yield home.stranger(t)
    yield home.trouble(t, t("Mailchimp is being asked…"))
    yield blocks.opening("callback")


def _looking_after(t: Texts) -> Iterator[dict[str, Any]]:
    for chosen in (Policies(), Policies(quiet=True), Policies(digest=7, approval_above=10, mentions=["U0ADA"])):
        shown = policies.Metadata(language="en", destination=1, shown=chosen)
        yield policies.form(t, NAME, "Europe/Rome", shown)
        yield policies.form(
            t, NAME, "Europe/Rome", shown.model_copy(update={"look": 1}), t.error(overruled(Destination(name=NAME)))
        )
    yield policies.saved(t, NAME)
    yield policies.unchanged(t, NAME)
    yield connections.connected(t, SOURCE)
    many = [f"U0MEMBER{number:05}" for number in range(MOST)]
    for named in ([], many):
        yield administrators.form(t, named, t("Mailchimp is being asked…"))
        yield administrators.saved(t, named)
    yield removal.destination(t, 1, NAME, ["VIP"])
    for users in ([], [NAME]):
        yield removal.connection(t, 1, NAME, SOURCE, users)
    for ending in Ending:
        yield removal.told(t, removal.ended(t, NAME, ending, Tags.DELETE))
    yield forgetting.form(t, "somebody@example.com")
    for receipt in (RECEIPT, dataclasses.replace(RECEIPT, audiences=(), in_source=False, forgotten_before=None)):
        yield forgetting.told(t, receipt)


@pytest.mark.parametrize("language", texts.languages())
def test_slack_takes_the_notices(cut: list[str], language: str) -> None:
    t = texts.of(language)
    told = digests.Digest(
        destination=1,
        name=NAME,
        audience=SOURCE,
        zone="UTC",
        since=NOW,
        exports=3,
        with_rejects=1,
        counts=Counts(new=9),
    )
    waiting = watching.Told(
        source=SOURCE,
        destinations=[f"{NAME} {number} {'xxxxxxxx' * 25}" for number in range(12)],
        since=NOW,
        zone="UTC",
        reason=Reason(message="The source {path} is a file, not a folder.", values={"path": "/a/b"}),
        mentions=["U0ADA"] * 20,
    )
    sizes = [watching.Size(segment=NAME, before=10**6, now=1)]
    names = [NAME] * 9
    revoked = revocations.Told(
        connection=1, name=NAME, account=SOURCE, channel="C0EXPORTS", destinations=names, mentions=["U0ADA"]
    )
    for message in (
        watching.unreadable(t, waiting),
        watching.readable(t, waiting.model_copy(update={"destinations": [NAME]})),
        watching.refreshing(t, waiting),
        watching.refreshed(t, waiting.model_copy(update={"destinations": [NAME]})),
        *(
            watching.resized(t, watching.Sizes(destinations=waiting.destinations, segments=sizes * n))
            for n in (1, 11, 12)
        ),
        digests.digest(t, told),
        revocations.revoked(t, revoked),
        revocations.revoked(t, revoked.model_copy(update={"channel": None})),
        revocations.accepted(t, revoked),
        removal.tags_kept(t, NAME, ["VIP"], Reason(message="This destination does not exist any more.")),
        forgetting.said(t, RECEIPT),
    ):
        assert rules.check_message({"text": message.text, "blocks": message.blocks}) == []
    assert cut == []


def _connecting(t: Texts) -> Iterator[dict[str, Any]]:
    known = Choice(1, NAME, "oauth", SOURCE, Sharing.ADMINS)
    kinds = (known, dataclasses.replace(known, account=None), dataclasses.replace(known, reconnect=True))
    for sharing in Sharing:
        for choices in ([], *([dataclasses.replace(one, sharing=sharing)] for one in kinds)):
            for edited in (None, 1):
                answers = Answers(name=NAME, connection_id=1, sharing=sharing, key_asked=edited is None)
                answers.destination_id = edited
                shown = Connecting(choices, SOURCE, administrator=True, sign_in_url="https://login.example.com")
                yield wizard_connect.connect(t, answers, "d", shown, problem=t("Paste the API key first."))
    others = [known, dataclasses.replace(known, id=2)]
    for before in (None, 2, 3):
        saved = (before, "id1") if before else None
        answers = Answers(name=NAME, connection_id=1, just_connected=1, saved_audience=saved)
        yield wizard_connect.connect(t, answers, "d", Connecting(others, SOURCE, administrator=True))
    for version in (CONSENT_VERSION, 0):
        agreed = statement.agreement(t, version, "U0ADA", NOW)
        yield statement.agreed_to(t, NAME, SOURCE, version, agreed)
    yield statement.told(t, NAME)
    for count in (0, 1, 60):
        yield viewing.settings(t, _settings(count))
    answers = Answers(step=Step.AUDIENCE, audience_id="id1")
    many = [Audience(f"id{n}", NAME, n, n, False, "") for n in range(150)]
    for audiences in ([], many[:2], many):
        for account in (SOURCE, None):
            yield wizard_connect.audience(t, answers, "d", wizard_connect.connected(t, NAME, account), audiences)
    yield wizard_connect.no_connection(t)


def _settings(many: int) -> viewing.Settings:
    """So many of everything; with the longest names where it is many."""
    name = "x" * 200 if many > 1 else NAME
    return viewing.Settings(
        name=name,
        audience=name,
        audience_link="https://us1.admin.mailchimp.com/lists/members?id=1",
        connection=name if many else None,
        email=name,
        fields={f"F{number}": name for number in range(many)},
        consent_attribute=name if many else None,
        consent_values=[name] * many,
        segments=[(name, name)] * many,
        schedule="daily 07:00" if many else "manual",
        time_zone="Europe/Rome",
        channel="C0EXPORTS" if many else None,
        language="it",
        brake_share=0.2,
        brake_people=25,
        approval="always" if many else "never",
        approval_above=many or None,
        in_workflows=bool(many),
        mentions=["U0ADA"] * min(many, 20),
        quiet=not many,
        digest=7 if many > 1 else None,
        consent_by="U0ADA",
        consent_at=NOW,
        consent_version=CONSENT_VERSION,
    )


def _matching(t: Texts) -> Iterator[dict[str, Any]]:
    offered = [MergeField("FNAME", "First", "text", False), MergeField("BRANCH", "Branch", "text", True)]
    for seen in ((), ("true", "false")):
        for consent in (None, "Consent"):
            answers = Answers(step=Step.MATCHING, email_attribute="EMail", offered=offered, rows=["FNAME"])
            answers.consent_attribute, answers.audience_name, answers.audience_members = consent, NAME, 1
            attributes = [Attribute("EMail", "string", 0.987, "email"), Attribute("Consent", "string", 1.0, None)]
            yield wizard_matching.matching(t, answers, "d", Matching(SOURCE, attributes, {"EMail": "a•••"}, seen))
    yield wizard_matching.matching(
        t, Answers(step=Step.MATCHING), "d", Matching(SOURCE, [Attribute("A", "string", 0.0, None)])
    )
    yield wizard_matching.matching(t, Answers(step=Step.MATCHING), "d", Matching(SOURCE, []))


_REASONS = ("no_address", "invalid_address", "unknown", "no_consent", "sharing", "kept_out", "suppressed")
_REACHES = [
    Reach.model_validate(dict.fromkeys(_REASONS, many) | {"reachable": many, "seen_at": seen_at})
    for many in (1, 123_456)
    for seen_at in (None, NOW)
]


def _choosing(t: Texts) -> Iterator[dict[str, Any]]:
    offered = [Segment("VIP", "VIP", 1204), Segment("All", "All", 2_000_000)]
    for schedule in wizard_segments.SCHEDULES:
        for profiles in (None, 1, 1204, 1_000_001, 1_234_567):
            answers = Answers(step=Step.SEGMENTS, segments=["VIP", "All"], profiles=profiles, schedule=schedule)
            answers.taken = {
                "VIP": TakenTag("VIP", 12, ours=True, instead="VIP (Postino)"),
                "All": TakenTag("All", 1, ours=False, instead="All (Postino)"),
            }
            answers.vanished = ["Gone"][: profiles or 0]
            for reach, trouble in (
                (None, None),
                (None, NAME),
                (Reach(reachable=1), None),
                *((one, None) for one in _REACHES),
            ):
                answers.reach, answers.reach_problem = reach, trouble
                yield wizard_segments.segments(t, answers, "d", offered, 1_000_000, SOURCE)
    yield wizard_segments.segments(t, Answers(step=Step.SEGMENTS), "d", [], 1_000_000, SOURCE)
    unready = [
        Segment(f"VIP{number}", "VIP", 0, state=state) for number, state in enumerate(["Active", "Inactive"] * 4)
    ]
    answers = Answers(step=Step.SEGMENTS, segments=[one.name for one in unready], profiles=0)
    for cron in ("nonsense", "0 6 1 * sat", "0 6 31 2 *"):
        answers.schedule, answers.cron = "cron", cron
        yield wizard_segments.segments(t, answers, "d", unready, 1_000_000, SOURCE)
    yield policies.not_called(t, NoSuchDestination("news", [Destination(id=1, name=NAME)]))


def _ends(t: Texts) -> Iterator[dict[str, Any]]:
    for edited in (True, False):
        for previewing in (True, False):
            schedule = wizard_segments.schedule_text(t, "weekly mon 07:30", "Europe/Rome")
            what = wizard.Saved(1, NAME, NAME, 2, 1204, schedule, "C0EXPORTS", edited, previewing)
            yield wizard.saved(t, what)
    for tags in ((DroppedTag(1, NAME, NAME),), (DroppedTag(1, NAME, NAME), DroppedTag(2, "VIP", "VIP"))):
        left = wizard_segments.left_behind(t, [one.name for one in tags])
        shown = wizard.saved(t, dataclasses.replace(what, tags_left=left, deletable=tags))
        yield shown
        for deletion in (
            Deletion(tags),
            Deletion((), tags, Unavailable("Mailchimp does not answer. Try again later.")),
        ):
            yield wizard.with_instead(shown, dropped_tags.BLOCK, dropped_tags.outcome(t, 1, deletion))
    yield wizard.previewing(t, NAME, "C0EXPORTS")
    yield wizard.loading(wizard.frame(t, Answers(step=Step.SEGMENTS), "d", []), t("Mailchimp is being asked…"))
    yield wizard.stuck(t, Answers(step=Step.SEGMENTS), "d", t("Mailchimp is being asked…"))
    yield picker.picker(t, [], picker.Metadata())
    yield picker.picker(t, [], picker.Metadata(), segment=NAME, addable=True)
    yield picker.working(t)
