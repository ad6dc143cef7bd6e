"""Select menus with search: static, external, people, channels; one or several."""

from __future__ import annotations

import asyncio
import html
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from sandbox.page.markup import escaped
from sandbox.page.nodes import Node, markup
from sandbox.page.surfaces import Part, Surface
from sandbox.page.words import word
from sandbox.slack.values import Json

# The value and not the place: the list may have been replaced since it was read.
PICK = "(event) => { const option = event.target.closest('[data-value]'); if (option) emit(option.dataset.value); }"
PAUSE = 0.15  # seconds without a further letter before the app is asked
KEYS = """(event) => {
    if (['ArrowDown', 'ArrowUp', 'Enter'].includes(event.key) || (event.key === 'Backspace' && !event.target.value)) {
        if (event.key !== 'Backspace') event.preventDefault();
        emit(event.key);
    }
}"""


@dataclass(frozen=True)
class Option:
    """One line of a menu; ``raw`` is the option object where there is one."""

    value: Any
    text: str
    description: str = ""
    group: str | None = None
    raw: Json | None = None


class Choice:
    """A select menu: a field that shows what is chosen and, in use, a search over what may be chosen."""

    def __init__(self, surface: Surface, part: Part) -> None:
        self._surface, self._part = surface, part
        element, entry = part.element, part.entry
        self._kind: str = element["type"]
        self._several = self._kind.startswith("multi_")
        self._chosen = self._held(entry["value"])
        self._offered: list[Option] = []
        self._seen: dict[str, Option] = {}
        self._marked = 0
        self._asked = 0
        self._list: ui.html | None = None
        placeholder = entry["placeholder"] or self._said("Select options" if self._several else "Select an option")
        label = entry["label"] or placeholder
        self._box = Node(classes="select" + (" several" if self._several else ""))
        with self._box:
            for each in self._chosen if self._several else []:
                self._chip(each)
            shown = "" if self._several or not self._chosen else self._chosen[0].text
            self._field = Node(
                "input", role="combobox", aria_label=label, aria_expanded=False, aria_haspopup="listbox",
                autocomplete="off", spellcheck="false", placeholder="" if self._several and self._chosen else placeholder,
                defaultValue=shown, size=1,
            )  # fmt: skip
            if self._chosen and not self._several and part.live.data.block.get("optional"):
                clear = Node("button", "clear", "✕", type="button", aria_label=f"Clear {label}")
                clear.clicked(lambda: self._surface.enter(part, None))
        self._field.on("click", lambda _: self._open(), [])
        self._field.on("input", lambda event: self._search(str(event.args)), js_handler="(e) => emit(e.target.value)")
        self._field.on("keydown", lambda event: self._key(str(event.args)), js_handler=KEYS)

    def _chip(self, option: Option) -> None:
        with Node("span", "chip"):
            Node("span", "", option.text)
            remove = Node("button", "", "✕", type="button", aria_label=f"Remove {option.text}")
            remove.clicked(lambda: self._take(option))

    def _held(self, value: Any) -> list[Option]:
        several = value if isinstance(value, list) else [value] if value not in (None, "") else []
        return [self._option_of(each) for each in several]

    def _option_of(self, held: Any) -> Option:
        read = self._surface.words.read
        if isinstance(held, dict):
            return Option(held["value"], read.text(held["text"]), raw=held)
        return Option(held, read.person(held) if "users" in self._kind else read.place(held))

    # -- the menu ------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        if self._list is not None:
            return
        self._surface.layers.menu(self._field, self._draw, classes="options", closed=self._closed)
        self._field.props["aria-expanded"] = "true"
        self._surface.layers.run("select", self._field.id)
        await self._search("")

    def _draw(self, _menu: Node) -> None:
        self._list = markup("", "listbox")
        label = self._part.entry["label"] or self._part.entry["placeholder"]
        self._list.props.update({"role": "listbox", "aria-label": f"Options of {label}"})
        self._list.on("click", lambda event: self._pick(str(event.args)), js_handler=PICK)

    def _closed(self) -> None:
        self._list = None
        self._asked += 1
        if not self._field.is_deleted:
            self._field.props["aria-expanded"] = "false"
            self._surface.layers.run("restore", self._field.id)

    async def _search(self, query: str) -> None:
        if self._list is None:
            if query:
                await self._open()
            if self._list is None:
                return
        self._asked += 1
        asked = self._asked
        if "external" in self._kind:
            if not self._offered:
                self._list.set_content('<div class="nothing">Loading…</div>')
            if query:
                await asyncio.sleep(PAUSE)
            if asked != self._asked:
                return
        offered = await self._options(query.strip())
        if asked == self._asked and self._list is not None:
            self._offered, self._marked = offered, 0
            self._seen |= {str(each.value): each for each in offered}
            self._list.props["data-query"] = query
            self._show(query)

    async def _options(self, query: str) -> list[Option]:
        element, entry = self._part.element, self._part.entry
        if "external" in self._kind:
            found = await self._surface.options(self._part, query)
            return [
                Option(each["value"], each["text"], each["description"], each["group"], each["raw"]) for each in found
            ]
        wanted = query.casefold()
        if "users" in self._kind:
            people = self._surface.person.workspace.users.values()
            every = [Option(each.id, each.real_name, f"@{each.name}") for each in people
                     if not each.deleted and each.id != "USLACKBOT"]  # fmt: skip
        elif "conversations" in self._kind or "channels" in self._kind:
            every = await self._places(element)
        else:
            every = [
                Option(each["value"], each["text"], each["description"], each["group"]) for each in entry["options"]
            ]
        return [each for each in every if wanted in f"{each.text} {each.description}".casefold()]

    async def _places(self, element: Json) -> list[Option]:
        included = (element.get("filter") or {}).get("include") or ["public", "private", "im"]
        kinds = {True: "private", False: "public"}
        channels = [each for each in await self._surface.person.channels()
                    if not each["is_archived"] and not each["is_dm"] and kinds[each["is_private"]] in included]  # fmt: skip
        return [Option(each["id"], f"#{each['name']}") for each in channels]

    def _show(self, query: str) -> None:
        assert self._list is not None
        chosen = {each.value for each in self._chosen}
        lines, group = [], None
        for index, each in enumerate(self._offered):
            if each.group != group:
                group = each.group
                lines.append(f'<div class="group">{escaped(group or "")}</div>')
            classes = ("option marked" if index == self._marked else "option") + (
                " chosen" if each.value in chosen else ""
            )
            more = f"<small>{escaped(each.description)}</small>" if each.description else ""
            lines.append(
                f'<div class="{classes}" role="option" data-value="{html.escape(str(each.value))}" '
                f'aria-selected="{str(each.value in chosen).lower()}">'
                f"<span>{escaped(each.text)}</span>{more}</div>"
            )
        self._list.set_content("".join(lines) or f'<div class="nothing">{self._nothing(query)}</div>')

    def _nothing(self, query: str) -> str:
        least = self._part.element.get("min_query_length", 3)
        if "external" in self._kind and len(query) < least:
            return f"{self._said('Type at least')} {least} {self._said('characters to search')}"
        return self._said("No results")

    def _said(self, english: str) -> str:
        return word(self._surface.person.user, english)

    # -- choosing ------------------------------------------------------------------------------------------------

    async def _key(self, key: str) -> None:
        if key == "Backspace":
            if self._several and self._chosen:
                await self._take(self._chosen[-1])
        elif self._list is None:
            await self._open()
        elif key == "Enter":
            if self._offered:
                await self._take(self._offered[self._marked])
        elif self._offered:
            self._marked = (self._marked + (1 if key == "ArrowDown" else -1)) % len(self._offered)
            self._show("")

    async def _pick(self, value: str) -> None:
        if value in self._seen:
            await self._take(self._seen[value])

    async def _take(self, option: Option) -> None:
        """Choose an option, or with several give one up that was chosen."""
        known = {each.value: each.raw for each in (*self._offered, option, *self._chosen) if each.raw is not None}
        self._surface.layers.close_menu()
        if self._several:
            values = [each.value for each in self._chosen]
            wanted: Any = (
                [each for each in values if each != option.value] if option.value in values else [*values, option.value]
            )
        else:
            wanted = option.value
        if "external" in self._kind:
            self._surface.remember(self._part, list(known.values()))
        await self._surface.enter(self._part, wanted)
