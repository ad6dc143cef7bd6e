"""One person at one browser tab: what they look at, and keeping it up to date while things happen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nicegui import Client, background_tasks, ui

from sandbox.page.app_pane import AppPane
from sandbox.page.channel_pane import ChannelPane
from sandbox.page.layers import Layers
from sandbox.page.modal import Modal
from sandbox.page.nodes import Node
from sandbox.page.sidebar import Sidebar
from sandbox.page.thread_pane import ThreadPane
from sandbox.slack.client import Person
from sandbox.slack.values import Json

if TYPE_CHECKING:
    from sandbox.town import Town

APP = "app"
REST = 0.04  # seconds between two looks: many changes in a moment are shown at once


class Desk:
    """The Slack side of the page. ``place`` is a channel's id, or ``app`` for the app's own pane."""

    def __init__(self, town: Town, client: Client, user_id: str, place: str) -> None:
        self.town = town
        self.person = Person(town.workspace, user_id)
        self.place = place
        self.thread: str | None = None
        self._client = client
        self._follower: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        with Node(classes="shell") as self._shell:
            self.sidebar = Sidebar(self)
            with Node("main", "main"):
                self._main = Node(classes="pane-holder")
                self._side = Node(classes="side-holder")
        self.layers = Layers(client)
        self._modal = Modal(self)
        self._pane: ChannelPane | AppPane | None = None
        self._thread_pane: ThreadPane | None = None
        ui.on("escape", lambda _: self._escape())
        ui.on("outside", lambda _: self.layers.close_menu())

    # -- moving about --------------------------------------------------------------------------------------------

    async def go(self, place: str, *, tab: str = "home") -> None:
        """Look at a channel, or at the app's Home or Messages tab."""
        self.layers.close_menu()
        direct = self.town.workspace.channels.get(place)
        if direct is not None and direct.is_dm:
            place, tab = APP, "messages"
        async with self._looking:
            self.place, self.thread = place, None
            self._main.clear()
            self._side.clear()
            self._thread_pane = None
            with self._main:
                self._pane = AppPane(self, tab) if place == APP else ChannelPane(self, place)
        self.layers.run("address", "/?" + urlencode({"as": self.person.user.id, "in": place}))
        if isinstance(self._pane, AppPane):
            await self._pane.start()
        await self.look()

    async def become(self, user_id: str) -> None:
        """Sit down as somebody else: the page says so only when it shows what they see."""
        self.layers.close_menu()
        self.leave()
        self.person = Person(self.town.workspace, user_id)
        visible = {each["id"] for each in await self.person.channels()}
        if self.place != APP and self.place not in visible:
            self.place = next(iter(sorted(visible)), APP)
        await self.go(self.place)
        self.follow()

    async def open_thread(self, ts: str | None) -> None:
        """Show a thread of the channel beside it, or none."""
        async with self._looking:
            self.thread = ts
            self._side.clear()
            self._thread_pane = None
            channel = self.channel_shown()
            if ts and channel:
                with self._side:
                    self._thread_pane = ThreadPane(self, channel, ts)
        await self.look()

    def channel_shown(self) -> str | None:
        """The conversation on the screen, if one is."""
        return self._pane.channel if self._pane else None

    def can_write(self, channel: str) -> bool:
        """Whether the person is a member of the conversation and it is open."""
        place = self.town.workspace.channels.get(channel)
        return place is not None and not place.archived and self.person.user.id in place.members

    async def _escape(self) -> None:
        if not self.layers.escape():
            if self._modal.is_open:
                await self._modal.close()
            elif self.thread:
                await self.open_thread(None)

    # -- keeping up ----------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Keep what is shown up to date until the tab is closed or another person sits down."""
        self.leave()
        self._follower = background_tasks.create(self._follow(self.person), name="follow the workspace")

    def leave(self) -> None:
        """Follow no longer."""
        if self._follower is not None:
            self._follower.cancel()
            self._follower = None

    async def _follow(self, person: Person) -> None:
        version = 0
        while not self._client.is_deleted:
            version = (await person.changes(version, 20.0))["version"]
            await self.look()
            await asyncio.sleep(REST)

    async def look(self) -> None:
        """Show everything as it is now."""
        async with self._looking:
            if self._client.is_deleted:
                return
            with self._client:
                await self._look()

    async def _look(self) -> None:
        person = self.person
        places = await person.channels()  # direct messages with the app included
        view = await person.view()
        if self._pane is not None:
            await self._pane.look()
        if self._thread_pane is not None:
            await self._thread_pane.look()
        if person is self.person:
            self.sidebar.show(places)
            self._modal.show(view)
            self._shell.props.set_bool("inert", view is not None)

    def read(self, channel: str, messages: list[Json]) -> None:
        """The person has seen these messages."""
        if messages:
            self.town.read_until[(self.person.user.id, channel)] = messages[-1]["ts"]
