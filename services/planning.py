"""Step 3: what must change, from one merge of snapshot, ledger and what was just observed, all in the order of their keys.

The merge writes the actions to scratch paper and closes the ledger: what was observed becomes what Postino knows. Only then
is it known who has left under another address, and who among the new contacts must wait for a person's decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from sqlalchemy.orm import Session

from services import moving, observing, snapshot
from services.mailing import Status
from services.merging import Head, holders, merge, observations
from services.plans import OnReject, Plan, Rejected, positions, tally
from services.rejects import Problem
from services.rules import Class, Decision, Rules, Seen, TagMap, reconcile
from services.scratch import Scratch
from services.snapshot import SEPARATOR, Person, SegmentRead
from storage import ledger, refusals
from storage.database import Database

BATCH = 5000
_SETS_COUNTED = 5_000  # different sets of tags of which members are counted before the counts are added up


def _address_of(head: Head) -> str | None:
    """Where to look somebody up: the address in the source, else the one a tag's page showed of a member we know."""
    if head.person is not None:
        return head.person.address
    return head.held[0][1] if head.held and head.row is not None else None


def _stays_rejected(row: ledger.Row, decision: Decision) -> bool:
    """Whether somebody whom this run has rejected would be rejected again, by what is remembered of them."""
    forgotten = decision.outcome is Class.SUPPRESSED and row.status == Status.FORGOTTEN
    return row.run_class == Class.REJECTED and (decision.outcome is Class.REJECTED or forgotten)


