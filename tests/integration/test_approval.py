"""Exports that a second person must approve, by the rule of their destination."""

from __future__ import annotations

import pytest

from sandbox.mailchimp import acts
from sandbox.mailchimp.audiences import Audience
from services.access import Actor, Sharing, Standing
from services.approving import Approval
from services.destinations import Policies
from services.drafts import of_destination
from services.errors import NotAllowed
from services.runs import Order
from services.tidying import Tidying
from storage.models import Destination, RunStatus, Workspace
from tests.integration.slack_office import Office, lines
from tests.integration.wizard_hands import act, seen, text_of


def destination(office: Office, **policies: object) -> Destination:
    """Ada's destination with these policies."""
    made = office.world.destination("VIP")
    return office.postino.destinations.set_policies(office.world.actor, made.id, Policies.model_validate(policies))


def of_ben(office: Office, **policies: object) -> Destination:
    """Ben's destination with these policies, on a connection that is shared with everybody."""
    world = office.world
    connection = world.connect()
    world.postino.connections.share(world.actor, connection, Sharing.EVERYONE)
    ben = Actor(world.actor.workspace_id, "U0BEN", Standing.MEMBER)
    made = world.destination("VIP", by=ben, connection_id=connection)
    return world.postino.destinations.set_policies(world.actor, made.id, Policies.model_validate(policies))


def test_who_asked_cannot_approve_but_another_administrator_can(office: Office) -> None:
    office.world.administrators("U0BEN")
    office.request(destination(office, approval="always"), preview=True)
    office.work()
    card, told = office.posted()
    assert "Needs the approval of somebody other than @Ada Lovelace" in lines(card)
    assert "Administrators may approve it." in lines(card)
    assert "Newsletter waits for approval. Look at its preview." in lines(told), "a changed message is heard by nobody"
    assert told["thread_ts"] == card["ts"]
    assert [one["text"] for one in told["buttons"]] == ["Look at the preview"]
    assert card["buttons"][0]["text"] == "Approve and send"
    assert "Needs the approval of somebody other than" in card["text"]

    office.click(office.ada, "Approve and send", card)
    refusal = office.soon(lambda: office.answers(office.ada))[-1]
    assert "needs the approval of somebody other than the person who asked" in lines(refusal)
    assert office.run(1).status == RunStatus.WAITING

    office.click(office.ben, "Approve and send", card)
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    living = office.posted()[0]
    assert "Successful" in lines(living)
    assert "approved by @Ben" in lines(living)
    assert [one["text"] for one in living["buttons"]] == ["Preview again", "Details"]
    assert len(acts.dump(office.world.audience)) == 3


def test_who_is_called_to_approve_sees_what_would_be_sent_and_sends_it_from_there(office: Office) -> None:
    office.world.administrators("U0BEN")
    acts.add(office.world.audience, "p0@example.com")
    acts.unsubscribe(office.world.audience, "p0@example.com")
    office.request(destination(office, approval="always"), preview=True)
    office.work()
    called = office.posted()[-1]

    office.click(office.ada, "Look at the preview", called)
    card = seen(office.ada, "Preview of Newsletter", "Billable contacts added: 2", "Administrators may approve it.")
    assert card["submit"] is None, "who asked does not approve"
    act(office.ada, "close")
    listed = office.type(office.ada, "/postino history Newsletter")
    office.click(office.ada, "Details", listed)
    in_full = office.soon(lambda: [one for one in office.answers(office.ada) if "as planned" in lines(one)])[-1]
    assert "Preview: Export of Newsletter to Newsletter" in lines(in_full)
    assert "3 profiles, as planned. Nothing was sent.\n2 new · 0 updated" in lines(in_full)
    assert "1 suppressed" in lines(in_full)
    assert "not attempted" not in lines(in_full)
    assert "tags put on: 2 · tags taken off: 0" in lines(in_full)
    assert "Look at the preview" in [one["text"] for one in in_full["buttons"]]

    office.click(office.ben, "Look at the preview", called)
    card = seen(office.ben, "New contacts: 2", "Skipped: 1 (1 unsubscribed)", "VIP: put on 2, taken off 0")
    assert card["submit"] == "Approve and send"
    act(office.ben, "submit")
    seen(office.ben, "The export of Newsletter is under way. Watch it in #exports.")
    assert office.run(1).approved_by == "U0BEN"
    office.work()
    decided = next(one for one in office.posted() if one["ts"] == called["ts"])
    assert "Newsletter waited for approval. Approved by @Ben" in lines(decided)
    assert [one["text"] for one in decided["buttons"]] == ["Details"]
    office.click(office.ada, "Details", decided)
    seen(office.ada, "Export of Newsletter to Newsletter", "2 new · 0 updated", "0 not attempted")


