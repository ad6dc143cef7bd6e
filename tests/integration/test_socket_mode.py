"""Slack renews, loses and closes the bot's socket: whoever clicks meanwhile is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from slack_bolt import App
from slack_sdk import WebClient

from bot import acknowledging, socket_mode
from bot.socket_mode import Socket
from sandbox.serving import serve
from sandbox.slack.app import create_app
from sandbox.slack.remote import RemotePerson
from sandbox.slack.state import Workspace
from tests.integration.slack_world import until

SLOWLY = 2.0
"""Seconds that a socket lives on after its end was announced: longer than a busy computer needs to open another."""


class Place:
    """An app on its socket, and Ada before the channel #general."""

    def __init__(self, workspace: Workspace, address: str, socket: Socket, ada: RemotePerson) -> None:
        self.workspace, self.address, self.socket, self.ada = workspace, address, socket, ada

    def end_the_socket(self, **how: Any) -> None:
        requests.post(f"{self.address}/control/disconnect", json=how, timeout=30).raise_for_status()

    def command(self) -> bool:
        return bool(self.ada.act("command", channel="general", text="/go")["ok"])


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(socket_mode, "LOOK_SECONDS", 0.1)
    workspace = Workspace()
    with serve(create_app(workspace)) as address:
        app = App(client=WebClient(token=workspace.bot_token, base_url=f"{address}/api/"))
        acknowledging.keep(app)
        app.command("/go")(lambda ack: ack())
        app.command("/form")(_open)
        app.view("form")(lambda ack: ack(response_action="errors", errors={"name": "Somebody, please."}))
        socket = Socket(app, workspace.app_token)
        socket.connect()  # type: ignore[no-untyped-call]
        with RemotePerson(address, "U0ADA") as ada:
            yield Place(workspace, address, socket, ada)
        socket.close()  # type: ignore[no-untyped-call]
        until(lambda: workspace.connections == [])


def _open(ack: Any, body: dict[str, Any], client: WebClient) -> None:
    ack()
    field = {"type": "plain_text_input", "action_id": "value"}
    name = {"type": "input", "block_id": "name", "label": {"type": "plain_text", "text": "Name"}, "element": field}
    words = {"title": {"type": "plain_text", "text": "Form"}, "submit": {"type": "plain_text", "text": "Send"}}
    client.views_open(
        trigger_id=body["trigger_id"], view={"type": "modal", "callback_id": "form", **words, "blocks": [name]}
    )


def test_no_click_is_lost_while_slack_renews_the_socket(place: Place) -> None:
    for _ in range(3):
        (old,) = place.workspace.connections
        place.end_the_socket(grace=SLOWLY)
        while old in place.workspace.connections:
            assert place.command()
        assert place.command()


def test_the_new_socket_is_open_while_the_old_one_still_is(place: Place) -> None:
    (old,) = place.workspace.connections
    place.end_the_socket(grace=SLOWLY)
    until(lambda: len(place.workspace.connections) == 2)
    assert old in place.workspace.connections
    until(lambda: len(place.workspace.connections) == 1)
    assert old not in place.workspace.connections
    assert place.socket.is_connected


def test_an_end_that_is_announced_twice_is_followed_by_one_new_socket(place: Place) -> None:
    (old,) = place.workspace.connections
    for _ in range(2):  # the second one comes before another socket is open
        asyncio.run(place.workspace.on_its_loop(old.refresh(SLOWLY)))
    until(lambda: old not in place.workspace.connections)
    assert place.command()
    assert len(place.workspace.connections) == 1


def test_a_submission_is_answered_on_the_socket_that_brought_it(place: Place) -> None:
    assert place.ada.act("command", channel="general", text="/form")["ok"]
    place.ada.until(place.ada.view)
    place.ada.act("enter", target="name", value="Nobody")
    (old,) = place.workspace.connections
    place.end_the_socket(grace=SLOWLY)
    until(lambda: len(place.workspace.connections) == 2)
    old.draining = False  # Slack may still use it, and here it must
    place.workspace.connections.reverse()
    place.workspace.connections[0].ready = False
    assert "Somebody, please." in str(place.ada.act("submit"))


def test_a_socket_that_breaks_is_followed_by_another_at_once(place: Place) -> None:
    (old,) = place.workspace.connections
    place.end_the_socket(abrupt=True)
    until(lambda: place.workspace.connections and old not in place.workspace.connections)
    assert place.command()


def test_the_socket_comes_back_when_slack_was_away(place: Place) -> None:
    requests.post(f"{place.address}/control/down", json={"seconds": 1.0}, timeout=30).raise_for_status()
    assert not place.command()
    until(lambda: place.workspace.connections)
    assert place.command()


def test_closing_leaves_no_socket_open(place: Place) -> None:
    place.socket.close()  # type: ignore[no-untyped-call]
    until(lambda: place.workspace.connections == [])
    assert not place.socket.is_connected
