"""The workspace: one team with its people, channels, open views and the app installed in it."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.slack.errors import NotThereError
from sandbox.slack.faults import Faults, Rates
from sandbox.slack.values import (
    Channel,
    Delivery,
    Emitted,
    File,
    Json,
    Message,
    ResponseUrl,
    Role,
    Trigger,
    User,
    View,
)

if TYPE_CHECKING:
    from sandbox.slack.http_delivery import HttpDelivery
    from sandbox.slack.socket_mode import Connection

T = TypeVar("T")

# What the app's reference manifest asks for, optional scopes included.
DEFAULT_SCOPES = ("commands", "chat:write", "files:write", "users:read", "chat:write.public", "channels:read")
SLACKBOT = "USLACKBOT"
APP_NAME = "Postino"


class Workspace:
    """The state of one local Slack workspace and of the one app installed in it.

    ``now`` is the clock (Unix seconds); ``advance`` moves it. ``ack_seconds`` and ``trigger_seconds`` are Slack's three
    seconds. Change state only from the thread that serves it, or through ``Person`` and the control endpoints.
    """

    def __init__(self, now: Callable[[], float] = time.time, seed: int = 7) -> None:
        self._clock = now
        self.random = random.Random(seed)
        self.team_id, self.team_name, self.domain = "T0CONTOSO", "Contoso Coffee", "contoso-coffee"
        self.app_id, self.bot_id, self.bot_user_id = "A0POSTINO", "B0POSTINO", "U0POSTINO"
        self.bot_token = "xoxb-local-bot-token"  # noqa: S105 # tokens of a Slack that exists on this machine alone
        self.app_token = "xapp-1-local-app-token"  # noqa: S105
        self.signing_secret = "local-signing-secret"  # noqa: S105
        self.verification_token = "local-verification-token"  # noqa: S105
        self.client_id, self.client_secret = "1111.2222", "local-client-secret"
        self.ack_seconds = 3.0
        self.trigger_seconds = 3.0
        self.event_retry_delays: tuple[float, ...] = (0.0, 60.0, 300.0)  # Slack: at once, after 1 and 5 minutes
        self.base_url = "http://127.0.0.1"
        self.delivery_by_http: HttpDelivery | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self._waiters: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self.version = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything that happened and start with the default people and channels; sockets stay open."""
        self.scopes: set[str] = set(DEFAULT_SCOPES)
        self.manifest: Json | None = None
        self.installed = True
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self.files: dict[str, File] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.message_inputs: dict[tuple[str, str, str], dict[tuple[str, str], Json]] = {}
        self.suggestions: dict[tuple[str, str, str], list[Json]] = {}
        self.functions: dict[str, Json] = {}
        self.emitted: list[Emitted] = []
        self.deliveries: list[Delivery] = []
        self.faults = Faults()
        self.rates = Rates(self.now)
        if not hasattr(self, "connections"):
            self.connections: list[Connection] = []
            self.tickets: set[str] = set()
        self._advanced, self._last_ts = 0.0, 0.0
        self._settle()
        self.changed()

    def _settle(self) -> None:
        self.users[SLACKBOT] = User(SLACKBOT, "slackbot", "Slackbot", is_bot=True)
        self.users[self.bot_user_id] = User(self.bot_user_id, APP_NAME.lower(), APP_NAME, is_bot=True)
        self.add_user("U0ADA", "ada", "Ada Lovelace", role=Role.ADMIN)
        self.add_user("U0BEN", "ben", "Ben Okafor")
        self.add_user("U0CLEO", "cleo", "Cleo Marsh", tz="America/New_York")
        self.add_user("U0GUS", "gus", "Gus Guest", role=Role.GUEST)
        self.add_user("U0DARIO", "dario", "Dario Conti", locale="it-IT", tz="Europe/Rome")
        staff = ["U0ADA", "U0BEN", "U0CLEO", "U0DARIO"]
        self.add_channel("C0GENERAL", "general", [*staff, self.bot_user_id])
        self.add_channel("C0MARKETING", "marketing", staff)
        self.add_channel("C0EXPORTS", "exports", [*staff, "U0GUS", self.bot_user_id])
        self.add_channel("C0OLD", "exports-2024", [*staff, self.bot_user_id]).archived = True

    # -- people and channels -------------------------------------------------------------------------------------

    def add_user(self, id: str, name: str, real_name: str, **traits: Any) -> User:  # noqa: A002 # Slack's own word
        """Add or replace a person."""
        self.users[id] = User(id, name, real_name, **traits)
        return self.users[id]

    def add_channel(self, id: str, name: str, members: Iterable[str] = (), is_private: bool = False) -> Channel:  # noqa: A002
        """Add or replace a channel; the bot reads and writes where its user is a member."""
        self.channels[id] = Channel(id, name, list(members), is_private=is_private)
        return self.channels[id]

    def delete_channel(self, id: str) -> None:  # noqa: A002
        """The channel is gone for everyone: ``channel_not_found`` from now on."""
        self.channels.pop(id, None)
        self.changed()

    def user(self, user_id: str) -> User:
        """The person. Raises NotThereError."""
        if user_id not in self.users:
            raise NotThereError(f"No user {user_id} in this workspace.")
        return self.users[user_id]

    def direct(self, user_id: str) -> Channel:
        """The direct messages between the app and that person, opened if need be."""
        channel_id = f"D{user_id[1:]}"
        if channel_id not in self.channels:
            channel = Channel(channel_id, "directmessage", [user_id, self.bot_user_id], is_private=True, is_dm=True)
            self.channels[channel_id] = channel
        return self.channels[channel_id]

    def channel(self, named: str) -> Channel | None:
        """A channel by its id or its name, with or without ``#``."""
        if named in self.channels:
            return self.channels[named]
        wanted = named.removeprefix("#")
        return next((each for each in self.channels.values() if each.name == wanted and not each.is_dm), None)

    def load_manifest(self, manifest: Json) -> None:
        """From now on only what the manifest declares exists: commands, shortcuts, scopes, events, the app's name."""
        self.manifest = manifest
        scopes = manifest.get("oauth_config", {}).get("scopes", {})
        self.scopes = {*scopes.get("bot", ()), *scopes.get("bot_optional", ())}
        name = manifest.get("features", {}).get("bot_user", {}).get("display_name")
        self.users[self.bot_user_id].real_name = name or self.app_name
        self.changed()

    @property
    def app_name(self) -> str:
        """The name people see on the app's messages."""
        return self.users[self.bot_user_id].real_name

    def declared(self, part: str) -> list[Json] | None:
        """The manifest's ``slash_commands`` or ``shortcuts``; None without a manifest (then anything goes)."""
        return None if self.manifest is None else list(self.manifest.get("features", {}).get(part, ()))

    def listens_to(self, event: str) -> bool:
        """Whether the app subscribed to that event type."""
        if self.manifest is None:
            return True
        events: list[str] = self.manifest.get("settings", {}).get("event_subscriptions", {}).get("bot_events", [])
        return event in events

    @property
    def is_interactive(self) -> bool:
        """Whether the app takes interactions at all."""
        settings: Json = {} if self.manifest is None else self.manifest.get("settings", {})
        return self.manifest is None or bool(settings.get("interactivity", {}).get("is_enabled"))

    # -- messages ------------------------------------------------------------------------------------------------

    def post(self, channel: Channel, user: str, text: str, **parts: Any) -> Message:
        """Add a message to a channel and tell the followers."""
        message = Message(ts=self.next_ts(), channel=channel.id, user=user, text=text, **parts)
        channel.messages.append(message)
        self.touch(message)
        if message.is_reply and not message.ephemeral_to:
            parent = channel.message(message.thread_ts or "")
            if parent:
                self.touch(parent)
        return message

    def slackbot_says(self, channel: Channel, user: str, text: str) -> Message:
        """A note by Slackbot that only that person sees."""
        return self.post(channel, SLACKBOT, text, ephemeral_to=user)

    def slackbot_posts(self, channel: Channel, text: str) -> Message:
        """A message by Slackbot that everybody in the channel sees."""
        return self.post(channel, SLACKBOT, text)

    # -- short-lived permits -------------------------------------------------------------------------------------

    def new_trigger(self, user: str, channel: str | None = None, in_modal: bool = False) -> str:
        """A fresh trigger_id for the person's act, made in ``channel`` or in a modal."""
        name = f"{int(self.now() * 1000)}.{len(self.triggers)}.{self.random.randbytes(8).hex()}"
        trigger = Trigger(name, user, self.now(), channel, in_modal)
        self.triggers[trigger.id] = trigger
        return trigger.id

    def new_response_url(self, user: str, channel: str, **origin: Any) -> str:
        """A fresh response_url for the person's act."""
        permit = ResponseUrl(self.random.randbytes(12).hex(), user, channel, self.now(), **origin)
        self.response_urls[permit.id] = permit
        return f"{self.base_url}/response/{self.team_id}/{permit.id}"

    # -- time, change and threads --------------------------------------------------------------------------------

    def now(self) -> float:
        """The workspace's clock, Unix seconds."""
        return self._clock() + self._advanced

    def advance(self, seconds: float) -> None:
        """Move the workspace's clock forward."""
        self._advanced += seconds

    def next_ts(self) -> str:
        """A message timestamp, unique and growing."""
        self._last_ts = max(self.now(), self._last_ts + 0.000_01)
        return f"{self._last_ts:.6f}"

    def new_id(self, prefix: str) -> str:
        """An identifier in Slack's manner, such as ``V1A2B3C4D``."""
        return f"{prefix}{self.random.randbytes(5).hex().upper()}"

    def touch(self, changed: Message | View) -> None:
        """Mark a message or view as changed now."""
        changed.updated = self.changed()

    def changed(self) -> int:
        """Count one change and wake everyone who waits for it."""
        with self._lock:
            self.version += 1
            waiters, self._waiters = self._waiters, []
        for wake in waiters:
            wake()
        return self.version

    async def wait_for_change(self, since: int, timeout: float) -> int:
        """Wait until something changed after ``since`` or ``timeout`` seconds passed; the current version."""
        loop = asyncio.get_running_loop()
        event = asyncio.Event()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

        with self._lock:
            if self.version > since:
                return self.version
            self._waiters.append(wake)
        try:
            await asyncio.wait_for(event.wait(), timeout)
        except TimeoutError:
            with self._lock:
                if wake in self._waiters:
                    self._waiters.remove(wake)
        return self.version

    def serve_here(self) -> None:
        """Remember the running event loop as the one that owns sockets and state."""
        self._loop = asyncio.get_running_loop()

    async def on_its_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on the loop that serves the workspace, from whatever loop calls."""
        running = asyncio.get_running_loop()
        if self._loop is None or self._loop is running or self._loop.is_closed():
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` beside the current request; cancelled when the server stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def stop(self) -> None:
        """End what still runs in the background."""
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
