"""Somebody whose Slack is Italian reads Italian, and so does the channel of a destination that they set up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_date

from bot import collecting
from sandbox.slack.remote import RemotePerson
from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import Served
from tests.integration.test_slack_segments import grow
from tests.integration.wizard_hands import act, enter, seen, text_of

FOREIGN = {"Newsletter", "VIP", "Bergamo", "Everyone", "Contoso Coffee", "Status", "Tag", "Account"}
"""Names, and words that are the same in both languages."""


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Iterator[Office]:
    """An office whose Ada is Italian; at its end nothing that Postino sent may have held an English text."""
    with open_office(served, tmp_path) as office:
        users = served.workspace.users
        users["U0ADA"] = replace(users["U0ADA"], locale="it-IT", tz="Europe/Rome")
        office.world.segment("Solo", ["p7"])
        yield office
        assert office.world.refused_by_slack() == []


def test_segments_are_listed_in_italian(office: Office) -> None:
    office.world.destination("VIP", language="it")
    shown = lines(office.type(office.ada, "/postino-segments"))
    assert "4 segmenti in source" in shown
    assert "3 profili · Attivo · aggiornato: " in shown
    assert "1 profilo · Attivo" in shown
    assert "Esportato da Newsletter" in shown
    assert "1 segmento in source · ricerca: vip" in lines(office.type(office.ada, "/postino-segments vip"))
    assert "Nessun segmento ha nulla nel nome." in lines(office.type(office.ada, "/postino-segments nulla"))
    assert english(office) == []


def picture_of_vip(office: Office, person: RemotePerson) -> None:
    """Let somebody ask for the picture of VIP's size, and wait until they have it."""
    answer = office.type(person, "/postino-segments vip")
    outcome = person.act("enter", target="segments.picture", value="VIP", channel="exports", ts=answer["ts"])
    assert outcome["ok"], outcome
    office.soon(lambda: any(one["files"] for one in office.directly(person)))


def test_the_picture_of_a_segments_size_is_dated_the_italian_way(office: Office) -> None:
    actor = office.world.actor
    grow(office, 2, 10)
    picture_of_vip(office, office.ada)
    picture_of_vip(office, office.ben)
    italian, english = office.world.workspace.files.values()
    for size in office.postino.segments.sizes(actor, "VIP")[1]:
        there = size.at.astimezone(ZoneInfo("Europe/Rome"))
        assert f"{size.profiles} il {format_date(there, 'long', locale='it')}, {there:%H:%M}" in italian.alt_txt
    assert italian.content != english.content


def test_the_wizard_is_italian_from_its_first_step_to_its_end(office: Office) -> None:
    office.world.connect()
    ada = office.ada
    act(ada, "command", channel="general", text="/postino-connect")
    first = seen(
        ada, "Passaggio 1 di 4 · Connetti", "Privacy e conformità dei dati", "Accettando dai istruzione a Postino"
    )
    assert (first["title"], first["submit"]) == ("Configura destinazione", "Avanti")
    refused = ada.act("submit")
    assert refused["error"] == "invalid_input"
    enter(ada, "connection", "Main")
    seen(ada, "Connesso a Mailchimp come Contoso Coffee")
    enter(ada, "agreed", ["agreed"])
    enter(ada, "name", "Lettera di primavera")
    act(ada, "submit")
    seen(ada, "Passaggio 2 di 4 · Pubblico")
    enter(ada, "audience", "Newsletter")
    act(ada, "submit")
    third = seen(ada, "Passaggio 3 di 4 · Abbinamento dei dati", "Pubblico Newsletter, 0 contatti")
    assert "presente nel 100% dei profili · per esempio p•••@e•••.com" in text_of(third)
    act(ada, "submit")
    seen(ada, "Passaggio 4 di 4 · Segmenti e pianificazione")
    enter(ada, "segments", ["VIP", "Bergamo"])
    seen(ada, "6 profili distinti su un massimo di 1.000.000")
    enter(ada, "channel", "exports")
    act(ada, "submit")
    seen(ada, "Destinazione salvata", "2 segmenti nel pubblico Newsletter", "In tutto 6 profili distinti.")
    saved = office.postino.destinations.named(office.world.actor, "Lettera di primavera")
    assert saved.language == "it"
    assert english(office) == []


