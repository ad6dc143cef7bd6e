"""The members of an audience, page by page; 60,000 of them never leave the server together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nicegui import ui

from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.records import STATUSES, Member
from sandbox.page.markup import escaped
from sandbox.page.nodes import Node, markup

if TYPE_CHECKING:
    from sandbox.page.mailchimp_view import MailchimpView

PAGE = 50
PICK = "(event) => { const row = event.target.closest('[data-address]'); if (row) emit(row.dataset.address); }"
OPEN = """(event) => {
    const row = event.target.closest('[data-address]');
    if (row && event.key === 'Enter') emit(row.dataset.address);
}"""


@dataclass(frozen=True)
class Wanted:
    """Which members to show: all, or those with this text in address or names, this status, this tag."""

    text: str = ""
    status: str = ""
    tag: str = ""


def found(audience: Audience, wanted: Wanted, offset: int, count: int) -> tuple[list[Member], int]:
    """One page of members, the latest change first, and how many there are. Takes the world's lock."""
    with audience.world.lock:
        tag = audience.tag_named(wanted.tag) if wanted.tag else None
        if wanted.tag and tag is None:
            return [], 0
        statuses = (wanted.status,) if wanted.status else STATUSES
        if not wanted.text and tag is None:
            return audience.window(statuses, None, None, offset, count, newest=True)
        members = audience.holders(tag, statuses, 0, 10**9)[0] if tag else audience.everyone()
        members = [each for each in members if each.status in statuses]
    text = wanted.text.casefold()
    if text:
        members = [each for each in members if text in each.address.casefold() or _named(each, text)]
    return members[::-1][offset : offset + count], len(members)


def _named(member: Member, text: str) -> bool:
    return any(isinstance(value, str) and text in value.casefold() for value in member.values)


class MemberTable:
    """Search, filters, pages."""

    def __init__(self, view: MailchimpView, tag: str | None) -> None:
        self._view = view
        self._wanted = Wanted(tag=tag or "")
        self._page = 0
        self._total = 0
        self._shown: Any = None
        with Node(classes="toolbar"):
            search = Node("input", "field", type="search", placeholder="Search address or name", aria_label="Search members",
                          autocomplete="off")  # fmt: skip
            search.on("input", lambda event: self._want(text=str(event.args).strip()), throttle=0.25, leading_events=False,
                      js_handler="(event) => emit(event.target.value)")  # fmt: skip
            status = Node("select", "field short", aria_label="Status")
            with status:
                Node("option", "", "Every status", value="")
                for each in STATUSES:
                    Node("option", "", each.capitalize(), value=each)
            status.on("change", lambda event: self._want(status=str(event.args)),
                      js_handler="(event) => emit(event.target.value)")  # fmt: skip
            if tag:
                with Node("span", "chip"):
                    Node("span", "", tag)
                    Node("button", "", "✕", type="button", aria_label="All tags").clicked(
                        lambda: view.open_tab("members")
                    )
            Node(classes="grow")
            self._where = Node("span", "faint", data_testid="member-total")
            Node("button", "button tiny", "‹", type="button", aria_label="Previous page").clicked(
                lambda: self._turn(-1)
            )
            Node("button", "button tiny", "›", type="button", aria_label="Next page").clicked(lambda: self._turn(1))
        self._table: ui.html = markup("", "member-table")
        self._table.props["data-testid"] = "members"
        self._table.on("click", lambda event: view.open_member(str(event.args)), js_handler=PICK)
        self._table.on("keydown", lambda event: view.open_member(str(event.args)), js_handler=OPEN)

    async def look(self) -> None:
        """Show the page as it is now."""
        audience = self._view.audience
        page, self._total = await asyncio.to_thread(found, audience, self._wanted, self._page * PAGE, PAGE)
        if not page and self._page:
            self._page = 0
            return await self.look()
        with audience.world.lock:
            rows = [
                (each.address, each.status, each.last_changed, audience.values_of(each), self._tags(each))
                for each in page
            ]
        if rows != self._shown and not self._table.is_deleted:
            self._shown = rows
            self._table.set_content(self._html(rows))
            first = self._page * PAGE
            self._where.say(f"{first + 1 if rows else 0:,}–{first + len(rows):,} of {self._total:,}")
        return None

    def _tags(self, member: Member) -> list[str]:
        tags = self._view.audience.tags
        return [tags[each].name for each in member.tags if each in tags]

    def _html(self, rows: list[Any]) -> str:
        named = [tag for tag in self._view.audience.fields if tag in ("FNAME", "LNAME")]
        fields = named + [tag for tag in self._view.audience.fields
                          if tag not in ("FNAME", "LNAME") and any(row[3][tag] not in ("", None) for row in rows)]  # fmt: skip
        names = [self._view.audience.fields[tag].name for tag in fields]
        heads = "".join(
            f"<th>{escaped(each)}</th>" for each in ("Email address", "Status", *names, "Tags", "Last changed")
        )
        lines = [
            f'<tr tabindex="0" data-address="{escaped(address)}"><td class="address">{escaped(address)}</td>'
            f'<td><span class="status {status}">{status.capitalize()}</span></td>'
            + "".join(f"<td>{escaped(_value(values[tag]))}</td>" for tag in fields)
            + f"<td>{''.join(f'<span class=tag>{escaped(tag)}</span>' for tag in tags)}</td>"
            f"<td class=when>{datetime.fromtimestamp(changed, UTC):%Y-%m-%d %H:%M:%S}</td></tr>"
            for address, status, changed, values, tags in rows
        ]
        nobody = f'<tr><td colspan="{len(names) + 4}" class="nothing">Nobody here.</td></tr>'
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines) or nobody}</tbody></table>"

    async def _want(self, *, text: str | None = None, status: str | None = None) -> None:
        old = self._wanted
        self._wanted = Wanted(old.text if text is None else text, old.status if status is None else status, old.tag)
        self._page, self._shown = 0, None
        await self.look()

    async def _turn(self, step: int) -> None:
        self._page = min(max(self._page + step, 0), max(self._total - 1, 0) // PAGE)
        await self.look()


def _value(value: Any) -> str:
    return ", ".join(str(part) for part in value.values() if part) if isinstance(value, dict) else str(value)
