"""Postino behind HTTP: Slack's signed requests, health, metrics, and the page people see after signing in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy.exc import OperationalError

from bot.server import Listening, create_server
from sandbox.slack.http_delivery import HttpDelivery
from tests.integration import wizard_hands as hands
from tests.integration.slack_world import Served, SlackWorld, open_slack_world, until


@pytest.fixture
def behind_http(served: Served, tmp_path: Path) -> Iterator[tuple[SlackWorld, str]]:
    """The same App as over the socket, served under /slack/events; the local Slack delivers to it and nowhere else."""
    secret = served.workspace.signing_secret
    with open_slack_world(served, tmp_path, slack_signing_secret=secret) as world:
        server = create_server(world.postino, world.app, lambda _: None, lambda: True)
        with Listening(server, 0) as listening:
            address = f"http://127.0.0.1:{listening.port}"
            served.workspace.delivery_by_http = HttpDelivery(f"{address}/slack/events")
            yield world, address
        served.workspace.delivery_by_http = None
        served.workspace.signing_secret = secret


def test_the_same_app_answers_commands_and_opens_the_wizard_over_http(behind_http: tuple[SlackWorld, str]) -> None:
    world, _ = behind_http
    ada = world.ada
    assert ada.act("command", channel="general", text="/postino help")["ok"]
    until(lambda: any("What Postino can do" in "".join(one["lines"]) for one in ada.messages("general")))
    assert "Data privacy and compliance" in hands.text_of(hands.open_wizard(ada))
    hands.act(ada, "close")


def test_a_request_with_a_wrong_signature_is_refused(behind_http: tuple[SlackWorld, str]) -> None:
    world, address = behind_http
    world.workspace.signing_secret = "another"
    assert world.ada.act("command", channel="general", text="/postino help")["error"] == "dispatch_failed"
    assert requests.post(f"{address}/slack/events", data="command=/postino", timeout=5).status_code == 401


def test_health_and_metrics_tell_how_it_goes(behind_http: tuple[SlackWorld, str]) -> None:
    _, address = behind_http
    assert requests.get(f"{address}/health", timeout=5).json() == {"status": "ok"}
    assert "postino_undelivered_messages 0" in requests.get(f"{address}/metrics", timeout=5).text


def test_health_says_that_the_database_does_not_answer(
    behind_http: tuple[SlackWorld, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, address = behind_http

    def fail() -> None:
        raise OperationalError("SELECT 1", {}, ConnectionError("connection refused"))

    monkeypatch.setattr(world.postino.database, "read", fail)
    for place in ("health", "metrics"):
        answer = requests.get(f"{address}/{place}", timeout=5)
        assert answer.status_code == 503
        assert answer.json() == {"status": "the database does not answer"}


def test_a_sign_in_that_nobody_began_is_refused_on_a_readable_page(behind_http: tuple[SlackWorld, str]) -> None:
    _, address = behind_http
    answer = requests.get(f"{address}/mailchimp/callback", params={"state": "<b>", "code": "x"}, timeout=5)
    assert answer.status_code == 400
    assert "start it again" in answer.text
    assert "<b>" not in answer.text
