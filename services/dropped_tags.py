"""Deleting the tags that a destination left behind in Mailchimp when an edit dropped their segments.

Only those it made itself: what it took over from others, moved away from or uses again is not its to delete.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from services import access, audit, removing, tagging
from services.access import Actor
from services.connections import Connections
from services.destinations import Destinations
from services.errors import PostinoError, ReconnectNeeded, Refused, Unavailable
from storage import ledger, runs
from storage.database import Database
from storage.models import Destination, LedgerTag


@dataclass(frozen=True, slots=True)
class DroppedTag:
    """A tag that can be deleted, and the segment it stood for."""

    id: int
    segment: str
    name: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of tags that were to be deleted; ``reason`` is why some were kept, None if none was."""

    deleted: tuple[DroppedTag, ...]
    kept: tuple[DroppedTag, ...] = ()
    reason: PostinoError | None = None


@dataclass
class DroppedTags:
    """Those of all destinations."""

    database: Database
    connections: Connections
    destinations: Destinations

    def of(self, actor: Actor, destination_id: int) -> list[DroppedTag]:
        """The tags somebody may delete for good. Raises NotFound, NotAllowed."""
        destination = self._managed(actor, destination_id)
        with self.database.read() as session:
            return [_described(tag) for tag in tagging.left_behind(session, destination)]

    def delete(self, actor: Actor, destination_id: int, tag_ids: Collection[int]) -> Deletion:
        """Delete these of the destination's dropped tags in Mailchimp: nobody has them then, and everybody stays.

        Raises NotFound, NotAllowed, and Refused while an export is not over or if none of them can be deleted any more.
        """
        destination = self._managed(actor, destination_id)
        with self.database.read() as session:
            if runs.unfinished(session, destination.id):
                raise Refused(
                    "An export of {destination} is not over yet. Nothing was deleted: wait for its end, or cancel it.",
                    destination=destination.name,
                )
            tags = [tag for tag in tagging.left_behind(session, destination) if tag.id in tag_ids]
        if not tags:
            raise Refused(
                "Nothing was deleted: {destination} has no such tag left, or it is in use again.",
                destination=destination.name,
            )
        deleted, kept, reason = self._delete(destination, tags)
        self._note(actor, destination, deleted)
        return Deletion(tuple(map(_described, deleted)), tuple(map(_described, kept)), reason)

    def _managed(self, actor: Actor, destination_id: int) -> Destination:
        destination = self.destinations.get(actor, destination_id)
        access.require_manage(actor, destination)
        return destination

    def _delete(
        self, destination: Destination, tags: list[LedgerTag]
    ) -> tuple[list[LedgerTag], list[LedgerTag], PostinoError | None]:
        """Those deleted, those kept, and why. Whoever does not answer is not asked for the others."""
        deleted: list[LedgerTag] = []
        kept: list[LedgerTag] = []
        reason: PostinoError | None = None
        for tag in tags:
            if isinstance(reason, Unavailable | ReconnectNeeded):
                kept.append(tag)
                continue
            try:
                removing.delete_tag(self.connections, destination, tag)
            except PostinoError as error:
                kept.append(tag)
                reason = error
            else:
                deleted.append(tag)
        return deleted, kept, reason

    def _note(self, actor: Actor, destination: Destination, deleted: list[LedgerTag]) -> None:
        """Give the deleted tags up, so that their segments get new ones if they are chosen again."""
        if not deleted:
            return
        with self.database.write() as session:
            for tag in ledger.left_tags(session, destination.id):
                if tag.id in {one.id for one in deleted}:
                    ledger.release_tag(session, tag)
            details = {"tags": [tag.name for tag in deleted]}
            now = self.database.now(session)
            audit.record(session, actor, now, "destination.tags_deleted", destination.name, details)


def _described(tag: LedgerTag) -> DroppedTag:
    return DroppedTag(tag.id, tag.segment, tag.name)
