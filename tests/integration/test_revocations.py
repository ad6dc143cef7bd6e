"""A connection that Mailchimp lets in no longer, and again: everybody concerned hears of either once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.access import Actor, Sharing, Standing
from services.destinations import Policies
from services.reconnecting import Reconnecting
from storage.models import Connection, RunStatus
from tests.integration.slack_office import Office, lines
from tests.integration.wizard_hands import act, enter, seen

Json = dict[str, Any]
REVOKED = "Mailchimp no longer accepts the connection Main"
ACCEPTED = "Mailchimp accepts the connection Main again."


def duty(office: Office) -> Reconnecting:
    return Reconnecting(office.postino.connections, office.clock)


def revoke(office: Office) -> None:
    """Whatever Postino holds of the account is worth nothing any more."""
    office.world.served.world.revoke(office.world.account.api_key)


def connect_again(office: Office) -> None:
    """As Ada, with a new key, in the modal."""
    office.click(office.ada, "Reconnect…", office.type(office.ada, "/postino connections"))
    seen(office.ada, "Connect the Mailchimp account Contoso Coffee again.")
    enter(office.ada, "key", office.world.account.add_api_key())
    act(office.ada, "submit")
    seen(office.ada, "✅ Connected to Mailchimp as Contoso Coffee.")
    act(office.ada, "close")


def told(office: Office, what: str, channel: str = "exports") -> list[Json]:
    return [one for one in office.posted(channel=channel) if what in lines(one)]


def directly(office: Office, what: str) -> list[Json]:
    return [one for one in office.directly(office.ada) if what in lines(one)]


def needed(office: Office) -> bool:
    with office.postino.database.read() as session:
        return session.get_one(Connection, 1).reconnect_needed


def for_days(office: Office, check: Callable[[], bool], days: int = 3) -> None:
    for _ in range(days):
        office.clock.forward(days=1, minutes=1)
        check()
        office.notify()


def test_a_revoked_account_is_found_within_a_day_and_each_channel_hears_once_of_it_and_of_the_recovery(
    office: Office,
) -> None:
    newsletter = office.world.destination("VIP")
    office.world.destination("Bergamo", name="Offers", connection_id=1)
    office.world.destination("Everyone", name="News", connection_id=1, channel="C0GENERAL", language="it")
    office.postino.destinations.set_policies(office.world.actor, newsletter.id, Policies(mentions=["U0BEN"]))
    check = duty(office)
    check()
    revoke(office)
    check()
    office.notify()
    assert not office.posted(), "checked today already"
    for_days(office, check)
    [message] = told(office, REVOKED)
    assert "Its exports do not run until an administrator connects it again; nothing was lost." in lines(message)
    assert "Not exported until then: Newsletter, Offers\nPlease look: @Ben Okafor" in lines(message)
    [italian] = told(office, "Mailchimp non accetta più la connessione Main", "general")
    assert "News" in lines(italian)
    [direct] = directly(office, f"{REVOKED} to the account Contoso Coffee.")
    assert "Not exported until then: News, Newsletter, Offers" in lines(direct)
    office.click(office.ben, "Reconnect…", message)
    seen(office.ben, "Only administrators may do this.")
    office.click(office.ada, "Reconnect…", message)
    seen(office.ada, "Connect the Mailchimp account Contoso Coffee again.")
    act(office.ada, "close")

    connect_again(office)
    office.notify()
    for_days(office, check)
    [recovered] = told(office, ACCEPTED)
    assert "Exported again from now on: Newsletter, Offers" in lines(recovered)
    assert len(told(office, "Mailchimp accetta di nuovo la connessione Main", "general")) == 1
    assert not directly(office, ACCEPTED), "who connected it knows"
    assert len(told(office, REVOKED)) == 1
    revoke_again(office, check)


def revoke_again(office: Office, check: Callable[[], bool]) -> None:
    """It is news each time."""
    for key in list(office.world.served.world.credentials):
        office.world.served.world.revoke(key)
    for_days(office, check, 2)
    assert len(told(office, REVOKED)) == 2


def test_a_connection_that_works_again_by_itself_is_told_too(office: Office) -> None:
    office.world.destination("VIP")
    check, account = duty(office), office.world.account
    account.disabled = True
    check()
    office.notify()
    account.disabled = False
    for_days(office, check, 2)
    assert [len(told(office, one)) for one in (REVOKED, ACCEPTED)] == [1, 1]
    assert len(directly(office, ACCEPTED)) == 1


def test_what_an_export_finds_is_told_in_the_other_channels_and_not_again_by_the_daily_check(office: Office) -> None:
    newsletter = office.world.destination("VIP")
    office.world.destination("Everyone", name="News", connection_id=1, channel="C0GENERAL")
    revoke(office)
    run = office.request(newsletter)
    office.work()
    assert office.run(run.id).status == RunStatus.FAILED
    assert not told(office, REVOKED), "the failure says it"
    for_days(office, duty(office), 2)
    assert len(told(office, REVOKED, "general")) == 1
    assert not told(office, REVOKED)
    assert len(directly(office, REVOKED)) == 1
    connect_again(office)
    office.notify()
    assert [len(told(office, ACCEPTED, channel)) for channel in ("exports", "general")] == [1, 1]


def test_a_slack_that_does_not_answer_hears_of_it_later_and_once(office: Office) -> None:
    office.world.destination("VIP")
    revoke(office)
    office.world.workspace.faults.error_next = {"chat.postMessage": ["fatal_error"]}
    duty(office)()
    assert needed(office)
    office.notify()
    for _ in range(3):
        office.clock.forward(minutes=10)
        office.notify()
    assert (len(told(office, REVOKED)), len(directly(office, REVOKED))) == (1, 1)


def test_what_is_not_true_any_more_when_slack_answers_again_is_not_told(office: Office) -> None:
    office.world.destination("VIP")
    revoke(office)
    office.world.workspace.faults.error_next = {"chat.postMessage": ["fatal_error"] * 2}
    duty(office)()
    office.notify()
    connect_again(office)
    office.clock.forward(minutes=10)
    office.notify()
    assert (len(told(office, REVOKED)), len(directly(office, REVOKED))) == (0, 0)
    assert len(told(office, ACCEPTED)) == 1


def test_without_a_channel_or_after_it_is_gone_the_people_of_the_destination_hear_of_it(office: Office) -> None:
    office.world.connect()
    ben = Actor(office.world.actor.workspace_id, "U0BEN", Standing.MEMBER)
    office.postino.connections.share(office.world.actor, 1, Sharing.EVERYONE)
    for name, channel in (("Lost", "C0GENERAL"), ("Silent", None)):
        office.world.destination("VIP", name=name, connection_id=1, by=ben, channel=channel, take_over=["VIP"])
    office.world.workspace.delete_channel("C0GENERAL")
    revoke(office)
    duty(office)()
    office.notify()
    first, second = (lines(one) for one in office.directly(office.ben))
    assert first.startswith("⚠️ Mailchimp no longer accepts the connection Main. ")
    assert "Not exported until then: Lost" in first
    assert "to the account Contoso Coffee" in second
    assert len(directly(office, REVOKED)) == 1


def test_of_a_connection_made_at_the_command_line_those_hear_who_made_destinations_on_it(office: Office) -> None:
    office.postino.connections.add_with_key(office.postino.command_line(), "Main", office.world.account.api_key)
    office.world.destination("VIP", connection_id=1)
    revoke(office)
    duty(office)()
    office.notify()
    assert len(directly(office, REVOKED)) == 1
    assert len(told(office, REVOKED)) == 1


def test_who_cannot_be_told_does_not_keep_the_others_from_hearing(office: Office) -> None:
    office.world.destination("VIP")
    revoke(office)
    duty(office)()
    office.world.workspace.faults.error_next = {"chat.postMessage": ["is_archived", "user_disabled", "user_disabled"]}
    office.notify()
    office.clock.forward(minutes=10)
    office.notify()
    assert not told(office, REVOKED)
    assert not directly(office, REVOKED)
    assert needed(office)
