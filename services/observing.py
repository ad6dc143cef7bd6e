"""Step 2: what the audience looks like now, put on scratch paper beside the snapshot.

Members changed since the watermark are read in windows of ``last_changed``; archived ones in a pass of their own; every own tag
in full, which alone tells who holds it. Offset paging over a list that moves can skip people: pages overlap, and a window is
read again from where more people left it than the overlap covers. A page that Mailchimp is too slow for is read as smaller ones,
and so are all after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Generic, TypeVar

from services.errors import NotFound, Unavailable
from services.hashing import Hasher
from services.mailing import MEMBERS_PER_PAGE, SMALL_PAGE, MailingService, Member, Page, Status, TimedOut
from services.scratch import Scratch

OVERLAP = 50
"""How many people may leave a window while it is paged before some could be skipped."""
PASSES = 5
"""How often a part of the audience that changes too fast is read again in one run."""
LOOKUPS = 500
"""How many disputed people are looked up one by one; beyond that the ledger is trusted until its word is an hour old."""
SAFETY = timedelta(hours=1)
"""How far a pass reaches back behind the last one: Mailchimp's pages may lag behind its answers."""
ABSENT = 0
"""The status noted for somebody who was looked up and is not in the audience."""
COUNTED = (
    Status.SUBSCRIBED,
    Status.UNSUBSCRIBED,
    Status.CLEANED,
    Status.PENDING,
    Status.TRANSACTIONAL,
    Status.ARCHIVED,
)

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Watched:
    """One of our tags as it is read: its position among the destination's segments, and Mailchimp's id for it."""

    position: int
    tag_id: int


