"""What Postino asks of a mailing service, and the values that go to and fro. Knows no vendor and no HTTP.

Planning and exporting work with this module alone; ``services.mailchimp`` fulfils it.

    PostinoError
    ├── Refused
    │   ├── ContentRefused   what was sent in this call cannot be taken; another call may be
    │   └── AccountLimit     (services.errors) the account's plan or billing refuses: stop the run
    ├── Unavailable
    │   └── TimedOut         the same call was too slow twice running: send less in one call
    └── Stopped              the caller's stop event is set: nothing more is sent
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from services import errors
from services.reasons import Reason as Reason
from services.reasons import Rule as Rule

MEMBERS_PER_INSERT = 500  # Mailchimp: at most 500 members per POST /lists/{id}
MEMBERS_PER_TAG_CALL = 500  # Mailchimp: at most 500 adds and 500 removals per segment call
MEMBERS_PER_PAGE = 1000  # Mailchimp: count is at most 1000
SMALL_PAGE = 250  # so many are asked for again and again; where more take too long, fewer must be asked for

Item = TypeVar("Item", covariant=True)


class Status(enum.IntEnum):
    """How a member stands in an audience. The numbers are stored: never reuse one."""

    SUBSCRIBED = 1
    UNSUBSCRIBED = 2
    CLEANED = 3
    PENDING = 4
    TRANSACTIONAL = 5
    ARCHIVED = 6
    FORGOTTEN = 7  # permanently deleted, remembered by us: the service never shows it
    GONE = 9  # was in the audience and is there no more: deleted, or known under another address by now
    UNKNOWN = 8  # a word the service did not use when this was written: suppressed like the rest


@dataclass(frozen=True, slots=True)
class Account:
    """The account a connection is authorised for. ``total_subscribers`` counts all its audiences."""

    id: str
    name: str
    role: str
    can_write: bool
    total_subscribers: int
    plan: str
    data_centre: str


@dataclass(frozen=True, slots=True)
class Audience:
    """A list. ``members`` are the active ones; ``contacts`` all there are, None where that was not told.

    Both may be five minutes old: never prove anything with them.
    """

    id: str
    name: str
    members: int
    contacts: int | None
    double_opt_in: bool
    web_link: str


@dataclass(frozen=True, slots=True)
class MergeField:
    """A field of an audience. ``size`` is the width of its input box in characters, not a limit."""

    tag: str
    name: str
    type: str
    required: bool
    default_value: str = ""
    choices: tuple[str, ...] = ()
    date_format: str = ""
    phone_format: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag. ``members`` counts active subscribers only and lags behind."""

    id: int
    name: str
    members: int
    kind: Literal["static", "saved", "fuzzy"]


class Member(NamedTuple):
    """One member as the service showed it.

    ``fields`` holds every merge field as text, "" where it is empty. ``member_id`` is the hash the service
    returned: use it for URLs, never one computed. ``tags`` are ids; ``tags_cut`` says that there are more.
    """

    address: str
    status: Status
    last_changed: datetime
    fields: Mapping[str, str]
    tags: tuple[int, ...]
    member_id: str
    contact_id: str
    tags_cut: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list, how many items there are in all, and the service's own clock when it answered (UTC)."""

    items: tuple[Item, ...]
    total: int
    served_at: datetime


@dataclass(frozen=True, slots=True)
class NewMember:
    """A contact to insert: ``fields`` maps merge tags to values, without those that are empty; ``tags`` by name."""

    address: str
    fields: Mapping[str, str]
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class MemberError:
    """One member the service refused. ``text`` is what it said, with every address and value masked."""

    address: str
    reason: Reason
    text: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """What an insert did: the members the answer showed, and those refused. An address in neither is unsettled."""

    members: tuple[Member, ...]
    errors: tuple[MemberError, ...]


