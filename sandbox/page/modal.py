"""The open modal over a dimmed page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.page import blocks, faces
from sandbox.page.nodes import Live, Node, Pile, Row
from sandbox.page.surfaces import Surface
from sandbox.page.words import word
from sandbox.slack.values import Json

if TYPE_CHECKING:
    from sandbox.page.desk import Desk

ENTER = """(event) => {
    if (event.key !== 'Enter' || event.defaultPrevented || !event.target.matches('input.field')) return;
    event.preventDefault();
    emit();
}"""


class Modal:
    """Shows the top of the person's stack of views."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._holder = Node(classes="modal-holder")
        self._id: tuple[str, str] | None = None
        self._surface: Surface | None = None
        self._submit: Node | None = None

    @property
    def is_open(self) -> bool:
        """Whether a modal is before the person."""
        return self._id is not None

    def show(self, view: Json | None) -> None:
        """Show this view, or none."""
        known = (self._desk.person.user.id, view["id"]) if view else None
        if known != self._id:
            self._id = known
            self._desk.layers.close_menu()
            self._holder.clear()
            if view:
                with self._holder:
                    self._frame()
        if view:
            self._fill(view)

    def _frame(self) -> None:
        self._surface = Surface(self._desk.person, self._desk.layers)
        with (
            Node(classes="dim"),
            Node("div", "dialog", role="dialog", aria_modal=True, data_testid="modal") as self._dialog,
        ):
            self._head = Pile(Node(classes="dialog-head"))
            with Node(classes="dialog-body") as body:
                self._body = Pile(Node(classes="dialog-blocks"))
                self._failure = Pile(Node())
            self._foot = Pile(Node(classes="dialog-foot"))
        body.on("keydown", lambda _: self.submit(), js_handler=ENTER)
        self._desk.layers.run("enter", self._dialog.id)

    def _fill(self, view: Json) -> None:
        assert self._surface is not None
        self._dialog.props["aria-label"] = view["title"]
        self._dialog.props["data-callback"] = view["callback_id"]
        self._head.show([Row("head", (view["title"], view["depth"]), self._draw_head, classes="dialog-head-row")])
        self._body.show(blocks.rows(self._surface, view["blocks"], blocks.by_key(view["inputs"])))
        failures = [Row("failure", view["failure"], _failure, classes="alert error")] if view["failure"] else []
        self._failure.show(failures)
        buttons: tuple[Any, ...] = (view["close"], view["submit"])
        self._foot.show([Row("foot", buttons, self._draw_foot, classes="dialog-foot-row")])

    def _draw_head(self, live: Live) -> None:
        title, depth = live.data
        if depth > 1:
            Node("button", "icon-button", "‹", type="button", aria_label="Back").clicked(self.close)
        else:
            faces.app_icon("small")
        Node("h2", "", title)
        Node("button", "icon-button", "✕", type="button", aria_label="Close the window").clicked(self._close_all)

    def _draw_foot(self, live: Live) -> None:
        close, submit = live.data
        self._submit = None
        said = close or word(self._desk.person.user, "Cancel" if submit else "Close")
        Node("button", "button", said, type="button").clicked(self.close)
        if submit:
            button = Node("button", "button primary", submit, type="button", data_testid="submit")
            self._submit = button.clicked(self.submit)

    # -- acting --------------------------------------------------------------------------------------------------

    async def submit(self) -> None:
        """Press the submit button."""
        button = self._submit
        if button is None or self._surface is None or "busy" in button.classes:
            return
        taken = await self._surface.act(self._desk.person.submit(), button)
        if not taken:
            self._desk.layers.run("showError")

    async def close(self) -> None:
        """Press the close button."""
        if self._surface is not None:
            await self._surface.act(self._desk.person.close())

    async def _close_all(self) -> None:
        if self._surface is not None:
            await self._surface.act(self._desk.person.close(everything=True))


def _failure(live: Live) -> None:
    Node("span", "", live.data)
