"""``slack run``: the Slack CLI asks the project for its way to start, starts it with the tokens of its app, and interrupts it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from sandbox.serving import serve
from sandbox.slack.app import create_app
from sandbox.slack.remote import RemotePerson
from sandbox.slack.state import Workspace
from tests.integration.slack_world import until

ROOT = Path(__file__).parents[2]


@contextmanager
def started(folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The start hook, run through a shell as the Slack CLI runs it."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("POSTINO_", "SLACK_", "MAILCHIMP_"))
    }
    environment |= {"POSTINO_HOME": str(folder / "home"), "POSTINO_HTTP_PORT": "0", "POSTINO_LOG_LEVEL": "WARNING"}
    hooks = json.loads((ROOT / ".slack" / "hooks.json").read_text())["hooks"]
    asked = [sys.executable, *shlex.split(hooks["get-hooks"])[1:]]
    told = subprocess.run(asked, cwd=ROOT, env=clean, capture_output=True, text=True, check=True, timeout=60)
    start = json.loads(told.stdout)["hooks"]["start"]
    process = subprocess.Popen(
        ["sh", "-c", f"exec {start}"],
        cwd=ROOT,
        env=clean | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_slack_run_starts_the_bot_with_the_clis_tokens_and_an_interrupt_stops_it(tmp_path: Path) -> None:
    workspace = Workspace()
    workspace.load_manifest(yaml.safe_load((ROOT / "manifest.yml").read_text()))
    source = tmp_path / "source"
    source.mkdir()
    with serve(create_app(workspace)) as slack, RemotePerson(slack, "U0ADA") as ada:
        tokens = {"SLACK_CLI_XOXB": workspace.bot_token, "SLACK_CLI_XAPP": workspace.app_token}
        local = {"POSTINO_SLACK_API_URL": f"{slack}/api/", "POSTINO_SOURCE_URL": source.as_uri()}
        with started(tmp_path, **tokens, **local) as process:
            until(lambda: workspace.connections or process.poll() is not None, 60)
            assert process.poll() is None
            ada.act("command", channel="exports", text="/postino help")
            until(lambda: any("What Postino can do" in str(one["lines"]) for one in ada.messages("exports")))
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        until(lambda: not workspace.connections)


def test_without_tokens_slack_run_says_in_a_sentence_what_is_missing(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert said.startswith("The bot needs SLACK_BOT_TOKEN, and SLACK_APP_TOKEN for Socket Mode")
        assert "Traceback" not in said
