"""How many of the chosen people can be reached: told in the wizard's last step, and what is found out late, later."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from bot import modals
from bot.wizard.conversation import Conversation
from bot.wizard.steps import Steps
from sandbox.mailchimp import acts
from services import exporting
from services.runs import Order
from services.sources import SegmentReader, scanning
from tests.integration import wizard_hands as hands
from tests.integration.slack_world import SlackWorld
from tests.integration.wizard_hands import act, enter, seen, text_of


def test_how_many_of_the_chosen_people_can_be_reached_stands_beside_the_total(slack_world: SlackWorld) -> None:
    slack_world.customers({"p0": {"EMail": ""}, "p1": {"EMail": " "}})
    slack_world.connect()
    ada = slack_world.ada
    hands.to_segments(ada)
    enter(ada, "segments", ["VIP"])
    unread = "The preview also leaves out those who unsubscribed."
    seen(ada, "3 distinct profiles", f"1 of them can be reached (33%): 2 have no e-mail address. {unread}")
    enter(ada, "segments", ["VIP", "Bergamo"])
    seen(ada, "6 distinct profiles", "4 of them can be reached (66%): 2 have no e-mail address.")
    enter(ada, "segments", ["Bergamo"])
    seen(ada, "4 distinct profiles", "4 of them can be reached (100%).", unread)


DIRTY = {
    "d0": {"EMail": ""},
    "d1": {"EMail": " ' ' "},
    "d2": {"EMail": "n/a"},
    "d3": {"EMail": "somebody@example"},
    "d4": {"EMail": "two words@example.com"},
    "d5": {"EMail": "jane@exa_mple.com"},
    "d6": {"EMail": "mailto:<JÜRGEN@bücher.example>"},
    "d7": {"EMail": "Ju\u0308rgen@xn--bcher-kva.example"},
    "d8": {"EMail": "P3@Example.com "},
    "d9": {"Email Subscriber": "false"},
    "e0": {"EMail": "p4@example.com", "Email Subscriber": "no"},
    "e1": {"EMail": "n/a", "Email Subscriber": ""},
    "e2": {"EMail": "gone@example.com"},
    "e3": {"EMail": "gone@example.com"},
    "e4": {"EMail": "forgotten@example.com"},
}


def test_every_reason_is_counted_once_and_as_the_preview_counts_it(slack_world: SlackWorld) -> None:
    slack_world.customers(DIRTY)
    slack_world.segment("Dirty", [*DIRTY, "p3", "p4", "nobody"])
    slack_world.segment("Dirty too", ["d0", "d8", "p5", "nobody"])
    acts.add(slack_world.audience, "gone@example.com", "unsubscribed")
    postino, ada = slack_world.postino, slack_world.ada
    consent: dict[str, Any] = {"consent_attribute": "Email Subscriber", "consent_values": ["True"]}
    destination = slack_world.destination("Dirty", "Dirty too", **consent)
    postino.individuals.forget(slack_world.actor, "forgotten@example.com")
    preview = postino.runs.request(slack_world.actor, destination, Order(preview=True))
    while postino.exporting():
        pass

    hands.to_matching(ada)
    enter(ada, "consent", "Email Subscriber")
    seen(ada, "Values that allow mailing")
    act(ada, "submit")
    seen(ada, "Step 4 of 4")
    enter(ada, "segments", ["Dirty", "Dirty too"])
    seen(
        ada,
        "19 distinct profiles",
        "3 of them can be reached (15%): 2 have no e-mail address, 4 have an address that cannot be valid, 4 do not allow "
        "mailing, 4 share the address of another, 1 was forgotten on request or is kept out, 1 had unsubscribed, bounced or been "
        "archived in the audience when it was last read, ",
    )
    [run] = [one for one in postino.runs.history(slack_world.actor, destination.id) if one.id == preview.id]
    told = run.plan["classes"]
    assert (run.plan["profiles"], told["new"], told["rejected"]) == (19, 3, 2 + 4)
    assert (told["no_consent"], told["duplicates"], told["suppressed"]) == (4, 4, 1 + 1)


def test_profiles_that_the_profile_table_lacks_are_not_reached(slack_world: SlackWorld) -> None:
    slack_world.connect()
    slack_world.segment("Unknown", ["p0", "nobody", "no one"])
    ada = slack_world.ada
    hands.to_segments(ada)
    enter(ada, "segments", ["Unknown"])
    seen(
        ada, "3 distinct profiles", "1 of them can be reached (33%): 2 are missing from the profile table. The preview"
    )


def test_why_they_cannot_be_counted_is_said_and_they_are_counted_at_the_next_act(
    slack_world: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack_world.connect()
    ada, source = slack_world.ada, slack_world.postino.source
    hands.to_segments(ada)

    def refreshed(*_: Any) -> SegmentReader:
        raise scanning.changed("Customer")

    with monkeypatch.context() as refresh:
        refresh.setattr(source, "read", refreshed)
        enter(ada, "segments", ["VIP"])
        seen(ada, "3 distinct profiles", "cannot be counted now. The table Customer was changed")
    enter(ada, "schedule", "cron")
    seen(ada, "Cron expression", "3 of them can be reached (100%).")


def test_what_is_found_out_late_does_not_cover_what_was_chosen_meanwhile(
    slack_world: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts.add(slack_world.audience, "p1@example.com", "unsubscribed")
    postino, ada = slack_world.postino, slack_world.ada
    postino.runs.request(slack_world.actor, slack_world.destination("VIP"), Order(preview=True))
    while postino.exporting():
        pass
    held, go_on, covered = threading.Event(), threading.Event(), threading.Event()
    update = modals.Update.__call__

    def updated(self: modals.Update, view: dict[str, Any]) -> bool:
        if "1 had unsubscribed" not in str(view) or held.is_set():
            return update(self, view)
        held.set()
        assert go_on.wait(30)
        shown = update(self, view)
        covered.set()
        return shown

    monkeypatch.setattr(modals.Update, "__call__", updated)
    hands.to_segments(ada)
    enter(ada, "segments", ["VIP"])
    assert held.wait(30)
    enter(ada, "schedule", "cron")
    seen(ada, "Cron expression")
    go_on.set()
    assert covered.wait(30)
    seen(ada, "1 had unsubscribed", "Cron expression")


def test_what_is_found_out_late_does_not_cover_what_is_being_saved(
    slack_world: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts.add(slack_world.audience, "p1@example.com", "unsubscribed")
    postino, ada = slack_world.postino, slack_world.ada
    postino.runs.request(slack_world.actor, slack_world.destination("VIP"), Order(preview=True))
    while postino.exporting():
        pass
    held, go_on, late, save_on = (threading.Event() for _ in range(4))
    look, give_way, save = Conversation._look_further, Conversation._give_way, Steps.save

    def looked(*arguments: Any) -> bool:
        found = look(*arguments)
        if found:
            held.set()
            assert go_on.wait(30)
        return found

    def gave_way(*arguments: Any) -> None:
        give_way(*arguments)
        late.set()

    def saved(*arguments: Any) -> Any:
        assert save_on.wait(30)
        return save(*arguments)

    monkeypatch.setattr(Conversation, "_look_further", looked)
    monkeypatch.setattr(Conversation, "_give_way", gave_way)
    monkeypatch.setattr(Steps, "save", saved)
    hands.to_segments(ada)
    enter(ada, "segments", ["VIP"])
    assert held.wait(30)
    act(ada, "submit")
    ada.until(lambda: "Mailchimp is being asked" in text_of(ada.view() or {"lines": []}))
    go_on.set()
    assert late.wait(30)
    assert "Mailchimp is being asked" in text_of(ada.view() or {"lines": []})
    save_on.set()
    seen(ada, "Destination saved")


@pytest.mark.parametrize("whole", [True, False])
def test_who_is_known_to_be_suppressed_is_told_as_of_the_last_look(
    slack_world: SlackWorld, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    if not whole:
        monkeypatch.setattr(exporting, "MEMBERS_PER_PAGE", 1)  # so that the few are looked up one by one
        for number in range(12):
            acts.add(slack_world.audience, f"other{number}@example.com", "subscribed")
    slack_world.customers({"p0": {"EMail": ""}})
    for left in ("P1@Example.com", "p3@example.com"):
        acts.add(slack_world.audience, left, "unsubscribed")
    acts.add(slack_world.audience, "p4@example.com", "cleaned")
    acts.add(slack_world.audience, "p5@example.com", "subscribed")
    postino, ada = slack_world.postino, slack_world.ada
    destination = slack_world.destination("VIP", "Bergamo")
    postino.runs.request(slack_world.actor, destination, Order(preview=True))
    while postino.exporting():
        pass
    one, three, when = (
        ("1 had", "3 had", "when it was last read") if whole else ("at least 1 has", "at least 3 have", "")
    )
    words = "unsubscribed, bounced or been archived in the audience"
    hands.to_segments(ada)
    enter(ada, "segments", ["VIP"])
    told = f"1 of them can be reached (33%): 1 has no e-mail address, {one} {words}"
    assert "The preview also" not in text_of(seen(ada, "3 distinct profiles", told, when))
    enter(ada, "segments", ["VIP", "Bergamo"])
    seen(ada, "6 distinct profiles", f"2 of them can be reached (33%): 1 has no e-mail address, {three} {words}")
    enter(ada, "schedule", "cron")
    seen(ada, "Cron expression", f"{three} {words}")


def test_the_total_shows_before_the_audience_is_remembered(
    slack_world: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts.add(slack_world.audience, "p1@example.com", "unsubscribed")
    postino, ada, source = slack_world.postino, slack_world.ada, slack_world.postino.source
    postino.runs.request(slack_world.actor, slack_world.destination("VIP"), Order(preview=True))
    while postino.exporting():
        pass
    hands.to_segments(ada)
    held, let_go, read = threading.Event(), threading.Event(), source.read

    def slowly(segment: str, attributes: Sequence[str]) -> SegmentReader:
        held.set()
        assert let_go.wait(30)
        return read(segment, attributes)

    monkeypatch.setattr(source, "read", slowly)
    enter(ada, "segments", ["VIP"])
    seen(ada, "3 distinct profiles", "Counting how many of them can be reached…")
    assert held.wait(30)
    let_go.set()
    seen(ada, "3 distinct profiles", "2 of them can be reached (66%): 1 had unsubscribed")


def test_who_was_refused_or_left_under_another_address_or_was_forgotten_is_counted_as_the_export_counts_them(
    slack_world: SlackWorld,
) -> None:
    postino, ada, actor = slack_world.postino, slack_world.ada, slack_world.actor
    acts.add(slack_world.audience, "p1@example.com", "unsubscribed")
    acts.refuse(
        slack_world.audience, "p2@example.com", "p2@example.com looks fake or invalid, please enter a real address."
    )
    destination = slack_world.destination("Everyone")
    postino.runs.request(actor, destination)
    while postino.exporting():
        pass
    postino.individuals.forget(actor, "p3@example.com")
    acts.add(slack_world.audience, "moved4@example.com", "subscribed")
    slack_world.customers({name: {"EMail": f"moved{name[1:]}@example.com"} for name in ("p1", "p3", "p4")})
    hands.to_segments(ada)
    enter(ada, "segments", ["Everyone"])
    told = seen(ada, "10 distinct profiles", "7 of them can be reached (70%)")
    assert "1 was refused by Mailchimp before, 2 left under another address and wait for a decision." in text_of(told)
    run = postino.runs.request(actor, destination, Order(preview=True))
    slack_world.read_from(
        slack_world.folder.as_uri()
    )  # a source that has seen other files is not sure that they are complete
    while postino.exporting():
        pass
    classes = postino.runs.get(actor, run.id).plan["classes"]
    assert classes["rejected"] == 3
    assert 10 - sum(classes[name] for name in ("rejected", "suppressed", "no_consent", "duplicates")) == 7
