"""Limits: told before anything is sent where they are known, and in mid-run kept, counted and told where Mailchimp draws them."""

from __future__ import annotations

import pytest
from sqlalchemy import text, update

from sandbox.mailchimp import acts
from services import guarding
from services.errors import LimitExceeded
from services.runs import Order
from services.terms import terms_of
from storage.models import Run, RunStatus
from tests.integration.shop import Shop
from tests.integration.test_exporting import counts
from tests.integration.test_running import many


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> int:
    """The limit of profiles, lowered from its 1,000,000 at the one place where it stands."""
    assert guarding.PROFILES == 1_000_000
    monkeypatch.setattr(guarding, "PROFILES", 8)
    return 8


def ids(first: int, last: int) -> list[str]:
    return [f"p{number}" for number in range(first, last)]


def refused(run: Run) -> tuple[str, int, int]:
    """How a run ended that a limit has stopped."""
    assert run.status == RunStatus.FAILED
    return run.reason["kind"], run.reason["count"], run.reason["limit"]


def test_segments_that_sum_higher_pass_at_exactly_the_limit_of_distinct_profiles(shop: Shop, eight: int) -> None:
    shop.customers(**{profile: f"{profile}@example.com" for profile in ids(0, eight)})
    shop.segment("VIP", ids(0, 6))
    shop.segment("Coffee", ids(2, 8))
    run = shop.export(shop.destination("VIP", "Coffee"))
    assert run.status == RunStatus.SUCCESSFUL
    assert counts(run) == {"profiles": 8, "new": 8, "tags_added": 12}


def test_one_profile_more_is_refused_when_it_is_saved_and_when_it_is_exported(shop: Shop, eight: int) -> None:
    shop.customers(**{profile: f"{profile}@example.com" for profile in ids(0, eight + 1)})
    shop.segment("VIP", ids(0, 6))
    shop.segment("Coffee", ids(2, 8))
    destination = shop.destination("VIP", "Coffee")
    shop.segment("Coffee", ids(2, 9))
    assert refused(shop.export(destination)) == ("LimitExceeded", 9, 8)
    assert shop.writes() == []
    assert shop.members() == {}
    with pytest.raises(LimitExceeded) as saving:
        shop.destination("VIP", "Coffee", name="Second")
    assert (saving.value.count, saving.value.limit) == (9, 8)


def test_profiles_count_before_consent_and_before_addresses_are_compared(shop: Shop, eight: int) -> None:
    shop.customers(**dict.fromkeys(ids(0, 5), "shared@example.com"))
    shop.customers(**{profile: {"EMail": "", "Email Subscriber": "false"} for profile in ids(5, 9)})
    shop.segment("VIP", ids(0, 8))
    destination = shop.destination("VIP", consent_attribute="Email Subscriber", consent_values=["true"])
    shop.segment("VIP", ids(0, 9))
    assert refused(shop.export(destination)) == ("LimitExceeded", 9, 8)


def test_a_preview_over_the_limit_offers_nothing_to_send(shop: Shop, eight: int) -> None:
    shop.customers(**{profile: f"{profile}@example.com" for profile in ids(0, eight + 1)})
    shop.segment("VIP", ids(0, 8))
    destination = shop.destination("VIP")
    shop.segment("VIP", ids(0, 9))
    assert refused(shop.export(destination, preview=True)) == ("LimitExceeded", 9, 8)


def test_the_ceiling_holds_over_runs_that_queue(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 6))
    shop.segment("Coffee", ["p00003", "p00004", "p00005"])
    with shop.postino.database.write() as session:
        session.execute(text("UPDATE connections SET contact_ceiling = 5"))
    first, second = shop.destination("Coffee"), shop.destination("VIP", name="Second")
    queued = [shop.postino.runs.request(shop.actor, one, Order()) for one in (first, second)]
    while shop.postino.exporting():
        pass
    done, over = (shop.postino.runs.get(shop.actor, one.id) for one in queued)
    assert done.status == RunStatus.SUCCESSFUL
    # The three of the first are in both, so the second would add three more to an account that holds three.
    assert refused(over) == ("LimitExceeded", 6, 5)
    assert over.reason["values"] == {"count": 6, "limit": 5, "present": 3, "new": 3, "over": 1}
    assert len(shop.members()) == 3


def limit(shop: Shop, contacts: int) -> None:
    """Give the shop's connection a contact ceiling."""
    connection = shop.postino.connections.visible(shop.actor)[0]
    shown = terms_of(connection)
    shop.postino.connections.change(shop.actor, connection.id, shown, shown.model_copy(update={"ceiling": contacts}))


def test_the_ceiling_counts_every_contact_of_the_account_and_not_the_active_ones_alone(shop: Shop) -> None:
    other = shop.account.add_audience("Another")
    for number in range(3):
        acts.add(shop.audience, f"left{number}@example.com", "unsubscribed")
        acts.add(other, f"other{number}@example.com", "cleaned")
    acts.add(shop.audience, "stays@example.com")
    shop.segment("VIP", many(shop, 4))
    limit(shop, 10)
    destination = shop.destination("VIP")
    # Mailchimp's own count is of before: what the pages show of this audience tells that it may be too many.
    early = shop.export(destination)
    assert refused(early) == ("LimitExceeded", 11, 10)
    assert "Export again in ten minutes" in early.reason["message"]
    shop.clock.forward(minutes=6)
    over = shop.export(destination)
    assert refused(over) == ("LimitExceeded", 11, 10)
    assert over.reason["values"] == {"count": 11, "limit": 10, "present": 7, "new": 4, "over": 1}
    assert shop.writes() == []
    limit(shop, 11)
    assert counts(shop.export(destination))["new"] == 4


