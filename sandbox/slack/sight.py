"""What one person can see, and which element of it they mean. Everything here raises NotThereError."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.slack import choosing, inputs, interactions, modals
from sandbox.slack.errors import NotThereError
from sandbox.slack.inputs import Field
from sandbox.slack.rendering import Lines
from sandbox.slack.values import Channel, Json, Message, Role, User, View

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace


class Sight:
    """One person's view of the workspace."""

    def __init__(self, workspace: Workspace, user: User, lines: Lines) -> None:
        self._workspace = workspace
        self._user = user
        self._lines = lines

    def sees(self, channel: Channel) -> bool:
        """Guests and strangers see only channels they are in, everyone else all public ones."""
        if self._user.id in channel.members:
            return True
        return not channel.is_private and self._user.role not in (Role.GUEST, Role.STRANGER)

    def reads(self, message: Message) -> bool:
        """Whether the message is shown to this person at all."""
        channel = self._workspace.channels.get(message.channel)
        return channel is not None and self.sees(channel) and message.ephemeral_to in (None, self._user.id)

    def channel(self, named: str) -> Channel:
        """A channel they see, by id or name."""
        channel = self._workspace.channel(named)
        if channel is None or not self.sees(channel):
            raise NotThereError(f"No channel {named!r} for you here.")
        return channel

    def writable(self, named: str) -> Channel:
        """A channel they can write in."""
        channel = self.channel(named)
        if channel.archived or self._user.id not in channel.members:
            raise NotThereError(f"You cannot write in #{channel.name}.")
        return channel

    def visible(self, named: str, thread_ts: str | None) -> list[Message]:
        """The messages of a channel or thread, oldest first."""
        channel = self.channel(named)
        mine = [message for message in channel.messages if self.reads(message)]
        if thread_ts is None:
            return [message for message in mine if not message.is_reply or message.reply_broadcast]
        return [message for message in mine if thread_ts in (message.ts, message.thread_ts)]

    def message(self, named: str, ts: str) -> Message:
        """One message they see."""
        message = self.channel(named).message(ts)
        if message is None or not self.reads(message):
            raise NotThereError(f"No message {ts} there.")
        return message

    def open_view(self) -> View:
        """The modal before them."""
        view = modals.top(self._workspace, self._user.id)
        if view is None:
            raise NotThereError("No view is open.")
        return view

    def locate(
        self, target: str, block_id: str | None, value: str | None, channel: str | None, ts: str | None, home: bool
    ) -> tuple[View | Message, Field]:
        """The element meant and the view or message it stands in."""
        if channel and not ts:
            for message in reversed(self.channel(channel).messages):
                if self.reads(message) and choosing.find(self._lines, message.blocks, target, block_id, value):
                    ts = message.ts
                    break
            else:
                raise NotThereError(f"No message in {channel} has {target!r}.")
        holder: View | Message | None
        if channel and ts:
            holder = self.message(channel, ts)
        else:
            holder = self._workspace.homes.get(self._user.id) if home else self.open_view()
        if holder is None:
            raise NotThereError("The Home tab is empty.")
        return holder, choosing.one(self._lines, holder.blocks, target, block_id, value)

    def values(self, holder: View | Message) -> dict[tuple[str, str], Json]:
        """What has been entered there, to be changed in place."""
        if isinstance(holder, View):
            return holder.values
        values = self._workspace.message_inputs.setdefault((self._user.id, holder.channel, holder.ts), {})
        for field in inputs.fields(holder.blocks):
            if field.holds_value:
                values.setdefault(field.key, inputs.initial(field))
        return values

    async def suggested(self, holder: View | Message, field: Field, value: Any) -> list[Json]:
        """The options to choose from: those last shown, otherwise what typing the wanted label brings."""
        wanted = value if isinstance(value, (list, tuple)) else [value]
        known = list(self._workspace.suggestions.get((self._user.id, *field.key), []))
        least = field.element.get("min_query_length", 3)
        for each in wanted:
            for query in (str(each), str(each).partition(" ")[0], ""):
                try:
                    choosing.option(self._lines, known, each)
                    break
                except NotThereError:
                    if len(query) >= least:
                        answer = await interactions.suggestions(self._workspace, self._user.id, holder, field, query)
                        fresh = choosing.listed_options(answer)
                        known += [option for option in fresh if option not in known]
        self.remember(field, known)
        return known

    def remember(self, field: Field, options: list[Json]) -> None:
        """Keep the options an external select shows."""
        self._workspace.suggestions[(self._user.id, *field.key)] = options
