"""What Slack does on a bad day to exports: lost triggers, closed views, lost channels, people who left, difficult names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.mailchimp import acts
from storage.models import Destination, RunStatus
from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import Served
from tests.integration.wizard_hands import act, seen

NAME = "<VIP> & *Söders* ~x~ _y_ `z` 🎉"


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Iterator[Office]:
    with open_office(served, tmp_path) as office:
        yield office


def deactivate(office: Office, person: str) -> None:
    """Let somebody leave the workspace."""
    users = office.world.workspace.users
    users[person] = dataclasses.replace(users[person], deleted=True)


def test_a_trigger_that_expired_is_said_in_words_and_does_nothing(office: Office) -> None:
    office.world.destination("VIP")
    office.world.workspace.faults.error_next = {"views.open": ["expired_trigger_id"]}
    answer = office.type(office.ada, "/postino-export")
    assert "Slack did not wait for Postino. Nothing was lost; please try again." in lines(answer)
    assert not office.postino.runs.history(office.world.actor)


def test_a_modal_closed_while_it_is_prepared_is_let_go(office: Office) -> None:
    office.world.destination("VIP")
    office.world.workspace.faults.error_next = {"views.update": ["not_found"]}
    office.ada.act("command", channel="exports", text="/postino-export")
    office.soon(lambda: not office.world.workspace.faults.error_next["views.update"])
    office.type(office.ada, "/postino help")
    assert len(office.answers(office.ada)) == 1


def test_a_bot_that_is_not_in_the_channel_tells_the_launcher_and_how_to_invite_it(office: Office) -> None:
    office.world.workspace.scopes.discard("chat:write.public")
    office.request(office.world.destination("VIP", channel="C0MARKETING"))
    office.work()
    told = "\n".join(lines(one) for one in office.directly(office.ada))
    assert "was exported to" in told
    assert "Postino is not in the channel. Invite it with /invite" in told


def test_a_channel_deleted_during_a_run_moves_its_ending_to_the_launcher(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.notify()
    office.world.workspace.delete_channel("C0EXPORTS")
    office.work()
    told = "\n".join(lines(one) for one in office.directly(office.ada))
    assert "Successful" in told
    assert "the channel is gone" in told


def test_where_the_launcher_has_left_too_who_made_the_destination_is_told(office: Office) -> None:
    destination = office.world.destination("VIP", channel="C0GONE")
    with office.postino.database.write() as session:
        session.get_one(Destination, destination.id).created_by = "U0BEN"
    office.request(office.postino.destinations.get(office.world.actor, destination.id))
    assert office.postino.exporting()
    deactivate(office, "U0ADA")
    office.work()
    told = "\n".join(lines(one) for one in office.directly(office.ben))
    assert "Successful" in told
    assert "the channel is gone" in told


def test_a_launcher_who_has_left_keeps_nothing_from_the_channel(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.world.served.world.faults.before_call(1, lambda: deactivate(office, "U0ADA"), method="POST")
    office.work()
    office.clock.forward(hours=1)
    office.notify()
    living, completion = office.posted()
    assert "Successful" in lines(living)
    assert "was exported to" in lines(completion)


def test_who_was_deactivated_does_nothing_any_more(office: Office) -> None:
    office.request(office.world.destination("VIP"), preview=True)
    office.work()
    deactivate(office, "U0ADA")
    office.click(office.ada, "Send", office.posted()[0])
    refusal = office.soon(lambda: office.answers(office.ada))[-1]
    assert "cannot use Postino" in lines(refusal)
    assert office.run(1).status == RunStatus.WAITING


def test_difficult_names_arrive_as_they_are(office: Office) -> None:
    office.world.destination("VIP", name=NAME)
    office.type(office.ada, f"/postino-export {NAME}")
    office.work()
    [card] = office.posted()
    assert f"Preview of {NAME}" in lines(card)
    office.click(office.ada, "Send", card)
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    living, completion = office.posted()
    for message in (living, completion):
        assert "<VIP> & *Söders* ~x~ _y_ \uff40z\uff40 🎉" in lines(message)
        assert "&lt;VIP&gt; &amp; `*Söders*` `~x~` `_y_` `\uff40z\uff40` 🎉" in message["text"]
    assert len(acts.dump(office.world.audience)) == 3
    assert office.world.refused_by_slack() == []


def test_two_people_who_send_the_same_preview_launch_one_export(office: Office) -> None:
    office.request(office.world.destination("VIP"), preview=True)
    office.work()
    users = office.world.workspace.users
    users["U0BEN"] = dataclasses.replace(users["U0BEN"], role=users["U0ADA"].role)
    [card] = office.posted()
    office.click(office.ada, "Send", card)
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.click(office.ben, "Send", card)
    refusal = office.soon(lambda: office.answers(office.ben))[-1]
    assert "This export does not wait for approval any more." in lines(refusal)
    office.work()
    assert len(office.postino.runs.history(office.world.actor)) == 1


def test_a_click_that_is_delivered_twice_sends_once(office: Office) -> None:
    office.request(office.world.destination("VIP"), preview=True)
    office.work()
    office.world.workspace.faults.duplicate_next = 1
    office.click(office.ada, "Send", office.posted()[0])
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    assert office.run(1).status == RunStatus.SUCCESSFUL
    assert not office.answers(office.ada)


def test_slack_that_limits_everything_for_ten_minutes_still_gets_every_ending_once(office: Office) -> None:
    first = office.world.destination("VIP")
    second = office.world.destination("Bergamo", name="Second", connection_id=1)
    for one in (first, second):
        office.request(one)
    office.notify()
    # The client itself tries three times before it gives a call back to the notifier.
    office.world.workspace.faults.ratelimit_next = {"chat.update": 6, "chat.postMessage": 6}
    office.work()
    for _ in range(3):
        office.clock.forward(minutes=5)
        office.notify()
    assert not any(office.world.workspace.faults.ratelimit_next.values())
    told = [lines(one) for one in office.posted()]
    assert len([text for text in told if "Successful" in text]) == 2
    for name in ("Newsletter", "Second"):
        assert len([text for text in told if f"{name} was exported to" in text]) == 1
        assert len([one for one in office.directly(office.ada) if f"{name} was exported to" in lines(one)]) == 1


def test_a_modal_that_is_opened_in_another_goes_on_top_of_it_or_in_its_place_where_there_are_three(
    office: Office,
) -> None:
    destination = office.world.destination("VIP")
    office.request(destination)
    office.work()
    completion = office.posted()[-1]
    office.world.segment("VIP", ["p0", "p1"])
    office.request(destination, preview=True)
    office.work()
    for refused, below in (
        ([], ["Preview of Newsletter", "as planned"]),
        (["push_limit_reached"], ["Preview of Newsletter"]),
    ):
        office.click(office.ada, "Details", completion)
        seen(office.ada, "3 new")
        act(office.ada, "click", target="Back")
        waiting = seen(office.ada, "Waiting for approval")["buttons"][0]
        act(office.ada, "click", target=waiting["block_id"])
        seen(office.ada, "as planned")
        office.world.workspace.faults.error_next = {"views.push": list(refused)}
        act(office.ada, "click", target="Look at the preview")
        for words in below:
            seen(office.ada, words)
            act(office.ada, "close")
        assert office.ada.view() is None
