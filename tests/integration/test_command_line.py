"""``postino …`` as a person types it, against the local Mailchimp."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from bot import cli
from sandbox.mailchimp import acts
from sandbox.mailchimp.app import create_app
from sandbox.mailchimp.state import World
from sandbox.serving import serve


@dataclass
class Answer:
    """What a command printed and how it ended."""

    out: str
    err: str
    code: int


Postino = Callable[..., Answer]


@dataclass
class Machine:
    """A machine with Postino, a source folder and a Mailchimp account."""

    postino: Postino
    world: World
    folder: Path
    environment: dict[str, str]

    @property
    def audience(self) -> str:
        (account,) = self.world.accounts.values()
        return next(iter(account.audiences))

    @property
    def api_key(self) -> str:
        (account,) = self.world.accounts.values()
        return account.api_key


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Machine]:
    world = World()
    world.add_account("Contoso Coffee").add_audience("Newsletter")
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "Customer.csv").write_text(
        "CustomerId,EMail,FirstName,LastName\n"
        "c1,ann@example.com,Ann,Ash\nc2,bob@example.com,Bob,Birch\nc3,,Cat,Cedar\nc4,dan@example.com,Dan,Deal\n"
    )
    (folder / "VIP.csv").write_text("CustomerId\nc1\nc2\nc3\n")
    (folder / "Coffee.csv").write_text("CustomerId\nc2\nc4\n")
    (folder / "Weather.csv").write_text("Day,Rain\nMonday,yes\n")
    for path in folder.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    with serve(create_app(world)) as url:
        environment = {
            "POSTINO_HOME": str(tmp_path / "home"),
            "POSTINO_SOURCE_URL": folder.as_uri(),
            "POSTINO_MAILCHIMP_API_URL": url,
            "POSTINO_MAILCHIMP_LOGIN_URL": url,
            "COLUMNS": "160",
            "LANG": "C.UTF-8",
        }
        for name in [name for name in os.environ if name.startswith(("POSTINO_", "SLACK_", "MAILCHIMP_CLIENT"))]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)

        def postino(*arguments: str, stdin: str = "") -> Answer:
            monkeypatch.setattr(sys, "argv", ["postino", *arguments])
            monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
            code = 0
            try:
                cli.main()
            except SystemExit as end:
                code = int(end.code or 0)
            printed = capsys.readouterr()
            return Answer(printed.out, printed.err, code)

        root = logging.getLogger()
        before = (root.handlers[:], root.level)
        yield Machine(postino, world, folder, environment)
        # The command line sets logging up for its own process.
        structlog.reset_defaults()
        root.handlers[:], root.level = before


def connect(machine: Machine, *segments: str, **options: str) -> None:
    """A connection and a destination called Shop."""
    machine.postino("connections", "add", "Main", "--api-key-stdin", stdin=machine.api_key + "\n")
    chosen = [part for name in segments or ("VIP",) for part in ("--segment", name)]
    more = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    saved = machine.postino(
        *("destinations", "add", "Shop", "--connection", "Main", "--audience", machine.audience, "--email", "EMail"),
        *("--first-name", "FirstName", "--last-name", "LastName", "--agree", *chosen, *more),
    )
    assert saved.code == 0, saved.err


def test_segments_are_listed_with_their_counts(machine: Machine) -> None:
    shown = machine.postino("segments", "--json")
    assert {one["name"]: one["profiles"] for one in json.loads(shown.out)} == {"VIP": 3, "Coffee": 2}
    assert "VIP" in machine.postino("segments", "vi").out
    assert "Coffee" not in machine.postino("segments", "vi").out


def test_an_export_prints_one_object_with_the_stable_names(machine: Machine) -> None:
    connect(machine)
    answer = machine.postino("export", "Shop", "--json")
    assert answer.code == 0, answer.err
    result = json.loads(answer.out)
    assert list(result) == [
        *("run", "status", "profiles"),
        *(
            "new",
            "updated",
            "tags_only",
            "unchanged",
            "suppressed",
            "no_consent",
            "duplicates",
            "rejected",
            "not_attempted",
        ),
        *("tags_added", "tags_removed", "calls", "retries", "seconds"),
    ]
    assert (result["status"], result["profiles"], result["new"], result["rejected"]) == (
        "Completed with rejects",
        3,
        2,
        1,
    )


def test_a_plan_sends_nothing(machine: Machine) -> None:
    connect(machine)
    plan = json.loads(machine.postino("plan", "Shop", "--json").out)
    assert (plan["classes"]["new"], plan["classes"]["rejected"]) == (2, 1)
    assert [one for one in machine.world.log.calls() if one.method != "GET"] == []
    assert "Tags added" in machine.postino("plan", "Shop").out


def test_destinations_and_connections_are_listed_shown_and_removed(machine: Machine) -> None:
    connect(machine, "VIP", "Coffee")
    assert json.loads(machine.postino("connections", "list", "--json").out)[0]["account"] == "Contoso Coffee"
    shown = json.loads(machine.postino("destinations", "show", "Shop", "--json").out)
    assert shown["tags"] == {"VIP": "VIP", "Coffee": "Coffee"}
    assert "Shop" in machine.postino("destinations", "list").out
    refused = machine.postino("connections", "remove", "Main")
    assert refused.code == 1
    assert "Shop" in refused.err
    assert machine.postino("destinations", "remove", "Shop").code == 0
    assert machine.postino("connections", "remove", "Main").code == 0
    assert json.loads(machine.postino("destinations", "list", "--json").out) == []


def test_history_and_why_tell_what_happened(machine: Machine) -> None:
    connect(machine)
    machine.postino("export", "Shop")
    (run,) = json.loads(machine.postino("history", "--json").out)
    assert (run["destination"], run["new"]) == ("Shop", 2)
    why = json.loads(machine.postino("why", "ANN@example.com", "--json").out)
    assert why["destinations"][0]["segments"] == ["VIP"]
    assert (why["destinations"][0]["status"], why["destinations"][0]["exported"]) == ("subscribed", True)


def test_somebody_forgotten_is_not_exported_again(machine: Machine) -> None:
    connect(machine)
    receipt = json.loads(machine.postino("forget", "ann@example.com", "--json").out)
    assert len(receipt["tombstone"]) == 16
    result = json.loads(machine.postino("export", "Shop", "--json").out)
    assert (result["new"], result["suppressed"]) == (1, 1)
    (account,) = machine.world.accounts.values()
    assert [one["email_address"] for one in acts.dump(account.audiences[machine.audience])] == ["bob@example.com"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"POSTINO_SOURCE_URL": "file:///nowhere/at/all"}, "/nowhere/at/all"),
        ({"POSTINO_SOURCE_URL": ""}, "POSTINO_SOURCE_URL"),
        ({"POSTINO_MAILCHIMP_API_URL": "http://mail.example.com"}, "https://"),
        ({"POSTINO_SECRET_KEY": "not a key"}, "POSTINO_SECRET_KEY"),
        ({"POSTINO_DATABASE_URL": "sqlite:////proc/nowhere/postino.sqlite"}, "nowhere"),
        ({"POSTINO_HTTP_PORT": "many"}, "POSTINO_HTTP_PORT"),
    ],
)
def test_a_wrong_setting_is_named_in_a_sentence_without_a_traceback(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], sentence: str
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    for command in ("segments", "doctor"):
        answer = machine.postino(command)
        assert answer.code == 1
        assert sentence in answer.out + answer.err
        assert "Traceback" not in answer.out + answer.err


def test_a_wrong_api_key_is_refused_in_a_sentence_that_does_not_repeat_it(machine: Machine) -> None:
    key = "0123456789abcdef0123456789abcdef-us1"
    answer = machine.postino("connections", "add", "Main", "--api-key-stdin", stdin=key + "\n")
    assert answer.code == 1
    assert "Mailchimp" in answer.err
    assert key[:32] not in answer.out + answer.err


def test_the_doctor_names_what_is_missing_and_what_is_hidden(machine: Machine) -> None:
    findings = json.loads(machine.postino("doctor", "--json").out)
    marks = {one["about"]: one["mark"] for one in findings}
    assert marks["SLACK_BOT_TOKEN"] == "problem"
    assert marks["POSTINO_SOURCE_URL"] == "ok"
    assert marks["Weather"] == "hint"


def test_credentials_survive_a_rotated_key_and_nothing_else_opens_them(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(machine)
    old = (Path(machine.environment["POSTINO_HOME"]) / "secret.key").read_text()
    assert (Path(machine.environment["POSTINO_HOME"]) / "secret.key").stat().st_mode & 0o777 == 0o600
    new = machine.postino("doctor", "--new-key").out.strip()
    monkeypatch.setenv("POSTINO_SECRET_KEY", new)
    refused = machine.postino("export", "Shop")
    assert refused.code == 1
    assert "POSTINO_SECRET_KEY" in refused.err
    monkeypatch.setenv("POSTINO_SECRET_KEY", f"{new},{old}")
    assert machine.postino("migrate").code == 0
    monkeypatch.setenv("POSTINO_SECRET_KEY", new)
    assert machine.postino("export", "Shop").code == 0


def test_an_export_that_is_told_to_stop_goes_on_with_the_same_command(machine: Machine) -> None:
    connect(machine)
    machine.world.switches.set(latency_bulk=1.0)
    begun = threading.Event()
    machine.world.faults.before_call(1, begun.set, method="POST")
    process = subprocess.Popen(
        [sys.executable, "-m", "bot.cli", "export", "Shop"],
        cwd=Path(__file__).parents[2],
        env=os.environ | machine.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert begun.wait(30)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "goes on where it stopped" in err
    machine.world.switches.set(latency_bulk=0.0)
    result = json.loads(machine.postino("export", "Shop", "--json").out)
    assert (result["new"], result["rejected"], result["not_attempted"]) == (2, 1, 0)


def test_the_export_path_imports_neither_slack_nor_a_web_server(machine: Machine) -> None:
    connect(machine)
    script = (
        "import sys; sys.argv = ['postino', 'export', 'Shop']\n"
        "from bot import cli\ncli.main()\n"
        "unwanted = {'slack_bolt', 'slack_sdk', 'flask', 'waitress', 'apscheduler'}\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & unwanted))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script.replace("cli.main()", "\ntry:\n    cli.main()\nexcept SystemExit: pass")],
        cwd=Path(__file__).parents[2],
        env=os.environ | machine.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
