"""The app's manifest: what Slack takes, and exactly what the bot listens to."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot import app as bot_app
from bot import wiring
from bot.manifest import with_workflow_step
from bot.settings import Settings
from bot.views import home, wizard, wizard_connect, wizard_matching, wizard_segments
from tests.conftest import leave_out
from tests.listening import Recording

Json = dict[str, Any]
MANIFEST = Path(__file__).parents[2] / "manifest.yml"
FROM_SLACK = {"function_executed"}
"""Events that Slack sends without a subscription."""


@pytest.fixture
def manifest() -> Json:
    found: Json = yaml.safe_load(MANIFEST.read_text())
    return found


@pytest.fixture
def listening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[Any]]]:
    """What the bot listens to, by kind."""
    monkeypatch.setattr(bot_app, "App", Recording)
    values: Json = {"POSTINO_HOME": tmp_path, "slack_bot_token": "xoxb-none"}
    application = wiring.build(Settings(_env_file=None, **values))
    app = bot_app.create_app(application)
    assert isinstance(app, Recording)
    yield app.heard
    app.listener_runner.listener_executor.shutdown()
    application.database.dispose()


def named(constraints: list[Any]) -> set[str]:
    """The names listened to, without the catch-alls."""
    return {one for one in constraints if isinstance(one, str)}


@pytest.mark.parametrize("step", [False, True])
def test_slack_takes_the_manifest(manifest: Json, *, step: bool) -> None:
    manifest = with_workflow_step() if step else manifest
    path = os.environ.get("SLACK_MANIFEST_SCHEMA")
    if not path:
        leave_out("The manifest is not checked: SLACK_MANIFEST_SCHEMA does not name Slack's schema.")
    schema = json.loads(Path(path or "").read_text())
    problems = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in jsonschema.Draft7Validator(schema).iter_errors(manifest)
    ]
    assert problems == []


def test_every_command_has_a_listener_and_the_reverse(manifest: Json, listening: dict[str, list[Any]]) -> None:
    declared = {one["command"] for one in manifest["features"]["slash_commands"]}
    assert declared == named(listening["command"])


def test_every_shortcut_has_a_listener_and_the_reverse(manifest: Json, listening: dict[str, list[Any]]) -> None:
    declared = {one["callback_id"] for one in manifest["features"]["shortcuts"]}
    assert declared == named(listening["shortcut"])


def test_every_event_has_a_listener_and_the_reverse(manifest: Json, listening: dict[str, list[Any]]) -> None:
    declared = set(manifest["settings"]["event_subscriptions"]["bot_events"])
    assert declared == named(listening["event"]) - FROM_SLACK


def test_every_workflow_step_has_a_listener_and_the_reverse(listening: dict[str, list[Any]]) -> None:
    assert set(with_workflow_step()["functions"]) == named(listening["function"])


def test_the_workflow_step_is_added_and_nothing_else_changes(manifest: Json) -> None:
    joined = with_workflow_step()
    assert "functions" not in manifest
    assert joined["settings"]["org_deploy_enabled"] is True
    events = manifest["settings"]["event_subscriptions"]["bot_events"]
    assert joined["settings"]["event_subscriptions"]["bot_events"] == [*events, "function_executed"]
    for part in ("display_information", "features", "oauth_config"):
        assert joined[part] == manifest[part]


def hook(name: str, *more: str) -> str:
    """What a hook of the Slack CLI prints, run as .slack/hooks.json says."""
    hooks = json.loads((MANIFEST.parent / ".slack" / "hooks.json").read_text())["hooks"]
    command = shlex.split(hooks["get-hooks"])
    assert command[0] == ".venv/bin/python"
    run = [sys.executable, *command[1:-1], name, *more]
    return subprocess.run(run, cwd=MANIFEST.parent, capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_slack_cli_gets_the_manifest_and_our_way_to_start() -> None:
    hooks = json.loads(hook("get-hooks"))
    assert hooks["hooks"]["start"].endswith("-m bot.manifest start")
    assert hooks["config"]["watch"]["manifest"]["paths"] == ["manifest.yml", "manifest-workflow-step.yml"]
    told = hook("get-manifest", "--protocol=message-boundaries", "--boundary=edge")
    assert told.startswith("edge")
    assert json.loads(told.strip().removeprefix("edge").removesuffix("edge")) == with_workflow_step()


def test_unknown_commands_and_old_buttons_are_caught_last(listening: dict[str, list[Any]]) -> None:
    for kind in ("command", "action"):
        assert isinstance(listening[kind][-1], re.Pattern)
        assert listening[kind][-1].fullmatch("whatever.it.is")


def test_every_button_and_select_of_the_wizard_and_home_has_a_listener(listening: dict[str, list[Any]]) -> None:
    views = (wizard, wizard_connect, wizard_matching, wizard_segments, home)
    ids = {
        value
        for module in views
        for value in vars(module).values()
        if isinstance(value, str) and re.fullmatch(r"(wizard|home|export|run)\.[a-z_]+", value)
    }
    assert len(ids) > 20
    own = [one for one in listening["action"] if one != re.compile(".*")]
    heard = {
        one for one in ids if any(one == each or (isinstance(each, re.Pattern) and each.match(one)) for each in own)
    }
    assert ids - heard == {wizard.OUTCOME_CALLBACK} - heard


def test_the_app_asks_for_no_more_than_it_needs(manifest: Json) -> None:
    scopes = manifest["oauth_config"]["scopes"]
    assert set(scopes["bot"]) == {"commands", "chat:write", "files:write", "users:read"}
    assert set(scopes["bot_optional"]) == {"chat:write.public"}


def test_every_command_says_what_it_does_and_how_it_is_used(manifest: Json) -> None:
    for command in manifest["features"]["slash_commands"]:
        assert command["description"]
        assert command["usage_hint"]
