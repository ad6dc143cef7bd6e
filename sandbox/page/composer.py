"""Where a person writes: messages, slash commands with completion, shortcuts."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from nicegui import ui

from sandbox.page import faces
from sandbox.page.nodes import Node, markup
from sandbox.page.words import word
from sandbox.slack import workflows
from sandbox.slack.errors import NotThereError
from sandbox.slack.values import Json

if TYPE_CHECKING:
    from sandbox.page.desk import Desk

KEYS = """(event) => {
    if (event.isComposing) return;
    const listed = event.target.getAttribute('aria-expanded') === 'true';
    const wanted = (event.key === 'Enter' && !event.shiftKey) ||
        (listed && ['ArrowUp', 'ArrowDown', 'Tab'].includes(event.key));
    if (wanted) { event.preventDefault(); emit(event.key, event.target.value); }
}"""
PICK = "(event) => { const line = event.target.closest('[data-index]'); if (line) emit(+line.dataset.index); }"


class Composer:
    """The field at the foot of a conversation."""

    def __init__(self, desk: Desk, channel: str, name: str, thread_ts: str | None = None) -> None:
        self._desk, self._channel, self._thread_ts = desk, channel, thread_ts
        self._offered: list[Json] = []
        self._marked = 0
        self._list: ui.html | None = None
        label = self._said("Reply…") if thread_ts else f"{self._said('Message')} {name}"
        with Node(classes="composer"):
            self._field = Node(
                "textarea", "composer-field", rows=1, placeholder=label, aria_label=label, autocomplete="off",
                data_testid="reply" if thread_ts else "composer", aria_expanded=False, aria_autocomplete="list",
                data_first=not thread_ts,
            )  # fmt: skip
            with Node(classes="composer-foot"):
                if not thread_ts:
                    bolt = Node("button", "icon-button", type="button", aria_label="Shortcuts", aria_haspopup="menu")
                    with bolt:
                        markup(faces.BOLT, tag="span")
                    bolt.clicked(lambda: self._desk.layers.menu(bolt, self._shortcuts, classes="shortcuts"))
                    slash = Node("button", "icon-button", "/", type="button", aria_label="Commands")
                    slash.clicked(self._slash)
                Node(classes="grow")
                send = Node("button", "send", type="button", aria_label="Send message")
                with send:
                    markup(faces.PLANE, tag="span")
                send.on("click", lambda event: self._send(str(event.args)),
                        js_handler=f"() => emit(document.getElementById('c{self._field.id}').value)")  # fmt: skip
        self._field.on("input", lambda event: self._complete(str(event.args)),
                       js_handler="(event) => emit(event.target.value)")  # fmt: skip
        self._field.on("keydown", lambda event: self._key(*event.args), js_handler=KEYS)

    def _said(self, english: str) -> str:
        return word(self._desk.person.user, english)

    # -- completion ----------------------------------------------------------------------------------------------

    async def _slash(self) -> None:
        self._desk.layers.run("put", self._field.id, "/")
        await self._complete("/")

    async def _complete(self, text: str) -> None:
        name, space, _ = text.partition(" ")
        commands = await self._desk.person.commands() if text.startswith("/") and "\n" not in text else []
        if space:
            self._offered = [each for each in commands if each["command"] == name]
        else:
            self._offered = [each for each in commands if each["command"].startswith(name.casefold())]
        self._marked = 0
        if not self._offered:
            if self._list is not None:
                self._desk.layers.close_menu()
            return
        if self._list is None:
            self._desk.layers.menu(self._field, self._draw, classes="completion", closed=self._closed)
            self._field.props["aria-expanded"] = "true"
        self._show()

    def _draw(self, _menu: Node) -> None:
        self._list = markup("", "listbox")
        self._list.props.update({"role": "listbox", "aria-label": "Commands"})
        self._list.on("click", lambda event: self._take(int(event.args)), js_handler=PICK)

    def _closed(self) -> None:
        self._list = None
        if not self._field.is_deleted:
            self._field.props["aria-expanded"] = "false"

    def _show(self) -> None:
        assert self._list is not None
        app = html.escape(self._desk.town.workspace.app_name)
        lines = [
            f'<div class="option{" marked" if index == self._marked else ""}" role="option" data-index="{index}" '
            f'aria-selected="{str(index == self._marked).lower()}"><b>{html.escape(each["command"])}</b> '
            f"<code>{html.escape(each.get('usage_hint') or '')}</code>"
            f"<small>{html.escape(each.get('description') or '')} · {app}</small></div>"
            for index, each in enumerate(self._offered)
        ]
        self._list.set_content("".join(lines))

    def _take(self, index: int) -> None:
        command = self._offered[index]["command"]
        self._desk.layers.run("put", self._field.id, f"{command} ")
        self._offered = [self._offered[index]]
        self._marked = 0
        if self._list is not None:
            self._show()

    # -- sending -------------------------------------------------------------------------------------------------

    async def _key(self, key: str, text: str) -> None:
        if key in ("ArrowDown", "ArrowUp") and self._offered:
            self._marked = (self._marked + (1 if key == "ArrowDown" else -1)) % len(self._offered)
            self._show()
        elif key == "Tab" and self._offered:
            self._take(self._marked)
        elif key == "Enter":
            await self._enter(text)

    async def _enter(self, text: str) -> None:
        """Enter sends; on a command that is only begun it completes, as in Slack."""
        name = text.strip()
        known = {each["command"] for each in await self._desk.person.commands()}
        if self._offered and " " not in name and name not in known and name.startswith("/"):
            self._take(self._marked)
        else:
            await self._send(text)

    async def _send(self, text: str) -> None:
        if not text.strip():
            return
        self._desk.layers.close_menu()
        self._offered = []
        self._desk.layers.run("sent", self._field.id, text)
        person = self._desk.person
        try:
            if text.startswith("/") and self._thread_ts is None:
                await person.command(self._channel, text)
            elif text.startswith("/"):
                self._desk.layers.note("Slash commands do not work in threads.")
            else:
                await person.say(self._channel, text.strip(), self._thread_ts)
        except NotThereError as refused:
            self._desk.layers.note(str(refused))

    # -- shortcuts -----------------------------------------------------------------------------------------------

    def _shortcuts(self, _menu: Node) -> None:
        declared = [each for each in self._desk.town.workspace.declared("shortcuts") or [] if each["type"] == "global"]
        with Node(role="menu", aria_label="Shortcuts"):
            Node(classes="menu-title", text=self._desk.town.workspace.app_name)
            for each in declared:
                with Node("button", "item", role="menuitem") as item:
                    Node("b", "", each["name"])
                    Node("small", "", each["description"])
                item.on("click", lambda _, name=each["callback_id"]: self._run(name), [])
            if not declared:
                Node(classes="nothing", text="The app declares no shortcuts.")
            offered = workflows.steps(self._desk.town.workspace)
            if offered:
                Node(classes="menu-title", text=self._said("Workflows"))
            for callback_id, step in offered.items():
                with Node("button", "item", role="menuitem") as item:
                    Node("b", "", step["title"])
                    Node("small", "", step["description"])
                item.on("click", lambda _, name=callback_id, step=step: self._ask(name, step), [])

    def _ask(self, callback_id: str, step: Json) -> None:
        """The inputs of a workflow's step, which who builds it fills in."""
        entered: Json = {}

        def form(_menu: Node) -> None:
            with Node(role="form", aria_label=step["title"], classes="workflow"):
                Node(classes="menu-title", text=f"Workflow: {step['title']}")
                for name, field in workflows.fields(step).items():
                    Node("label", "", field["title"])
                    typed = Node("input", "field", aria_label=field["title"], placeholder=field.get("description"))
                    typed.on("input", lambda event, name=name: entered.update({name: str(event.args)}),
                             js_handler="(event) => emit(event.target.value)")  # fmt: skip
                start = Node("button", "button primary", self._said("Start"), type="button")
                start.clicked(lambda: self._start(callback_id, entered))

        self._desk.layers.menu(self._field, form, classes="shortcuts")

    async def _start(self, callback_id: str, entered: Json) -> None:
        self._desk.layers.close_menu()
        outcome = await self._desk.person.workflow(callback_id, entered, self._channel)
        if not outcome.ok:
            self._desk.layers.note(outcome.text)

    async def _run(self, callback_id: str) -> None:
        self._desk.layers.close_menu()
        outcome = await self._desk.person.shortcut(callback_id)
        if not outcome.ok:
            self._desk.layers.note(outcome.text)
