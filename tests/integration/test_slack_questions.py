"""Questions answered to the asker alone: why somebody is exported or not, and what the doctor finds."""

from __future__ import annotations

import csv
import json
import logging
import os
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from bot import texts
from bot.views import audit_details
from sandbox.mailchimp import acts
from services import access, audit
from services.applying import Applying
from services.destinations import Destinations, Policies
from services.drafts import of_destination
from storage.models import Base, Connection, Destination, RunStatus
from tests.integration.slack_office import Office, lines
from tests.integration.wizard_hands import act, seen, text_of

Json = dict[str, Any]


def test_why_tells_an_administrator_segments_last_sending_and_status(office: Office) -> None:
    office.request(office.world.destination("VIP", "Bergamo"))
    office.work()
    shown = lines(office.type(office.ada, "/postino why P2@example.com"))
    assert "Newsletter\nIn Bergamo, VIP. Last sent" in shown
    assert "In the audience: subscribed." in shown
    assert "Nothing keeps them from being exported." in shown


def test_why_says_which_destination_of_an_audience_sent_somebody_last(office: Office) -> None:
    first = office.world.destination("VIP")
    second = office.world.destination("Bergamo", name="Spring", connection_id=first.connection_id)
    office.request(first)
    office.work()
    shown = lines(office.type(office.ada, "/postino why p2@example.com"))
    assert "Newsletter\nIn VIP. Last sent " in shown
    assert "Spring\nIn Bergamo. Last sent by Newsletter, " in shown
    never_sent = lines(office.type(office.ada, "/postino why p5@example.com"))
    assert "Last sent" not in never_sent
    office.request(second)
    office.work()
    shown = lines(office.type(office.ada, "/postino why p2@example.com"))
    assert "Newsletter\nIn VIP. Last sent by Spring, " in shown
    assert "Spring\nIn Bergamo. Last sent " in shown
    assert "Last sent by Newsletter" not in shown


def test_segments_are_called_as_people_call_them(office: Office) -> None:
    entity = {
        "name": "VIP",
        "annotations": [{"name": "displayName", "value": "Very important people"}],
        "attributes": [{"name": "CustomerId", "dataType": "string"}],
        "partitions": [{"name": "1", "location": "VIP.csv", "fileFormatSettings": {"columnHeaders": True}}],
    }
    (office.world.folder / "model.json").write_text(
        json.dumps({"name": "Shop", "version": "1.0", "entities": [entity]})
    )
    office.world.customers({"p0": {"EMail": "broken@"}})
    office.clock.forward(seconds=10)
    office.request(office.world.destination("VIP"))
    office.work()
    assert "In Very important people." in lines(office.type(office.ada, "/postino why p2@example.com"))
    [listed] = [one for one in office.thread(office.posted()[0]) if one["files"]]
    assert "p0,Very important people," in office.ada.download(listed["files"][0]["id"]).decode("utf-8-sig")
    listed = office.type(office.ada, "/postino history")
    office.click(office.ada, "Details", listed)
    office.soon(lambda: "Very important people: put on" in lines(office.answers(office.ada)[-1]))
    assert "3 segments in Shop" in lines(office.type(office.ada, "/postino-segments"))
    os.utime(office.world.folder / "VIP.csv", (office.clock.seconds(),) * 2)
    office.clock.forward(seconds=1)
    for search in ("", " important"):
        told = lines(office.type(office.ada, f"/postino-segments{search}"))
        assert "is being refreshed" in told
        assert "• Very important people: 3 profiles" in told


