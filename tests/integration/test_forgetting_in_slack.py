"""Forgetting somebody from Slack: asked first, for administrators, the address kept from everybody else."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

from bot import logs
from sandbox.slack.values import Role
from services.individuals import Receipt
from storage.models import Base
from tests.integration.slack_office import Office, lines
from tests.integration.wizard_hands import act, seen, text_of

EMAIL = "p0@example.com"


def asked(office: Office, text: str = f"/postino forget {EMAIL}") -> None:
    act(office.ada, "command", channel="exports", text=text)
    seen(office.ada, "Every trace that Postino has", "This cannot be undone.")


def tombstones(office: Office) -> int:
    with office.postino.database.read() as session:
        return len(session.execute(Base.metadata.tables["tombstones"].select()).all())


def test_an_administrator_confirms_and_reads_the_receipt_and_the_person_is_not_exported(office: Office) -> None:
    made = office.world.destination("VIP")
    asked(office, f"/postino forget <mailto:{EMAIL}|{EMAIL}>")
    assert tombstones(office) == 0
    act(office.ada, "submit")
    view = seen(office.ada, "Receipt: ", "Mailchimp was not touched.", "still has a profile with this address")
    with office.postino.database.read() as session:
        [stone] = session.execute(Base.metadata.tables["tombstones"].select()).all()
        [entry] = [
            one
            for one in session.execute(Base.metadata.tables["audit"].select()).all()
            if one.action == "person.forgotten"
        ]
    assert f"Receipt: {stone.key.hex()[:16]}" in text_of(view)
    assert (entry.person, entry.subject, entry.details) == ("U0ADA", stone.key.hex()[:16], {})
    office.request(made)
    office.work()
    assert office.run(1).counters["new"] == 2


def test_the_address_is_in_no_message_no_log_no_metadata_and_no_table(
    office: Office, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    office.world.destination("VIP")
    with caplog.at_level(logging.DEBUG):
        asked(office)
        act(office.ada, "submit")
        view = seen(office.ada, "Receipt: ")
    assert EMAIL not in text_of(view)
    printed = capfd.readouterr()
    logged = [one.getMessage() for one in caplog.records if one.name.partition(".")[0] not in logs.QUIET]
    assert [line for line in (*logged, printed.out, printed.err) if EMAIL in line] == []
    assert not office.posted(office.ben)
    emitted = [one.body for one in office.world.workspace.emitted]
    assert [one for one in emitted if EMAIL in json.dumps(one.get("view", {}).get("private_metadata", ""))] == []
    with office.postino.database.read() as session:
        for table in Base.metadata.sorted_tables:
            assert EMAIL not in str(session.execute(table.select()).all()), table.name


def test_closing_the_question_forgets_nobody(office: Office) -> None:
    office.world.destination("VIP")
    asked(office)
    act(office.ada, "close")
    assert tombstones(office) == 0


@pytest.mark.parametrize("typed", ["nobody", "two@at@example.com", "@example.com"])
def test_what_is_no_address_is_told_beside_the_field(office: Office, typed: str) -> None:
    asked(office, f"/postino forget {typed}")
    answer = office.ada.act("submit")
    assert (answer["ok"], answer["error"]) == (False, "errors")
    assert (
        "This is not an e-mail address. Postino exports none like it, and nothing is stored under it." in answer["text"]
    )
    assert tombstones(office) == 0


def test_the_address_can_be_typed_into_the_question(office: Office) -> None:
    office.world.destination("VIP")
    asked(office, "/postino forget")
    act(office.ada, "enter", target="email", value="nobody@example.com")
    act(office.ada, "submit")
    seen(office.ada, "Postino knew nothing of this person.", "Receipt: ")


def test_others_are_told_whom_to_ask(office: Office) -> None:
    act(office.ben, "command", channel="exports", text=f"/postino forget {EMAIL}")
    seen(office.ben, "Only administrators may do this. Ask an admin or owner")


def test_who_is_no_administrator_any_more_when_it_would_be_done_is_refused(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.people.REMEMBERED_SECONDS", 0)
    asked(office)
    users = office.world.workspace.users
    users["U0ADA"] = replace(users["U0ADA"], role=Role.MEMBER)
    act(office.ada, "submit")
    seen(office.ada, "Only administrators may do this.")
    assert tombstones(office) == 0


def test_who_closed_the_modal_meanwhile_gets_the_receipt_directly(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.world.destination("VIP")
    individuals = office.postino.individuals
    forget = individuals.forget

    def slowly(*about: object) -> Receipt:
        office.soon(lambda: "One moment…" in text_of(office.ada.view() or {"lines": []}))
        act(office.ada, "close")
        return forget(*about)  # type: ignore[arg-type]

    monkeypatch.setattr(individuals, "forget", slowly)
    asked(office)
    act(office.ada, "submit")
    [message] = office.soon(lambda: office.directly(office.ada))
    assert "Receipt: " in lines(message)
    assert EMAIL not in lines(message) + message["text"]
