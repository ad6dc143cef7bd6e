"""Data tables: pages of rows, sorted at a click on a heading."""

from __future__ import annotations

from typing import Any

from sandbox.page.nodes import Live, Node, markup
from sandbox.page.surfaces import Surface
from sandbox.slack.values import Json

HEADING = "(event) => { const cell = event.target.closest('th'); if (cell) emit(cell.cellIndex); }"
PAGE_SIZE = 5  # Slack's default


class DataTable:
    """A data_table block."""

    def __init__(self, surface: Surface, live: Live) -> None:
        self._surface = surface
        block: Json = live.data.block
        self._head, *self._rows = block["rows"]
        self._caption: str = block["caption"]
        self._size = int(block.get("page_size") or PAGE_SIZE)
        self._page, self._column, self._down = 0, -1, False
        self._table = markup("", "data-table")
        self._table.on("click", lambda event: self._sort(int(event.args)), js_handler=HEADING)
        with Node(classes="pages") as self._pages:
            Node("button", "button tiny", "‹", aria_label="Previous page").clicked(lambda: self._turn(-1))
            self._where = Node("span", "")
            Node("button", "button tiny", "›", aria_label="Next page").clicked(lambda: self._turn(1))
        self._show()

    def _turn(self, step: int) -> None:
        last = (len(self._rows) - 1) // self._size
        self._page = min(max(self._page + step, 0), last)
        self._show()

    def _sort(self, column: int) -> None:
        self._down = not self._down if column == self._column else False
        self._column, self._page = column, 0
        self._rows.sort(key=lambda row: _order(row[column]), reverse=self._down)
        self._show()

    def _show(self) -> None:
        start = self._page * self._size
        shown = self._rows[start : start + self._size]
        head = [dict(cell) for cell in self._head]
        if 0 <= self._column < len(head):
            text = head[self._column].get("text", head[self._column].get("value", ""))
            head[self._column] = {"type": "raw_text", "text": f"{text} {'↓' if self._down else '↑'}"}
        self._table.set_content(self._surface.still.table([head, *shown], caption=self._caption))
        self._where.say(f"{start + 1}–{start + len(shown)} of {len(self._rows)}")
        self._pages.set_visibility(len(self._rows) > self._size)


def _order(cell: Json) -> tuple[int, Any]:
    if cell["type"] == "raw_number":
        return 0, cell["value"]
    return 1, str(cell.get("text", "")).casefold()