def test_a_chosen_segment_that_is_inactive_or_empty_is_said_to_be_in_the_wizard_and_by_the_doctor(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    entity = {
        "name": "VIP",
        "annotations": [{"name": "state", "value": "Inactive"}],
        "attributes": [{"name": "CustomerId", "dataType": "string"}],
        "partitions": [{"name": "1", "location": "VIP.csv", "fileFormatSettings": {"columnHeaders": True}}],
    }
    (office.world.folder / "model.json").write_text(
        json.dumps({"name": "Shop", "version": "1.0", "entities": [entity]})
    )
    office.world.segment("Bergamo", [])
    office.clock.forward(seconds=10)
    made = office.world.destination("VIP", "Bergamo", "Everyone")
    inactive = (
        "The source calls the segment VIP “Inactive”: it may not be kept up to date there. It is exported as it is."
    )
    empty = "The segment Bergamo is empty: nobody is in it now."
    answer = office.type(office.ada, "/postino doctor")
    assert f"Hint · Newsletter: {inactive}" in lines(answer)
    assert f"Hint · Newsletter: {empty}" in lines(answer)
    listed = office.type(office.ada, "/postino destinations")
    office.ada.act("click", target="Edit", channel="exports", ts=listed["ts"], value=str(made.id))
    seen(office.ada, "Step 1 of 4")
    act(office.ada, "click", target="Go to segments and schedule")
    fourth = text_of(seen(office.ada, "Step 4 of 4", inactive))
    assert empty in fourth
    assert "segment Everyone" not in fourth
    act(office.ada, "submit")
    seen(office.ada, "The changes to Newsletter are saved.", inactive)

    save = Destinations.save

    def last_look(*given: Any, **named: Any) -> Destination:
        saved = save(*given, **named)
        office.world.folder.rename(office.world.folder.with_name("away"))
        return saved

    monkeypatch.setattr(Destinations, "save", last_look)
    act(office.ada, "close")
    office.ada.act("click", target="Edit", channel="exports", ts=listed["ts"], value=str(made.id))
    seen(office.ada, "Step 1 of 4")
    act(office.ada, "click", target="Go to segments and schedule")
    seen(office.ada, "Step 4 of 4", inactive)
    act(office.ada, "submit")
    seen(office.ada, "The changes to Newsletter are saved.")


@pytest.mark.parametrize(
    ("email", "told"),
    [
        ("nobody@example.com", "No profile of the source has this address."),
        ("p9@example.com", "They are in none of this destination's segments."),
        ("p1@example.com", "They unsubscribed. Only they can subscribe again"),
        ("p0@example.com", "They were not exported yet. The next export takes them along."),
    ],
)
def test_why_names_what_keeps_somebody_from_being_exported(office: Office, email: str, told: str) -> None:
    destination = office.world.destination("VIP")
    acts.add(office.world.audience, "p1@example.com", "unsubscribed")
    office.world.segment("VIP", ["p1"])
    office.clock.forward(seconds=10)
    office.request(destination)
    office.work()
    office.world.segment("VIP", ["p0", "p1"])
    office.clock.forward(seconds=10)
    answer = office.type(office.ada, f"/postino why {email}")
    assert told in lines(answer)
    assert told in answer["text"]


def test_why_tells_who_withdrew_consent_and_what_keeps_everybody_from_being_exported(office: Office) -> None:
    made = office.world.destination("VIP", consent_attribute="Email Subscriber", consent_values=["Yes", "true"])
    office.request(made)
    office.work()
    assert "Nothing keeps them" in lines(office.type(office.ada, "/postino why p0@example.com"))
    office.world.customers(
        {"p0": {"Email Subscriber": "false"}, "p5": {"EMail": "p1@example.com", "Email Subscriber": ""}}
    )
    office.clock.forward(seconds=10)
    refused = "Their consent attribute does not allow mailing. An export does not take them along"
    assert refused in lines(office.type(office.ada, "/postino why p0@example.com"))
    assert refused not in lines(office.type(office.ada, "/postino why p1@example.com")), "p5 is in no chosen segment"
    office.world.edit("Newsletter", "VIP", "Bergamo")
    assert refused in lines(office.type(office.ada, "/postino why p1@example.com")), "one refusal of two is enough"

    with office.postino.database.write() as session:
        session.get_one(Destination, made.id).consent_version -= 1
    outdated = "The data privacy and compliance statement has changed, so nobody is exported."
    assert outdated in lines(office.type(office.ada, "/postino why p2@example.com"))
    with office.postino.database.write() as session:
        session.get_one(Connection, made.connection_id).reconnect_needed = True
    revoked = "Mailchimp no longer accepts the destination's connection."
    assert revoked in lines(office.type(office.ada, "/postino why p2@example.com"))


def test_why_is_for_administrators_and_says_so(office: Office) -> None:
    office.world.destination("VIP")
    assert "Only administrators may do this." in lines(office.type(office.ben, "/postino why p0@example.com"))
    assert "Ask a member of this workspace." in lines(office.type(office.world.gus, "/postino why p0@example.com"))


def test_why_without_an_address_says_how_to_ask_and_a_wrong_one_is_refused(office: Office) -> None:
    assert "/postino why somebody@example.com" in lines(office.type(office.ada, "/postino why"))
    assert "This is not an e-mail address." in lines(office.type(office.ada, "/postino why nobody"))


def test_an_address_that_was_asked_about_is_neither_posted_stored_nor_logged(
    office: Office, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    office.world.destination("VIP")
    with caplog.at_level(logging.DEBUG):
        answer = office.type(office.ada, "/postino why p0@example.com")
    assert answer["ephemeral"]
    assert "p0@example.com" not in lines(answer) + answer["text"]
    assert not office.posted(office.ben)
    printed = capfd.readouterr()
    assert "p0@example.com" not in caplog.text + printed.out + printed.err
    with office.postino.database.read() as session:
        for table in Base.metadata.sorted_tables:
            assert "p0@example.com" not in str(session.execute(table.select()).all()), table.name


def test_the_doctor_names_each_problem_with_what_to_do_and_a_button_to_do_it(office: Office) -> None:
    office.world.destination("VIP")
    (office.world.folder / "VIP.csv").unlink()
    office.clock.forward(seconds=10)
    answer = office.type(office.ada, "/postino doctor")
    shown = lines(answer)
    assert "Problem · SLACK_APP_TOKEN: is not set" in shown
    assert "Problem · Newsletter: The source has no VIP any more. Edit it and choose other segments" in shown
    assert "Hint · Mailchimp sign-in: is not set up, so connections need an API key." in shown
    assert "Well: SLACK_BOT_TOKEN" in shown
    office.click(office.ada, "Edit", answer)
    office.soon(lambda: (view := office.ada.view()) and "Newsletter" in str(view["inputs"]))


def test_the_doctor_finds_what_would_fail_in_mailchimp_before_an_export_does(office: Office) -> None:
    office.world.destination("VIP", name="Mapped", fields={"FNAME": "FirstName"})
    connection_id = office.postino.destinations.named(office.world.actor, "Mapped").connection_id
    office.world.destination("VIP", name="Lost", connection_id=connection_id)
    with office.postino.database.write() as session:
        lost = session.scalars(select(Destination).where(Destination.name == "Lost")).one()
        lost.audience_id = "0000000000"
    assert "Well: SLACK_BOT_TOKEN" in (healthy := lines(office.type(office.ada, "/postino doctor")))
    assert "Mailchimp has no audience Newsletter any more. Edit it and choose another." in healthy
    assert "Problem · Mapped" not in healthy
    office.world.audience.add_field("SHOE", "Shoe size", "number", required=True)
    assert "Problem · Mapped: The audience requires Shoe size (SHOE)." in lines(
        office.type(office.ada, "/postino doctor")
    )
    office.world.account.role = "viewer"
    answer = office.type(office.ada, "/postino doctor")
    assert "Problem · Main: The Mailchimp role viewer cannot add contacts." in lines(answer)
    office.click(office.ada, "Reconnect…", answer)
    seen(office.ada, "Connect the Mailchimp account Contoso Coffee again.")


def offered(office: Office, finding: str) -> tuple[Json, str]:
    """The doctor's answer to Ada, and the button beside what it finds; empty if there is none."""
    answer = office.type(office.ada, "/postino doctor")
    [beside] = [line for line in answer["lines"] if finding in line]
    return answer, beside.rpartition(" [")[2].removesuffix("]") if beside.endswith("]") else ""


def test_the_doctor_offers_what_fits_the_reason_of_the_last_failure(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = office.world.destination("VIP")
    office.world.limit(destination.connection_id or 0, 1)
    office.request(destination)
    office.work()
    hint = "Hint · Newsletter: Its last export failed: "
    assert offered(office, hint)[1] == "Edit", "too many contacts: other segments"

    office.world.limit(destination.connection_id or 0, None)
    with monkeypatch.context() as broken:
        broken.setattr(Applying, "apply", lambda self, canary: 1 / 0)
        office.request(destination)
        office.work()
    answer, button = offered(office, hint)
    assert button == "Details"
    office.click(office.ada, button, answer)
    office.soon(lambda: "reference run-2-1" in lines(office.answers(office.ada)[-1]))

    mailchimp, key = office.world.served.world, office.world.account.api_key
    known = mailchimp.credentials[key]
    mailchimp.revoke(key)
    office.request(destination)
    office.work()
    assert office.run(3).status == RunStatus.FAILED
    assert offered(office, "Problem · Newsletter: cannot be exported before its connection Main works again.")[1] == ""
    mailchimp.credentials[key] = known
    answer, button = offered(office, hint)
    assert button == "Preview again"


def test_what_the_doctor_could_not_look_at_is_no_problem_and_can_be_looked_at_again(office: Office) -> None:
    office.world.destination("VIP")
    office.world.served.world.faults.add("503", method="GET", path="/lists/[^/]+/merge-fields")
    answer, button = offered(office, "Hint · Newsletter: could not be looked at now.")
    assert button == ""
    assert "Look again in a moment." in lines(answer)
    assert "Problem · Newsletter" not in lines(answer)
    office.world.served.world.faults.clear()
    office.click(office.ada, "Look again", answer)
    office.soon(lambda: "could not be looked at" not in lines(office.answers(office.ada)[-1]))
    assert "Newsletter" in lines(office.answers(office.ada)[-1]).partition("Well: ")[2]


def test_the_doctor_looks_again_in_place(office: Office) -> None:
    answer = office.type(office.ada, "/postino doctor")
    assert "There is none yet. Make one in Slack with /postino-connect" in lines(answer)
    office.world.connect()
    office.click(office.ada, "Look again", answer)
    office.soon(lambda: "Main" in lines(office.answers(office.ada)[0]))
    assert len(office.answers(office.ada)) == 1


def test_the_doctor_answers_administrators_only(office: Office) -> None:
    assert "Only administrators may do this." in lines(office.type(office.ben, "/postino doctor"))


def test_the_audit_trail_comes_as_a_file_to_the_administrator_alone(office: Office) -> None:
    destination = office.world.destination("VIP", name="=Newsletter")
    machine = replace(office.world.actor, person=access.COMMAND_LINE)
    office.postino.destinations.set_policies(machine, destination.id, Policies(mentions=("U0BEN",)))
    office.request(destination)
    office.work()
    office.request(destination, preview=True)
    office.work()
    slower = of_destination(destination, "U0ADA").form().model_copy(update={"agreed": True, "schedule": "daily 07:00"})
    office.postino.destinations.save(office.world.actor, slower, edited=destination)
    office.type(office.ada, "/postino why p0@example.com")
    answer = office.type(office.ada, "/postino audit")
    assert "The audit trail was sent to you directly, as a file." in lines(answer)
    [message] = [one for one in office.directly(office.ada) if one["files"]]
    content = office.ada.download(message["files"][0]["id"]).decode("utf-8-sig")
    rows = list(csv.reader(content.splitlines()))
    assert rows[0] == ["When (UTC)", "Who", "Name", "What was done", "Action", "Subject", "Details"]
    assert [row[1:6] for row in rows[1:]] == [
        ["U0ADA", "Ada Lovelace", "Connected a Mailchimp account", "connection.connected", "Main"],
        [
            "U0ADA",
            "Ada Lovelace",
            "Created a destination and agreed to the statement",
            "destination.created",
            "'=Newsletter",
        ],
        ["command-line", "", "Set a destination's policies", "destination.policies", "'=Newsletter"],
        ["U0ADA", "Ada Lovelace", "Asked for an export", "run.requested", "'=Newsletter"],
        ["U0ADA", "Ada Lovelace", "Asked for a preview", "run.previewed", "'=Newsletter"],
        [
            "U0ADA",
            "Ada Lovelace",
            "Edited a destination and agreed to the statement",
            "destination.edited",
            "'=Newsletter",
        ],
        ["U0ADA", "Ada Lovelace", "Asked where a person stands", "person.asked_about", ""],
        ["U0ADA", "Ada Lovelace", "Read the audit trail", "audit.exported", ""],
    ]
    details = {row[4]: row[6] for row in rows[1:]}
    assert "; audience: Newsletter; " in details["destination.created"]
    assert "; segments with their tags: VIP VIP; schedule: " in details["destination.created"]
    assert details["destination.edited"] == "version of the statement: 1; schedule: Daily (07:00)"
    assert "people to call: U0BEN; successes are not posted: no; " in details["destination.policies"] + "; "
    recorded = {one.action: one.details for one in audit.trail(office.postino.database, office.world.actor)}
    told = audit_details.details(texts.of("it"), recorded["destination.edited"] | recorded["destination.policies"])
    assert "versione della dichiarazione: 1; pianificazione: Ogni giorno (07:00); " in told
    assert "approvazione di una seconda persona: Mai; " in told
    assert "; i successi non si pubblicano: no; " in told
    assert "p0@example.com" not in content
    assert not [one for one in office.posted(office.ben) if one["files"] or "audit" in lines(one)]


def test_the_audit_trail_is_for_administrators(office: Office) -> None:
    assert "Only administrators may do this." in lines(office.type(office.ben, "/postino audit"))
