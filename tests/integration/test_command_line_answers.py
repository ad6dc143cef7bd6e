"""What the command line answers to somebody who has only the command line: what may be typed, and what came of it."""

from __future__ import annotations

import json

import pytest

from tests.integration.machine import Answer, Machine, connect


def add(machine: Machine, **changes: str | None) -> Answer:
    """``destinations add Shop``, with options changed or left out."""
    options = {"connection": "Main", "audience": machine.audience, "email": "EMail", "segment": "VIP", "agree": ""}
    given: dict[str, str | None] = {**options, **changes}
    words = [
        word
        for name, value in given.items()
        if value is not None
        for word in (f"--{name.replace('_', '-')}", value)
        if word
    ]
    return machine.postino("destinations", "add", "Shop", *words)


def test_audiences_are_listed_with_what_a_destination_needs_of_them(machine: Machine) -> None:
    connect(machine)
    (audience,) = json.loads(machine.postino("connections", "audiences", "Main", "--json").out)
    assert audience == {"id": machine.audience, "name": "Newsletter", "members": 0, "fields": audience["fields"]}
    assert "FNAME" in audience["fields"]
    assert machine.audience in machine.postino("connections", "audiences", "Main").out


def test_who_has_not_agreed_is_shown_the_statement_and_nothing_is_saved(machine: Machine) -> None:
    connect(machine)
    machine.postino("destinations", "remove", "Shop")
    refused = add(machine, agree=None)
    assert refused.code == 1
    assert "you are responsible for Mailchimp" in refused.err
    assert "--agree" in refused.err
    assert json.loads(machine.postino("destinations", "list", "--json").out) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channel": "exports"}, "C012AB3CD"),
        ({"email": "Mail"}, "They have EMail, FirstName, LastName."),
    ],
)
def test_a_wrong_option_is_answered_with_what_is_right(machine: Machine, changes: dict[str, str], words: str) -> None:
    connect(machine)
    machine.postino("destinations", "remove", "Shop")
    refused = add(machine, **changes)
    assert refused.code == 1
    assert words in refused.err
    assert json.loads(machine.postino("destinations", "list", "--json").out) == []


def test_a_destination_that_is_not_there_is_answered_with_where_they_are_listed(machine: Machine) -> None:
    for command in (("plan", "Nope"), ("history", "Nope"), ("decisions", "Nope"), ("destinations", "show", "Nope")):
        refused = machine.postino(*command)
        assert refused.code == 1
        assert "postino destinations list" in refused.err


def test_a_plan_is_no_export_that_somebody_cancelled(machine: Machine) -> None:
    connect(machine)
    machine.postino("plan", "Shop")
    machine.postino("export", "Shop")
    listed = machine.postino("history").out
    assert "Preview" in listed
    assert "Canceled" not in listed
    assert [one["preview"] for one in json.loads(machine.postino("history", "--json").out)] == [False, True]


def test_a_destination_is_shown_in_words(machine: Machine) -> None:
    connect(machine)
    shown = machine.postino("destinations", "show", "Shop").out
    assert "With every refresh of the source" in shown
    assert "the command line" in shown
    for raw in ("[]", "False", "never", "+00:00", "None"):
        assert raw not in shown
    assert not shown.startswith(" ")


def test_where_there_is_no_segment_it_is_said_who_knows_why(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTINO_SEGMENTS", "Spring*")
    assert "postino doctor" in machine.postino("segments").out
    assert "VIP: POSTINO_SEGMENTS leaves this table out." in machine.postino("doctor").out


def test_who_was_in_the_audience_as_the_source_has_them_is_not_told_to_be_left_out(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(machine)
    machine.postino("export", "Shop")
    monkeypatch.setenv("POSTINO_HOME", f"{machine.environment['POSTINO_HOME']}-of-another-machine")
    machine.postino("connections", "add", "Main", "--api-key-stdin", stdin=machine.api_key + "\n")
    assert add(machine, take_over="").code == 0
    machine.postino("export", "Shop")
    assert "was there already" in machine.postino("why", "ann@example.com").out
