"""What lies above the page: one menu, one question, passing notes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from nicegui import Client, ui

from sandbox.page.markup import Markup
from sandbox.page.nodes import Node, markup
from sandbox.slack.values import Json

NOTE_SECONDS = 6.0


class Layers:
    """The layers of one browser tab. Menus close at a click elsewhere and at Escape."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._layer = Node(classes="layers")
        with self._layer:
            self._notes = Node(classes="notes", role="status", aria_live="polite")
        self._menu: Node | None = None
        self._closed: Callable[[], None] | None = None
        self._question: Node | None = None
        self._answer: asyncio.Future[bool] | None = None

    def run(self, name: str, *arguments: Any) -> None:
        """Call a function of ``page.js`` in the browser."""
        given = ", ".join(json.dumps(each) for each in arguments)
        self._client.run_javascript(f"sandboxPage.{name}({given})")

    def menu(
        self,
        anchor: ui.element,
        draw: Callable[[Node], Any],
        *,
        classes: str = "",
        closed: Callable[[], None] | None = None,
    ) -> Node:
        """Open a menu beside ``anchor``, in place of any other; ``closed`` is called when it goes."""
        self.close_menu()
        with self._layer:
            self._menu = Node("div", f"menu {classes}")
            with self._menu:
                draw(self._menu)
        self._closed = closed
        self.run("place", self._menu.id, anchor.id)
        return self._menu

    def close_menu(self) -> None:
        """Close the menu, if one is open."""
        menu, self._menu = self._menu, None
        closed, self._closed = self._closed, None
        if menu is not None:
            menu.delete()
        if closed is not None:
            closed()

    def escape(self) -> bool:
        """Close the topmost of menu and question; whether there was one."""
        if self._menu is not None:
            self.close_menu()
            return True
        if self._question is not None:
            self._end(False)
            return True
        return False

    async def ask(self, dialog: Json, words: Markup) -> bool:
        """Show a confirmation dialog and wait for the person's answer."""
        self.close_menu()
        self._end(False)
        answer = self._answer = asyncio.get_running_loop().create_future()
        style = "danger" if dialog.get("style") == "danger" else "primary"
        with self._layer:
            self._question = Node(classes="dim", data_testid="confirm")
        with self._question, Node(classes="dialog small", role="alertdialog", aria_modal=True, aria_label="Confirm"):
            with Node(classes="dialog-head"):
                markup(words.text(dialog["title"]), tag="h2")
            markup(words.text(dialog["text"]), "dialog-body text")
            with Node(classes="dialog-foot"):
                Node("button", "button", words.read.text(dialog["deny"])).clicked(lambda: self._end(False))
                yes = Node("button", f"button {style}", words.read.text(dialog["confirm"]))
                yes.clicked(lambda: self._end(True))
        self.run("focus", yes.id)
        agreed: bool = await answer
        return agreed

    def _end(self, decision: bool) -> None:
        question, self._question = self._question, None
        answer, self._answer = self._answer, None
        if question is not None:
            question.delete()
        if answer is not None and not answer.done():
            answer.set_result(decision)

    def note(self, text: str, kind: str = "error") -> None:
        """Show a note that goes by itself."""
        with self._notes:
            shown = Node(classes=f"note {kind}", text=text)
        with shown:
            ui.timer(NOTE_SECONDS, lambda: None if shown.is_deleted else shown.delete(), once=True)
