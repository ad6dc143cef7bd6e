"""What somebody gets wrong while installing: each is named in a sentence, by the commands and by the doctor."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.runs import Runs
from tests.integration.machine import Answer, Machine
from tests.integration.refusing_server import refusing_server
from tests.integration.slack_world import Served


def doctor(machine: Machine) -> dict[str, tuple[str, str]]:
    """The last finding about each thing: its mark and its text."""
    return {one["about"]: (one["mark"], one["text"]) for one in json.loads(machine.postino("doctor", "--json").out)}


def refused(answer: Answer, *words: str) -> None:
    """The command failed with one sentence that has these words in it."""
    assert answer.code == 1
    for word in words:
        assert word in answer.err, answer.err
    assert "Traceback" not in answer.err


def test_a_file_that_is_no_database_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("These are notes and no database. " * 100)
    monkeypatch.setenv("POSTINO_DATABASE_URL", f"sqlite:///{tmp_path / 'notes.txt'}")
    refused(machine.postino("history"), "something else than a database", "POSTINO_DATABASE_URL")
    assert doctor(machine)["POSTINO_DATABASE_URL"][0] == "problem"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "postgresql+psycopg://user:password@host/name"),
        ("oracle+nothing://host/name", "SQLite or PostgreSQL only"),
        ("sqlite:////proc/nowhere/postino.sqlite", "/proc/nowhere"),
        ("postgresql+psycopg://ann:geheim@127.0.0.1:1/postino", "does not answer"),
        ("postgres://ann:geheim@127.0.0.1:1/postino", "does not answer"),
    ],
)
def test_a_database_address_that_cannot_work_leaves_the_rest_of_the_doctors_list(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    monkeypatch.setenv("POSTINO_DATABASE_URL", url)
    answer = machine.postino("history")
    refused(answer, words)
    assert "geheim" not in answer.err
    found = doctor(machine)
    assert words in found["POSTINO_DATABASE_URL"][1]
    assert found["SLACK_BOT_TOKEN"][0] == "problem"


def test_a_wrong_password_of_the_own_database_is_told_apart(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing_server("password authentication failed") as port:
        monkeypatch.setenv("POSTINO_DATABASE_URL", f"postgresql+psycopg://ann:geheim@127.0.0.1:{port}/postino")
        refused(machine.postino("history"), "refuses the user name or the password")


def test_a_disk_that_is_full_from_the_start_is_told_as_such(machine: Machine) -> None:
    machine.postino("history")
    # As on a disk without a free block, SQLite cannot make its file of shared memory.
    barely = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", sys.executable, "-m", "bot.cli", "history"]
    told = subprocess.run(barely, env=os.environ | machine.environment, capture_output=True, text=True, check=False)
    assert (told.returncode, "The database's disk is full, or does not work" in told.stderr) == (1, True), told.stderr


def test_a_home_that_cannot_be_made_is_one_of_the_doctors_findings(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTINO_HOME", "/proc/postino")
    found = doctor(machine)
    assert found["POSTINO_HOME"][0] == "problem"
    assert "/proc/postino" in found["POSTINO_HOME"][1]


def test_a_wrong_key_is_told_under_its_own_name(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTINO_SECRET_KEY", "not a key")
    assert doctor(machine)["POSTINO_SECRET_KEY"][0] == "problem"


def test_an_empty_key_file_is_named_and_never_replaced(machine: Machine) -> None:
    key_file = Path(machine.environment["POSTINO_HOME"]) / "secret.key"
    machine.postino("history")
    key_file.write_text("")
    refused(machine.postino("history"), str(key_file), "backup")
    assert key_file.read_text() == ""


def test_settings_in_another_encoding_are_refused_in_a_sentence(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_bytes("POSTINO_SEGMENTS=città\n".encode("latin-1"))
    monkeypatch.chdir(tmp_path)
    refused(machine.postino("history"), ".env", "UTF-8")


def test_a_token_in_the_wrong_place_is_known_by_its_beginning(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    monkeypatch.setenv("POSTINO_SLACK_API_URL", f"{served.slack}/api/")
    monkeypatch.setenv("SLACK_BOT_TOKEN", served.workspace.app_token)
    mark, text = doctor(machine)["SLACK_BOT_TOKEN"]
    assert mark == "problem"
    assert "xoxb-" in text


def test_the_doctor_and_the_start_say_which_token_slack_refuses(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    monkeypatch.setenv("POSTINO_SLACK_API_URL", f"{served.slack}/api/")
    monkeypatch.setenv("POSTINO_HTTP_PORT", "0")
    good = {"SLACK_BOT_TOKEN": served.workspace.bot_token, "SLACK_APP_TOKEN": served.workspace.app_token}
    wrong = {"SLACK_BOT_TOKEN": "xoxb-wrong", "SLACK_APP_TOKEN": "xapp-wrong"}
    for name, token in good.items():
        monkeypatch.setenv(name, token)
    assert doctor(machine)["Slack"][0] == "ok"
    for name, token in wrong.items():
        monkeypatch.setenv(name, token)
        mark, text = doctor(machine)[name]
        assert mark == "problem"
        assert "invalid_auth" in text
        refused(machine.postino("run"), f"Slack does not accept {name}")
        monkeypatch.setenv(name, good[name])


def test_a_port_that_is_taken_is_named_with_its_setting(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("POSTINO_HTTP_PORT", str(taken.getsockname()[1]))
        refused(machine.postino("worker"), "POSTINO_HTTP_PORT", str(taken.getsockname()[1]))


def test_half_of_a_mailchimp_app_is_a_problem_that_names_the_other_half(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor(machine)["Mailchimp sign-in"][0] == "hint"
    monkeypatch.setenv("MAILCHIMP_CLIENT_ID", "100000000001")
    mark, text = doctor(machine)["Mailchimp sign-in"]
    assert mark == "problem"
    assert "MAILCHIMP_CLIENT_SECRET, POSTINO_PUBLIC_URL" in text


def test_slacks_http_mode_needs_no_app_token(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "local-signing-secret")
    assert doctor(machine)["SLACK_APP_TOKEN"][0] == "ok"


def test_a_table_that_may_not_be_read_is_left_out_with_that_reason(machine: Machine) -> None:
    (machine.folder / "Broken.parquet").write_text("PAR1 and nothing else")
    assert "Broken" in doctor(machine)["Broken"][1]


def test_a_mapping_beside_a_folder_is_said_to_be_of_no_use(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTINO_SOURCE_MAPPING", "/srv/mapping.toml")
    assert doctor(machine)["POSTINO_SOURCE_MAPPING"][0] == "hint"


def test_a_misspelt_setting_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTINO_SOURCEURL=file:///srv\nEDITOR=vi\n")
    monkeypatch.chdir(tmp_path)
    found = doctor(machine)
    assert found["POSTINO_SOURCEURL"][0] == "hint"
    assert "EDITOR" not in found
    assert "POSTINO_SOURCE_URL" in found


def test_what_nobody_foresaw_is_one_sentence_and_all_of_it_when_it_is_asked_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LookupError("ann@example.com")

    monkeypatch.setattr(Runs, "history", fail)
    answer = machine.postino("history")
    refused(answer, "LookupError", "POSTINO_LOG_LEVEL=DEBUG")
    assert "ann@example.com" not in answer.err
    monkeypatch.setenv("POSTINO_LOG_LEVEL", "DEBUG")
    with pytest.raises(LookupError):
        machine.postino("history")
