"""A conversation: its heading, its messages and the composer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.page.composer import Composer
from sandbox.page.messages import Messages
from sandbox.page.nodes import Live, Node, Pile, Row
from sandbox.page.words import word
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
                    Node("span", "faint", f"{members} {word(desk.person.user, 'members')}")
            self._list = MessageList(desk, channel)
            if place and desk.can_write(channel):
                Composer(desk, channel, f"#{place.name}")
            else:
                outside = word(desk.person.user, "You are not a member of this channel.")
                Node(classes="no-composer", text=outside)

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
        self._pile.show(rows or [Row("empty", None, self._empty, classes="empty")])
        self._desk.read(self._channel, messages)

    def _earlier(self, _live: Live) -> None:
        said = word(self._desk.person.user, "Earlier messages")
        Node("button", "button", said, type="button").clicked(self._more)

    def _empty(self, _live: Live) -> None:
        Node("p", "", word(self._desk.person.user, "Nothing has been said here yet."))

    async def _more(self) -> None:
        self._most += AT_ONCE
        await self.look()
