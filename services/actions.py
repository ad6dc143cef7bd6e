"""What the plan wants done, read back from scratch paper, and what has been done so far."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from services.hashing import EMPTY, VALUE_BYTES
from services.mailing import MEMBERS_PER_TAG_CALL
from services.rules import Class
from services.scratch import Scratch
from services.snapshot import SEPARATOR
from storage import ledger


class Action(NamedTuple):
    """A person to insert or to update, as the plan wrote them down."""

    n: int
    key: bytes
    profile: str
    address: str
    fields: str
    hashes: bytes
    segments: int
    profiles: bytes


class TagChange(NamedTuple):
    """One tag to put on or take off one address; ``profile`` is None for somebody who is in no chosen segment."""

    n: int
    position: int
    remove: bool
    key: bytes
    address: str
    profile: str | None


@dataclass(slots=True)
class Counters:
    """What a run has done so far, over all its attempts. The nine classes add up to ``profiles`` when it has ended."""

    profiles: int = 0
    classes: dict[Class, int] = field(default_factory=lambda: dict.fromkeys(Class, 0))
    tags_added: int = 0
    tags_removed: int = 0
    calls: int = 0
    retries: int = 0

    def as_json(self) -> dict[str, int]:
        """The stable names of ``--json``."""
        return {
            "profiles": self.profiles,
            **{outcome.word: self.classes[outcome] for outcome in Class},
            "tags_added": self.tags_added,
            "tags_removed": self.tags_removed,
            "calls": self.calls,
            "retries": self.retries,
        }


@dataclass(frozen=True)
class Target:
    """The audience and what of it is written: merge tags by mapping order with their slots, and tag names by position.

    ``tags_there`` are the ids of all tags that the audience had just before contacts are inserted.
    ``elders`` are the older destinations on the audience: the members whose fields they fill stay theirs. Contacts are not
    taken without a value in the ``required`` fields.
    """

    audience_id: str
    merge_tags: tuple[str, ...]
    slots: tuple[int, ...]
    all_slots: Mapping[str, int]
    tag_names: tuple[str, ...]
    skip_merge_validation: bool
    destination_id: int
    tags_there: frozenset[int] = frozenset()
    elders: frozenset[int] = frozenset()
    required: frozenset[str] = frozenset()

    def fields_of(self, action: Action) -> dict[str, str]:
        """The values to send, by merge tag."""
        values = zip(self.merge_tags, action.fields.split(SEPARATOR), strict=False)
        return {tag: value for tag, value in values if value}

    def hashes_by_slot(self, action: Action) -> list[bytes]:
        """The hashes of the values the source wants, for every slot of the audience; EMPTY where it maps none."""
        return [EMPTY if at is None else action.hashes[at] for at in self._mapped_by_slot]

    def hashes_sent(self, action: Action) -> dict[int, bytes]:
        """The hashes of the values in this action, by slot."""
        values = action.fields.split(SEPARATOR)
        return {
            slot: action.hashes[index * VALUE_BYTES : (index + 1) * VALUE_BYTES]
            for index, slot in enumerate(self.slots)
            if values[index]
        }

    def without(self, action: Action, merge_tag: str) -> tuple[Action, dict[int, bytes]] | None:
        """The action without its value for one field, and the hash of that value by slot; None if it cannot go without."""
        values = action.fields.split(SEPARATOR)
        index = self.merge_tags.index(merge_tag) if merge_tag in self.merge_tags else len(values)
        if index >= len(values) or not values[index] or merge_tag in self.required:
            return None
        values[index] = ""
        left_out = action.hashes[index * VALUE_BYTES : (index + 1) * VALUE_BYTES]
        return action._replace(fields=SEPARATOR.join(values)), {self.slots[index]: left_out}

    @cached_property
    def _mapped_by_slot(self) -> list[slice | None]:
        mapped = {slot: slice(index * VALUE_BYTES, (index + 1) * VALUE_BYTES) for index, slot in enumerate(self.slots)}
        return [mapped.get(slot) for slot in range(len(self.all_slots))]


def read(scratch: Scratch, table: str, size: int, *, limit: int | None = None) -> Iterator[Sequence[Action]]:
    """The ``inserts`` or ``updates`` in chunks of ``size``, at most ``limit`` in all, a page in memory at a time.

    At the end all are taken off the paper but for those that came on it meanwhile.
    """
    last, left = 0, limit
    end = scratch.query(f"SELECT MAX(n) FROM {table}")[0][0] or 0  # noqa: S608 - our own table names
    while rows := scratch.query(
        f"SELECT * FROM {table} WHERE n > ? AND n <= ? ORDER BY n LIMIT ?",  # noqa: S608 - our own table names
        (last, end, max(size, 100) if left is None else min(max(size, 100), left)),
    ):
        last, left = rows[-1][0], None if left is None else left - len(rows)
        actions = [_action(row) for row in rows]
        for start in range(0, len(actions), size):
            yield actions[start : start + size]
    scratch.query(f"DELETE FROM {table} WHERE n <= ?", (end,))  # noqa: S608 - our own table names


def write(scratch: Scratch, table: str, action: Action) -> None:
    """Put an action on the paper, to be read after all that are there."""
    segments = ledger.pack_bits(action.segments)
    scratch.add(table, [(None, *action[1:6], segments, action.profiles)], 8)


def read_tag_changes(scratch: Scratch, position: int) -> Iterator[Sequence[TagChange]]:
    """The changes of one tag, each chunk with at most as many to add and to remove as one call takes."""
    last = [0, 0]
    while True:
        chunk: list[TagChange] = []
        for remove in (0, 1):
            rows = scratch.query(
                "SELECT * FROM tag_changes WHERE tag = ? AND remove = ? AND n > ? ORDER BY n LIMIT ?",
                (position, remove, last[remove], MEMBERS_PER_TAG_CALL),
            )
            changes = [TagChange(*row) for row in rows]
            last[remove] = changes[-1].n if changes else last[remove]
            chunk += changes
        if not chunk:
            return
        yield chunk


def keep_tag_changes(scratch: Scratch, keys: Collection[bytes]) -> None:
    """Take all changes of tags off the paper but those of the people with these keys."""
    marks = ", ".join("?" * len(keys))
    scratch.query(f"DELETE FROM tag_changes WHERE key NOT IN ({marks})", tuple(keys))  # noqa: S608 - nothing but marks


def _action(row: tuple[Any, ...]) -> Action:
    n, key, profile, address, fields, hashes, segments, profiles = row
    return Action(n, key, profile, address, fields, hashes, int.from_bytes(segments, "little"), profiles)