def test_a_post_that_called_for_an_approval_tells_that_it_was_cancelled(office: Office) -> None:
    office.world.administrators("U0BEN")
    office.request(destination(office, approval="always"), preview=True)
    office.work()
    card, called = office.posted()
    office.click(office.ben, "Look at the preview", called)
    seen(office.ben, "Preview of Newsletter")
    office.click(office.ada, "Cancel", card)
    office.soon(lambda: office.run(1).status == RunStatus.CANCELED)
    act(office.ben, "submit")
    seen(office.ben, "This export does not wait for approval any more.")
    office.work()
    decided = office.posted()[-1]
    assert decided["ts"] == called["ts"]
    assert "Newsletter waited for approval. Canceled by @Ada Lovelace." in lines(decided)
    office.click(office.ben, "Details", decided)
    seen(office.ben, "3 profiles, as planned. Nothing was sent.", "3 new · 0 updated", "Canceled by @Ada Lovelace.")


def test_who_may_only_look_is_sent_to_who_may_approve(office: Office) -> None:
    office.request(destination(office, approval="always"), preview=True)
    office.work()
    office.click(office.ben, "Approve and send", office.posted()[0])
    refusal = lines(office.soon(lambda: office.answers(office.ben))[-1])
    assert refusal == "Only administrators may approve this export of Newsletter. Ask one of them."
    assert office.run(1).status == RunStatus.WAITING


def test_who_made_the_destination_is_named_to_who_may_not_approve_what_they_asked_for(office: Office) -> None:
    made = of_ben(office, approval="always")
    office.request(made, preview=True)
    office.work()
    office.click(office.ada, "Approve and send", office.posted()[0])
    refusal = lines(office.soon(lambda: office.answers(office.ada))[-1])
    assert (
        "somebody other than the person who asked for the export. Ask another administrator, or name one with "
        "/postino administrators. You can also ask @Ben" in refusal
    )
    assert office.run(1).status == RunStatus.WAITING


def test_who_asks_for_a_preview_that_a_second_person_must_approve_hears_so_at_once(office: Office) -> None:
    of_ben(office, approval="always")
    answer = lines(office.type(office.ada, "/postino-export Newsletter"))
    assert "It will appear in #exports; nothing is sent before it is approved." in answer
    assert "Needs the approval of somebody other than @Ada Lovelace" in answer
    assert "Administrators may approve it, and @Ben" in answer


def test_an_export_launched_without_preview_stops_for_the_rule_and_says_so(office: Office) -> None:
    office.request(destination(office, approval="always"), trigger="schedule")
    office.work()
    card, told = office.posted()
    assert "Preview of Newsletter" in lines(card)
    assert "Newsletter waits for approval" in lines(told)
    assert "every export of this destination is approved by a second person" in lines(told)
    assert not acts.dump(office.world.audience)


@pytest.mark.parametrize("trigger", ["schedule", "workflow"])
def test_who_saved_a_destination_does_not_approve_what_begins_by_itself(office: Office, trigger: str) -> None:
    made = of_ben(office, approval="always", in_workflows=True)
    itself = Actor(made.workspace_id, trigger, Standing.ADMINISTRATOR)
    office.postino.runs.request(itself, made, Order(trigger=trigger))
    office.work()
    card, told = office.posted()
    for message in (lines(card), lines(told)):
        assert "Needs the approval of somebody other than @Ben Okafor, who saved this destination last" in message

    office.click(office.ben, "Approve and send", card)
    refusal = lines(office.soon(lambda: office.answers(office.ben))[-1])
    assert "you saved Newsletter last, so somebody else must approve it. Ask an administrator." in refusal
    ben = Actor(made.workspace_id, "U0BEN", Standing.MEMBER)
    assert not office.postino.runs.may_approve(ben, office.run(1)), "offered in Home, the hub or the status"
    assert office.run(1).status == RunStatus.WAITING

    office.click(office.ada, "Approve and send", card)
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    assert office.run(1).status == RunStatus.SUCCESSFUL


def test_only_the_first_export_is_approved_where_the_rule_says_so(office: Office) -> None:
    office.world.administrators("U0BEN")
    made = destination(office, approval="first")
    office.request(made)
    office.work()
    assert office.run(1).status == RunStatus.WAITING
    office.click(office.ben, "Approve and send", office.posted()[0])
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    office.request(made)
    office.work()
    assert office.run(2).status == RunStatus.SUCCESSFUL


