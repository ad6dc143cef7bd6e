"""What is written down of Mailchimp's answers: members as the ledger's rows, refusals, and the run's counters with them.

Used by the one thread that commits. It sends nothing and decides nothing about what is sent next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from services import mailing, tagging
from services.actions import Action, TagChange, Target
from services.attempts import Attempt
from services.errors import AccountLimit
from services.hashing import Hasher
from services.mailing import Member, Reason, Rule, Status
from services.observing import ABSENT, got
from services.plans import Rejected
from services.reckoning import Reckoning
from services.rules import Class, Seen, TagMap, acknowledge_fields, fields_of_new, merge_got
from storage import ledger, refusals
from storage.database import Database

ANOTHER_DAY = timedelta(days=1)

Refused = tuple[Action, mailing.MemberError]


class Acknowledging:
    """The book-keeping of one attempt."""

    def __init__(
        self,
        database: Database,
        attempt: Attempt,
        tags: TagMap,
        target: Target,
        ledger_id: int,
        hasher: Hasher,
        reckoning: Reckoning,
        forgotten: Callable[[Session], frozenset[bytes]],
    ) -> None:
        self._database = database
        self._attempt = attempt
        self._run_id = attempt.run_id
        self._tags = tags
        self._target = target
        self._ledger_id = ledger_id
        self._hasher = hasher
        self._reckoning = reckoning
        self._counters = reckoning.counters
        self._forgotten = forgotten
        self._positions_by_id = {tag_id: position for position, tag_id in tags.ids.items()}
        self._tags_by_slot = sorted(target.all_slots, key=target.all_slots.__getitem__)

    # What is known, and what an answer shows

    def known(self, keys: Sequence[bytes]) -> dict[bytes, ledger.Row]:
        """The members with these keys as the ledger holds them."""
        with self._database.read() as session:
            return ledger.members(session, self._ledger_id, keys)

    def inserted_before(self) -> set[bytes]:
        """Whom earlier attempts of the run have inserted."""
        with self._database.read() as session:
            return ledger.written(session, self._ledger_id, self._run_id, Class.NEW)

    def key(self, address: str) -> bytes:
        """Whose address an answer names."""
        return self._hasher.key_of(address) or b""

    def shown(self, member: Member) -> int:
        """The positions of those of our tags that an answer shows on a member."""
        known = self._positions_by_id
        return sum([1 << known[tag] for tag in member.tags if tag in known])

    def seen(self, member: Member | None) -> Seen:
        """What a lookup showed."""
        if member is None:
            return Seen(ABSENT, 0, b"", None)
        held = None if member.tags_cut else self._tags.to_ledger(self.shown(member))
        return Seen(member.status, int(member.last_changed.timestamp()), self._got(member), held)

    def now(self) -> datetime:
        """The time of what is written down."""
        with self._database.read() as session:
            return self._database.now(session)

    def adopt(self, position: int, tag: mailing.Tag) -> TagMap:
        """Take a tag for ours in the place of one that is gone; the tags from now on. Raises ``LostLease``."""
        with self._database.write() as session:
            self._attempt.write(session)
            bit = tagging.adopt(session, self._ledger_id, self._tags.ids[position], tag)
        bits = (*self._tags.bits[:position], bit, *self._tags.bits[position + 1 :])
        self._tags = TagMap(bits, {**self._tags.ids, position: tag.id})
        self._positions_by_id = {tag_id: at for at, tag_id in self._tags.ids.items()}
        return self._tags

    # Rows of what was acknowledged; what they count is counted

    def inserted(self, action: Action, member: Member, shown: int, acknowledged: int) -> ledger.Row:
        """Somebody whom the answer to an insert shows as subscribed, with the tags it shows."""
        row = ledger.Row(
            key=action.key,
            status=Status.SUBSCRIBED,
            changed=int(member.last_changed.timestamp()),
            tags=self._tags.to_ledger(shown),
            fields=fields_of_new(self._got(member), self._target.hashes_by_slot(action)),
            acknowledged=acknowledged,
            run_id=self._run_id,
            run_class=Class.NEW,
            owner=self._target.destination_id,
            profiles=action.profiles,
        )
        self._counters.classes[Class.NEW] += 1
        self._counters.tags_added += row.tags.bit_count()
        return row

    def updated(self, action: Action, member: Member, known: ledger.Row | None) -> ledger.Row:
        """Somebody whose fields were changed."""
        shown = merge_got(known.fields if known else b"", self._got(member))
        row = ledger.Row(
            key=action.key,
            status=member.status,
            changed=int(member.last_changed.timestamp()),
            tags=known.tags if known else 0,
            fields=acknowledge_fields(shown, self._target.hashes_sent(action)),
            acknowledged=int(self.now().timestamp()),
            run_id=known.run_id if known else 0,
            run_class=known.run_class if known else 0,
            # An elder fills all its fields whichever of the others are written: let go, it would lose them in the next run.
            owner=known.owner if known and known.owner in self._target.elders else self._target.destination_id,
            profiles=known.profiles if known else action.profiles,
        )
        return self._counted(row, Class.UPDATED)

    def tagged(self, row: ledger.Row, change: TagChange, acknowledged: int) -> ledger.Row:
        """Somebody whose tag was put on or taken off."""
        bit = self._tags.to_ledger(1 << change.position)
        if change.remove:
            self._counters.tags_removed += 1
            self._reckoning.refused_removals.discard((change.key, change.position))
        else:
            self._counters.tags_added += 1
        row = row._replace(tags=row.tags & ~bit if change.remove else row.tags | bit, acknowledged=acknowledged)
        return row if change.profile is None else self._counted(row, Class.TAGS_ONLY)

    def without_values(self, known: ledger.Row, left_out: dict[int, bytes], *, nothing_else: bool) -> ledger.Row:
        """Somebody whose refused values are taken for sent: not tried again before the source or Mailchimp has others."""
        row = known._replace(fields=acknowledge_fields(known.fields, left_out))
        return self._counted(row, Class.UNCHANGED) if nothing_else else row

    def rejected_change(
        self, row: ledger.Row | None, change: TagChange | Action, error: mailing.MemberError
    ) -> ledger.Row | None:
        """Somebody whose tag or field cannot be changed: rejected, in whatever class this run has counted them.

        None for whoever is in no chosen segment, or suppressed: they stay so, and a tag that stays on them is counted.
        """
        if change.profile is None or row is None:
            if isinstance(change, TagChange) and change.remove:
                self._reckoning.refused_removals.add((change.key, change.position))
            return None
        segments = 1 << change.position if isinstance(change, TagChange) else change.segments
        self._reckoning.reject(
            Rejected(change.profile, segments, change.address, error.reason, error.text, person=change.key)
        )
        if row.run_id == self._run_id and row.run_class:
            self._counters.classes[Class(row.run_class)] -= 1
        self._counters.classes[Class.REJECTED] += 1
        return row._replace(run_id=self._run_id, run_class=Class.REJECTED)

    def as_suppressed(self, key: bytes) -> list[ledger.Row]:
        """Somebody who was counted when the run began: whatever is sent to them must not count them again."""
        row = self.known([key]).get(key)
        return [row._replace(run_id=self._run_id, run_class=Class.SUPPRESSED)] if row is not None else []

    # Committing

    def commit(
        self, rows: Iterable[ledger.Row], refused: Sequence[Refused] = (), *, members: bool = False
    ) -> list[Refused]:
        """Write down what an answer did and whom it refused: new contacts, or ``members`` whose update it was.

        Nothing is written of whoever is forgotten by then. Returns those of the refused of whom it settles nothing.
        Raises AccountLimit, with all of it written, if one was refused for the account, and ``LostLease``.
        """
        rows, kept = list(rows), list[refusals.Row]()
        unsettled, stop = list[Refused](), None
        for action, error in refused:
            rule = error.reason.rule
            if rule is Rule.READ_BACK:
                unsettled.append((action, error))
                continue
            if rule is Rule.STOP:
                stop = error
                continue
            member = self.known([action.key]).get(action.key) if members else None
            if (row := self.rejected_change(member, action, error)) is not None:
                rows.append(row)  # whose tags are changed all the same, and must not count them a second time
            else:
                self.reject_new(action, error)
            if error.reason is Reason.FORGOTTEN:
                rows.append(self._deleted_for_good(action))
            elif rule in (Rule.REMEMBER, Rule.LATER) and self._is_theirs(action, error):
                until = None if rule is Rule.REMEMBER else self.now() + ANOTHER_DAY
                # Of somebody new it is the address that is not taken, whatever is mapped. Once a member, they are updated.
                value = b"" if error.reason.about_address and not members else action.hashes
                kept.append(
                    refusals.Row(action.key, self._hasher.refusal(value, self._target.required), error.reason, until)
                )
        with self._database.write() as session:
            self._reckoning.save(session)
            forgotten = self._forgotten(session)
            ledger.put(session, self._ledger_id, [row for row in rows if row.key not in forgotten])
            refusals.remember(session, self._ledger_id, [one for one in kept if one.key not in forgotten])
        if stop is not None:
            raise account_limit(stop)
        return unsettled

    def _is_theirs(self, action: Action, error: mailing.MemberError) -> bool:
        """Whether a refusal is about what was sent of somebody, and not about a field that has come to be required since."""
        if error.reason is not Reason.MERGE_FIELD or error.field is None:
            return True
        return error.field in self._target.required or error.field in self._target.fields_of(action)

    def reject_new(self, action: Action, error: mailing.MemberError) -> None:
        """Count and list somebody whom this run has counted in no class yet."""
        self._counters.classes[Class.REJECTED] += 1
        self._reckoning.reject(
            Rejected(action.profile, action.segments, action.address, error.reason, error.text, person=action.key)
        )

    def _counted(self, row: ledger.Row, outcome: Class) -> ledger.Row:
        """The row with its class in this run: the first they were counted in, but for whom nothing was changed until now."""
        if row.run_id == self._run_id and row.run_class != Class.UNCHANGED:
            return row
        if row.run_id == self._run_id:
            self._counters.classes[Class.UNCHANGED] -= 1
        self._counters.classes[outcome] += 1
        return row._replace(run_id=self._run_id, run_class=outcome)

    def _deleted_for_good(self, action: Action) -> ledger.Row:
        seconds = int(self.now().timestamp())
        row = ledger.Row(action.key, Status.FORGOTTEN, seconds, 0, b"", 0, self._run_id, Class.REJECTED)
        return row._replace(profiles=action.profiles)

    def _got(self, member: Member) -> bytes:
        return got(member.fields, self._tags_by_slot, self._hasher)


def account_limit(error: mailing.MemberError) -> AccountLimit:
    """Somebody was refused because of the account's plan."""
    return AccountLimit(
        "Mailchimp does not take more contacts for this account's plan: {text} "
        "Look at the plan and billing in Mailchimp, then export again.",
        text=error.text,
    )
