"""A thread beside its channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.page.composer import Composer
from sandbox.page.messages import Messages
from sandbox.page.nodes import Node, Pile
from sandbox.slack.errors import NotThereError

if TYPE_CHECKING:
    from sandbox.page.desk import Desk


class ThreadPane:
    """A message and the replies to it."""

    def __init__(self, desk: Desk, channel: str, ts: str) -> None:
        self._desk, self._channel, self._ts = desk, channel, ts
        self._messages = Messages(desk, channel, None)
        with Node("aside", "pane thread", aria_label="Thread", data_testid="thread"):
            with Node("header", "pane-head"):
                Node("h2", "", "Thread")
                close = Node("button", "icon-button", "✕", type="button", aria_label="Close thread")
                close.clicked(lambda: desk.open_thread(None))
            with Node(classes="messages stick", role="log", aria_label="Replies"):
                self._pile = Pile(Node(classes="message-list"))
            if desk.can_write(channel):
                Composer(desk, channel, "thread", thread_ts=ts)

    async def look(self) -> None:
        """Show the newest."""
        try:
            messages = await self._desk.person.messages(self._channel, self._ts)
        except NotThereError:
            messages = []
        self._pile.show(await self._messages.rows(messages))
