"""Step 5: send what the plan wants, in lanes, and have every acknowledged answer committed with the run's counters.

The lanes only send; the thread that calls ``apply`` is the one committer. Order: inserts, updates, tags, then whatever an answer
left open is read back, planned again and sent in another round, with whoever goes again without a value that was refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from sqlalchemy.orm import Session

from services import actions, addresses, mailing
from services.acknowledging import Acknowledging, Refused, account_limit
from services.actions import Action, TagChange, Target
from services.attempts import Attempt
from services.errors import NotFound
from services.hashing import Hasher
from services.lanes import Lanes
from services.mailing import MEMBERS_PER_INSERT, MailingService, Member, Reason, Rule, Status
from services.planning import Planner
from services.plans import positions
from services.reckoning import Reckoning
from services.rules import Class, TagMap
from services.scratch import Scratch
from services.straying import Strays
from storage import ledger
from storage.database import Database

Item = TypeVar("Item")
Answer = TypeVar("Answer")

ROUNDS = 5


class Applying:
    """Carries one plan out. Not reusable."""

    def __init__(
        self,
        database: Database,
        scratch: Scratch,
        service: MailingService,
        attempt: Attempt,
        planner: Planner,
        tags: TagMap,
        target: Target,
        ledger_id: int,
        hasher: Hasher,
        reckoning: Reckoning,
        lanes: Lanes,
        forgotten: Callable[[Session], frozenset[bytes]],
    ) -> None:
        self._scratch = scratch
        self._service = service
        self._planner = planner
        self._tags = tags
        self._target = target
        self._reckoning = reckoning
        self._counters = reckoning.counters
        self._lanes = lanes
        self._database = database
        self._forgotten = forgotten
        self._let_go: set[bytes] = set()
        self._strays = Strays(service, target.audience_id, target.tags_there, target.tag_names)
        self._acknowledged = Acknowledging(database, attempt, tags, target, ledger_id, hasher, reckoning, forgotten)
        self._tags_in_bulk = True
        self._open: dict[bytes, str] = {}
        self._unsettled: dict[bytes, mailing.MemberError] = {}
        self._classed: set[bytes] = set()
        self._refused_tags: set[tuple[bytes, int]] = set()
        self._inserted_now: set[bytes] | None = None  # kept for a canary only

    def apply(self, canary: int = 0) -> None:
        """Send everything, or with ``canary`` only so many inserts over all attempts, and their tags.

        Raises ``Stopped`` after the calls in flight, and what the service raises for the whole account.
        """
        if canary:
            self._inserted_now = self._acknowledged.inserted_before()
            self._keep_to_the_canary()
        for _ in range(ROUNDS):
            self._insert(max(0, canary - self._counters.classes[Class.NEW]) if canary else None)
            self._put_strays_right()
            self._update()
            self._change_tags()
            self._read_back()
            if canary:
                self._keep_to_the_canary()
            if not self._anything_left():
                break
        else:
            self._give_up()
        self._count_let_go()

    def _keep_to_the_canary(self) -> None:
        """Leave whoever was a member before this run, and whoever joins meanwhile, to the next one."""
        self._scratch.clear("updates")
        actions.keep_tag_changes(self._scratch, self._inserted_now or ())

    # Inserts

    def _insert(self, limit: int | None) -> None:
        chunks = self._alone_first(actions.read(self._scratch, "inserts", MEMBERS_PER_INSERT, limit=limit))
        for one in chunks:
            self._drive(one, self._send_inserts, self._settle_inserts)

    def _alone_first(self, chunks: Iterator[Sequence[Action]]) -> Iterator[Iterator[Sequence[Action]]]:
        """The first call carries one contact: only if its answer shows our tags are tags sent along with the rest."""
        first = next(chunks, None)
        if first is not None:
            yield iter([first[:1]])
            yield chain([first[1:]] if len(first) > 1 else [], chunks)

    def _send_inserts(self, chunk: Sequence[Action]) -> mailing.BulkAnswer:
        members = [mailing.NewMember(one.address, self._target.fields_of(one), self._tag_names(one)) for one in chunk]
        return self._service.insert(
            self._target.audience_id, members, skip_merge_validation=self._target.skip_merge_validation
        )

    def _tag_names(self, action: Action) -> tuple[str, ...]:
        if not self._tags_in_bulk:
            return ()
        return tuple(self._target.tag_names[position] for position in positions(action.segments))

    def _settle_inserts(self, chunk: Sequence[Action], answer: mailing.BulkAnswer) -> None:
        by_key = {one.key: one for one in chunk}
        by_address = {one.address.lower(): one.key for one in chunk}
        acknowledged = int(self._acknowledged.now().timestamp())
        rows, missing_tags = [], []
        for member in answer.members:
            key = by_address.get(member.address.lower()) or self._acknowledged.key(member.address)
            action = by_key.pop(key, None)
            if action is None:
                continue
            if member.status is not Status.SUBSCRIBED:
                self._open[action.key] = action.address
                continue
            shown = self._acknowledged.shown(member)
            rows.append(self._acknowledged.inserted(action, member, shown, acknowledged))
            self._tags_shown(action, member, shown)
            if missing := action.segments & ~shown:
                missing_tags += [
                    (None, position, 0, action.key, action.address, action.profile) for position in positions(missing)
                ]
        refused = []
        for error in answer.errors:
            action = by_key.pop(self._acknowledged.key(error.address), None)
            if action is not None and not self._insert_without(action, error):
                refused.append((action, error))
        for action in by_key.values():
            self._open[action.key] = action.address
        self._scratch.add("tag_changes", missing_tags, 6)
        if self._inserted_now is not None:
            self._inserted_now.update([row.key for row in rows])
        self._commit(rows, refused)

    def _tags_shown(self, action: Action, member: Member, shown: int) -> None:
        """Send no more names once one has not led to our tag, and note what else it led to."""
        if action.segments & ~shown:
            self._tags_in_bulk = False
            self._strays.note(action.key, member)

    def _put_strays_right(self) -> None:
        """A name we sent may have made a tag, because others had deleted or renamed ours: follow it, or take it off again."""
        for stray in self._strays.take():
            gone = self._tags.ids[stray.position] not in stray.there
            if gone and stray.only_ours(self._open.keys(), self._acknowledged.key):
                self._tags = self._acknowledged.adopt(stray.position, stray.tag)
                self._planner.follow(self._tags)
            else:
                self._drive(stray.chunks(), stray.take_off, lambda *_: self._commit([]))

    # Updates

    def _update(self) -> None:
        self._drive(actions.read(self._scratch, "updates", 1), self._send_update, self._settle_update)

    def _send_update(self, chunk: Sequence[Action]) -> Member | mailing.ContentRefused | None:
        action = chunk[0]
        try:
            return self._service.update(
                self._target.audience_id,
                addresses.subscriber_hash(action.address),
                self._target.fields_of(action),
                skip_merge_validation=self._target.skip_merge_validation,
            )
        except NotFound:
            return None
        except mailing.ContentRefused as refused:
            return refused

    def _settle_update(self, chunk: Sequence[Action], answer: Member | mailing.ContentRefused | None) -> None:
        action = chunk[0]
        if answer is None:
            self._open[action.key] = action.address
            return
        known = self._acknowledged.known([action.key]).get(action.key)
        if isinstance(answer, mailing.ContentRefused):
            error = mailing.MemberError(action.address, answer.reason, answer.text, answer.merge_field)
            if known is None or not self._update_without(action, error, known):
                self._commit([], [(action, error)], members=True)
        else:
            self._commit([self._acknowledged.updated(action, answer, known)])

    # Tags

    def _change_tags(self) -> None:
        for position in sorted(self._tags.ids):
            self._drive(actions.read_tag_changes(self._scratch, position), self._send_tags, self._settle_tags)
        self._scratch.clear("tag_changes")

    def _send_tags(self, chunk: Sequence[TagChange]) -> mailing.TagAnswer:
        return self._service.change_tag(
            self._target.audience_id,
            self._tags.ids[chunk[0].position],
            [change.address for change in chunk if not change.remove],
            [change.address for change in chunk if change.remove],
        )

    def _settle_tags(self, chunk: Sequence[TagChange], answer: mailing.TagAnswer) -> None:
        done = {(self._acknowledged.key(address), False) for address in answer.added}
        done |= {(self._acknowledged.key(address), True) for address in answer.removed}
        errors = {self._acknowledged.key(error.address): error for error in answer.errors}
        known = self._acknowledged.known([change.key for change in chunk])
        acknowledged = int(self._acknowledged.now().timestamp())
        rows: dict[bytes, ledger.Row] = {}
        for change in chunk:
            row = rows.get(change.key) or known.get(change.key)
            if (change.key, change.remove) in done:
                changed = None if row is None else self._acknowledged.tagged(row, change, acknowledged)
            else:
                changed = self._not_tagged(row, change, errors.get(change.key))
            if changed is not None:
                rows[change.key] = changed
        self._commit(rows.values())
        if (stop := next((error for error in answer.errors if error.reason.rule is Rule.STOP), None)) is not None:
            raise account_limit(stop)

    def _not_tagged(
        self, row: ledger.Row | None, change: TagChange, error: mailing.MemberError | None
    ) -> ledger.Row | None:
        """Read back whose tag was not changed. Whoever is refused again after that is rejected; the row then."""
        if error is not None:
            if (change.key, change.position) in self._refused_tags:
                return self._acknowledged.rejected_change(row, change, error)
            self._refused_tags.add((change.key, change.position))
        self._open[change.key] = change.address
        if change.profile is None:
            self._classed.add(change.key)
        return None

    # What an answer left open

    def _read_back(self) -> None:
        """Look at everyone whose state is open and plan them again."""
        if not self._open:
            return
        self._drive(iter([[item] for item in self._open.items()]), self._send_lookup, self._settle_lookup)
        self._open, self._classed = {}, set()

    def _anything_left(self) -> bool:
        return bool(
            self._scratch.query(
                "SELECT 1 FROM inserts UNION ALL SELECT 1 FROM updates UNION ALL SELECT 1 FROM tag_changes LIMIT 1"
            )
        )

    def _send_lookup(self, chunk: Sequence[tuple[bytes, str]]) -> Member | None:
        return self._service.member(self._target.audience_id, chunk[0][1])

    def _settle_lookup(self, chunk: Sequence[tuple[bytes, str]], member: Member | None) -> None:
        key = chunk[0][0]
        held_as = member.address if member is not None else ""
        outcome, counted = self._planner.plan_one(key, self._acknowledged.seen(member), self._reckoning.reject, held_as)
        sends = outcome in (Class.NEW, Class.UPDATED, Class.TAGS_ONLY)
        if key in self._classed:
            # Counted when the run began, as suppressed or without consent: whatever is sent now must not count it again.
            self._commit(self._acknowledged.as_suppressed(key) if sends else [])
            return
        if outcome is not None and not counted and not sends:
            self._counters.classes[outcome] += 1
        self._commit([])

    def _give_up(self) -> None:
        """Reject whom round after round neither showed nor refused, with what was said of them last; the next run tries again."""
        for chunk in actions.read(self._scratch, "inserts", MEMBERS_PER_INSERT):
            for action in chunk:
                self._acknowledged.reject_new(action, self._said_last(action))
            self._commit([])
        for left in actions.read(self._scratch, "updates", MEMBERS_PER_INSERT):
            self._reject_changes(left)
        for position in sorted(self._tags.ids):
            for changes in actions.read_tag_changes(self._scratch, position):
                self._reject_changes(changes)
        self._scratch.clear("tag_changes")

    def _reject_changes(self, changes: Sequence[TagChange] | Sequence[Action]) -> None:
        rows = self._acknowledged.known([change.key for change in changes])
        for change in changes:
            row = self._acknowledged.rejected_change(rows.get(change.key), change, self._said_last(change))
            if row is not None:
                rows[change.key] = row
        self._commit(rows.values())

    def _said_last(self, change: Action | TagChange) -> mailing.MemberError:
        return self._unsettled.get(change.key) or mailing.MemberError(change.address, Reason.UNKNOWN, "")

    # Values that are refused

    def _insert_without(self, action: Action, error: mailing.MemberError) -> bool:
        """Insert somebody again without the one value that was refused; False if it was not one that can be left out."""
        without = self._left_out(action, error)
        if without is not None:
            actions.write(self._scratch, "inserts", without[0])
        return without is not None

    def _update_without(self, action: Action, error: mailing.MemberError, known: ledger.Row) -> bool:
        """Update somebody again without the one value that was refused; False if it was not one that can be left out."""
        without = self._left_out(action, error)
        if without is None:
            return False
        rest, left_out = without
        goes_on = bool(self._target.fields_of(rest))
        if goes_on:
            actions.write(self._scratch, "updates", rest)
        self._commit([self._acknowledged.without_values(known, left_out, nothing_else=not goes_on)])
        return True

    def _left_out(self, action: Action, error: mailing.MemberError) -> tuple[Action, dict[int, bytes]] | None:
        if error.reason is not Reason.MERGE_FIELD or error.field is None:
            return None
        without = self._target.without(action, error.field)
        if without is not None:
            self._reckoning.leave_out(error.field)
        return without

    # Driving and committing

    def _commit(self, rows: Iterable[ledger.Row], refused: Sequence[Refused] = (), *, members: bool = False) -> None:
        for action, error in self._acknowledged.commit(rows, refused, members=members):
            self._open[action.key], self._unsettled[action.key] = action.address, error

    def _drive(
        self,
        chunks: Iterator[Sequence[Item]],
        send: Callable[[Sequence[Item]], Answer],
        settle: Callable[[Sequence[Item], Answer], None],
    ) -> None:
        """Send chunks and settle their answers, without whoever is forgotten by the time a chunk is sent."""

        def send_rest(chunk: Sequence[Item]) -> tuple[Sequence[Item], list[Answer]]:
            with self._database.read() as session:
                forgotten = self._forgotten(session)
            rest = [item for item in chunk if _key_of(item) not in forgotten] if forgotten else chunk
            return rest, [send(rest)] if rest else []

        def settle_rest(chunk: Sequence[Item], answer: tuple[Sequence[Item], list[Answer]]) -> None:
            rest, answers = answer
            if len(rest) < len(chunk):
                sent = {*map(_key_of, rest)}
                self._let_go |= {key for item in chunk if (key := _key_of(item)) not in sent} - self._classed
            for one in answers:
                settle(rest, one)

        self._lanes.drive(chunks, send_rest, settle_rest, self._settle_refused)

    def _count_let_go(self) -> None:
        """Count those forgotten meanwhile as suppressed, unless they were in a class by then."""
        classes = self._counters.classes
        left = self._counters.profiles - sum(classes[one] for one in Class if one is not Class.NOT_ATTEMPTED)
        classes[Class.SUPPRESSED] += max(0, min(left, len(self._let_go)))

    def _settle_refused(self, item: object, refused: mailing.ContentRefused) -> None:
        """A single contact, or change of a tag, that Mailchimp does not take in a call of its own."""
        if not isinstance(item, Action | TagChange):
            return
        error = mailing.MemberError(item.address, refused.reason, refused.text, refused.merge_field)
        if isinstance(item, Action):
            if not self._insert_without(item, error):
                self._commit([], [(item, error)])
            return
        if error.reason.rule is Rule.STOP:
            raise account_limit(error)
        row = self._not_tagged(self._acknowledged.known([item.key]).get(item.key), item, error)
        self._commit([] if row is None else [row])


def _key_of(item: object) -> bytes:
    """Whom an action, a change of a tag or a look at somebody is about."""
    if isinstance(item, Action | TagChange):
        return item.key
    assert isinstance(item, tuple)
    key: bytes = item[0]
    return key