def test_what_sends_nothing_needs_no_approval_and_is_not_the_first_export(office: Office) -> None:
    made = destination(office, approval="first")
    office.world.segment("VIP", [])
    office.clock.forward(minutes=1)
    office.request(made, trigger="schedule")
    office.work()
    office.request(made, preview=True)
    office.work()
    assert [office.run(number).status for number in (1, 2)] == [RunStatus.SUCCESSFUL] * 2
    card = office.posted()[-1]
    assert "there is nothing to send." in lines(card)
    assert [one["text"] for one in card["buttons"]] == ["Preview again", "Details"]

    office.world.segment("VIP", ["p0"])
    office.clock.forward(minutes=1)
    office.request(made, trigger="schedule")
    office.work()
    assert office.run(3).status == RunStatus.WAITING
    assert "this is the destination's first export" in lines(office.posted()[-1])
    assert not acts.dump(office.world.audience)


def moved(office: Office, made: Destination) -> Audience:
    """The destination as it is edited to go to another audience, which is given."""
    other = office.world.account.add_audience("Everybody")
    edited = office.postino.destinations.get(office.world.actor, made.id)
    form = of_destination(edited, "U0ADA").form().model_copy(update={"audience_id": other.id, "agreed": True})
    office.postino.destinations.save(office.world.actor, form, edited=edited)
    return other


def test_an_export_to_another_audience_is_a_first_one(office: Office) -> None:
    office.world.administrators("U0BEN")
    made = destination(office)
    office.request(made)
    office.work()
    office.postino.destinations.set_policies(office.world.actor, made.id, Policies(approval=Approval.FIRST))
    office.request(made)
    office.work()
    assert office.run(2).status == RunStatus.SUCCESSFUL
    other = moved(office, made)
    office.request(made)
    office.work()
    assert office.run(3).status == RunStatus.WAITING
    assert "this is the destination's first export to this audience" in lines(office.posted()[-1])
    assert not acts.dump(other)


def test_what_was_approved_for_one_audience_does_not_go_to_another(office: Office) -> None:
    made = destination(office)
    office.request(made, preview=True)
    office.work()
    office.click(office.ada, "Send", office.posted()[0])
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    other = moved(office, made)
    office.work()
    assert not acts.dump(other)
    assert not acts.dump(office.world.audience)


def test_more_contacts_than_the_rule_allows_are_approved(office: Office) -> None:
    made = destination(office, approval_above=2)
    office.request(made)
    office.work()
    assert office.run(1).status == RunStatus.WAITING
    assert "it adds more than 2 contacts" in lines(office.posted()[0])
    acts.add(office.world.audience, "p0@example.com")
    office.request(made)
    office.work()
    assert office.run(2).status == RunStatus.SUCCESSFUL


def test_an_approval_that_nobody_gave_expires_after_a_day(office: Office) -> None:
    office.request(destination(office, approval="always"), preview=True)
    office.work()
    office.clock.forward(hours=25)
    office.world.administrators("U0BEN")
    office.click(office.ben, "Approve and send", office.posted()[0])
    refusal = office.soon(lambda: office.answers(office.ben))[-1]
    assert "more than 24 hours old" in lines(refusal)
    Tidying(office.postino.database)()
    office.notify()
    card = office.posted()[0]
    assert "Nobody approved this export within 24 hours." in lines(card)
    assert [one["text"] for one in card["buttons"]] == ["Preview again", "Details"]
    [told] = office.directly(office.ada)
    assert "The export of Newsletter was canceled.\nNobody approved this export within 24 hours." in lines(told)
    assert "Preview again" in [one["text"] for one in told["buttons"]]


def test_nobody_is_told_that_a_preview_of_theirs_which_they_could_send_themselves_has_expired(office: Office) -> None:
    office.request(office.world.destination("VIP"), preview=True)
    office.work()
    assert len(office.posted()) == 1
    office.clock.forward(hours=25)
    Tidying(office.postino.database)()
    office.notify()
    assert "Nobody approved this export within 24 hours." in lines(office.posted()[0])
    assert not office.directly(office.ada)


def test_who_may_approve_and_who_is_called_in_trouble_hears_once_of_a_preview_that_waits(office: Office) -> None:
    with office.postino.database.write() as session:
        session.get_one(Workspace, office.world.actor.workspace_id).administrators = ["U0ADA", "U0DARIO"]
    office.request(of_ben(office, approval="always", mentions=["U0CLEO"]), preview=True)
    office.work()
    _, told = office.posted()
    assert "Administrators may approve it, and @Ben Okafor, who created the destination." in lines(told)
    assert "Please look: @Cleo Marsh @Dario Conti" in lines(told), "Ada asked for it, and may not approve it"
    office.notify()
    assert len(office.posted()) == 2