def test_an_export_is_asked_for_previewed_sent_and_told_in_italian(office: Office) -> None:
    office.world.destination("VIP", language="it")
    assert "L'anteprima di Newsletter è in preparazione." in lines(
        office.type(office.ada, "/postino-export newsletter")
    )
    office.work()
    [card] = office.posted(office.ben)
    assert "Anteprima di Newsletter" in lines(card)
    assert "Nuovi contatti: 3" in lines(card)
    assert [button["text"] for button in card["buttons"]] == ["Invia", "Prova con 50 contatti", "Annulla"]
    assert office.click(office.ada, "Invia", card)["ok"]
    office.soon(lambda: office.run(1).approved_by)
    office.work()
    living, completion = office.posted(office.ben)
    assert "✅ Riuscita" in lines(living)
    assert "nuovi: 3, tag aggiunti: 3" in lines(living)
    assert "✅ Newsletter è stata esportata in Newsletter." in lines(completion)
    assert any("è stata esportata" in lines(one) for one in office.directly(office.ada))
    for command in ("/postino", "/postino-status", "/postino history", "/postino help", "/postino segmets"):
        office.type(office.ada, command)
    assert english(office) == []


def test_a_preview_that_an_edit_ended_says_so_in_italian(office: Office) -> None:
    destination = office.world.destination("VIP", language="it")
    office.request(destination, preview=True)
    office.work()
    office.world.edit("Newsletter", "VIP", "Bergamo")
    office.work()
    [card] = office.posted(office.ben)
    assert "La destinazione è stata modificata. Apri una nuova anteprima." in lines(card)
    assert english(office) == []


def test_removals_that_are_held_again_are_told_in_italian(office: Office) -> None:
    office.world.customers({f"c{number}": {} for number in range(40)})
    office.world.segment("VIP", office.world.people)
    destination = office.world.destination("VIP", language="it")
    office.request(destination)
    office.work()
    office.world.segment("VIP", ["p0"])
    office.request(destination)
    office.work()
    shown = office.posted(office.ben)[-1]
    office.world.segment("VIP", [])
    for _ in range(2):
        office.click(office.ada, "Togli i tag", shown)
        office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == 3)
        office.work()
    seen(office.ada, "Il freno ha trattenuto di nuovo queste rimozioni")
    assert english(office) == []


def test_each_reads_their_own_language_where_only_they_read(office: Office) -> None:
    office.world.destination("VIP", language="it")
    assert "3 profili" in lines(office.type(office.ada, "/postino-segments vip"))
    assert english(office) == []
    assert "3 profiles" in lines(office.type(office.ben, "/postino-segments vip"))
    assert {original for original, _ in english(office)} >= {"Active", "Refresh", "Exported by {destinations}"}


def test_an_error_is_told_in_italian(office: Office) -> None:
    office.world.destination("VIP", language="it")
    assert "Intendevi Newsletter?" in lines(office.type(office.ada, "/postino-export Newsleter"))
    assert "Non c'è nessuna destinazione chiamata altra." in lines(office.type(office.ada, "/postino history altra"))
    office.world.folder.rename(office.world.folder.with_name("elsewhere"))
    assert "La cartella della fonte" in lines(office.type(office.ada, "/postino-segments"))
    assert english(office) == []


def test_a_modal_opens_in_italian_once_slack_has_said_so_and_wordless_before(office: Office) -> None:
    office.world.destination("VIP", language="it")
    openings: list[str] = []
    for command in ("/postino forget", "/postino policies Newsletter", "/postino-export"):
        act(office.ada, "command", channel="exports", text=command)
        sent = office.world.workspace.emitted
        office.soon(lambda: "views.update" in [one.method for one in office.world.workspace.emitted])
        openings += [str(one.body) for one in sent if one.method == "views.open"]
        assert english(office) == []
        sent.clear()
        act(office.ada, "close")
    assert [one.count("Un momento…") for one in openings] == [0, 1, 1]


def test_home_is_italian(office: Office) -> None:
    destination = office.world.destination("VIP", language="it")
    office.request(destination)
    office.work()
    office.request(destination, preview=True)
    office.work()
    act(office.ada, "open_home")
    home = office.soon(lambda: (shown := office.ada.read("home")) and "Destinazioni" in str(shown) and shown)
    assert "Nuova destinazione" in str(home)
    assert english(office) == []


def english(office: Office) -> list[tuple[str, str]]:
    """Every English text of Postino's that stands in something it sent, with where it stands."""
    said = {text for one in office.world.workspace.emitted for text in _said(one.body)}
    parts = {part.strip(" *_`") for text in said for part in re.split(r"[·,:;\n]|\. ", text)}
    found = []
    for message in collecting.stored("it"):
        for original in collecting.forms(message.id):
            if original in collecting.forms(message.string) or original in FOREIGN or not original:
                continue
            if " " in re.sub(r"\{\w+\}", "", original).strip():
                pattern = re.compile(r"(?<!\w)" + re.sub(r"\\\{\w+\\\}", ".+", re.escape(original)) + r"(?!\w)")
                found += [(original, text) for text in said if pattern.search(text)]
            elif "{" not in original:
                found += [(original, part) for part in parts if part == original]
    return found


def _said(node: Any, name: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _said(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from _said(value, name)
    elif isinstance(node, str) and name in ("text", "accessibility_label", "errors"):
        yield node
