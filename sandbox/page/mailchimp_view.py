"""The Mailchimp side of the page: audiences, their members and tags, and a panel to make trouble."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nicegui import Client, ui

from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.records import STATUSES
from sandbox.page import faces
from sandbox.page.layers import Layers
from sandbox.page.member_pane import MemberPane
from sandbox.page.member_table import MemberTable
from sandbox.page.nodes import Live, Node, Pile, Row
from sandbox.page.tag_list import TagList
from sandbox.page.trouble import Trouble

if TYPE_CHECKING:
    from sandbox.town import Town

EVERY = 1.0  # seconds between two looks at what an export changes
TABS = {"members": "Members", "tags": "Tags", "trouble": "Make trouble"}


class MailchimpView:
    """One browser tab of it."""

    def __init__(self, town: Town, client: Client, user_id: str) -> None:
        self.town = town
        self.audience: Audience = town.audience
        self.tab = "members"
        self._looking = asyncio.Lock()
        with Node(classes="shell mailchimp"):
            faces.rail(town.workspace.team_name, "mailchimp", user_id)
            with Node("nav", "sidebar", aria_label="Audiences"):
                self._account = Pile(Node())
                self._audiences = Pile(Node(classes="places"))
                self._key = Pile(Node(classes="key"))
            with Node("main", "main"):
                with Node(classes="pane-holder"), Node("section", "pane"):
                    self._head = Pile(Node("header", "pane-head"))
                    self._numbers = Pile(Node(classes="numbers"))
                    self._tabs = Pile(Node(classes="tabs", role="tablist"))
                    self._body = Node(classes="app-body")
                self._side = Node(classes="side-holder")
        self.layers = Layers(client)
        self._shown: MemberTable | TagList | Trouble | None = None
        self._member: MemberPane | None = None
        ui.on("escape", lambda _: self.layers.escape() or self.open_member(None))
        ui.on("outside", lambda _: self.layers.close_menu())

    async def start(self) -> None:
        """Show the first audience and keep up with what happens to it."""
        await self.open_tab("members")
        ui.timer(EVERY, self.look)

    async def open_audience(self, audience: Audience) -> None:
        """Look at another audience."""
        self.audience = audience
        await self.open_member(None)
        await self.open_tab(self.tab)

    async def open_tab(self, tab: str, tag: str | None = None) -> None:
        """Members (of one tag), tags, or trouble."""
        self.tab = tab
        if tab != "members":
            await self.open_member(None)
        self._body.clear()
        with self._body:
            if tab == "tags":
                self._shown = TagList(self)
            elif tab == "trouble":
                self._shown = Trouble(self.town)
            else:
                self._shown = MemberTable(self, tag)
        await self.look()

    async def open_member(self, address: str | None) -> None:
        """Show one member at the side, or none."""
        self._side.clear()
        self._member = None
        if address is not None:
            with self._side:
                self._member = MemberPane(self, address)
        await self.look()

    async def look(self) -> None:
        """Show everything as it is now."""
        async with self._looking:
            if self._body.is_deleted:
                return
            account, audience = self.audience.account, self.audience
            name = (account.name, account.plan)
            self._account.show([Row("account", name, lambda live: Node("div", "workspace-name", live.data[0]))])
            rows = [Row("heading", "Audiences", _heading, classes="heading")]
            rows += [self._line(each) for each in account.audiences.values()]
            self._audiences.show(rows)
            self._key.show([Row("key", account.api_key, self._api_key)])
            self._head.show([Row("name", audience.name, lambda live: Node("h1", "", live.data))])
            self._numbers.show(
                [Row(each, audience.counts[each], _number, classes=f"number {each}") for each in STATUSES]
            )
            self._tabs.show([Row(key, (key, key == self.tab), self._tab) for key in TABS])
            if self._shown is not None:
                await self._shown.look()
            if self._member is not None:
                self._member.look()

    def _line(self, audience: Audience) -> Row:
        here = audience is self.audience
        count = audience.counts["subscribed"]

        def draw(live: Live) -> None:
            name, subscribed, _ = live.data
            with Node("button", "place-button", type="button", data_testid=f"audience-{audience.id}") as button:
                Node("span", "place-name", name)
                Node("span", "count", f"{subscribed:,}", aria_label=f"{subscribed} subscribed")
            button.clicked(lambda: self.open_audience(audience))

        return Row(audience.id, (audience.name, count, here), draw, classes="place here" if here else "place")

    def _tab(self, live: Live) -> None:
        key, here = live.data
        button = Node("button", "tab here" if here else "tab", TABS[key], type="button", role="tab", aria_selected=here)
        button.clicked(lambda: self.open_tab(key))

    def _api_key(self, live: Live) -> None:
        Node("small", "", "API key, to connect with")
        Node("code", "", live.data, data_testid="api-key")
        copy = Node("button", "button tiny", "Copy", type="button")
        copy.on("click", js_handler=f"() => navigator.clipboard.writeText('{live.data}')")


def _heading(live: Live) -> None:
    Node("span", "", live.data)


def _number(live: Live) -> None:
    Node("b", "", f"{live.data:,}")
    Node("span", "", live.holder.classes[1].capitalize())