def names(office: Office, *people: str) -> None:
    """Let these people be named as administrators."""
    with office.postino.database.write() as session:
        session.get_one(Workspace, office.world.actor.workspace_id).administrators = list(people)


def test_without_a_channel_who_may_approve_is_asked_directly_and_the_asker_hears_who(office: Office) -> None:
    names(office, "U0ADA", "U0BEN", "U0GUS", "U0DARIO")
    made = office.world.destination("VIP", channel=None)
    office.postino.destinations.set_policies(office.world.actor, made.id, Policies(approval=Approval.ALWAYS))
    office.request(made, preview=True)
    office.work()
    card, told = office.directly(office.ada)
    assert "Preview of Newsletter" in lines(card)
    assert "Asked directly: @Ben Okafor @Dario Conti\n" in f"{lines(told)}\n", "no guest, and not Ada, who asked for it"
    [wanted] = office.directly(office.ben)
    assert "Your approval is wanted for an export of Newsletter." in lines(wanted)
    assert "Needs the approval of somebody other than @Ada Lovelace" in lines(wanted)
    office.notify()
    assert len(office.directly(office.ben)) == 1
    office.click(office.ben, "Approve and send", wanted)
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    assert (office.run(1).status, office.run(1).approved_by) == (RunStatus.SUCCESSFUL, "U0BEN")
    assert "approved by @Ben Okafor" in lines(office.directly(office.ada)[0])
    office.notify()
    [decided] = office.directly(office.ben)
    assert "Newsletter waited for approval. Approved by @Ben" in lines(decided)
    assert [one["text"] for one in decided["buttons"]] == ["Details"]

    office.request(made, preview=True)
    office.world.segment("VIP", ["p0", "p5"])
    office.clock.forward(minutes=1)
    office.work()
    dario = Actor(office.world.actor.workspace_id, "U0DARIO", Standing.ADMINISTRATOR)
    office.postino.runs.approve(dario, 2)
    office.click(office.ben, "Approve and send", office.directly(office.ben)[-1])
    refusal = office.soon(lambda: [one for one in office.directly(office.ben) if one["ephemeral"]])[-1]
    assert "This export does not wait for approval any more." in lines(refusal)


def test_without_a_channel_and_with_nobody_to_ask_the_asker_is_told_what_to_do(office: Office) -> None:
    made = office.world.destination("VIP", channel=None)
    office.postino.destinations.set_policies(office.world.actor, made.id, Policies(approval=Approval.ALWAYS))
    office.request(made, preview=True)
    office.work()
    assert "Nobody could be asked directly" in lines(office.directly(office.ada)[-1])
    assert "Ask one: it waits in their Home tab of Postino." in lines(office.directly(office.ada)[-1])


def test_who_made_the_destination_is_asked_directly_for_what_an_administrator_wants_to_send(office: Office) -> None:
    connection = office.world.connect()
    office.postino.connections.share(office.world.actor, connection, Sharing.EVERYONE)
    ben = Actor(office.world.actor.workspace_id, "U0BEN", Standing.MEMBER)
    made = office.world.destination("VIP", by=ben, connection_id=connection, channel=None)
    office.postino.destinations.set_policies(office.world.actor, made.id, Policies(approval=Approval.ALWAYS))
    office.request(made, preview=True)
    office.work()
    assert "Your approval is wanted for an export of Newsletter." in lines(office.directly(office.ben)[0])
    office.click(office.ada, "Cancel", office.directly(office.ada)[0])
    office.soon(lambda: office.run(1).status == RunStatus.CANCELED)
    office.notify()
    [decided] = office.directly(office.ben)
    assert "Newsletter waited for approval. Canceled by @Ada Lovelace." in lines(decided)


def test_who_set_a_schedule_up_hears_that_nobody_approved_what_it_began(office: Office) -> None:
    made = of_ben(office, approval="always")
    office.postino.runs.request(
        Actor(made.workspace_id, "schedule", Standing.ADMINISTRATOR), made, Order(trigger="schedule")
    )
    office.work()
    office.clock.forward(hours=25)
    Tidying(office.postino.database)()
    office.notify()
    assert "Nobody approved this export within 24 hours." in lines(office.posted()[-1])
    [told] = office.directly(office.ben)
    assert "Nobody approved this export within 24 hours." in lines(told)


def retried(office: Office) -> str:
    """What is answered in the thread to who retries the rejects of the channel's first run."""
    [explained] = [one for one in office.thread(office.posted()[0]) if "could not be exported" in lines(one)]
    office.click(office.ada, "Retry these", explained)
    return text_of(seen(office.ada, "The export of Newsletter"))


