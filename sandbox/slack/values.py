"""What a workspace holds: people, channels, messages, views, files and the short-lived permits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class Role(StrEnum):
    """What a user is in the workspace; a stranger belongs to another workspace and meets us in a shared channel."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"
    STRANGER = "stranger"


@dataclass
class User:
    """A person, the app's bot user, or Slackbot."""

    id: str
    name: str
    real_name: str
    role: Role = Role.MEMBER
    locale: str = "en-US"
    tz: str = "Europe/London"
    is_bot: bool = False
    deleted: bool = False

    @property
    def email(self) -> str:
        """A made-up address; Slack shows it only with the scope ``users:read.email``."""
        return f"{self.name}@contoso.example.com"


@dataclass
class Message:
    """One message; an ephemeral one has a single reader (``ephemeral_to``)."""

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    reply_broadcast: bool = False
    ephemeral_to: str | None = None
    by_app: bool = False
    edited: str | None = None
    files: list[str] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    metadata: Json | None = None
    updated: int = 0

    @property
    def is_reply(self) -> bool:
        """Whether it lives in a thread below another message."""
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass
class Channel:
    """A public or private channel, or a direct message between the members."""

    id: str
    name: str
    members: list[str] = field(default_factory=list)
    is_private: bool = False
    is_dm: bool = False
    archived: bool = False
    messages: list[Message] = field(default_factory=list)

    def message(self, ts: str) -> Message | None:
        """The message with that timestamp, ephemeral or not."""
        return next((message for message in self.messages if message.ts == ts), None)

    def replies(self, ts: str) -> Iterator[Message]:
        """The visible-to-all replies of a thread, oldest first."""
        return (each for each in self.messages if each.thread_ts == ts and each.is_reply and not each.ephemeral_to)


@dataclass
class View:
    """An open modal or a Home tab: what the app sent, and what the person has entered since."""

    id: str
    user: str
    source: Json
    hash: str
    root: str
    previous: str | None = None
    channel: str | None = None
    values: dict[tuple[str, str], Json] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    failure: str = ""
    updated: int = 0

    @property
    def blocks(self) -> list[Json]:
        """The view's blocks with the identifiers Slack fills in."""
        blocks: list[Json] = self.source["blocks"]
        return blocks

    @property
    def is_home(self) -> bool:
        """Whether this is a Home tab rather than a modal."""
        return bool(self.source["type"] == "home")


@dataclass
class File:
    """An uploaded file; ``channels`` stays empty until the upload is completed into a conversation.

    ``alt_txt`` is what those hear who do not see it.
    """

    id: str
    name: str
    title: str
    length: int
    created: float
    content: bytes | None = None
    alt_txt: str = ""
    channels: list[str] = field(default_factory=list)
    completed: bool = False


@dataclass
class Trigger:
    """Slack: a trigger_id opens one view, once, within three seconds of the person's act."""

    id: str
    user: str
    created: float
    channel: str | None = None
    in_modal: bool = False
    used: bool = False


@dataclass
class ResponseUrl:
    """Slack: a response_url takes five answers within thirty minutes."""

    id: str
    user: str
    channel: str
    created: float
    message_ts: str | None = None
    thread_ts: str | None = None
    uses: int = 0


@dataclass
class Emitted:
    """One thing the app sent for people to see, as it sent it, and what Slack made of it."""

    method: str
    surface: str
    body: Json
    at: float
    error: str | None = None
    problems: list[str] = field(default_factory=list)
    missing_text: bool = False


@dataclass
class Delivery:
    """One request to the app and its fate: ``acked``, ``timeout``, ``no_connection`` or ``refused`` (bad answer)."""

    id: str
    kind: str
    payload: Json
    sent_at: float
    outcome: str = "pending"
    latency: float | None = None
    response: Json | None = None
    attempt: int = 0

    @property
    def acked(self) -> bool:
        """Whether the app answered in time."""
        return self.outcome == "acked"
