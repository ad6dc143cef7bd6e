"""A person and their Slack client: everything they can see and do, as coroutines."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from sandbox.slack import choosing, interactions, modals, screens, submission
from sandbox.slack.errors import NotThereError
from sandbox.slack.interactions import DONE, Outcome
from sandbox.slack.rendering import Lines
from sandbox.slack.sight import Sight
from sandbox.slack.values import Json, View

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

P = ParamSpec("P")
T = TypeVar("T")
Act = Callable[Concatenate["Person", P], Coroutine[Any, Any, T]]


def _on_its_loop(act: Act[P, T]) -> Act[P, T]:
    """Run on the loop that serves the workspace, whatever loop the caller has."""

    @functools.wraps(act)
    async def wrapped(self: Person, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.workspace.on_its_loop(act(self, *args, **kwargs))

    return wrapped


class Person:
    """One person at their client. Every act raises NotThereError for what the client does not show.

    ``target`` is an action_id, a block_id or the visible label of an element. It is looked for in the open modal;
    with ``channel`` (and ``ts``) in that message, or the newest in the channel that has it; with ``home`` in
    the Home tab.
    """

    def __init__(self, workspace: Workspace, user_id: str) -> None:
        self.workspace = workspace
        self.user = workspace.user(user_id)
        self.lines = Lines(workspace, user_id)
        self._sight = Sight(workspace, self.user, self.lines)

    # -- seeing --------------------------------------------------------------------------------------------------

    @_on_its_loop
    async def commands(self) -> list[Json]:
        """The app's slash commands as the completion shows them: command, description, usage_hint."""
        return self.workspace.declared("slash_commands") or []

    @_on_its_loop
    async def shortcuts(self) -> list[Json]:
        """The app's shortcuts: name, callback_id, type (global or message), description."""
        return self.workspace.declared("shortcuts") or []

    @_on_its_loop
    async def channels(self) -> list[Json]:
        """The channels in the sidebar: id, name, is_archived, is_private, is_member, updated."""
        return [screens.channel(self.user, each) for each in self.workspace.channels.values() if self._sight.sees(each)]

    @_on_its_loop
    async def dms(self) -> list[Json]:
        """The direct messages with the app, once there are any."""
        mine = [each for each in self.workspace.channels.values() if each.is_dm and self.user.id in each.members]
        return [{**screens.channel(self.user, each), "with": self.workspace.app_name} for each in mine]

    @_on_its_loop
    async def messages(self, channel: str, thread_ts: str | None = None) -> list[Json]:
        """A channel's messages, or a thread's, as this person sees them, oldest first; ephemeral ones included."""
        found = self._sight.visible(channel, thread_ts)
        return [screens.message(self.workspace, self.lines, self.user, each) for each in found]

    @_on_its_loop
    async def view(self) -> Json | None:
        """The open modal (raw blocks, lines, inputs, buttons, errors), or None."""
        view = modals.top(self.workspace, self.user.id)
        return screens.view(self.workspace, self.lines, view) if view else None

    @_on_its_loop
    async def home(self) -> Json | None:
        """The Home tab as last published, or None."""
        view = self.workspace.homes.get(self.user.id)
        return screens.view(self.workspace, self.lines, view) if view else None

    async def changes(self, since: int = 0, timeout: float = 25.0) -> Json:
        """Wait until something changed after version ``since``, or ``timeout`` seconds; what changed by then."""
        version = await self.workspace.wait_for_change(since, timeout)
        return {"version": version, **await self._changed(since)}

    @_on_its_loop
    async def _changed(self, since: int) -> Json:
        touched = {
            each.id
            for each in self.workspace.channels.values()
            if any(message.updated > since and self._sight.reads(message) for message in each.messages)
        }
        view, home = modals.top(self.workspace, self.user.id), self.workspace.homes.get(self.user.id)
        return {
            "channels": sorted(touched),
            "view": view.updated if view else 0,
            "home": home.updated if home else 0,
        }

    @_on_its_loop
    async def download(self, file_id: str) -> tuple[str, bytes]:
        """A file shared where this person can see it: name and content."""
        file = self.workspace.files.get(file_id)
        shared = [self.workspace.channels.get(each) for each in file.channels] if file else []
        if file is None or file.content is None or not any(channel and self._sight.sees(channel) for channel in shared):
            raise NotThereError(f"No file {file_id} for you here.")
        return file.name, file.content

    # -- acting --------------------------------------------------------------------------------------------------

    @_on_its_loop
    async def command(self, channel: str, text: str) -> Outcome:
        """Send a slash command, such as ``/postino help``."""
        name, _, rest = text.strip().partition(" ")
        return await interactions.command(
            self.workspace, self.user.id, self._sight.writable(channel), name, rest.strip()
        )

    @_on_its_loop
    async def say(self, channel: str, text: str, thread_ts: str | None = None) -> Json:
        """Write a message."""
        place = self._sight.writable(channel)
        message = await interactions.say(self.workspace, self.user.id, place, text, thread_ts)
        return screens.message(self.workspace, self.lines, self.user, message)

    @_on_its_loop
    async def click(
        self,
        target: str,
        *,
        block_id: str | None = None,
        value: str | None = None,
        channel: str | None = None,
        ts: str | None = None,
        home: bool = False,
        confirm: bool | None = None,
    ) -> Outcome:
        """Click a button; where it asks for confirmation, the first click only shows the question (``confirm``)."""
        holder, field = self._sight.locate(target, block_id, value, channel, ts, home)
        if field.kind not in ("button", "workflow_button"):
            raise NotThereError(f"{target!r} is no button.")
        dialog = field.element.get("confirm")
        if dialog and not confirm:
            words = [self.lines.read.text(dialog[key]) for key in ("title", "text")]
            return Outcome(confirm is False, None if confirm is False else "confirm", "\n".join(words))
        return await interactions.act(self.workspace, self.user.id, holder, field, {})

    @_on_its_loop
    async def enter(
        self,
        target: str,
        value: Any,
        *,
        block_id: str | None = None,
        channel: str | None = None,
        ts: str | None = None,
        home: bool = False,
    ) -> Outcome:
        """Type text, choose options, people or channels by value, id or label (lists for several), or empty a field."""
        holder, field = self._sight.locate(target, block_id, None, channel, ts, home)
        options = choosing.listed_options(field.element)
        if field.kind == "overflow":
            chosen = choosing.option(self.lines, options, value)
            return await interactions.act(self.workspace, self.user.id, holder, field, {"selected_option": chosen})
        if not field.holds_value:
            raise NotThereError(f"Nothing can be entered into {target!r}.")
        if "external" in field.kind and value not in (None, "", []):
            options = await self._sight.suggested(holder, field, value)
        held = choosing.entered(self.workspace, self.lines, field, value, options)
        self._sight.values(holder)[field.key] = held
        if isinstance(holder, View):
            holder.errors.pop(field.key[0], None)
        self.workspace.touch(holder)
        if not field.dispatches:
            return DONE
        parts = {key: part for key, part in held.items() if key != "type"}
        return await interactions.act(self.workspace, self.user.id, holder, field, parts)

    async def fill(self, values: dict[str, Any], **where: Any) -> Outcome:
        """Enter several values, target by target; stops at the first that the app did not take."""
        for target, value in values.items():
            outcome = await self.enter(target, value, **where)
            if not outcome.ok:
                return outcome
        return DONE

    @_on_its_loop
    async def options(
        self,
        target: str,
        query: str = "",
        *,
        block_id: str | None = None,
        channel: str | None = None,
        ts: str | None = None,
        home: bool = False,
    ) -> list[Json]:
        """What a select offers (text, value, description, group); an external one asks the app with ``query``.

        Slack: an external select asks from ``min_query_length`` characters on, three by default.
        """
        holder, field = self._sight.locate(target, block_id, None, channel, ts, home)
        if "external" not in field.kind:
            return screens.options(self.lines, field.element)
        if len(query) < field.element.get("min_query_length", 3):
            return []
        answer = await interactions.suggestions(self.workspace, self.user.id, holder, field, query)
        self._sight.remember(field, choosing.listed_options(answer))
        return screens.options(self.lines, answer)

    @_on_its_loop
    async def submit(self) -> Outcome:
        """Press the open modal's submit button."""
        return await submission.submit(self.workspace, self._sight.open_view())

    @_on_its_loop
    async def close(self, everything: bool = False) -> Outcome:
        """Close the open modal, or with ``everything`` the whole stack (the cross)."""
        return await submission.close(self.workspace, self._sight.open_view(), everything)

    @_on_its_loop
    async def open_home(self, tab: str = "home") -> Outcome:
        """Open the app's Home tab, or its ``messages``."""
        return await interactions.open_home(self.workspace, self.user.id, tab)

    @_on_its_loop
    async def shortcut(self, callback_id: str) -> Outcome:
        """Run a global shortcut."""
        return await interactions.shortcut(self.workspace, self.user.id, callback_id)

    @_on_its_loop
    async def workflow(self, callback_id: str, inputs: Json, channel: str) -> Outcome:
        """Start a workflow of one of the app's steps in a channel."""
        place = self._sight.writable(channel)
        return await interactions.workflow(self.workspace, callback_id, inputs, place.id)

    @_on_its_loop
    async def message_shortcut(self, callback_id: str, channel: str, ts: str) -> Outcome:
        """Run a shortcut on a message."""
        message = self._sight.message(channel, ts)
        return await interactions.shortcut(self.workspace, self.user.id, callback_id, message)
