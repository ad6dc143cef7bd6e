"""The app's own pane: Home, Messages, About."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.page import blocks, faces
from sandbox.page.channel_pane import MessageList
from sandbox.page.composer import Composer
from sandbox.page.nodes import Live, Node, Pile, Row
from sandbox.page.surfaces import Surface
from sandbox.page.words import word
from sandbox.slack.values import Channel

if TYPE_CHECKING:
    from sandbox.page.desk import Desk

TABS = {"home": "Home", "messages": "Messages", "about": "About"}


class AppPane:
    """What stands behind the app's name in the sidebar."""

    def __init__(self, desk: Desk, tab: str) -> None:
        self._desk, self._tab = desk, tab
        self.channel: str | None = None
        self._list: MessageList | None = None
        self._home: Pile | None = None
        self._surface = Surface(desk.person, desk.layers, home=True)
        with Node("section", "pane", aria_label=desk.town.workspace.app_name):
            with Node("header", "pane-head app-head"):
                faces.app_icon()
                Node("h1", "", desk.town.workspace.app_name)
            with Node(classes="tabs", role="tablist"):
                for key, label in TABS.items():
                    here = key == tab
                    said = word(desk.person.user, label)
                    button = Node("button", "tab here" if here else "tab", said, role="tab", aria_selected=here)
                    button.on("click", lambda _, wanted=key: desk.go("app", tab=wanted), [])
            self._body = Node(classes="app-body")

    async def start(self) -> None:
        """Open the tab; the app hears of it when it is Home or Messages."""
        with self._body:
            if self._tab == "messages":
                await self._messages()
            elif self._tab == "about":
                self._about()
            else:
                self._home = Pile(Node(classes="home", data_testid="home"))
        if self._tab in ("home", "messages"):
            await self._surface.act(self._desk.person.open_home(self._tab))

    async def look(self) -> None:
        """Show the newest."""
        if self._list is not None:
            await self._list.look()
        if self._home is not None:
            view = await self._desk.person.home()
            if view is None:
                self._home.show([Row("waiting", None, _waiting, classes="empty")])
            else:
                self._home.show(blocks.rows(self._surface, view["blocks"], blocks.by_key(view["inputs"])))

    async def _messages(self) -> None:
        workspace, user = self._desk.town.workspace, self._desk.person.user.id
        direct: Channel = await workspace.on_its_loop(_direct(workspace, user))
        self.channel = direct.id
        self._list = MessageList(self._desk, direct.id)
        app_home = self._manifest("features").get("app_home") or {}
        if app_home.get("messages_tab_read_only_enabled"):
            off = word(self._desk.person.user, "Sending messages to this app has been turned off.")
            Node(classes="no-composer", text=off)
        else:
            Composer(self._desk, direct.id, workspace.app_name)

    def _about(self) -> None:
        said = self._manifest("display_information")
        with Node(classes="home about"):
            Node("h2", "", said.get("name") or self._desk.town.workspace.app_name)
            Node("p", "", said.get("description") or "")
            Node("p", "faint", said.get("long_description") or "")

    def _manifest(self, part: str) -> dict[str, Any]:
        return dict((self._desk.town.workspace.manifest or {}).get(part) or {})


async def _direct(workspace: Any, user: str) -> Channel:
    found: Channel = workspace.direct(user)
    return found


def _waiting(_live: Live) -> None:
    Node(classes="spinner", role="status", aria_label="Loading")
    Node("p", "faint", "The app has not published its Home yet.")
