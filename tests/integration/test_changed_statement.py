"""A statement whose text has changed since somebody agreed: nothing more is exported before somebody agrees to the new one."""

from __future__ import annotations

from sandbox.mailchimp import acts
from storage.models import Destination, Run, RunStatus
from tests.integration import wizard_hands as hands
from tests.integration.slack_office import Office, lines

CHANGED = "The data privacy and compliance statement has changed. Edit Newsletter and agree to it again."


def change_the_statement(office: Office) -> None:
    """Let what was agreed to so far be an older text, as after an update of Postino."""
    with office.postino.database.write() as session:
        for one in session.query(Destination):
            one.consent_version -= 1


def history(office: Office) -> list[Run]:
    return office.postino.runs.history(office.world.actor)[::-1]


def test_preview_approval_and_schedule_are_refused_until_an_edit_has_asked_for_consent_again(office: Office) -> None:
    destination = office.world.destination("VIP", schedule="daily 07:00")
    office.postino.schedules()
    office.request(destination, preview=True)
    office.work()
    [card] = office.posted()
    change_the_statement(office)

    before = len(office.answers(office.ada))
    office.click(office.ada, "Send", card)
    refused = office.soon(lambda: office.answers(office.ada)[before:])[-1]
    assert lines(refused) == CHANGED
    assert office.run(1).status == RunStatus.WAITING
    assert lines(office.type(office.ada, "/postino-export Newsletter")) == CHANGED
    found = lines(office.type(office.ada, "/postino doctor"))
    assert "The data privacy and compliance statement has changed. Edit it and agree again." in found
    office.clock.forward(days=2)
    office.postino.schedules()
    office.work()
    assert [run.status for run in history(office)][1:] == [RunStatus.SKIPPED]
    assert CHANGED in lines(office.posted()[-1])
    assert office.posted()[-1]["buttons"][0]["text"] == "Edit and agree again"
    assert not acts.dump(office.world.audience)

    ada = office.ada
    hands.act(ada, "open_home")
    ada.until(lambda: "Edit" in str(ada.read("home")))
    hands.act(ada, "click", target="Edit", home=True)
    first = hands.seen(ada, "Step 1 of 4", "Data privacy and compliance")
    assert not hands.value(first, "agreed")
    assert not ada.act("submit")["ok"]
    hands.enter(ada, "agreed", ["agreed"])
    for words in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4", "Destination saved"):
        hands.act(ada, "submit")
        hands.seen(ada, words)
    again = office.postino.destinations.get(office.world.actor, destination.id)
    assert (again.consent_version, again.consent_by) == (destination.consent_version, "U0ADA")

    assert "The preview of Newsletter is being computed." in lines(office.type(ada, "/postino-export Newsletter"))
    office.work()
    office.click(ada, "Send", office.posted()[-1])
    office.soon(lambda: history(office)[-1].approved_by)
    office.work()
    assert history(office)[-1].status == RunStatus.SUCCESSFUL
    assert len(acts.dump(office.world.audience)) == 3


def test_an_export_that_was_queued_before_the_statement_changed_sends_nothing(office: Office) -> None:
    destination = office.world.destination("VIP")
    office.request(destination)
    change_the_statement(office)
    office.work()
    assert office.run(1).status == RunStatus.FAILED
    assert CHANGED in lines(office.posted()[-1])
    assert "Nothing was sent." in lines(office.posted()[-1])
    assert not acts.dump(office.world.audience)
    assert [one["text"] for one in office.posted()[-1]["buttons"]] == [
        "Edit and agree again",
        "Preview again",
        "Details",
    ]
    office.click(office.ben, "Edit and agree again", office.posted()[-1])
    hands.seen(office.ben, "Ask an administrator.")
    office.click(office.ada, "Edit and agree again", office.posted()[-1])
    assert not hands.value(hands.seen(office.ada, "Step 1 of 4", "Data privacy and compliance"), "agreed")
