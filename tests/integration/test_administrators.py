"""Administrators name others and take names off again, in Slack and at the command line."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sandbox.slack.remote import RemotePerson
from sandbox.slack.values import Role
from storage.models import RunStatus
from tests.integration.machine import Machine
from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import Served, until
from tests.integration.wizard_hands import act, enter, seen, text_of, value

FORM = "Admins and owners of this Slack workspace are administrators of Postino anyway."
REFUSED = "Only administrators may do this. Ask an admin or owner of this Slack workspace."


def open_names(person: RemotePerson, *words: str) -> dict[str, Any]:
    act(person, "command", channel="exports", text="/postino administrators")
    return seen(person, *(words or (FORM,)))


def name(person: RemotePerson, *people: str) -> dict[str, Any]:
    """Let these people be named, and nobody else."""
    open_names(person)
    enter(person, "named", list(people))
    act(person, "submit")
    told = seen(person, "Saved.")
    act(person, "close")
    return told


def audited(office: Office) -> list[list[str]]:
    """Who named or un-named whom, as the file says that administrators are sent."""
    office.type(office.ada, "/postino audit")
    [message] = [one for one in office.directly(office.ada) if one["files"]]
    rows = csv.DictReader(io.StringIO(office.ada.download(message["files"][0]["id"]).decode("utf-8-sig")))
    told = [row for row in rows if row["Action"].startswith("administrator.")]
    return [[row["Who"], row["What was done"], row["Subject"]] for row in told]


def test_whoever_is_named_is_an_administrator_at_once_and_no_longer_when_the_name_is_taken_off(office: Office) -> None:
    """Within the time for which Slack's word is believed: neither waits for it."""
    office.world.connect()
    open_names(office.ben, REFUSED)
    act(office.ben, "close")
    assert "administrators are: @Ben" in text_of(name(office.ada, "U0BEN"))
    assert "Main · connected" in lines(office.type(office.ben, "/postino connections"))
    assert value(open_names(office.ben), "named") == ["U0BEN"], "and may name others"
    enter(office.ben, "named", ["U0BEN", "U0CLEO"])
    assert "From now on only admins and owners" in text_of(name(office.ada))
    act(office.ben, "submit")
    seen(office.ben, REFUSED)
    act(office.ben, "close")
    assert "No Mailchimp connection is shared with you." in lines(office.type(office.ben, "/postino connections"))
    assert audited(office) == [
        ["U0ADA", "Named an administrator", "U0BEN Ben Okafor"],
        ["U0ADA", "Took an administrator's rights back", "U0BEN Ben Okafor"],
    ]


def test_administrators_find_the_names_in_app_home_and_in_the_hub(office: Office) -> None:
    office.world.destination("VIP")
    for person, offered in ((office.ada, True), (office.ben, False)):
        act(person, "open_home")
        until(partial(person.read, "home"))
        hub = office.type(person, "/postino")
        assert ("Administrators" in [one["text"] for one in hub["buttons"]]) is offered
        clicked = person.act("click", target="Administrators", home=True)
        assert clicked["ok"] is offered, clicked
    seen(office.ada, FORM)
    act(office.ada, "close")
    office.click(office.ada, "Administrators", office.type(office.ada, "/postino"))
    seen(office.ada, FORM)


def test_guests_bots_and_who_has_left_cannot_be_named(office: Office) -> None:
    users = office.world.workspace.users
    users["U0DARIO"] = replace(users["U0DARIO"], deleted=True)
    open_names(office.ada)
    enter(office.ada, "named", ["U0GUS", "U0BEN", "U0DARIO", "USLACKBOT", office.world.workspace.bot_user_id])
    answer = office.ada.act("submit")
    # Beside the input, or on top of the form where that took longer than Slack waits.
    said = answer["text"] or text_of(seen(office.ada, "cannot be administrators"))
    assert "cannot be administrators: Gus Guest, Dario Conti, Slackbot, Postino." in said
    assert "Ben" not in said
    assert office.postino.administrators.named(office.world.actor) == []
    enter(office.ada, "named", ["U0BEN"])
    act(office.ada, "submit")
    seen(office.ada, "administrators are: @Ben")