def test_contacts_that_mailchimp_counts_already_are_not_added_to_its_count_again(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 6))
    shop.segment("Coffee", ["p00000", "p00001", "p00002"])
    first, second = shop.destination("VIP"), shop.destination("Coffee", name="Second")
    shop.world.switches.set(stats_delay=0.0)
    assert counts(shop.export(first))["new"] == 6
    # A run that only puts tags on the same people adds no contacts, though the ledger shows it as the last that wrote to them.
    assert counts(shop.export(second))["tags_only"] == 3
    shop.clock.forward(minutes=5)
    shop.customers(bob="bob@example.com")
    shop.segment("Coffee", ["bob", "p00000", "p00001", "p00002"])
    limit(shop, 7)
    assert counts(shop.export(second))["new"] == 1


def test_of_a_run_that_goes_on_for_hours_only_its_last_ten_minutes_are_added_to_what_mailchimp_counts(
    shop: Shop,
) -> None:
    shop.segment("VIP", many(shop, 6))
    shop.segment("Coffee", ["p00000"])
    other = shop.account.add_audience("Another")
    assert counts(shop.export(shop.destination("VIP")))["new"] == 6
    shop.clock.forward(hours=1)
    for address in shop.members():
        acts.forget(shop.audience, address)
    with shop.postino.database.write() as session:
        session.execute(update(Run).values(progressed_at=shop.clock()))
    limit(shop, 1)
    assert counts(shop.export(shop.destination("Coffee", name="Second", audience_id=other.id)))["new"] == 1


def test_archived_contacts_whom_mailchimp_may_count_already_make_the_refusal_say_that_it_is_unsure(shop: Shop) -> None:
    for number in range(2):
        acts.add(shop.audience, f"old{number}@example.com", "archived")
    shop.segment("VIP", many(shop, 2))
    destination = shop.destination("VIP")
    limit(shop, 5)
    shop.world.switches.set(stats_delay=0.0)
    # Archived ones are not in its count.
    shop.audience.counts["archived"] = 0
    assert counts(shop.export(destination))["new"] == 2
    shop.segment("VIP", many(shop, 4))
    over = shop.export(destination)
    assert refused(over) == ("LimitExceeded", 6, 5)
    assert "Export again in ten minutes" in over.reason["message"]
    shop.clock.forward(minutes=11)
    assert counts(shop.export(destination))["new"] == 2


def test_a_connection_without_a_ceiling_is_not_asked_for_all_its_audiences(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 2))
    destination = shop.destination("VIP")
    shop.world.log.clear()
    shop.export(destination)
    assert "/3.0/lists" not in [call.path for call in shop.world.log.calls()]


@pytest.mark.parametrize("room", [0, 1, 700])
def test_a_plan_that_refuses_contact_by_contact_stops_the_run_and_keeps_whom_it_took(shop: Shop, room: int) -> None:
    shop.segment("VIP", many(shop, 1600))
    destination = shop.destination("VIP")
    shop.world.switches.set(contact_limit_mode="error_generic", contact_limit=room)
    run = shop.export(destination)
    assert (run.status, run.reason["kind"]) == (RunStatus.FAILED, "AccountLimit")
    assert "contact limit has been reached" in run.reason["values"]["text"]
    assert "Look at the plan and billing in Mailchimp, then export again." in run.reason["message"]
    assert len(shop.members()) == room
    result = counts(run)
    assert (result.get("new", 0), result["not_attempted"]) == (room, 1600 - room)
    assert "rejected" not in result


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "402"}, "unpaid balance"),
        ({"kind": "refuse", "text": "Please upgrade your plan to add more contacts."}, "upgrade your plan"),
    ],
)
def test_a_plan_that_refuses_a_whole_call_stops_the_run_and_the_next_goes_on_where_it_was(
    shop: Shop, fault: dict[str, str], words: str
) -> None:
    shop.segment("VIP", many(shop, 1600))
    destination = shop.destination("VIP")
    # The first call carries one contact; the refusal strikes among the large ones.
    shop.world.faults.add(**fault, method="POST", path="/lists/[^/]+", skip=2)
    run = shop.export(destination)
    assert (run.status, run.reason["kind"]) == (RunStatus.FAILED, "AccountLimit")
    assert words in run.reason["values"]["text"]
    assert "Look at the plan and billing in Mailchimp, then export again." in run.reason["message"]
    result = counts(run)
    assert result["new"] == len(shop.members()) >= 1
    assert result["new"] + result["not_attempted"] == 1600
    shop.world.faults.clear()
    again = counts(shop.export(destination))
    assert again["new"] == result["not_attempted"]
    assert again["new"] + again["unchanged"] == len(shop.members()) == 1600


def test_a_plan_that_forbids_the_call_stops_the_run_with_its_own_words(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 600))
    destination = shop.destination("VIP")
    shop.world.switches.set(contact_limit_mode="403", contact_limit=1)
    run = shop.export(destination)
    assert (run.status, run.reason["kind"]) == (RunStatus.FAILED, "AccountLimit")
    assert "contact limit has been reached" in run.reason["values"]["text"]
    assert counts(run) == {"profiles": 600, "new": 1, "not_attempted": 599, "tags_added": 1}
