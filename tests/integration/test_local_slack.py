"""The local Slack in Socket Mode, driven by a client nobody here wrote: slack-bolt on websocket-client."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from slack_bolt import App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from sandbox.serving import serve
from sandbox.slack.app import create_app
from sandbox.slack.remote import RemotePerson
from sandbox.slack.state import Workspace

Json = dict[str, Any]
logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)


class Connected:
    """One Bolt handler on its socket; ``app`` may be exchanged, because connecting costs half a second."""

    def __init__(self, workspace: Workspace, address: str, app: App) -> None:
        before = len(workspace.connections)
        self.handler = SocketModeHandler(app, workspace.app_token)
        # The SDK's monitor takes a session that is just being opened for one that is closed, and replaces it.
        self.handler.client.current_app_monitor_started = True
        self.handler.connect()  # type: ignore[no-untyped-call]
        wait_until(lambda: len(workspace.connections) > before)

    def stop(self) -> None:
        client = self.handler.client
        session = client.current_session
        assert session is not None
        assert session.sock is not None
        # websocket-client's reader sleeps up to ten seconds when it is closed from beside; a pong wakes it.
        client.auto_reconnect_enabled = False
        session.keep_running = False
        session.sock.ping()
        wait_until(lambda: session.sock is None)
        client.closed = True
        client.enqueue_message("{}")  # wakes the queue's reader, which otherwise sleeps a second
        self.handler.close()  # type: ignore[no-untyped-call]


class Place:
    """A served workspace, a Bolt app connected to it, and Ada at her client."""

    def __init__(self, workspace: Workspace, address: str, ada: RemotePerson, app: App) -> None:
        self.workspace, self.address, self.ada, self.app = workspace, address, ada, app

    def control(self, what: str, **body: Any) -> Json:
        answer: Json = requests.post(f"{self.address}/control/{what}", json=body, timeout=30).json()
        assert answer["ok"], answer
        return answer

    def command(self, text: str = "/go") -> Json:
        return self.ada.act("command", channel="general", text=text)

    def view(self, callback_id: str) -> Json:
        def shown() -> Json | None:
            view = self.ada.view()
            return view if view and view["callback_id"] == callback_id else None

        return self.ada.until(shown)

    def last(self, channel: str = "general") -> Json:
        return self.ada.until(lambda: self.ada.messages(channel))[-1]


def bolt(workspace: Workspace, address: str) -> App:
    client = WebClient(token=workspace.bot_token, base_url=f"{address}/api/")
    return App(client=client, listener_executor=ThreadPoolExecutor(8))


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Workspace, str, Connected]]:
    workspace = Workspace()
    with serve(create_app(workspace)) as address:
        connected = Connected(workspace, address, bolt(workspace, address))
        yield workspace, address, connected
        connected.stop()


@pytest.fixture
def place(served: tuple[Workspace, str, Connected]) -> Iterator[Place]:
    workspace, address, connected = served
    workspace.reset()
    workspace.ack_seconds = 3.0
    connected.handler.app = bolt(workspace, address)
    with RemotePerson(address, "U0ADA") as ada:
        yield Place(workspace, address, ada, connected.handler.app)
    connected.handler.app.listener_runner.listener_executor.shutdown()


def wait_until(seen: Callable[[], Any]) -> None:
    end = time.monotonic() + 10
    while not seen():
        assert time.monotonic() < end, "It did not happen within ten seconds."
        threading.Event().wait(0.005)


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def section(text: str, **more: Any) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(action_id: str, text: str, **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain(text), **more}


def field(block_id: str, label: str, kind: str = "plain_text_input", **element: Any) -> Json:
    shown = {"type": kind, "action_id": f"{block_id}_value", **element}
    return {"type": "input", "block_id": block_id, "label": plain(label), "element": shown}


def modal(callback_id: str, *blocks: Json, **more: Any) -> Json:
    view = {"type": "modal", "callback_id": callback_id, "title": plain(callback_id.title()), "blocks": list(blocks)}
    return {**view, "submit": plain("Next"), **more}


def opens(place: Place, view: Json) -> None:
    """`/go` opens that view."""

    @place.app.command("/go")
    def go(ack: Any, client: WebClient, body: Json) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=view)


def test_a_command_opens_a_modal_that_is_updated_refused_stepped_pushed_and_cleared(place: Place) -> None:
    submitted: list[Json] = []

    @place.app.command("/go")
    def go(ack: Any, client: WebClient, body: Json) -> None:
        ack()
        opened = client.views_open(trigger_id=body["trigger_id"], view=modal("loading", section("Just a moment…")))
        first = modal("first", field("name", "Display name", initial_value="Spring"))
        client.views_update(view_id=opened["view"]["id"], hash=opened["view"]["hash"], view=first)

    @place.app.view("first")
    def first(ack: Any, view: Json) -> None:
        submitted.append(view["state"]["values"])
        name = view["state"]["values"]["name"]["name_value"]["value"]
        if name == "Spring":
            ack(response_action="errors", errors={"name": "That name is taken."})
        else:
            ack(response_action="update", view=modal("second", section(f"Hello *{name}*"), field("why", "Why?")))

    @place.app.view("second")
    def second(ack: Any) -> None:
        ack(response_action="push", view=modal("third", section("Sure?")))

    @place.app.view("third")
    def third(ack: Any) -> None:
        ack(response_action="clear")

    assert place.command("/go world")["ok"]
    shown = place.view("first")["inputs"][0]
    assert (shown["label"], shown["value"]) == ("Display name", "Spring")

    refused = place.ada.act("submit")
    assert (refused["error"], refused["text"]) == ("errors", "That name is taken.")
    assert "⛔ That name is taken." in place.view("first")["lines"]

    place.ada.act("fill", values={"Display name": "Summer"})
    assert place.ada.act("submit")["ok"]
    assert submitted[-1] == {"name": {"name_value": {"type": "plain_text_input", "value": "Summer"}}}
    assert place.view("second")["lines"][:2] == ["Second", "Hello Summer"]

    empty = place.ada.act("submit")
    assert (empty["error"], empty["text"]) == ("invalid_input", "Please complete this required field.")
    place.ada.act("enter", target="why", value="Because")
    assert place.ada.act("submit")["ok"]
    assert place.view("third")["depth"] == 2
    assert place.ada.act("submit")["ok"]
    assert place.ada.view() is None


def test_an_update_keeps_what_was_entered_under_the_same_ids_and_forgets_the_rest(place: Place) -> None:
    opens(place, modal("form", field("a", "A"), field("b", "B")))
    place.command()
    view = place.view("form")
    place.ada.act("fill", values={"A": "kept", "B": "lost"})
    renamed = modal("form", field("a", "A", initial_value="ignored"), field("c", "B", initial_value="fresh"))
    place.app.client.views_update(view_id=view["id"], view=renamed)
    assert [shown["value"] for shown in place.view("form")["inputs"]] == ["kept", "fresh"]


def test_an_acknowledged_submission_without_an_answer_closes_only_the_top_view(place: Place) -> None:
    opens(place, modal("below", section("Below"), {"type": "actions", "elements": [button("more", "More")]}))

    @place.app.action("more")
    def more(ack: Any, client: WebClient, body: Json) -> None:
        ack()
        client.views_push(trigger_id=body["trigger_id"], view=modal("above", section("Above")))

    place.app.view("above")(lambda ack: ack())
    place.command()
    place.view("below")
    assert place.ada.act("click", target="More")["ok"]
    assert place.view("above")["depth"] == 2
    place.ada.act("submit")
    assert place.view("below")["depth"] == 1


def test_a_closed_view_is_told_to_the_app_only_if_it_asked(place: Place) -> None:
    closed: list[tuple[str, bool]] = []
    opens(place, modal("form", section("Hi"), notify_on_close=True, private_metadata="draft 7"))

    @place.app.view_closed("form")
    def gone(ack: Any, view: Json, body: Json) -> None:
        ack()
        closed.append((view["private_metadata"], body["is_cleared"]))

    place.command()
    place.view("form")
    assert place.ada.act("close")["ok"]
    wait_until(lambda: closed)
    assert closed == [("draft 7", False)]
    assert place.ada.view() is None
    with pytest.raises(SlackApiError, match="not_found"):
        place.app.client.views_update(view_id="V0", view=modal("form", section("Late")))


def test_a_button_in_a_message_carries_message_container_state_and_a_response_url(place: Place) -> None:
    bodies: list[Json] = []

    @place.app.action("send")
    def send(ack: Any, body: Json, respond: Any) -> None:
        ack()
        bodies.append(body)
        respond(text="Sent.", replace_original=True)

    choice = {"type": "static_select", "action_id": "how", "options": [{"text": plain("Fast"), "value": "fast"}]}
    row = {"type": "actions", "block_id": "row", "elements": [button("send", "Send", value="7"), choice]}
    posted = place.app.client.chat_postMessage(channel="C0GENERAL", text="Ready?", blocks=[section("Ready?"), row])
    assert place.ada.act("click", target="Send", channel="general")["ok"]
    wait_until(lambda: bodies)
    body = bodies[0]
    assert body["actions"][0] | {"action_ts": ""} == {
        "type": "button",
        "action_id": "send",
        "block_id": "row",
        "action_ts": "",
        "text": {"type": "plain_text", "text": "Send", "emoji": True},
        "value": "7",
    }
    assert body["container"]["message_ts"] == body["message"]["ts"] == posted["ts"]
    assert (body["user"]["id"], body["channel"]["name"], body["api_app_id"]) == ("U0ADA", "general", "A0POSTINO")
    place.ada.until(lambda: place.last()["text"] == "Sent.")
    assert place.last()["blocks"] == []


def test_a_dangerous_button_asks_before_it_tells_the_app(place: Place) -> None:
    clicked: list[str] = []

    @place.app.action("drop")
    def drop(ack: Any, payload: Json) -> None:
        ack()
        clicked.append(payload["action_id"])

    confirm = {"title": plain("Remove?"), "text": plain("Gone for good."), "confirm": plain("Yes"), "deny": plain("No")}
    row = {"type": "actions", "elements": [button("drop", "Remove", confirm=confirm)]}
    place.app.client.chat_postMessage(channel="C0GENERAL", text="Remove?", blocks=[row])
    asked = place.ada.act("click", target="Remove", channel="general")
    assert (asked["error"], asked["text"], clicked) == ("confirm", "Remove?\nGone for good.", [])
    assert place.ada.act("click", target="Remove", channel="general", confirm=True)["ok"]
    wait_until(lambda: clicked)


def test_an_external_select_is_searched_and_its_choice_submitted(place: Place) -> None:
    chosen: list[Json] = []
    opens(place, modal("pick", field("segment", "Segment", "external_select", min_query_length=0)))

    @place.app.options("segment_value")
    def search(ack: Any, payload: Json) -> None:
        names = [name for name in ("VIP buyers", "Newcomers") if payload["value"].lower() in name.lower()]
        ack(options=[{"text": plain(name), "value": name.lower()} for name in names])

    @place.app.view("pick")
    def picked(ack: Any, view: Json) -> None:
        ack()
        chosen.append(view["state"]["values"])

    place.command()
    place.view("pick")
    assert [each["text"] for each in place.ada.act("options", target="Segment", query="new")["options"]] == [
        "Newcomers"
    ]
    assert len(place.ada.act("options", target="Segment")["options"]) == 2
    assert place.ada.act("enter", target="Segment", value="VIP buyers")["ok"]
    assert place.ada.act("enter", target="Segment", value="Nobody")["error"] == "not_there"
    assert place.ada.act("submit")["ok"]
    wait_until(lambda: chosen)
    assert chosen[0]["segment"]["segment_value"]["selected_option"]["value"] == "vip buyers"


def test_the_home_tab_is_published_when_it_is_opened(place: Place) -> None:
    @place.app.event("app_home_opened")
    def opened(event: Json, client: WebClient) -> None:
        assert event["tab"] == "home"
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section("Your *destinations*")]})

    assert place.ada.read("home") is None
    assert place.ada.act("open_home")["ok"]
    assert place.ada.until(lambda: place.ada.read("home"))["lines"] == ["Your destinations"]


def test_shortcuts_reach_the_app(place: Place) -> None:
    seen: list[Json] = []

    @place.app.shortcut(re.compile(".*"))
    def run(ack: Any, body: Json) -> None:
        ack()
        seen.append(body)

    message = place.ada.act("say", channel="general", text="Look")["message"]
    assert place.ada.act("shortcut", callback_id="anywhere")["ok"]
    assert place.ada.act("message_shortcut", callback_id="on_message", channel="general", ts=message["ts"])["ok"]
    wait_until(lambda: len(seen) == 2)
    assert [body["type"] for body in seen] == ["shortcut", "message_action"]
    assert seen[1]["message"]["text"] == "Look"


def test_an_acknowledgement_with_text_is_shown_to_the_asker_alone(place: Place) -> None:
    place.app.command("/go")(lambda ack: ack("Only for you"))
    assert place.command()["ok"]
    assert (place.last()["text"], place.last()["ephemeral"]) == ("Only for you", True)
    with RemotePerson(place.address, "U0BEN") as ben:
        assert ben.messages("general") == []


def test_a_command_without_an_acknowledgement_in_time_shows_operation_timeout(place: Place) -> None:
    done = threading.Event()

    @place.app.command("/go")
    def slow(ack: Any) -> None:
        done.wait(10)
        ack("Too late")

    place.workspace.ack_seconds = 0.1
    assert place.command()["error"] == "operation_timeout"
    done.set()
    wait_until(lambda: place.workspace.deliveries[-1].latency is not None)
    assert place.workspace.deliveries[-1].outcome == "timeout"
    assert [message["text"] for message in place.ada.messages("general")] == [
        "/go failed with the error “operation_timeout”"
    ]


def test_a_submission_without_an_acknowledgement_keeps_the_view_and_says_so(place: Place) -> None:
    opens(place, modal("form", field("a", "A", initial_value="x")))
    place.command()
    place.view("form")
    place.workspace.ack_seconds = 0.1
    assert place.ada.act("submit")["error"] == "operation_timeout"  # Bolt has no listener for it: nothing is sent
    assert "⛔ We had some trouble connecting. Try again?" in place.view("form")["lines"]


def test_of_several_sockets_each_request_goes_to_one_and_duplicates_are_a_switch(place: Place) -> None:
    count: list[int] = []

    @place.app.command("/go")
    def go(ack: Any) -> None:
        ack()
        count.append(1)

    second = Connected(place.workspace, place.address, place.app)
    for _ in range(4):
        assert place.command()["ok"]
    wait_until(lambda: len(count) == 4)
    place.control("faults", duplicate_next=1)
    place.command()
    wait_until(lambda: len(count) == 6)
    second.stop()


def test_an_event_that_is_not_acknowledged_comes_again_with_the_same_id(place: Place) -> None:
    place.workspace.ack_seconds = 0.05
    place.workspace.event_retry_delays = (0.0,)
    place.control("event", event={"type": "app_uninstalled"})
    wait_until(lambda: len(place.workspace.deliveries) == 2)
    first, second = place.workspace.deliveries
    assert (second.attempt, second.payload["event_id"]) == (1, first.payload["event_id"])


def test_a_workflow_step_is_executed_and_completed_with_its_own_token(place: Place) -> None:
    @place.app.function("export")
    def export(inputs: Json, complete: Any) -> None:
        complete({"run": inputs["name"]})

    started = place.control("function", callback_id="export", inputs={"name": "Spring"})
    execution = place.workspace.functions[started["function_execution_id"]]
    wait_until(lambda: execution["status"] == "success")
    assert execution["result"] == {"run": "Spring"}
