"""The exporter from a folder of files into the local Mailchimp, on both databases: what is promised of an ordinary run."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from sqlalchemy import text

from sandbox.mailchimp import acts
from services.errors import InvalidInput, LimitExceeded, Refused
from storage.models import PLAN, Run, RunStatus
from tests.integration.shop import Shop


def counts(run: object) -> dict[str, int]:
    """The run's counters that are not zero, without calls."""
    counters: dict[str, int] = run.counters  # type: ignore[attr-defined]
    assert counters["profiles"] == sum(
        counters[name]
        for name in (
            "new",
            "updated",
            "tags_only",
            "unchanged",
            "suppressed",
            "no_consent",
            "duplicates",
            "rejected",
            "not_attempted",
        )
    )
    return {name: count for name, count in counters.items() if count and name not in ("calls", "retries")}


def test_a_first_export_adds_everybody_subscribed_with_names_and_tags(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    shop.segment("Coffee", ["bob"])
    run = shop.export(shop.destination("VIP", "Coffee"))
    assert run.status == RunStatus.SUCCESSFUL
    assert counts(run) == {"profiles": 2, "new": 2, "tags_added": 3}
    members = shop.members()
    assert {address: member["status"] for address, member in members.items()} == {
        "ann@example.com": "subscribed",
        "bob@example.com": "subscribed",
    }
    assert members["ann@example.com"]["merge_fields"]["FNAME"] == "Ann"
    assert sorted(members["ann@example.com"]["tags"]) == ["VIP"]
    assert sorted(members["bob@example.com"]["tags"]) == ["Coffee", "VIP"]


def test_exporting_again_sends_nothing(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.world.log.clear()
    run = shop.export(destination)
    assert counts(run) == {"profiles": 2, "unchanged": 2}
    assert shop.writes() == []


def test_a_preview_counts_the_calls_for_tags_of_those_who_are_members_already(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    shop.segment("Coffee", ["ann", "bob"])
    shop.export(shop.destination("VIP"))
    run = shop.export(shop.destination("Coffee", name="Coffee letter"), preview=True)
    assert (run.plan["classes"]["tags_only"], run.plan["calls"]) == (2, 1)


@pytest.mark.parametrize("switch", ["honoured", "ignored"])
def test_tags_arrive_whether_or_not_mailchimp_takes_them_with_the_contacts(shop: Shop, switch: str) -> None:
    shop.world.switches.set(bulk_tags=switch)
    people = {f"p{number}": f"p{number}@example.com" for number in range(30)}
    shop.customers(**people)
    shop.segment("VIP", people)
    run = shop.export(shop.destination("VIP"))
    assert counts(run) == {"profiles": 30, "new": 30, "tags_added": 30}
    assert all(member["tags"] == ["VIP"] for member in shop.members().values())


def test_a_changed_name_is_updated_and_an_empty_one_keeps_what_mailchimp_has(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.customers(
        ann={"EMail": "ann@example.com", "FirstName": "Anna"}, bob={"EMail": "bob@example.com", "FirstName": ""}
    )
    run = shop.export(destination)
    assert counts(run) == {"profiles": 2, "updated": 1, "unchanged": 1}
    members = shop.members()
    assert members["ann@example.com"]["merge_fields"]["FNAME"] == "Anna"
    assert members["bob@example.com"]["merge_fields"]["FNAME"] == "Bob"


def test_whoever_leaves_a_segment_loses_its_tag_and_nothing_else(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    shop.export(destination)
    acts.tag(shop.audience, "bob@example.com", "someone else's")
    shop.segment("VIP", ["ann"])
    run = shop.export(destination)
    assert counts(run) == {"profiles": 1, "unchanged": 1, "tags_removed": 1}
    bob = shop.members()["bob@example.com"]
    assert bob["status"] == "subscribed"
    assert bob["tags"] == ["someone else's"]


@pytest.mark.parametrize("state", ["unsubscribe", "clean", "archive"])
def test_nobody_who_is_not_subscribed_is_written_to(shop: Shop, state: str) -> None:
    acts.add(shop.audience, "ann@example.com")
    getattr(acts, state)(shop.audience, "ann@example.com")
    before = shop.members()["ann@example.com"]
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    run = shop.export(shop.destination("VIP"))
    assert counts(run) == {"profiles": 1, "suppressed": 1}
    assert shop.members()["ann@example.com"] == before


@pytest.mark.parametrize("status", ["pending", "transactional"])
def test_pending_and_transactional_people_are_left_alone(shop: Shop, status: str) -> None:
    acts.add(shop.audience, "ann@example.com", status)
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    run = shop.export(shop.destination("VIP"))
    assert counts(run) == {"profiles": 1, "suppressed": 1}
    assert shop.members()["ann@example.com"]["status"] == status


def test_somebody_permanently_deleted_is_remembered_and_not_sent_again(shop: Shop) -> None:
    acts.add(shop.audience, "ann@example.com")
    acts.forget(shop.audience, "ann@example.com")
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    assert counts(shop.export(destination)) == {"profiles": 1, "rejected": 1}
    shop.world.log.clear()
    assert counts(shop.export(destination)) == {"profiles": 1, "suppressed": 1}
    assert shop.writes() == []


def test_someone_unsubscribing_later_is_never_subscribed_again_and_keeps_losing_only_our_tag(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    shop.export(destination)
    acts.unsubscribe(shop.audience, "ann@example.com")
    assert counts(shop.export(destination)) == {"profiles": 2, "suppressed": 1, "unchanged": 1}
    shop.segment("VIP", ["bob"])
    assert counts(shop.export(destination)) == {"profiles": 1, "unchanged": 1, "tags_removed": 1}
    ann = shop.members()["ann@example.com"]
    assert (ann["status"], ann["tags"]) == ("unsubscribed", [])


def test_one_address_on_several_profiles_is_one_contact_and_the_rest_are_duplicates(shop: Shop) -> None:
    shop.customers(
        a2={"EMail": "ANN@example.com ", "FirstName": "Second"}, a1={"EMail": "ann@example.com", "FirstName": "First"}
    )
    shop.segment("VIP", ["a1"])
    shop.segment("Coffee", ["a2"])
    run = shop.export(shop.destination("VIP", "Coffee"))
    assert counts(run) == {"profiles": 2, "new": 1, "duplicates": 1, "tags_added": 2}
    (member,) = shop.members().values()
    assert member["merge_fields"]["FNAME"] == "First"
    assert sorted(member["tags"]) == ["Coffee", "VIP"]


def test_missing_and_invalid_addresses_are_rejected_with_their_reasons(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="", cat="no address")
    shop.segment("VIP", ["ann", "bob", "cat", "ghost"])
    run = shop.export(shop.destination("VIP"))
    assert run.status == RunStatus.REJECTS
    assert counts(run) == {"profiles": 4, "new": 1, "rejected": 3, "tags_added": 1}
    rejects = {one.profile_id: one.reason for one in shop.postino.runs.rejects(shop.actor, run.id)}
    assert rejects == {"bob": "no_address", "cat": "invalid_address", "ghost": "unknown_profile"}


def test_profiles_without_consent_are_not_exported_and_a_refusal_wins_over_a_shared_address(shop: Shop) -> None:
    shop.customers(
        ann="ann@example.com",
        bob={"EMail": "bob@example.com", "Email Subscriber": "false"},
        c1="cat@example.com",
        c2={"EMail": "cat@example.com", "Email Subscriber": ""},
    )
    shop.segment("VIP", ["ann", "bob", "c1", "c2"])
    destination = shop.destination("VIP", consent_attribute="Email Subscriber", consent_values=["True"])
    run = shop.export(destination)
    assert counts(run) == {"profiles": 4, "new": 1, "no_consent": 2, "duplicates": 1, "tags_added": 1}
    assert list(shop.members()) == ["ann@example.com"]


def test_somebody_mailchimp_refuses_is_rejected_remembered_and_sent_again_only_when_asked(shop: Shop) -> None:
    acts.refuse(
        shop.audience, "ann@example.com", "ann@example.com looks fake or invalid, please enter a real email address."
    )
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    run = shop.export(destination)
    assert counts(run) == {"profiles": 2, "new": 1, "rejected": 1, "tags_added": 1}
    (reject,) = shop.postino.runs.rejects(shop.actor, run.id)
    assert (reject.profile_id, reject.reason) == ("ann", "invalid")
    assert "ann@example.com" not in reject.detail + reject.masked_address
    shop.world.log.clear()
    assert counts(shop.export(destination)) == {"profiles": 2, "unchanged": 1, "rejected": 1}
    assert shop.writes() == []
    again = shop.postino.runs.retry_rejects(shop.actor, run.id)
    shop.postino.exporting.carry_out(again.id)
    assert any(call.startswith("POST") for call in shop.writes())


def test_tags_and_fields_edited_by_hand_are_put_right(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann"])
    shop.segment("Coffee", ["bob"])
    destination = shop.destination("VIP", "Coffee")
    shop.export(destination)
    shop.clock.forward(minutes=5)
    acts.untag(shop.audience, "ann@example.com", "VIP")
    acts.tag(shop.audience, "ann@example.com", "Coffee")
    acts.edit(shop.audience, "bob@example.com", FNAME="Robert")
    run = shop.export(destination)
    assert counts(run) == {"profiles": 2, "tags_only": 1, "updated": 1, "tags_added": 1, "tags_removed": 1}
    members = shop.members()
    assert members["ann@example.com"]["tags"] == ["VIP"]
    assert members["bob@example.com"]["merge_fields"]["FNAME"] == "Bob"


def test_a_preview_sends_nothing_and_waits_for_approval(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    run = shop.export(destination, preview=True)
    assert run.status == RunStatus.WAITING
    assert run.plan["classes"]["new"] == 1
    assert shop.writes() == []
    shop.postino.runs.approve(shop.actor, run.id)
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert counts(ended) == {"profiles": 1, "new": 1, "tags_added": 1}


def test_an_approved_export_that_has_grown_too_much_asks_again(shop: Shop) -> None:
    people = {f"p{number}": f"p{number}@example.com" for number in range(150)}
    shop.customers(**people)
    shop.segment("VIP", list(people)[:10])
    destination = shop.destination("VIP")
    run = shop.export(destination, preview=True)
    shop.segment("VIP", people)
    shop.postino.runs.approve(shop.actor, run.id)
    again = shop.postino.exporting.carry_out(run.id)
    assert again is not None
    assert again.status == RunStatus.WAITING
    assert shop.members() == {}


def test_a_removal_from_many_waits_for_a_person_and_goes_when_accepted(shop: Shop) -> None:
    people = {f"p{number}": f"p{number}@example.com" for number in range(100)}
    shop.customers(**people)
    shop.segment("VIP", people)
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.segment("VIP", list(people)[:70])
    run = shop.export(destination)
    assert run.reason == {"waiting": "removals"}
    assert run.plan["held"] == [{"segment": "VIP", "people": 30, "holders": 100, "reason": "share"}]
    assert sum(member["tags"] == ["VIP"] for member in shop.members().values()) == 100
    accepted = shop.export(destination, accept_removals=True)
    assert counts(accepted) == {"profiles": 70, "unchanged": 70, "tags_removed": 30}
    assert sum(member["tags"] == ["VIP"] for member in shop.members().values()) == 70


def test_what_a_plan_has_shown_as_held_goes_when_accepted(shop: Shop) -> None:
    people = {f"p{number}": f"p{number}@example.com" for number in range(40)}
    shop.customers(**people)
    shop.segment("VIP", people)
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.segment("VIP", list(people)[:5])
    shown = shop.export(destination, trigger=PLAN)
    assert [held["people"] for held in shown.plan["held"]] == [35]
    assert counts(shop.export(destination, accept_removals=True)) == {"profiles": 5, "unchanged": 5, "tags_removed": 35}


def test_whoever_is_read_back_keeps_the_tag_of_a_segment_that_was_not_read_whole(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com", cat="cat@example.com")
    shop.segment("VIP", ["bob"])
    shop.segment("Coffee", ["bob", "cat"])
    destination = shop.destination("VIP", "Coffee")
    shop.export(destination)
    shop.world.switches.set(visibility_delay=3600.0)
    shop.clock.forward(minutes=1)
    acts.add(shop.audience, "ann@example.com", tags=["Coffee"])
    shop.segment("VIP", ["ann", "bob"])
    shop.segment("Coffee", ["bob", "cat", "dan"])
    shop.break_row("Coffee", b"dan", b'"da\n')  # nobody seems to have left
    run = shop.export(destination)
    assert counts(run) == {"profiles": 4, "updated": 1, "unchanged": 2, "rejected": 1, "tags_added": 1}
    assert sorted(shop.members()["ann@example.com"]["tags"]) == ["Coffee", "VIP"]


@pytest.fixture
def brake_pulled(shop: Shop) -> Run:
    """An export of 100 people that holds 30 removals because they are so many."""
    people = {f"p{number:02}": f"p{number}@example.com" for number in range(100)}
    shop.customers(**people)
    shop.segment("VIP", people)
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.segment("VIP", list(people)[30:])
    return shop.export(destination)


def emptied(shop: Shop) -> None:
    """Nobody is left in the segment."""
    shop.segment("VIP", [])


def torn(shop: Shop) -> None:
    """Ten are left, and a row cannot be read."""
    shop.segment("VIP", list(shop.people)[:10])
    shop.break_row("VIP", b"p05", b'"p0\n')


@pytest.mark.parametrize(("change", "reason"), [(emptied, "empty"), (torn, "incomplete")])
@pytest.mark.parametrize("by", ["button", "command line"])
def test_removals_that_were_accepted_wait_again_if_they_have_another_reason_by_then(
    shop: Shop, brake_pulled: Run, change: Callable[[Shop], None], reason: str, by: str
) -> None:
    change(shop)
    shop.clock.forward(hours=2)
    runs, carry_out = shop.postino.runs, shop.postino.exporting.carry_out

    def accept(shown: Run) -> Run:
        if by == "command line":
            return shop.export(shown.destination, accept_removals=True)
        ended = carry_out(runs.accept_removals(shop.actor, shown.id).id)
        assert ended is not None
        return ended

    again = accept(brake_pulled)
    assert again.reason == {"waiting": "removals"}
    assert [held["reason"] for held in again.plan["held"]] == [reason]
    assert sum(member["tags"] == ["VIP"] for member in shop.members().values()) == 100
    # Now that it was shown it can be accepted.
    left = 0 if reason == "empty" else 9
    assert accept(again).counters["tags_removed"] == 100 - left
    assert sum(member["tags"] == ["VIP"] for member in shop.members().values()) == left


def test_where_nothing_was_held_accepting_lets_many_people_leave_but_no_segment_be_emptied(shop: Shop) -> None:
    people = {f"p{number}": f"p{number}@example.com" for number in range(40)}
    shop.customers(**people)
    shop.segment("VIP", people)
    shop.segment("Coffee", people)
    destination = shop.destination("VIP", "Coffee")
    shop.export(destination)
    shop.segment("VIP", ["p1"])
    shop.segment("Coffee", [])
    run = shop.export(destination, accept_removals=True)
    assert run.counters["tags_removed"] == 39
    assert [(held["segment"], held["reason"]) for held in run.plan["held"]] == [("Coffee", "empty")]


def test_held_removals_are_not_taken_off_by_a_click_after_the_destination_was_edited(
    shop: Shop, brake_pulled: Run
) -> None:
    shop.segment("Coffee", ["p50"])
    shop.destination("VIP", "Coffee", edited=brake_pulled.destination)
    with pytest.raises(Refused, match="was edited"):
        shop.postino.runs.accept_removals(shop.actor, brake_pulled.id)


def test_a_small_removal_goes_at_once(shop: Shop) -> None:
    people = {f"p{number}": f"p{number}@example.com" for number in range(100)}
    shop.customers(**people)
    shop.segment("VIP", people)
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.segment("VIP", list(people)[:80])
    assert counts(shop.export(destination))["tags_removed"] == 20


def test_over_the_account_ceiling_nothing_is_sent(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    with shop.postino.database.write() as session:
        session.execute(text("UPDATE connections SET contact_ceiling = 1"))
    run = shop.export(destination)
    assert run.status == RunStatus.FAILED
    assert run.reason["kind"] == "LimitExceeded"
    assert shop.writes() == []


def test_a_tag_that_was_there_before_gets_a_neighbour_of_our_own(shop: Shop) -> None:
    acts.add(shop.audience, "other@example.com")
    acts.tag(shop.audience, "other@example.com", "vip")
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    shop.export(destination)
    members = shop.members()
    assert members["other@example.com"]["tags"] == ["vip"]
    assert members["ann@example.com"]["tags"] == ["VIP (Postino)"]


def test_taking_a_tag_over_makes_it_follow_the_segment(shop: Shop) -> None:
    acts.add(shop.audience, "other@example.com")
    acts.tag(shop.audience, "other@example.com", "VIP")
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    shop.export(shop.destination("VIP", take_over=True))
    members = shop.members()
    assert members["other@example.com"]["tags"] == []
    assert members["ann@example.com"]["tags"] == ["VIP"]


def test_a_renamed_tag_stays_ours_and_a_deleted_one_is_made_again(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    shop.export(destination)
    acts.rename_tag(shop.audience, "VIP", "Best people")
    shop.segment("VIP", ["ann", "bob"])
    assert [one["tag"] for one in shop.export(destination).plan["segments"]] == ["Best people"]
    assert shop.members()["bob@example.com"]["tags"] == ["Best people"]
    acts.delete_tag(shop.audience, "Best people")
    run = shop.export(destination)
    assert counts(run) == {"profiles": 2, "tags_only": 2, "tags_added": 2}
    assert shop.members()["ann@example.com"]["tags"] == ["VIP"]


def test_two_destinations_on_one_audience_do_not_undo_each_other(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    shop.segment("Coffee", ["bob"])
    first, second = shop.destination("VIP"), shop.destination("Coffee", name="Second")
    shop.export(first)
    shop.export(second)
    assert counts(shop.export(first)) == {"profiles": 2, "unchanged": 2}
    assert sorted(shop.members()["bob@example.com"]["tags"]) == ["Coffee", "VIP"]


def test_a_destination_is_refused_without_consent_segment_or_known_attribute(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    for wrong, field in (
        ({"agreed": False}, "agreed"),
        ({"segments": []}, "segments"),
        ({"email_attribute": "Nope"}, "email_attribute"),
        ({"schedule": "sometimes"}, "schedule"),
    ):
        with pytest.raises(InvalidInput) as refused:
            shop.destination("VIP", **wrong)
        assert refused.value.field == field


def test_a_run_is_asked_for_once_however_often_it_is_clicked(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    first = shop.postino.runs.request(shop.actor, destination, key="click-1")
    assert shop.postino.runs.request(shop.actor, destination, key="click-1").id == first.id
    with pytest.raises(Refused):
        shop.postino.runs.request(shop.actor, destination, key="click-2")


def test_more_profiles_than_an_export_may_have_are_refused_before_anything_is_sent(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.guarding.PROFILES", 2)
    shop.customers(ann="ann@example.com", bob="bob@example.com", cat="cat@example.com")
    shop.segment("VIP", ["ann", "bob"])
    shop.segment("Coffee", ["bob", "ann"])
    destination = shop.destination("VIP", "Coffee")
    shop.segment("VIP", ["ann", "bob", "cat"])
    run = shop.export(destination)
    assert run.status == RunStatus.FAILED
    assert (run.reason["kind"], run.reason["count"], run.reason["limit"]) == ("LimitExceeded", 3, 2)
    assert shop.writes() == []
    with pytest.raises(LimitExceeded):
        shop.destination("VIP", name="Too large")


def test_no_address_and_no_name_is_left_in_the_database_or_in_files(shop: Shop) -> None:
    shop.customers(ann={"EMail": "secret.person@example.com", "FirstName": "Zaphodia"}, bob="broken address")
    shop.segment("VIP", ["ann", "bob"])
    shop.export(shop.destination("VIP"))
    kept = b"".join(path.read_bytes() for path in (shop.folder.parent / "home").rglob("*") if path.is_file())
    with shop.postino.database.read() as session:
        for table in ("ledger_members", "run_rejects", "runs", "outbox", "audit"):
            for row in session.execute(text(f"SELECT * FROM {table}")):
                kept += repr(row).encode()
    for trace in (b"secret.person", b"Zaphodia", b"broken address"):
        assert trace not in kept


def test_a_canary_inserts_only_so_many_and_leaves_everybody_else(shop: Shop) -> None:
    people = {f"p{number}": f"p{number}@example.com" for number in range(60)}
    acts.add(shop.audience, "p0@example.com", FNAME="Old")
    shop.customers(**people)
    shop.segment("VIP", people)
    destination = shop.destination("VIP")
    run = shop.export(destination, preview=True)
    shop.postino.runs.approve(shop.actor, run.id, canary=50)
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert counts(ended) == {"profiles": 60, "new": 50, "not_attempted": 10, "tags_added": 50}
    members = shop.members()
    assert sum(member["tags"] == ["VIP"] for member in members.values()) == 50
    assert (members["p0@example.com"]["tags"], members["p0@example.com"]["merge_fields"]["FNAME"]) == ([], "Old")


def test_a_suppressed_person_who_leaves_one_of_two_segments_is_counted_once(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    shop.segment("Coffee", ["ann"])
    destination = shop.destination("VIP", "Coffee")
    shop.export(destination)
    acts.unsubscribe(shop.audience, "ann@example.com")
    shop.segment("Coffee", [])
    assert shop.export(destination).plan["held"][0]["reason"] == "empty"
    run = shop.export(destination, accept_removals=True)
    assert counts(run) == {"profiles": 1, "suppressed": 1, "tags_removed": 1}
    assert shop.members()["ann@example.com"]["tags"] == ["VIP"]


def test_somebody_whose_update_is_refused_is_rejected_once_and_still_gets_the_tag(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    shop.segment("Coffee", [])
    destination = shop.destination("VIP", "Coffee")
    shop.export(destination)
    shop.customers(ann={"EMail": "ann@example.com", "FirstName": "Anna"})
    shop.segment("Coffee", ["ann"])
    shop.world.faults.add("refuse", method="PATCH", text="Your merge fields were invalid.", times=1)
    run = shop.export(destination)
    assert counts(run) == {"profiles": 1, "rejected": 1, "tags_added": 1}
    assert sorted(shop.members()["ann@example.com"]["tags"]) == ["Coffee", "VIP"]


def test_one_merge_field_is_filled_from_one_attribute(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    shop.segment("Coffee", ["ann"])
    shop.destination("VIP")
    with pytest.raises(InvalidInput) as refused:
        shop.destination("Coffee", name="Second", fields={"FNAME": "LastName"})
    assert refused.value.field == "fields"
    assert "Newsletter" in str(refused.value)
    shop.destination("Coffee", name="Second", fields={"FNAME": "FirstName"})


def test_a_broken_line_is_a_reject_that_is_told_and_holds_nobody_else_up(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    path = shop.folder / "VIP.csv"
    path.write_text("CustomerId\nann\n\x00broken\nbob\n")
    os.utime(path, (shop.clock.now.timestamp() - 60, shop.clock.now.timestamp() - 60))
    run = shop.export(shop.destination("VIP"))
    assert counts(run) == {"profiles": 3, "new": 2, "rejected": 1, "tags_added": 2}
    (reject,) = shop.postino.runs.rejects(shop.actor, run.id)
    assert (reject.profile_id, reject.segments, reject.reason) == ("VIP #1", "VIP", "unreadable")


@pytest.mark.parametrize(
    "row",
    [b'bob,"bob@example.com,Bob,Tester,true\n', b"bob,bob@example.com\n", b"bob,b\x00b@example.com,Bob,Tester,true\n"],
)
def test_a_broken_row_of_the_profile_table_is_told_and_takes_nobodys_tag_off(shop: Shop, row: bytes) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com", cid="cid@example.com")
    shop.segment("VIP", ["ann", "bob", "cid"])
    shop.segment("Coffee", ["cid"])
    destination = shop.destination("VIP", "Coffee")
    shop.export(destination)
    shop.segment("VIP", ["bob", "cid"])
    shop.segment("Coffee", ["ann"])
    shop.break_row("Customer", b"bob,", row)

    run = shop.export(destination)
    assert run.status == RunStatus.REJECTS
    assert counts(run) == {"profiles": 3, "rejected": 1, "tags_only": 2, "tags_added": 1, "tags_removed": 1}
    assert run.plan["unreadable"] == {"Customer": 1}
    (reject,) = shop.postino.runs.rejects(shop.actor, run.id)
    assert (reject.profile_id, reject.segments, reject.reason) == ("bob", "VIP", "unreadable_profile")
    # Whoever left the segment keeps its tag, because the segment was not read completely; the other segment was.
    assert [(held["segment"], held["people"], held["reason"]) for held in run.plan["held"]] == [
        ("VIP", 2, "incomplete")
    ]
    tags = {address: sorted(member["tags"]) for address, member in shop.members().items()}
    assert tags == {
        "ann@example.com": ["Coffee", "VIP"],
        "bob@example.com": ["VIP"],
        "cid@example.com": ["VIP"],
    }


def test_a_profile_that_a_whole_profile_table_lacks_is_not_said_to_be_unreadable(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann", "nobody"])
    run = shop.export(shop.destination("VIP"))
    assert run.plan["unreadable"] == {}
    assert [one.reason for one in shop.postino.runs.rejects(shop.actor, run.id)] == ["unknown_profile"]
