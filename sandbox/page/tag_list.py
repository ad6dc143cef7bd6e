"""The tags of an audience with their holders, and what an administrator does to them by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.mailchimp import acts
from sandbox.page.nodes import Live, Node, Pile, Row

if TYPE_CHECKING:
    from sandbox.page.mailchimp_view import MailchimpView


class TagList:
    """One line per tag."""

    def __init__(self, view: MailchimpView) -> None:
        self._view = view
        self._renaming = ""
        self._pile = Pile(Node(classes="tag-list", data_testid="tags"))

    async def look(self) -> None:
        """Show the tags as they are now."""
        audience = self._view.audience
        with audience.world.lock:
            tags = [
                (
                    each.id,
                    each.name,
                    sum(map(len, each.holders.groups.values())),
                    len(each.holders.groups.get("subscribed", ())),
                )
                for each in audience.tags.values()
                if each.kind == "static"
            ]
        tags.sort(key=lambda tag: tag[1].casefold())
        rows = [
            Row(str(tag[0]), tag, self._draw, classes="tag-line", signature=(tag, tag[1] == self._renaming),
                attributes={"data-testid": "tag"})
            for tag in tags
        ]  # fmt: skip
        self._pile.show(rows or [Row("none", None, _none, classes="nothing")])

    def _draw(self, live: Live) -> None:
        _, name, holders, subscribed = live.data
        if name == self._renaming:
            field = Node(
                "input", "field short", defaultValue=name, aria_label=f"New name of {name}", autocomplete="off"
            )
            field.on("keydown", lambda event: self._rename(name, str(event.args)),
                     js_handler="(event) => { if (event.key === 'Enter') emit(event.target.value.trim()); }")  # fmt: skip
        else:
            Node("b", "tag-name", name)
        Node("span", "faint", f"{holders:,} members, {subscribed:,} of them subscribed")
        Node(classes="grow")
        Node("button", "button tiny", "Members", type="button").clicked(lambda: self._view.open_tab("members", name))
        Node("button", "button tiny", "Rename", type="button").clicked(lambda: self._begin(name))
        Node("button", "button tiny", "Delete", type="button").clicked(lambda: self._delete(name))

    async def _begin(self, name: str) -> None:
        self._renaming = name
        await self.look()

    async def _rename(self, name: str, new: str) -> None:
        self._renaming = ""
        if new and new != name:
            acts.rename_tag(self._view.audience, name, new)
        await self.look()

    async def _delete(self, name: str) -> None:
        acts.delete_tag(self._view.audience, name)
        await self.look()


def _none(_live: Live) -> None:
    Node("p", "", "No tags yet. Each exported segment becomes one.")
