"""A small Bolt app that shows every kind of block and asks for every kind of input."""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from slack_bolt import App
from slack_sdk import WebClient

from bot.socket_mode import Socket
from sandbox.town import Town

Json = dict[str, Any]
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")
GO_ON = threading.Event()
"""What the button that takes its time waits for."""
LONGEST = 60.0
FRUITS = [f"Fruit {number}" for number in range(1, 301)]
MANIFEST: Json = {
    "display_information": {"name": "Greeter", "description": "Says hello.", "long_description": "It says hello."},
    "features": {
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True, "messages_tab_read_only_enabled": False},
        "bot_user": {"display_name": "Greeter"},
        "slash_commands": [
            {"command": "/hello", "description": "Says hello", "usage_hint": "[name]"},
            {"command": "/help-me", "description": "Opens a form", "usage_hint": "[topic]"},
            {"command": "/gallery", "description": "Shows every block", "usage_hint": ""},
        ],
        "shortcuts": [
            {"name": "Fill in the form", "type": "global", "callback_id": "form", "description": "Opens the form"},
            {"name": "Count words", "type": "message", "callback_id": "count", "description": "Counts"},
        ],
    },
    "oauth_config": {"scopes": {"bot": ["commands", "chat:write", "files:write", "users:read", "channels:read"]}},
    "settings": {
        "event_subscriptions": {"bot_events": ["app_home_opened", "message.im"]},
        "interactivity": {"is_enabled": True},
    },
}


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(text: str, description: str | None = None) -> Json:
    return {"text": plain(text), "value": text.lower(), **({"description": plain(description)} if description else {})}


def section(text: str, **more: Any) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(action_id: str, text: str, **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain(text), **more}


def field(label: str, kind: str, **more: Any) -> Json:
    block: Json = {key: more.pop(key) for key in ("optional", "hint", "dispatch_action") if key in more}
    name = label.lower().replace(" ", "-")
    element = {"type": kind, "action_id": f"{name}-value", **more}
    return {"type": "input", "block_id": name, "label": plain(label), "element": element, **block}


def form() -> Json:
    """A modal with every input."""
    colours = [option("Red", "like cherries"), option("Green"), option("Blue")]
    return {
        "type": "modal",
        "callback_id": "form",
        "title": plain("A form"),
        "submit": plain("Next"),
        "notify_on_close": True,
        "blocks": [
            section("Please *fill in* everything."),
            field("Name", "plain_text_input", hint=plain("As in your passport.")),
            field("Story", "plain_text_input", multiline=True, optional=True),
            field("Age", "number_input", is_decimal_allowed=False, min_value="18"),
            field("Address", "email_text_input", optional=True),
            field("Site", "url_text_input", optional=True),
            field("Colour", "static_select", options=colours, placeholder=plain("Pick a colour"), dispatch_action=True),
            field("Fruits", "multi_external_select", min_query_length=0),
            field("Reviewers", "multi_users_select", optional=True),
            field("Channel", "conversations_select", default_to_current_conversation=True),
            field("Terms", "checkboxes", options=[option("I agree"), option("Write to me")]),
            field("Size", "radio_buttons", options=[option("Small"), option("Large")], initial_option=option("Small")),
            field("Day", "datepicker", optional=True),
            field("Hour", "timepicker", optional=True),
            {"type": "alert", "level": "info", "text": plain("Nothing is sent anywhere.")},
            {"type": "actions", "elements": [button("more", "More…"), button("slow", "Take your time")]},
        ],
    }