@dataclass(frozen=True, slots=True)
class TagAnswer:
    """What a tag call did, by address. An address that appears nowhere is unsettled."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    errors: tuple[MemberError, ...]


class ContentRefused(errors.Refused):
    """What was sent in this call cannot be taken: bisect it.

    ``reason`` classifies ``text``, the service's own words, masked; ``merge_field`` names the field if it was told.
    ``repeated`` says that the same was asked before without an answer, and may have been done then.
    """

    repeated = False

    def __init__(self, *, reason: Reason, text: str, merge_field: str | None = None) -> None:
        self.reason = reason
        self.text = text
        self.merge_field = merge_field
        super().__init__("Mailchimp refused what was sent: {text}", text=text)


class TimedOut(errors.Unavailable):
    """No answer in time, twice running for a call that can be divided: send less in one call.

    The outcome is unknown; all writes here may be repeated.
    """

    def __init__(self) -> None:
        super().__init__("Mailchimp took too long to answer. The next try goes on where this one stopped.")


class Stopped(errors.PostinoError):
    """The stop event is set: no call was begun, or one that failed is not repeated. Nobody's fault."""

    def __init__(self) -> None:
        super().__init__("The work was asked to stop.")


@dataclass
class Meter:
    """Counts calls and retries over all lanes of a run; ``last_call`` is when one last began (``time.monotonic``).

    ``gate`` is passed just before a call goes out: it may wait, or raise ``Stopped``.
    """

    calls: int = 0
    retries: int = 0
    last_call: float | None = None
    gate: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def count(self, *, retry: bool) -> None:
        """Count one HTTP call; ``retry`` if it repeats one that failed."""
        with self._lock:
            self.calls += 1
            self.retries += retry
            self.last_call = time.monotonic()


class MailingService(Protocol):
    """One account at the mailing service. Safe to use from up to eight threads.

    Every call may raise ``ReconnectNeeded``, ``NotFound``, ``Refused`` (``AccountLimit``, ``ContentRefused``),
    ``Unavailable`` (after all retries; ``TimedOut`` after the second of two slow answers to one that can be
    divided) and ``Stopped``.
    Nothing here can delete, archive or unsubscribe anyone, or touch another's tag.
    """

    @property
    def throttled_since(self) -> datetime | None:
        """Since when the service has been slowing us down; None if it is not."""

    def start_with(self, lanes: int) -> None:
        """Begin with at most ``lanes`` calls at a time, growing from there."""

    def account(self) -> Account:
        """The account itself."""

    def audiences(self) -> tuple[Audience, ...]:
        """All audiences, with their contacts."""

    def audience(self, audience_id: str) -> Audience:
        """One audience. Raises NotFound."""

    def merge_fields(self, audience_id: str) -> tuple[MergeField, ...]:
        """All merge fields, without the address itself."""

    def tags(self, audience_id: str) -> tuple[Tag, ...]:
        """All tags (static segments)."""

    def create_tag(self, audience_id: str, name: str) -> Tag:
        """An empty tag. If it exists already, e.g. after a lost race, the existing one.

        Raises ContentRefused, which says whether an earlier call may have made it.
        """

    def delete_tag(self, audience_id: str, tag_id: int) -> None:
        """Take the tag off everybody by deleting it; one that is gone already is no matter."""

    def members(
        self,
        audience_id: str,
        *,
        status: Status | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        offset: int = 0,
        count: int = MEMBERS_PER_PAGE,
    ) -> Page[Member]:
        """One page of members, by ``last_changed`` ascending, changed after ``since`` and before ``before``.

        Raises TimedOut where ``count`` is more than SMALL_PAGE and so many take too long.
        """

    def count(self, audience_id: str, status: Status) -> int:
        """How many members have this status, by paging's own total."""

    def tag_members(
        self, audience_id: str, tag_id: int, *, offset: int = 0, count: int = MEMBERS_PER_PAGE
    ) -> Page[str]:
        """One page of the addresses of a tag's holders, whatever their status. Raises NotFound if the tag is gone.

        Raises TimedOut where ``count`` is more than SMALL_PAGE and so many take too long.
        """

    def member(self, audience_id: str, address: str) -> Member | None:
        """One member with all its tags, in whatever spelling; None if it was never seen or permanently deleted."""

    def insert(
        self,
        audience_id: str,
        members: Sequence[NewMember],
        *,
        skip_merge_validation: bool = False,
    ) -> BulkAnswer:
        """Insert up to 500 new members as subscribed, with their tags; existing ones are refused, never changed."""

    def update(
        self, audience_id: str, member_id: str, fields: Mapping[str, str], *, skip_merge_validation: bool = False
    ) -> Member:
        """Change merge fields of an existing member; never its status."""

    def change_tag(self, audience_id: str, tag_id: int, add: Sequence[str], remove: Sequence[str]) -> TagAnswer:
        """Put the tag on up to 500 addresses and take it off up to 500. Raises NotFound if the tag is gone."""