def with_a_reject(office: Office, **policies: object) -> None:
    """Ben's destination, exported once as the rule wants it, with a profile that was rejected."""
    office.world.customers({"p0": {"EMail": "not an address"}})
    office.request(of_ben(office, **policies))
    office.work()
    if office.run(1).status == RunStatus.WAITING:
        office.click(office.ben, "Approve and send", office.posted()[0])
        office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
        office.work()
    assert office.run(1).status == RunStatus.REJECTS


def test_a_retry_that_a_second_person_must_approve_says_so_and_who_may(office: Office) -> None:
    with_a_reject(office, approval="always")
    answer = retried(office)
    assert "The export of Newsletter waits for approval before anything is sent." in answer
    assert "Needs the approval of somebody other than @Ada Lovelace: every export of this destination" in answer
    assert "Administrators may approve it, and @Ben" in answer
    assert "who created the destination. Look at its preview in #exports." in answer
    assert "under way" not in answer
    office.world.customers({"p0": {}})
    office.clock.forward(minutes=1)
    office.work()
    assert office.run(2).status == RunStatus.WAITING


def test_a_retry_asks_first_and_leaves_a_preview_alone_that_waits(office: Office) -> None:
    with_a_reject(office)
    [explained] = [one for one in office.thread(office.posted()[0]) if "could not be exported" in lines(one)]
    asks = office.ada.act("click", target="Retry these", channel=explained["channel"], ts=explained["ts"])
    assert "Newsletter is exported again without a preview" in str(asks)
    assert "whatever else differs by now is sent, too" in str(asks)
    office.type(office.ada, "/postino-export Newsletter")
    office.world.segment("VIP", ["p0", "p1", "p2", "p3"])
    office.work()
    assert office.run(2).status == RunStatus.WAITING
    office.click(office.ben, "Retry these", explained)
    seen(office.ben, "A preview of Newsletter waits to be sent, so nothing was started. Send it or cancel it first")
    assert office.run(2).status == RunStatus.WAITING
    assert len(acts.dump(office.world.audience)) == 2
    office.postino.runs.cancel(office.world.actor, 2)
    office.click(office.ben, "Retry these", explained)
    seen(office.ben, "The export of Newsletter is under way.")


def test_a_retry_that_may_add_too_many_says_when_it_waits_for_approval(office: Office) -> None:
    with_a_reject(office, approval_above=100)
    answer = retried(office)
    assert "The export of Newsletter is under way. Watch it in #exports." in answer
    assert "If it adds more than 100 contacts, it waits for approval first." in answer


def test_a_retry_that_nobody_must_approve_is_under_way(office: Office) -> None:
    with_a_reject(office, approval="first")
    answer = retried(office)
    assert "The export of Newsletter is under way. Watch it in #exports." in answer
    assert "approv" not in answer


def test_what_was_approved_and_then_grew_is_approved_again_by_a_second_person(office: Office) -> None:
    made = destination(office, approval_above=100)
    office.request(made, preview=True)
    office.work()
    office.click(office.ada, "Send", office.posted()[0])
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.world.customers({f"c{number}": {} for number in range(101)})
    office.world.segment("VIP", [f"c{number}" for number in range(101)])
    office.work()
    assert office.run(1).status == RunStatus.WAITING
    card, told = office.posted()
    assert "it adds more than 100 contacts" in lines(card)
    assert "has grown since it was approved" in lines(told)
    assert not acts.dump(office.world.audience)


def test_what_waits_again_for_a_rule_that_is_new_is_not_said_to_have_grown(office: Office) -> None:
    made = destination(office)
    office.request(made, preview=True)
    office.work()
    office.click(office.ada, "Send", office.posted()[0])
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.postino.destinations.set_policies(office.world.actor, made.id, Policies(approval=Approval.ALWAYS))
    office.work()
    assert office.run(1).status == RunStatus.WAITING
    card, told = office.posted()
    assert "Newsletter waits for approval. Look at its preview." in lines(told)
    assert "every export of this destination is approved by a second person" in lines(told)
    assert "approved by @Ada Lovelace at" in lines(card)
    assert "grown" not in lines(card) + lines(told)


def test_only_administrators_set_the_rule(office: Office) -> None:
    made = office.world.destination("VIP")
    ben = Actor(office.world.actor.workspace_id, "U0BEN", Standing.MEMBER)
    with pytest.raises(NotAllowed):
        office.postino.destinations.set_policies(ben, made.id, Policies(approval=Approval.NEVER))
