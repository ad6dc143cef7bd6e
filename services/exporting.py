"""One attempt at one run: snapshot, observe, plan, guard, apply, verify.

The loop never asks how the last attempt ended. First run, re-run, resume after a crash and repair after manual edits are the
same code: it makes the audience match the segments.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from services import approving, binding, ceiling, guarding, observing, snapshot, tagging
from services.actions import Counters, Target
from services.applying import Applying
from services.attempts import Attempt
from services.book import Book, open_book
from services.errors import ReconnectNeeded, Refused
from services.hashing import Hasher
from services.lanes import LANES, WORKERS, Lanes
from services.mailing import MEMBERS_PER_PAGE, Audience, MailingService, MergeField, Meter, Status
from services.observing import Observer, Watched
from services.planning import Planner
from services.plans import Plan
from services.reckoning import Reckoning
from services.rules import TRUSTED_SECONDS, Class, Rules, TagMap
from services.scratch import Scratch
from services.snapshot import MappedField, Snapshot
from services.sources import ProfileSource
from storage import ledger, tombstones
from storage.database import Database
from storage.models import PLAN, Connection, Destination, Json, Ledger, LedgerTag, Run
from storage.vault import Vault

FULL_READ_EVERY = timedelta(days=7)

OpenMailing = Callable[[Connection, Meter, threading.Event], MailingService]


@dataclass(frozen=True, slots=True)
class Tools:
    """What an export works with; one composition root puts it together."""

    database: Database
    vault: Vault
    source: ProfileSource
    open_mailing: OpenMailing
    scratch_folder: Path


@dataclass(slots=True)
class Outcome:
    """How an attempt ended. ``plan`` are the preview's numbers; ``waiting`` says why a person is asked, or is empty."""

    counters: Counters
    plan: Json
    waiting: str = ""
    held: list[guarding.Held] = field(default_factory=list)


