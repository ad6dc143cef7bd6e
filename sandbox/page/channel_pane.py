"""A conversation: its heading, its messages and the composer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.page.composer import Composer
from sandbox.page.messages import Messages
from sandbox.page.nodes import Live, Node, Pile, Row
from sandbox.slack.errors import NotThereError

if TYPE_CHECKING:
    from sandbox.page.desk import Desk

AT_ONCE = 80  # messages shown before somebody asks for earlier ones


class ChannelPane:
    """A channel in the middle of the page."""

    def __init__(self, desk: Desk, channel: str) -> None:
        self.channel: str | None = channel
        workspace = desk.town.workspace
        place = workspace.channels.get(channel)
        with Node("section", "pane", aria_label="Conversation"):
            with Node("header", "pane-head"):
                Node("h1", "", f"# {place.name}" if place else "Nothing here")
                if place:
                    members = sum(1 for each in place.members if not workspace.users[each].is_bot)
                    Node("span", "faint", f"{members} members")
            self._list = MessageList(desk, channel)
            if place and desk.can_write(channel):
                Composer(desk, channel, f"#{place.name}")
            else:
                Node(classes="no-composer", text="You are not a member of this channel.")

    async def look(self) -> None:
        """Show the newest."""
        await self._list.look()


class MessageList:
    """The messages of a conversation; it stays at the newest unless the person scrolls away."""

    def __init__(self, desk: Desk, channel: str) -> None:
        self._desk = desk
        self._channel = channel
        self._messages = Messages(desk, channel, desk.open_thread)
        self._most = AT_ONCE
        with Node(classes="messages stick", data_testid="messages", role="log", aria_label="Messages", tabindex=0):
            Node(classes="filler")
            self._pile = Pile(Node(classes="message-list"))

    async def look(self) -> None:
        """Show the newest, and count it as read."""
        try:
            messages = await self._desk.person.messages(self._channel)
        except NotThereError:
            messages = []
        rows = await self._messages.rows(messages[-self._most :])
        if len(messages) > self._most:
            rows.insert(0, Row("earlier", None, self._earlier, classes="earlier"))
        self._pile.show(rows or [Row("empty", None, _empty, classes="empty")])
        self._desk.read(self._channel, messages)

    def _earlier(self, _live: Live) -> None:
        Node("button", "button", "Earlier messages", type="button").clicked(self._more)

    async def _more(self) -> None:
        self._most += AT_ONCE
        await self.look()


def _empty(_live: Live) -> None:
    Node("p", "", "Nothing has been said here yet.")