class Planner:
    """Draws up plans for one destination on the ``scratch`` paper of its snapshot, beside what was ``observed``.

    ``forgotten`` tells who is forgotten by now, and ``hold`` that the run is still this worker's, both within the transaction
    that closes the ledger.
    """

    def __init__(
        self,
        database: Database,
        scratch: Scratch,
        observed: Scratch,
        ledger_id: int,
        rules: Rules,
        tags: TagMap,
        *,
        run_id: int,
        destination_id: int,
        now: int,
        trusted_since: int,
        in_full: bool,
        everybody_seen: bool,
        hash_profile: Callable[[str], bytes],
        forgotten: Callable[[Session], frozenset[bytes]],
        forgotten_elsewhere: frozenset[bytes],
        forgotten_profiles: bytes,
        hold: Callable[[Session], None],
    ) -> None:
        self._everybody_seen = everybody_seen
        self._hash_profile = hash_profile
        self._forgotten = forgotten
        self._forgotten_elsewhere = forgotten_elsewhere
        self._forgotten_profiles = forgotten_profiles
        self._hold = hold
        self._database = database
        self._scratch = scratch
        self._observed = observed
        self._ledger_id = ledger_id
        self._rules = rules
        self._tags = tags
        self._run_id = run_id
        self._destination_id = destination_id
        self._now = now
        self._trusted_since = trusted_since
        self._in_full = in_full
        self._plan = Plan()
        self._actions: dict[str, list[tuple[object, ...]]] = {}
        self._known: list[ledger.Row] = []
        self._gone: list[bytes] = []
        self._kept_on = 0
        self._complete = False

    def draw_up(self, on_reject: OnReject, segments: Sequence[SegmentRead]) -> Plan:
        """Merge everything once; the plan. ``on_reject`` hears of every profile that cannot be exported.

        Rows of the ``segments`` that could not be read are rejected without a profile id of their own.
        """
        self._plan, self._complete = Plan(), all(read.complete for read in segments)
        self._scratch.clear("inserts", "updates", "tag_changes", "missing", "former", "sharing")
        for profile in moving.split(self._forgotten_profiles):
            self._append("former", (profile, True))
        with self._database.read() as session:
            heads = merge(
                snapshot.people(self._scratch),
                ledger.stream(session, self._ledger_id),
                observations(self._observed),
                holders(self._observed),
                refusals.stream(session, self._ledger_id),
                self._tags,
            )
            for head in heads:
                self._settle(head, on_reject, first=True)
        self._flush(everything=True)
        self._hold_changed_addresses(on_reject)
        self._add_up()
        self._problems(on_reject)
        for position, read in enumerate(segments):
            self._plan.count(Class.REJECTED, read.broken)
            for number in range(1, read.broken + 1):
                unreadable = Rejected(f"{read.name} #{number}", 1 << position, "", Problem.UNREADABLE)
                self._reject(unreadable, on_reject)
        return self._plan

    def _add_up(self) -> None:
        """Pour what was counted by status and set of tags into the counts of each: there may be as many sets as people."""
        for (status, bits), count in self._plan.members.items():
            self._plan.statuses[status] += count
            for position in positions(self._tags.to_positions(bits)):
                self._plan.holders[position] += count
        self._plan.members.clear()

    def plan_one(self, key: bytes, seen: Seen, on_reject: OnReject, held_as: str = "") -> tuple[Class | None, bool]:
        """Plan one person again, whose member was just read back; the new actions are added to the others.

        They name the address as the audience holds it, which may be another spelling than ours.
        Returns the outcome, None for somebody who is in no chosen segment, and whether this run has counted them already.
        """
        person = snapshot.person(self._scratch, key)
        if person is not None and held_as:
            person = person._replace(address=held_as)
        with self._database.read() as session:
            row = ledger.members(session, self._ledger_id, [key]).get(key)
        held = tuple((position, held_as) for position in positions(self._tags.to_positions(seen.held or 0)))
        before = self._plan
        self._plan = Plan()
        outcome = self._settle(Head(key, person, row, seen, held, None), on_reject, first=False)
        self._flush(everything=True)
        self._plan = before
        return outcome, row is not None and row.run_id == self._run_id and row.run_class > 0

    def use(self, rules: Rules, tags: TagMap) -> None:
        """Plan on with tags that exist by now."""
        self._rules, self._tags = rules, tags

    def forget_missing(self) -> None:
        """Know tags that members have lost as lost: from here on this run puts them back. Raises ``LostLease``.

        Until then they stay known, because of a run that sends nothing it is for a verification to put them back.
        """
        lost = self._scratch.stream("SELECT key, bits FROM missing")
        while bits := {key: int.from_bytes(packed, "little") for key, packed in islice(lost, BATCH)}:
            with self._database.write() as session:
                self._hold(session)
                rows = ledger.members(session, self._ledger_id, list(bits)).values()
                ledger.put(session, self._ledger_id, [row._replace(tags=row.tags & ~bits[row.key]) for row in rows])

    def keep_on(self, waiting: Iterable[int]) -> None:
        """Plan no removal of these tags any more, by position: they wait for a person."""
        self._kept_on = sum(1 << position for position in waiting)

    def follow(self, tags: TagMap) -> None:
        """Plan on with other tags by the same rules."""
        self.use(self._rules.with_tags(tags), tags)

    def _settle(self, head: Head, on_reject: OnReject, *, first: bool) -> Class | None:
        _, person, before, _, _, refusal = head
        row = self._reconciled(head)
        if row is not None and row.owner == self._destination_id:
            # Whom this destination may write to no more, the others may; who is only missing from a torn source is still its own.
            gone = self._complete if person is None else not person.consents
            row = row._replace(owner=0) if gone else row
        kept = head.key not in self._rules.forgotten
        profiles = moving.profiles_of(person, self._hash_profile) if kept else b""
        if row is not None and row.profiles != profiles:
            row = self._know_again(row, profiles)
        if person is None and row is None:
            self._note(head, row)
            return None
        had = before.tags if before is not None else 0
        decision = self._rules.decide(person, row, refusal and self._valid(refusal), had=had)
        if not kept:  # nothing is sent about whoever is forgotten
            decision = decision._replace(add=0, remove=0)
        if first and row is not None and self._was_rejected(row) and not _stays_rejected(row, decision):
            # An earlier attempt rejected them, and nothing that is remembered says that it must stay so: they are tried again.
            row = row._replace(run_id=0, run_class=0)
        put_back = 0
        if decision.add and had and (first or self._rules.verifying):
            put_back = self._tags.to_ledger(decision.add & self._tags.to_positions(had))
            if put_back and not self._rules.verifying:
                self._append("missing", (head.key, ledger.pack_bits(put_back)))
        self._note(head, row, put_back)
        return self._act(head, row, decision, profiles, on_reject)

    def _was_rejected(self, row: ledger.Row | None) -> bool:
        return row is not None and row.run_id == self._run_id and row.run_class == Class.REJECTED

    def _reconciled(self, head: Head) -> ledger.Row | None:
        """What is true of a member now; None for whoever is none, as far as is known."""
        key, person, before, seen, holds, _ = head
        unseen = before is None and seen is None
        if unseen and person is not None and key in self._forgotten_elsewhere and not self._in_full:
            self._plan.unseen.append(person.address)
        if unseen and not holds:
            return None
        held = 0
        for position, _ in holds:  # pages overlap, so that one tag may be there twice
            held |= self._tags.to_ledger(1 << position)
        row, disputed = reconcile(
            before,
            seen,
            held,
            self._tags.read_mask,
            key=key,
            in_full=self._in_full,
            trusted_since=self._trusted_since,
        )
        if not disputed:
            return row
        if (address := _address_of(head)) and len(self._plan.disputed) <= observing.LOOKUPS:
            self._plan.disputed.append(address)
        # Somebody who holds our tag and whom no pass has shown: an insert, which can only be refused, tells who they are.
        return None if before is None and person is not None else row

    def _know_again(self, row: ledger.Row, profiles: bytes) -> ledger.Row:
        """Remember whose address this is; if they have left, note whom to look for under other addresses."""
        if profiles:
            row = row._replace(profiles=moving.remember(row.profiles, profiles))
        has_left = row.status in moving.LEFT
        if has_left or not self._everybody_seen:
            for profile in moving.split(row.profiles):
                self._append("former", (profile, has_left))
        return row

    def _hold_changed_addresses(self, on_reject: OnReject) -> None:
        """Take those out of the inserts who have left the audience under another address, until a person decides."""
        for one in moving.moved(self._scratch, left=True):
            if self._rules.decided.get(one.key):
                continue
            self._scratch.query("DELETE FROM inserts WHERE n = ?", (one.n,))
            self._plan.count(Class.NEW, -1)
            self._plan.count(Class.REJECTED)
            for position in positions(one.segments):
                self._plan.tags_added[position] -= 1
            waits = Rejected(one.profile, one.segments, one.address, Problem.OTHER_ADDRESS, key=one.key, person=one.key)
            self._reject(waits, on_reject)
        unsure = moving.moved(self._scratch, left=False)
        self._plan.unsure = any(one.key not in self._rules.decided for one in unsure)

    def _valid(self, refusal: refusals.Row) -> refusals.Row | None:
        return refusal if refusal.until is None or refusal.until.timestamp() > self._now else None

    def _note(self, head: Head, row: ledger.Row | None, put_back: int = 0) -> None:
        """Count a member, and note what is new of them. Bits that are ``put_back`` stay known until they are."""
        if row is None:
            if head.row is not None:
                self._gone.append(head.key)
        else:
            if row.acknowledged > self._plan.last_acknowledged:
                self._plan.last_acknowledged = row.acknowledged
            if head.row is not None or head.key not in self._rules.forgotten:  # whoever is forgotten is not kept
                self._plan.members[row.status, row.tags] += 1
                if len(self._plan.members) > _SETS_COUNTED:
                    self._add_up()
            if put_back:
                row = row._replace(tags=row.tags | put_back)
            if row is not head.row and row != head.row and not (head.row is None and head.key in self._rules.forgotten):
                self._known.append(row)
        if len(self._known) + len(self._gone) >= BATCH:
            self._flush()

    def _act(
        self, head: Head, row: ledger.Row | None, decision: Decision, profiles: bytes, on_reject: OnReject
    ) -> Class | None:
        person, outcome = head.person, decision.outcome
        if person is not None and outcome is not None:
            if row is not None and row.run_class and row.run_id == self._run_id:
                self._plan.done[Class(row.run_class)] += 1
                self._plan.count(Class.DUPLICATES, len(person.others))
                if _stays_rejected(row, decision):
                    self._list_reject(person, decision, on_reject)
            else:
                self._count(person, outcome, decision, on_reject)
            if outcome in (Class.NEW, Class.UPDATED) and not self._was_rejected(row):
                self._actions_of(outcome, person, decision, profiles)
        if decision.add or decision.remove:
            self._tag_actions(head, decision)
        return outcome

    def _count(self, person: Person, outcome: Class, decision: Decision, on_reject: OnReject) -> None:
        self._plan.count(outcome)
        if person.others:
            self._plan.count(Class.DUPLICATES, len(person.others))
        if outcome is Class.SUPPRESSED:
            self._plan.suppressed[decision.reason] = self._plan.suppressed.get(decision.reason, 0) + 1
        if outcome is Class.REJECTED:
            self._list_reject(person, decision, on_reject)

    def _list_reject(self, person: Person, decision: Decision, on_reject: OnReject) -> None:
        self._reject(
            Rejected(person.profile, person.segments, person.address, decision.reason, person=person.key), on_reject
        )

    def _reject(self, rejected: Rejected, on_reject: OnReject) -> None:
        self._plan.rejected[rejected.reason] = self._plan.rejected.get(rejected.reason, 0) + 1
        on_reject(rejected)

    def _actions_of(self, outcome: Class, person: Person, decision: Decision, profiles: bytes) -> None:
        table, values = (
            ("inserts", person.fields) if outcome is Class.NEW else ("updates", SEPARATOR.join(decision.fields))
        )
        bits = ledger.pack_bits(person.segments)
        row = (None, person.key, person.profile, person.address, values, person.hashes, bits, profiles)
        self._append(table, row)
        if outcome is Class.NEW:
            for other in person.others:
                self._append("sharing", (self._hash_profile(other), person.key))

    def _tag_actions(self, head: Head, decision: Decision) -> None:
        tally(self._plan.tags_added, decision.add)
        person = head.person
        # Whoever is in a class of their own already, such as the suppressed, is not counted again for a tag.
        counts = decision.outcome in (Class.UPDATED, Class.TAGS_ONLY)
        profile = person.profile if person is not None and counts else None
        if person is not None and decision.outcome is not Class.NEW:
            for position in positions(decision.add):
                self._append("tag_changes", (None, position, 0, head.key, person.address, profile))
        addresses = dict(head.held)
        for position in positions(decision.remove & ~self._kept_on):
            address = addresses.get(position) or (person.address if person is not None else None)
            if address is not None:
                tally(self._plan.tags_removed, 1 << position)
                self._append("tag_changes", (None, position, 1, head.key, address, profile))

    def _problems(self, on_reject: OnReject) -> None:
        for profile, consents, address, problem, segments in snapshot.problems(self._scratch):
            if consents:
                self._plan.count(Class.REJECTED)
                self._reject(Rejected(profile, segments, address, problem), on_reject)
            else:
                self._plan.count(Class.NO_CONSENT)

    def _append(self, table: str, row: tuple[object, ...]) -> None:
        rows = self._actions.setdefault(table, [])
        rows.append(row)
        if len(rows) >= BATCH:
            self._write_actions(table)

    def _write_actions(self, table: str) -> None:
        rows = self._actions.pop(table, [])
        if rows:
            self._scratch.add(table, rows, len(rows[0]))

    def _flush(self, *, everything: bool = False) -> None:
        if everything:
            for table in list(self._actions):
                self._write_actions(table)
        if self._known or self._gone:
            with self._database.write() as session:
                self._hold(session)
                forgotten = self._forgotten(session)
                known = [row for row in self._known if row.key not in forgotten]
                ledger.put(session, self._ledger_id, [*known, *self._kept_for_others(session, forgotten)])
                ledger.remove(session, self._ledger_id, self._gone)
            self._known, self._gone = [], []

    def _kept_for_others(self, session: Session, forgotten: frozenset[bytes]) -> list[ledger.Row]:
        """How those stand now who are forgotten here, but known in the ledger because another workspace exports to them."""
        rows = {row.key: row for row in self._known if row.key in forgotten}
        return [
            there._replace(
                status=rows[key].status, changed=rows[key].changed, tags=rows[key].tags, fields=rows[key].fields
            )
            for key, there in ledger.members(session, self._ledger_id, list(rows)).items()
        ]
