"""Tags that our own inserts have made by name, because others deleted or renamed the one that had it.

A bulk insert knows tags by their names alone, and makes those that are not there. Only its answer tells.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from services.errors import NotFound
from services.mailing import MEMBERS_PER_TAG_CALL, SMALL_PAGE, MailingService, Member, Tag
from storage import ledger

Given = tuple[bytes, str]


@dataclass(frozen=True)
class Stray:
    """A tag that an insert led to instead of ours at ``position``: whom it was ``given``, and the tags ``there`` are by now."""

    tag: Tag
    position: int
    given: dict[bytes, str]
    there: frozenset[int]
    service: MailingService
    audience_id: str

    def only_ours(self, meanwhile: Collection[bytes], key_of: Callable[[str], bytes]) -> bool:
        """Whether nobody has it but whom we gave it, and those whose inserts were not answered yet."""
        offset = 0
        while True:
            page = self.service.tag_members(self.audience_id, self.tag.id, offset=offset, count=SMALL_PAGE)
            if any(key not in self.given and key not in meanwhile for key in map(key_of, page.items)):
                return False
            offset += len(page.items)
            if not page.items or offset >= page.total:
                return True

    def chunks(self) -> Iterator[Sequence[Given]]:
        """Whom it is to be taken off again, as many as one call takes."""
        given = list(self.given.items())
        for start in range(0, len(given), MEMBERS_PER_TAG_CALL):
            yield given[start : start + MEMBERS_PER_TAG_CALL]

    def take_off(self, chunk: Sequence[Given]) -> None:
        """Take it off these people; one that is gone is off them already."""
        try:
            self.service.change_tag(self.audience_id, self.tag.id, [], [address for _, address in chunk])
        except NotFound:
            return


class Strays:
    """Collects them while contacts are inserted. ``there`` are the tags from before, ``names`` those that are sent."""

    def __init__(self, service: MailingService, audience_id: str, there: frozenset[int], names: Sequence[str]) -> None:
        self._service = service
        self._audience_id = audience_id
        self._there = there
        self._positions = {ledger.fold(name): position for position, name in enumerate(names)}
        self._given: dict[int, dict[bytes, str]] = {}

    def note(self, key: bytes, member: Member) -> None:
        """Note the tags of a contact that was just inserted which were not there before."""
        for tag_id in member.tags:
            if tag_id not in self._there:
                self._given.setdefault(tag_id, {})[key] = member.address

    def take(self) -> Iterator[Stray]:
        """Those noted since, as far as they have one of the names that were sent."""
        given, self._given = self._given, {}
        tags = {tag.id: tag for tag in self._service.tags(self._audience_id)} if given else {}
        for tag_id, people in given.items():
            tag = tags.get(tag_id)
            position = self._positions.get(ledger.fold(tag.name)) if tag is not None else None
            if tag is not None and position is not None:
                yield Stray(tag, position, people, frozenset(tags), self._service, self._audience_id)