def gallery() -> list[Json]:
    """Every block a message may have."""
    rich = {"type": "rich_text_section", "elements": [{"type": "text", "text": "bold", "style": {"bold": True}}]}
    items = {"type": "rich_text_list", "style": "bullet", "elements": [rich, rich]}
    rows = [[{"type": "raw_text", "text": f"Segment {n}"}, {"type": "raw_number", "value": n, "text": f"{n:,}"}]
            for n in (1200, 30, 7, 900, 45, 61, 2)]  # fmt: skip
    task = {"type": "task_card", "task_id": "count", "title": "Count", "status": "complete"}
    return [
        {"type": "header", "text": plain("Gallery :rocket:")},
        section(
            "*bold* _italic_ ~gone~ `code` <https://example.com|a link> <@U0BEN> <#C0EXPORTS> :white_check_mark:\n"
            "> quoted\n• one\n• two\n```x < y```",
            accessory={"type": "overflow", "action_id": "menu", "options": [option("Copy"), option("Delete")]},
        ),
        {"type": "section", "fields": [plain("Left"), {"type": "mrkdwn", "text": "*Right*\n<!date^0^{date_num}|never>"}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "small _print_"}]},
        {"type": "divider"},
        {"type": "rich_text", "elements": [rich, items]},
        {"type": "data_table", "caption": "Segments", "page_size": 5,
         "rows": [[{"type": "raw_text", "text": "Name"}, {"type": "raw_text", "text": "Profiles"}], *rows]},
        {"type": "plan", "title": "Export", "tasks": [
            task, {**task, "task_id": "send", "title": "Send", "status": "in_progress"},
            {**task, "task_id": "verify", "title": "Verify", "status": "pending"}]},
        {"type": "markdown", "text": "**Strong** and\n\n- first\n- second\n\n| a | b |\n|---|---|\n| 1 | 2 |"},
        {"type": "actions", "elements": [
            button("yes", "Approve", style="primary"),
            button("no", "Remove", style="danger", confirm={
                "title": plain("Sure?"), "text": plain("It cannot be undone."), "confirm": plain("Remove it"),
                "deny": plain("Keep it"), "style": "danger"}),
            button("site", "Website", url="https://example.com/"),
            {"type": "static_select", "action_id": "pick", "placeholder": plain("Pick one"),
             "options": [option("Ham"), option("Eggs")]},
        ]},
    ]  # fmt: skip


def create_app(client: WebClient) -> App:
    """The app."""
    app = App(client=client)
    for register in (_commands, _form, _views, _messages, _home):
        register(app)
    return app


def _commands(app: App) -> None:
    @app.command("/hello")
    def hello(ack: Any, command: Json, respond: Any) -> None:
        ack()
        respond(f"Hello *{command['text'] or 'you'}*")

    @app.command("/help-me")
    def help_me(ack: Any, body: Json, client: WebClient) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=form())

    @app.shortcut("form")
    def shortcut(ack: Any, body: Json, client: WebClient) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=form())

    @app.command("/gallery")
    def show(ack: Any, client: WebClient, body: Json) -> None:
        ack()
        client.chat_postMessage(channel=body["channel_id"], text="Gallery", blocks=gallery())


def _form(app: App) -> None:
    @app.options("fruits-value")
    def fruits(ack: Any, payload: Json) -> None:
        found = [each for each in FRUITS if payload["value"].lower() in each.lower()]
        ack(options=[option(each) for each in found[:100]])

    @app.action("colour-value")
    def colour(ack: Any, body: Json, client: WebClient, payload: Json) -> None:
        ack()
        view = form()
        view["blocks"].insert(7, section(f"You chose *{payload['selected_option']['value']}*."))
        client.views_update(view_id=body["view"]["id"], view=view)

    @app.action("more")
    def more(ack: Any, body: Json, client: WebClient) -> None:
        ack()
        pushed = {"type": "modal", "title": plain("More"), "blocks": [section("Nothing more.")]}
        client.views_push(trigger_id=body["trigger_id"], view=pushed)

    @app.action("slow")
    def slow(ack: Any) -> None:
        GO_ON.wait(LONGEST)
        ack()

    # Bolt answers for a listener after three seconds, which a busy computer may need to look at the button.
    app._listeners[-1].ack_timeout = int(LONGEST)


