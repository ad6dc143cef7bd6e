"""HTML elements, and lists of them that are brought up to date without drawing again what did not change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from nicegui import ui

Handler = Callable[..., Any]


class Node(ui.element):
    """A plain HTML element. In attribute names ``_`` stands for ``-``; those that are None or False are left out."""

    def __init__(self, tag: str = "div", classes: str = "", text: str | None = None, **attributes: Any) -> None:
        super().__init__(tag)
        self._text = text
        if classes:
            self.classes(classes)
        given = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        # Vue shows true as an empty attribute, which is "off" for ARIA.
        self.props.update(
            {
                name: str(value).lower() if name.startswith("aria-") and isinstance(value, bool) else value
                for name, value in given.items()
                if value is not None and (value is not False or name.startswith("aria-"))
            }
        )

    def say(self, text: str) -> None:
        """Show another text."""
        if text != self._text:
            self._text = text
            self.update()

    def clicked(self, handler: Handler) -> Node:
        """Call ``handler`` without arguments when it is clicked."""
        self.on("click", lambda _: handler(), [])
        return self


def markup(content: str, classes: str = "", tag: str = "div") -> ui.html:
    """HTML of our own making, in which foreign text is escaped already."""
    shown = ui.html(content, sanitize=False, tag=tag)
    return shown.classes(classes) if classes else shown


@dataclass
class Row:
    """What a ``Pile`` is to show under ``key``: ``rows`` below each other, or what ``draw`` makes of ``data``.

    It is drawn again only when ``signature`` changes (``data`` unless another is given); ``Live.data`` is always fresh.
    """

    key: str
    data: Any = None
    draw: Callable[[Live], Any] | None = None
    rows: list[Row] | None = None
    signature: Any = None
    tag: str = "div"
    classes: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


class Live:
    """A row on the screen and what it shows now."""

    def __init__(self, row: Row) -> None:
        self.holder = Node(row.tag, row.classes, **row.attributes)
        self.data = row.data
        self._look = (row.classes, row.attributes)
        self._row: Row | None = None
        self._signature: Any = None
        self._pile: Pile | None = None
        self.show(row, first=True)

    def show(self, row: Row, *, first: bool = False) -> None:
        """Bring it up to date; the very same row as before shows nothing new."""
        if row is self._row:
            return
        self._row = row
        self.data = row.data
        look = (row.classes, row.attributes)
        if look != self._look:
            self._look = look
            self.holder.classes(replace=row.classes)
            self.holder.props.update({name.replace("_", "-"): value for name, value in row.attributes.items()})
        if row.rows is not None:
            self._pile = self._pile or Pile(self.holder)
            self._pile.show(row.rows)
            return
        signature = row.data if row.signature is None else row.signature
        if not first and signature == self._signature:
            return
        self._signature = signature
        if not first:
            self.holder.clear()
        if row.draw:
            with self.holder:
                row.draw(self)


class Pile:
    """The rows of a container, kept by key: those that stay keep their focus, their scroll and their place."""

    def __init__(self, container: ui.element) -> None:
        self._container = container
        self._lives: dict[str, Live] = {}

    def show(self, rows: Iterable[Row]) -> None:
        """Show these rows in this order. Keys are unique."""
        if self._container.is_deleted:
            return
        wanted = list(rows)
        keys = {row.key for row in wanted}
        for key in [each for each in self._lives if each not in keys]:
            self._lives.pop(key).holder.delete()
        children = self._container.default_slot.children
        for index, row in enumerate(wanted):
            live = self._lives.get(row.key)
            if live is None:
                with self._container:
                    live = self._lives[row.key] = Live(row)
            else:
                live.show(row)
            if children[index] is not live.holder:
                live.holder.move(self._container, index)