class Observer:
    """Reads one audience into ``notes``, scratch paper of its own, ``width`` pages ahead.

    ``slots`` maps merge tags to their place in the packed hashes.
    """

    def __init__(
        self,
        notes: Scratch,
        service: MailingService,
        audience_id: str,
        slots: Mapping[str, int],
        hasher: Hasher,
        executor: Executor,
        width: int,
    ) -> None:
        self.notes = notes
        self._service = service
        self._audience = audience_id
        self._tags_by_slot = sorted(slots, key=slots.__getitem__)
        self._hasher = hasher
        self._executor = executor
        self._width = width
        self._most = MEMBERS_PER_PAGE  # that one call asks for: fewer once Mailchimp was too slow for so many

    def changes(self, watermark: datetime | None) -> datetime:
        """Note every member changed since the watermark, or all of them; Mailchimp's own time when the pass began."""
        since = None if watermark is None else watermark - SAFETY
        began = self._pass(None, since)
        self._pass(Status.ARCHIVED, since)
        return began

    def size(self, watermark: datetime | None) -> int:
        """How many members a pass of changes would read, at the price of one call."""
        since = None if watermark is None else watermark - SAFETY
        return self._service.members(self._audience, since=since, count=1).total

    def lookups(self, wanted: Iterable[str]) -> None:
        """Note these addresses one by one: their status, fields and all their tags, or that they are absent."""
        for address, member in _ahead(self._executor, self._lookup, wanted, self._width):
            self._note_lookup(address, member)

    def holders(self, watched: Iterable[Watched]) -> dict[int, int]:
        """Note everyone who holds our tags, whatever their status; how many per position. A tag that is gone is left out."""
        counts: dict[int, int] = {}
        for tag in watched:
            try:
                counts[tag.position] = self._read_tag(tag)
            except NotFound:
                continue
        return counts

    def counts(self) -> dict[Status, int]:
        """How many members Mailchimp counts in each status."""
        return dict(
            zip(
                COUNTED,
                self._executor.map(lambda status: self._service.count(self._audience, status), COUNTED),
                strict=True,
            )
        )

    def _lookup(self, address: str) -> tuple[str, Member | None]:
        return address, self._service.member(self._audience, address)

    def _pass(self, status: Status | None, since: datetime | None) -> datetime:
        def read(offset: int, count: int) -> Page[Member]:
            return self._service.members(self._audience, status=status, since=since, offset=offset, count=count)

        first = next(self._parts(read, 0))
        if first.total <= len(first.items):
            self._note(first.items)
            return first.served_at
        began = first.served_at
        self._window(status, since, began)
        self._tail(status, began)
        return began

    def _tail(self, status: Status | None, began: datetime) -> None:
        """Read who changed while the window was read; again, if more people changed meanwhile than the overlap covers.

        The next pass reaches back far enough for the rest.
        """

        def read(offset: int, count: int) -> Page[Member]:
            behind = began - timedelta(seconds=1)
            return self._service.members(self._audience, status=status, since=behind, offset=offset, count=count)

        for _ in range(PASSES):
            first: datetime | None = None
            moved = 0
            for page in self._pages(read):
                first = first or page.served_at
                self._note(page.items)
                moved += sum(member.last_changed > first for member in page.items)
            if first is None or moved <= OVERLAP:
                return
            began = first
        raise _changes_too_fast()

    def _window(self, status: Status | None, since: datetime | None, before: datetime) -> None:
        """Page a window that is closed in the past: people can only leave it, by changing."""

        def read(offset: int, count: int) -> Page[Member]:
            return self._service.members(
                self._audience, status=status, since=since, before=before, offset=offset, count=count
            )

        stalled = 0
        while True:
            last: datetime | None = None
            for page in self._pages(read):
                if page.drifted:
                    break
                self._note(page.items)
                last = page.items[-1].last_changed if page.items else last
            else:
                return
            stalled = stalled + 1 if last is None or last == since else 0
            if stalled > PASSES:
                raise _changes_too_fast()
            # Whether Mailchimp counts a window's edges in is not documented: reach back over the shared second.
            since = since if last is None else last - timedelta(seconds=1)

    def _read_tag(self, tag: Watched) -> int:
        def read(offset: int, count: int) -> Page[str]:
            return self._service.tag_members(self._audience, tag.tag_id, offset=offset, count=count)

        for _ in range(3):
            total, drifted = 0, False
            for page in self._pages(read):
                drifted, total = drifted or page.drifted, max(total, page.total)
                self._note_holders(tag.position, page.items)
            if not drifted:
                break
        # Whoever was skipped even so is tagged again, which changes nothing, or loses the tag in the next run.
        return total

    def _pages(self, read: Callable[[int, int], Page[Item]]) -> Iterator[_Read[Item]]:
        """All pages in order, several in flight, each telling whether more people left before it than the overlap covers."""
        parts = self._parts(read, 0)
        first = next(parts)
        yield _Read(first.items, first.total, first.served_at, drifted=False)
        step = MEMBERS_PER_PAGE - OVERLAP
        offsets = range(step, first.total, step) if first.total > MEMBERS_PER_PAGE else range(0)
        others = _ahead(self._executor, lambda offset: tuple(self._parts(read, offset)), offsets, self._width)
        for page in chain(parts, chain.from_iterable(others)):
            yield _Read(page.items, page.total, page.served_at, drifted=first.total - page.total > OVERLAP)

    def _parts(self, read: Callable[[int, int], Page[Item]], offset: int) -> Iterator[Page[Item]]:
        """The page that begins at ``offset``, as several that overlap where Mailchimp is too slow for so many at a time."""
        end = offset + MEMBERS_PER_PAGE
        while True:
            count = min(self._most, end - offset)
            try:
                page = read(offset, count)
            except TimedOut:
                if count <= SMALL_PAGE:
                    raise
                self._most = min(self._most, max(SMALL_PAGE, count // 2))
                continue
            yield page
            if offset + count >= min(end, page.total):
                return
            offset += count - OVERLAP

    def _note(self, members: Iterable[Member]) -> None:
        rows = []
        for member in members:
            key = self._hasher.key_of(member.address)
            if key is not None:
                rows.append((key, member.status, int(member.last_changed.timestamp()), self._got(member), None))
        self.notes.add("seen", rows, 5)

    def _note_lookup(self, address: str, member: Member | None) -> None:
        key = self._hasher.key_of(address)
        if key is None:
            return
        if member is None:
            self.notes.add("seen", [(key, ABSENT, 0, b"", None)], 5)
            return
        tags = None if member.tags_cut else " ".join(map(str, member.tags))
        changed = int(member.last_changed.timestamp())
        self.notes.add("seen", [(key, member.status, changed, self._got(member), tags)], 5)

    def _note_holders(self, position: int, holders: Iterable[str]) -> None:
        keyed = [(self._hasher.key_of(address), position, address) for address in holders]
        self.notes.add("holders", [row for row in keyed if row[0] is not None], 3)

    def _got(self, member: Member) -> bytes:
        return got(member.fields, self._tags_by_slot, self._hasher)


def got(fields: Mapping[str, str], tags_by_slot: Sequence[str], hasher: Hasher) -> bytes:
    """The hashes of what Mailchimp shows in the mapped fields, by slot."""
    return b"".join([hasher.value(fields.get(tag, "")) for tag in tags_by_slot])


@dataclass(frozen=True, slots=True)
class _Read(Generic[Item]):
    items: tuple[Item, ...]
    total: int
    served_at: datetime
    drifted: bool


def _changes_too_fast() -> Unavailable:
    return Unavailable(
        "The audience changes faster than Mailchimp lets it be read. Nothing was sent; Postino tries again."
    )


Argument = TypeVar("Argument")
Result = TypeVar("Result")


def _ahead(
    executor: Executor, function: Callable[[Argument], Result], arguments: Iterable[Argument], width: int
) -> Iterator[Result]:
    """``map`` in order with at most ``width`` calls ahead, so that a million results never wait in memory."""
    pending: deque[Future[Result]] = deque()
    try:
        for argument in arguments:
            pending.append(executor.submit(function, argument))
            if len(pending) >= width:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