class Export:
    """One attempt. Build it, then ``carry_out`` once."""

    def __init__(self, tools: Tools, run: Run, attempt: Attempt, meter: Meter) -> None:
        connection = run.destination.connection
        if connection is None:
            raise Refused("The destination has no connection to Mailchimp any more. Edit it and choose one.")
        binding.require_unedited(run)
        self._resumes = "first_sent" in run.plan  # calls of an attempt that was killed may still arrive
        self._tools = tools
        self._database = tools.database
        self._run = run
        self._attempt = attempt
        self._meter = meter
        self._destination: Destination = run.destination
        self._connection = connection
        self.reckoning = Reckoning(run, attempt, meter)
        self._segments = [chosen.segment for chosen in self._destination.segments]

    def carry_out(self) -> Outcome:
        """Do what the run asks for. Raises what stops it; everything acknowledged until then is committed."""
        service = self._tools.open_mailing(self._connection, self._meter, self._attempt.stop)
        service.start_with(2 if self._resumes else LANES)
        with (
            Scratch(self._tools.scratch_folder) as scratch,
            Scratch(self._tools.scratch_folder) as observed,
            ThreadPoolExecutor(1, thread_name_prefix="aside") as aside,
            _lanes() as executor,  # shut first, which ends what goes on aside
        ):
            return self._loop(scratch, observed, service, executor, aside)

    def _loop(
        self,
        scratch: Scratch,
        observed: Scratch,
        service: MailingService,
        executor: ThreadPoolExecutor,
        aside: ThreadPoolExecutor,
    ) -> Outcome:
        audience, fields = self._preflight(service)
        mapped = self._mapped(fields)
        self._step("reading")
        merge_tags = [one.merge_field.tag for one in mapped]
        book = open_book(self._database, self._tools.vault, self._run, self._connection.account_id, merge_tags)
        present = self._tags(service, book)
        tags = TagMap(
            tuple(row.bit for row in present), {at: row.tag_id for at, row in enumerate(present) if row.tag_id}
        )
        required = self._required(mapped)
        rules = book.rules(tags, required)
        observer = Observer(
            observed, service, self._destination.audience_id, book.all_slots, book.hasher, executor, WORKERS
        )
        watched = [Watched(position, tag_id) for position, tag_id in tags.ids.items()]
        # Whom the tags are on is asked while the source is read: one waits for Mailchimp, the other for this computer.
        # Where late calls may still arrive, members are read first, and their tags after them.
        aside_now, later = ([], watched) if self._resumes else (watched, [])
        holders = aside.submit(observer.holders, aside_now)
        try:
            taken = self._taken = self._take(scratch, mapped, book.hasher)
        except BaseException:
            self._attempt.stop.set()  # no call is repeated for a run that has failed
            raise
        holders.result()
        plan, planner = self._plan(scratch, aside, observer, later, book, tags, rules)
        self.reckoning.publish_rejects(self._database)
        self._check_ceiling(service, plan)
        held = self._guard(plan, taken, present)
        for one in held:
            scratch.query("DELETE FROM tag_changes WHERE tag = ? AND remove = 1", (one.position,))
        # Whoever is only read back while this sends keeps a tag, too, of which nothing complete tells that they should lose it.
        torn = (at for at, read in enumerate(taken.segments) if not read.complete and at not in plan.tags_removed)
        planner.keep_on([*(one.position for one in held), *torn])
        tag_names = [row.name for row in present]
        summary = self._timed(self.reckoning.summary(plan, taken, audience, tag_names, held))
        summary |= binding.carried(self._run)
        self.reckoning.counters.profiles = taken.profiles
        waiting = "removals" if held else ""
        stopped = self._stopped_by_now(plan, summary, waiting, held)
        if stopped is not None:
            return stopped
        self.reckoning.begin(plan)
        planner.forget_missing()
        tags = tagging.create(service, self._database, self._destination.audience_id, present, tags)
        planner.use(book.rules(tags, required), tags)
        named = tagging.named(service, self._destination.audience_id, present, tags)
        target = Target(
            audience_id=self._destination.audience_id,
            merge_tags=tuple(one.merge_field.tag for one in mapped),
            slots=tuple(book.slots),
            all_slots=book.all_slots,
            tag_names=named.names,
            tags_there=named.there,
            skip_merge_validation=self._destination.skip_required_fields,
            destination_id=self._destination.id,
            elders=frozenset(book.elders),
            required=required,
        )
        summary["sending_since"] = self._now().timestamp()
        # An attempt that takes over keeps when the first one began.
        summary.setdefault("first_sent", summary["sending_since"])
        self._step("sending", plan=summary)
        Applying(
            self._database,
            scratch,
            service,
            self._attempt,
            planner,
            tags,
            target,
            book.ledger_id,
            book.hasher,
            self.reckoning,
            Lanes(executor, self._attempt),
            self._forgotten,
        ).apply(self._run.canary)
        summary = self.reckoning.with_refused(summary)
        return Outcome(self.reckoning.final(), summary, waiting, held)

    # Steps

    def _preflight(self, service: MailingService) -> tuple[Audience, tuple[MergeField, ...]]:
        self._step("checking")
        account = service.account()
        if account.id != self._connection.account_id:
            raise ReconnectNeeded(
                "The credential of {connection} now belongs to another Mailchimp account. Connect the account again.",
                connection=self._connection.name,
            )
        guarding.check_role(account)
        self._subscribers = account.total_subscribers
        audience = service.audience(self._destination.audience_id)
        fields = service.merge_fields(self._destination.audience_id)
        guarding.check_required(fields, list(self._destination.fields), skip=self._destination.skip_required_fields)
        return audience, fields

    def _mapped(self, fields: Sequence[MergeField]) -> list[MappedField]:
        guarding.check_mapped(fields, self._destination.fields)
        by_tag = {one.tag: one for one in fields}
        return [MappedField(by_tag[tag], attribute) for tag, attribute in self._destination.fields.items()]

    def _required(self, mapped: Sequence[MappedField]) -> frozenset[str]:
        if self._destination.skip_required_fields:
            return frozenset()
        return frozenset(one.merge_field.tag for one in mapped if one.merge_field.required)

    def _take(self, scratch: Scratch, mapped: Sequence[MappedField], hasher: Hasher) -> Snapshot:
        consent = snapshot.consent(self._destination.consent_attribute, self._destination.consent_values)
        with self._attempt.waiting_for_source():
            taken = snapshot.take(
                scratch,
                self._tools.source,
                self._segments,
                self._destination.email_attribute,
                mapped,
                consent,
                hasher,
                self._attempt.stop,
                self._attempt.touch,
            )
        guarding.check_profiles(taken.profiles)
        return taken

    def _tags(self, service: MailingService, book: Book) -> list[LedgerTag]:
        with self._database.write() as session:
            return tagging.settle(
                session, service.tags(self._destination.audience_id), book.ledger_id, self._destination
            )

    def _plan(
        self,
        scratch: Scratch,
        aside: ThreadPoolExecutor,
        observer: Observer,
        unread: Sequence[Watched],
        book: Book,
        tags: TagMap,
        rules: Rules,
    ) -> tuple[Plan, Planner]:
        self._step("comparing")
        watermark = None if self._due_for_full_read(book.row) else book.row.watermark
        few = snapshot.are_fewer_than(scratch, observer.size(watermark) // MEMBERS_PER_PAGE)
        # The snapshot is brought into order while members are read: SQLite needs the other core for it, and no Python. Until
        # then nobody may ask anything of that paper, which would wait for it.
        ordered = aside.submit(scratch.index_rows)
        if few:
            # Few people, many members: each is looked up, which takes fewer calls than the pages that might show them.
            observer.lookups(snapshot.addresses_of_people(scratch))
            observer.holders(unread)
            ordered.result()
            planner, plan = self._draw_up(
                scratch, observer.notes, book, tags, rules, in_full=False, everybody_seen=False
            )
            if not plan.unsure:
                return plan, planner
            # Somebody has another address now. Only the pages tell how they stand under the one before.
            if unread:
                observer.notes.clear("holders")
        began = observer.changes(watermark)
        observer.holders(unread)
        ordered.result()
        in_full = watermark is None
        planner, plan = self._draw_up(scratch, observer.notes, book, tags, rules, in_full=in_full)
        uncounted = None
        if not in_full and not self._agrees(observer, plan, began, book.row.uncounted):
            observer.notes.clear("seen")
            began = observer.changes(None)
            in_full = True
            planner, plan = self._draw_up(scratch, observer.notes, book, tags, rules, in_full=True)
            # What differs even now cannot be read: it is no reason to read everything again in the next run.
            uncounted = _more_than(observer.counts(), plan)
        disputed = plan.disputed if len(plan.disputed) <= observing.LOOKUPS else []
        if asked := [*plan.unseen, *disputed]:
            observer.lookups(asked)
            planner, plan = self._draw_up(scratch, observer.notes, book, tags, rules, in_full=in_full)
        with self._database.write() as session:
            self._attempt.write(session)
            ledger.mark_read(session, book.ledger_id, began, in_full=in_full, uncounted=uncounted)
        return plan, planner

    def _draw_up(
        self,
        scratch: Scratch,
        observed: Scratch,
        book: Book,
        tags: TagMap,
        rules: Rules,
        *,
        in_full: bool,
        everybody_seen: bool = True,
    ) -> tuple[Planner, Plan]:
        hash_profile = book.hasher.profiles(self._run.workspace_id)
        self.reckoning.list_anew(scratch, hash_profile)
        now = int(self._now().timestamp())
        planner = Planner(
            self._database,
            scratch,
            observed,
            book.ledger_id,
            rules,
            tags,
            run_id=self._run.id,
            destination_id=self._destination.id,
            now=now,
            trusted_since=now if self._run.verifies else now - TRUSTED_SECONDS,
            in_full=in_full,
            everybody_seen=everybody_seen,
            hash_profile=hash_profile,
            forgotten=self._forgotten,
            forgotten_elsewhere=book.forgotten_elsewhere,
            forgotten_profiles=book.forgotten_profiles,
            hold=self._attempt.write,
        )
        return planner, planner.draw_up(self.reckoning.reject, self._taken.segments)

    def _forgotten(self, session: Session) -> frozenset[bytes]:
        """Who is forgotten by now: people may ask for it while a run goes on."""
        return tombstones.keys(session, self._run.workspace_id)

    def _due_for_full_read(self, row: Ledger) -> bool:
        return row.read_in_full_at is None or self._now() - row.read_in_full_at > FULL_READ_EVERY

    def _agrees(self, observer: Observer, plan: Plan, began: datetime, uncounted: Json) -> bool:
        """Whether Mailchimp counts as many members in each status as the ledger, which proves that nobody was missed.

        ``uncounted`` are those more that it had when all had been read. Within an hour of a write of ours the counts may lag, so
        they prove nothing.
        """
        if plan.last_acknowledged > began.timestamp() - TRUSTED_SECONDS:
            return True
        return _more_than(observer.counts(), plan) in ({}, uncounted)

    def _check_ceiling(self, service: MailingService, plan: Plan) -> None:
        """Only a connection with a ceiling costs a call, and only where contacts are to be added."""
        limit, new = self._connection.contact_ceiling, plan.classes[Class.NEW]
        if limit is None or not new:
            return
        asked_at, audiences = self._now(), service.audiences()
        with self._database.read() as session:
            read = self._destination.audience_id, plan.statuses
            present = ceiling.contacts(
                session, self._connection.account_id, audiences, self._subscribers, asked_at, read
            )
        ceiling.check(new, present, limit)

    def _guard(self, plan: Plan, taken: Snapshot, present: Sequence[LedgerTag]) -> list[guarding.Held]:
        self._step("checking limits")
        highest: dict[int, int] = {}
        today: date = self._now().astimezone(UTC).date()
        with self._database.write() as session:
            for position, tag in enumerate(present):
                ledger.note_holders(session, tag.id, today, plan.holders.get(position, 0))
                highest[position] = ledger.highest_holders(session, tag.id)
        held = guarding.brake(plan, taken, highest, self._destination.brake_share, self._destination.brake_people)
        if self._run.accept_removals:
            return guarding.still_held(held, self._segments, binding.shown_removals(self._run))
        return held

    def _stopped_by_now(self, plan: Plan, summary: Json, waiting: str, held: list[guarding.Held]) -> Outcome | None:
        """How a run ends that is not to send, or not yet: a plan, a preview, what somebody must approve. None if it goes on."""
        if self._run.trigger == PLAN:
            return Outcome(self.reckoning.counters, summary, held=held)
        if not self._run.preview and not self._needs_approval(summary):
            return None
        if any(summary["binding"].values()):
            self.reckoning.only_done(plan)
            return Outcome(self.reckoning.counters, summary, "approval", held)
        # Nobody needs to approve that nothing is sent.
        self.reckoning.begin(plan)
        return Outcome(self.reckoning.final(), summary, waiting, held)

    def _needs_approval(self, summary: Json) -> bool:
        """Whether an approved run has grown beyond what was approved or goes to another audience, or the destination's rule
        asks for a second person."""
        before, approved = self._run.plan if self._run.approved_by else {}, binding.approved(self._run)
        if approved is not None and guarding.has_grown(binding.in_all(summary), approved):
            return True
        if before.get("audience_id", summary["audience_id"]) != summary["audience_id"]:
            return True
        with self._database.read() as session:
            return approving.is_missing(session, self._run, summary)

    def _timed(self, summary: Json) -> Json:
        with self._database.read() as session:
            return self.reckoning.timed(session, summary, self._database.now(session))

    def _step(self, name: str, **values: object) -> None:
        with self._database.write() as session:
            self._attempt.write(session, step=name, **values)

    def _now(self) -> datetime:
        with self._database.read() as session:
            return self._database.now(session)


def _more_than(counts: Mapping[Status, int], plan: Plan) -> Json:
    """By status, how many more members Mailchimp counts than the ledger keeps."""
    more = {status.name.lower(): count - plan.statuses.get(status, 0) for status, count in counts.items()}
    return {name: count for name, count in more.items() if count}


@contextmanager
def _lanes() -> Iterator[ThreadPoolExecutor]:
    executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="lane")
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