def _views(app: App) -> None:
    @app.view("form")
    def submitted(ack: Any, view: Json, body: Json, client: WebClient) -> None:
        values = {block: next(iter(each.values())) for block, each in view["state"]["values"].items()}
        if values["name"]["value"] == "Nobody":
            ack(response_action="errors", errors={"name": "Somebody, please."})
            return
        ack()
        said = [values["name"]["value"], values["age"]["value"], values["colour"]["selected_option"]["value"],
                *(each["value"] for each in values["fruits"]["selected_options"]),
                *(each["value"] for each in values["terms"]["selected_options"]),
                values["size"]["selected_option"]["value"], values["day"]["selected_date"] or "any day"]  # fmt: skip
        client.chat_postMessage(channel=values["channel"]["selected_conversation"], text="Got " + ", ".join(said))

    @app.view_closed("form")
    def closed(ack: Any, body: Json, client: WebClient) -> None:
        ack()
        client.chat_postMessage(channel=body["user"]["id"], text="You closed the form.")


def _messages(app: App) -> None:
    @app.action("yes")
    def yes(ack: Any, body: Json, client: WebClient) -> None:
        ack()
        where = body["channel"]["id"]
        client.chat_update(
            channel=where, ts=body["message"]["ts"], text="Approved", blocks=[section("Approved ▓▓░░ 50 %")]
        )
        client.chat_postMessage(
            channel=where, thread_ts=body["message"]["ts"], text="Details in the thread", reply_broadcast=True
        )
        listed = {"filename": "rejects.csv", "title": "Rejects", "content": "profile,reason\np1,no address\n"}
        drawn = {"filename": "size.png", "title": "Size", "content": PIXEL, "alt_txt": "A line that rises"}
        client.files_upload_v2(channel=where, thread_ts=body["message"]["ts"], file_uploads=[listed, drawn])

    for name in ("no", "menu", "pick"):
        app.action(name)(_said(name))

    @app.action("site")
    def site(ack: Any) -> None:
        ack()

    @app.shortcut("count")
    def count(ack: Any, shortcut: Json, respond: Any) -> None:
        ack()
        respond(f"{len(shortcut['message']['text'].split())} words")


def _home(app: App) -> None:
    @app.event("app_home_opened")
    def home(event: Json, client: WebClient) -> None:
        if event["tab"] == "home":
            blocks = [
                {"type": "header", "text": plain("Welcome")},
                section("Home", accessory=button("again", "Refresh")),
            ]
            client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    @app.action("again")
    def again(ack: Any, body: Json, client: WebClient) -> None:
        ack()
        client.views_publish(user_id=body["user"]["id"], view={"type": "home", "blocks": [section("Refreshed")]})

    @app.event("message")
    def message(event: Json, say: Any) -> None:
        say(f"You said: {event['text']}")


def _said(name: str) -> Callable[..., None]:
    def listener(ack: Any, respond: Any, payload: Json) -> None:
        ack()
        chosen = payload.get("selected_option") or {}
        respond(f"{name}: {chosen.get('value', 'clicked')}", replace_original=False)

    return listener


@contextmanager
def connected(town: Town) -> Iterator[None]:
    """The app at work in that town while the context lasts."""
    logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)
    app = create_app(WebClient(token=town.workspace.bot_token, base_url=f"{town.slack_url}/api/"))
    handler = Socket(app, town.workspace.app_token)
    handler.connect()  # type: ignore[no-untyped-call]
    _until(lambda: town.workspace.connections)
    yield
    handler.close()  # type: ignore[no-untyped-call]
    app.listener_runner.listener_executor.shutdown()


def _until(seen: Callable[[], Any]) -> None:
    end = time.monotonic() + 10
    while not seen():
        assert time.monotonic() < end, "It did not happen within ten seconds."
        threading.Event().wait(0.005)