def test_a_guest_who_was_named_as_a_member_is_none_and_can_be_kept_or_taken_off(office: Office) -> None:
    name(office.ada, "U0BEN")
    users = office.world.workspace.users
    users["U0BEN"] = replace(users["U0BEN"], role=Role.GUEST)
    name(office.ada, "U0BEN", "U0CLEO")
    office.clock.forward(minutes=2)
    assert office.postino.rights.standing_of(office.world.actor.workspace_id, "U0BEN") == "stranger"
    assert office.postino.rights.standing_of(office.world.actor.workspace_id, "U0CLEO") == "administrator"
    name(office.ada, "U0CLEO")
    assert office.postino.administrators.named(office.world.actor) == ["U0CLEO"]


def test_two_who_name_at_the_same_time_do_not_overwrite_each_other(office: Office) -> None:
    name(office.ada, "U0BEN")
    for person in (office.ada, office.ben):
        open_names(person)
    enter(office.ben, "named", ["U0BEN", "U0CLEO"])
    act(office.ben, "submit")
    seen(office.ben, "Saved.")
    enter(office.ada, "named", ["U0BEN", "U0DARIO"])
    act(office.ada, "submit")
    now = seen(office.ada, "Somebody else has changed who is named since this was opened.")
    assert value(now, "named") == ["U0BEN", "U0CLEO"]
    assert office.postino.administrators.named(office.world.actor) == ["U0BEN", "U0CLEO"]
    act(office.ada, "submit")
    seen(office.ada, "administrators are: @Ben Okafor, @Cleo Marsh")


def test_what_somebody_asked_for_while_named_is_not_carried_out_when_they_are_not_any_more(office: Office) -> None:
    """Also while Slack does not answer: whom administrators have named is not Slack's to say."""
    destination = office.world.destination("VIP")
    name(office.ada, "U0BEN")
    office.click(office.ben, "Export…", office.type(office.ben, "/postino destinations"))
    office.soon(lambda: office.postino.runs.unfinished(office.world.actor))
    office.work()
    [run] = office.postino.runs.unfinished(office.world.actor)
    assert (run.requested_by, run.status, run.destination_id) == ("U0BEN", RunStatus.WAITING, destination.id)
    office.click(office.ben, "Send", office.posted()[-1])
    office.soon(lambda: office.run(run.id).approved_by)
    name(office.ada)
    office.world.workspace.faults.ratelimit_next = {"users.info": 100}
    while office.postino.exporting():
        pass
    office.world.workspace.faults.ratelimit_next = {}
    ended = office.run(run.id)
    assert ended.status == RunStatus.FAILED
    assert "may not export" in ended.reason["message"]


def test_the_command_line_names_lists_and_takes_names_off(machine: Machine) -> None:
    assert "Nobody is named." in machine.postino("administrators").out
    assert machine.postino("administrators", "--add", "U0BEN", "--add", "U0CLEO").out == "U0BEN\nU0CLEO\n"
    refused = machine.postino("administrators", "--add", "ben@example.com")
    assert refused.code == 1
    assert "is no Slack member ID" in refused.err
    shown = machine.postino("administrators", "--remove", "U0BEN", "--json")
    assert json.loads(shown.out) == {"named": ["U0CLEO"]}


def test_the_command_line_asks_slack_who_somebody_is(
    machine: Machine, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "office"
    folder.mkdir()
    with open_office(served, folder) as office:
        settings = office.postino.settings
        monkeypatch.setenv("POSTINO_HOME", str(settings.home))
        monkeypatch.setenv("SLACK_BOT_TOKEN", office.world.workspace.bot_token)
        monkeypatch.setenv("POSTINO_SLACK_API_URL", str(settings.slack_api_url))
        office.world.connect()
        refused = machine.postino("administrators", "--add", "U0GUS")
        assert refused.code == 1
        assert "cannot be administrators: Gus Guest." in refused.err
        assert "Main" not in lines(office.type(office.ben, "/postino connections"))
        assert machine.postino("administrators", "--add", "U0BEN").out == "U0BEN\n"
        assert "Main · connected" in lines(office.type(office.ben, "/postino connections"))
