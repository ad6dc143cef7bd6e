"""The numbers of one run: what a preview shows, what is counted while it sends, and who was rejected.

Every distinct profile of a run ends in exactly one class, over all its attempts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy.orm import Session

from services import guarding
from services.actions import Counters
from services.attempts import Attempt
from services.mailing import MEMBERS_PER_INSERT, MEMBERS_PER_TAG_CALL, Audience, Meter
from services.masking import mask, mask_text
from services.plans import Plan, Rejected
from services.rejects import listed_as
from services.rules import Class
from services.scratch import Scratch
from services.snapshot import Snapshot
from storage import runs, tombstones
from storage.database import Database
from storage.models import Json, Run

PROFILES_PER_HOUR = guarding.PROFILES / 3
"""What is promised until a speed has been measured: up to three hours for 1,000,000."""
BULK_WEIGHT = 10
"""How many calls about one member take as long as one about 500."""
ENOUGH = 100
"""So much must have been sent to tell a speed: of a few calls, most of the time goes by before the first answer."""
MEASURED_BY = 3
"""Of how many exports, the last ones, the speed is taken."""
REJECTS_AT_ONCE = 5000
"""So many are kept in memory, and written in one transaction."""
_REJECT = ("profile_id", "segments", "masked_address", "reason", "detail", "key")  # and who it is


def speed(session: Session, run: Run) -> float | None:
    """How much weight of calls a second the last exports to the run's audience have sent; None if none has sent enough."""
    weight = seconds = 0.0
    measured = 0
    for plan, finished_at in runs.ended_well(session, run):
        if finished_at and "sending_since" in plan and plan["weight"] >= ENOUGH and measured < MEASURED_BY:
            measured += 1
            weight += plan["weight"]
            seconds += max(1.0, finished_at.timestamp() - plan["sending_since"])
    return weight / seconds if measured else None


class Reckoning:
    """Counts for one attempt, carrying on what earlier attempts of the run have counted."""

    def __init__(self, run: Run, attempt: Attempt, meter: Meter) -> None:
        # Until this attempt knows better, what the ones before it did counts: it may end before it has a plan.
        self.counters = Counters(
            profiles=run.counters.get("profiles", 0),
            classes={outcome: run.counters.get(outcome.word, 0) for outcome in Class} | {Class.NOT_ATTEMPTED: 0},
            tags_added=run.counters.get("tags_added", 0),
            tags_removed=run.counters.get("tags_removed", 0),
            calls=run.counters.get("calls", 0),
            retries=run.counters.get("retries", 0),
        )
        self._run, self._run_id = run, run.id
        self._began = run.progressed_at  # as the attempt took the run
        self._segments = [chosen.segment for chosen in run.destination.segments]
        self._attempt = attempt
        self._meter = meter
        self._calls_before = run.counters.get("calls", 0)
        self._retries_before = run.counters.get("retries", 0)
        self._rejects: list[tuple[object, ...]] = []
        self._paper: Scratch | None = None
        self._left_out: Counter[str] = Counter()
        self.refused_removals: set[tuple[bytes, int]] = set()
        """Tags, by position, that stay on people who should no longer have them and who are in no other class for that."""

    def summary(
        self,
        plan: Plan,
        taken: Snapshot,
        audience: Audience,
        tag_names: Sequence[str],
        held: Sequence[guarding.Held],
    ) -> Json:
        """What the preview shows, from the real plan: the tags as the audience calls them; ``held`` are removals that wait."""
        waiting = {one.position for one in held}
        removed = {at: count for at, count in plan.tags_removed.items() if at not in waiting}
        new = plan.classes[Class.NEW]
        # New contacts bring their tags along; whoever is a member already gets them, and loses them, by calls of the tag's.
        tagging = sum(
            math.ceil(max(plan.tags_added.get(at, 0) - new, removed.get(at, 0)) / MEMBERS_PER_TAG_CALL)
            for at in {*plan.tags_added, *removed}
        )
        bulk, single = math.ceil(new / MEMBERS_PER_INSERT) + tagging, plan.classes[Class.UPDATED]
        work = plan.classes[Class.NEW] + plan.classes[Class.UPDATED] + plan.classes[Class.TAGS_ONLY]
        numbers = guarding.binding_numbers(plan, sum(removed.values()))
        return {
            "profiles": taken.profiles,
            "audience_id": audience.id,
            "audience_members": audience.members,
            "classes": {
                outcome.word: count for outcome, count in plan.classes.items() if outcome is not Class.NOT_ATTEMPTED
            },
            "suppressed": plan.suppressed,
            "rejected": plan.rejected,
            "segments": [
                {
                    "segment": read.name,
                    "tag": tag_names[at],
                    "profiles": read.profiles,
                    "complete": read.complete,
                    "added": plan.tags_added.get(at, 0),
                    "removed": removed.get(at, 0),
                }
                for at, read in enumerate(taken.segments)
            ],
            "held": [
                {
                    "segment": self._segments[one.position],
                    "people": one.people,
                    "holders": one.holders,
                    "reason": one.reason,
                }
                for one in held
            ],
            "binding": numbers,
            "in_all": {name: count + self._run.counters.get(name, 0) for name, count in numbers.items()},
            "calls": bulk + single,
            "weight": BULK_WEIGHT * bulk + single,
            "seconds": math.ceil(work / PROFILES_PER_HOUR * 3600),
            "dropped_values": taken.dropped_values,
            "unreadable": taken.unreadable,
            "vanished": [read.name for read in taken.segments if read.vanished],
        }

    def timed(self, session: Session, summary: Json, now: datetime) -> Json:
        """The summary with how long the export will take: as this attempt has read, and its calls at the measured speed."""
        measured = speed(session, self._run)
        if measured is None or self._began is None:
            return summary
        read = (now - self._began).total_seconds()
        return summary | {"seconds": math.ceil(read + summary["weight"] / measured), "measured": True}

    def leave_out(self, merge_tag: str) -> None:
        """Count a value that Mailchimp itself did not take, so that its contact goes without it."""
        self._left_out[merge_tag] += 1

    def with_refused(self, summary: Json) -> Json:
        """The summary with the values that Mailchimp itself did not take, and by segment the tags it did not take off."""
        return summary | {
            "dropped_values": dict(self._left_out + Counter(summary["dropped_values"])),
            "refused_removals": dict(Counter(self._segments[position] for _, position in self.refused_removals)),
        }

    def begin(self, plan: Plan) -> None:
        """Count everybody who needs no call, and those whom an earlier attempt has written to."""
        self.only_done(plan)
        for outcome in (Class.UNCHANGED, Class.SUPPRESSED, Class.NO_CONSENT, Class.DUPLICATES, Class.REJECTED):
            self.counters.classes[outcome] += plan.classes[outcome]

    def only_done(self, plan: Plan) -> None:
        """Count those whom an earlier attempt has written to, as far as they are still among the profiles."""
        self.counters.classes.update(plan.done)

    def final(self) -> Counters:
        """The counters as they stand, with whatever is in no other class as not attempted."""
        self._measure()
        done = sum(count for outcome, count in self.counters.classes.items() if outcome is not Class.NOT_ATTEMPTED)
        self.counters.classes[Class.NOT_ATTEMPTED] = max(0, self.counters.profiles - done)
        return self.counters

    def save(self, session: Session) -> None:
        """Write the counters, as the holder of the run, in the transaction of what they count. Raises ``LostLease``."""
        self._measure()
        # Whoever gets on is not given up: crashes and silence count while nothing is acknowledged between them.
        self._attempt.write(session, counters=self.counters.as_json(), crashes=0, reason={})
        self.flush_rejects(session)

    def reject(self, rejected: Rejected) -> None:
        """List a profile that cannot be exported; every address is masked at once, its id too where that is one.

        A verification lists nobody: whom it rejects was in the list of the run that it looks at again.
        """
        if self._run.verifies is not None:
            return
        names = [name for at, name in enumerate(self._segments) if rejected.segments >> at & 1]
        self._rejects.append(
            (
                listed_as(rejected.profile, self._hash_profile),
                ", ".join(names)[:2000],
                mask(rejected.address)[:120] if rejected.address else "",
                str(rejected.reason),
                mask_text(rejected.detail)[:500],
                rejected.key or None,
                rejected.person,
            )
        )
        if self._paper is not None and len(self._rejects) >= REJECTS_AT_ONCE:
            self._set_aside(self._paper)

    def list_anew(self, paper: Scratch, hash_profile: Callable[[str], bytes]) -> None:
        """List on scratch paper from here on, until the plan is whole; what an earlier drawing of it listed there is dropped."""
        self._rejects = []
        self._hash_profile = hash_profile
        self._paper = paper
        paper.clear("rejects")

    def publish_rejects(self, database: Database) -> None:
        """Write what is on scratch paper, as the holder of the run, so many at a time. Raises ``LostLease``.

        It takes the place of what an earlier attempt listed, which stays until this one has a whole list.
        """
        if self._paper is None:
            return
        self._set_aside(self._paper)
        with database.write() as session:
            self._attempt.write(session)
            runs.drop_rejects(session, self._run_id)
        listed = self._paper.stream("SELECT profile, segments, address, reason, detail, key, person FROM rejects")
        while rows := list(islice(listed, REJECTS_AT_ONCE)):
            with database.write() as session:
                self._attempt.write(session)
                self._add(session, rows)
        self._paper.clear("rejects")
        self._paper = None

    def flush_rejects(self, session: Session) -> None:
        """Write the list as far as it has grown since the plan is whole."""
        rows, self._rejects = self._rejects, []
        for start in range(0, len(rows), 1000):
            self._add(session, rows[start : start + 1000])

    def _set_aside(self, paper: Scratch) -> None:
        paper.add("rejects", self._rejects, len(_REJECT) + 1)
        self._rejects = []

    def _add(self, session: Session, rows: Sequence[tuple[object, ...]]) -> None:
        """List them, without those whom somebody asked to forget meanwhile."""
        forgotten, run = tombstones.keys(session, self._run.workspace_id), {"run_id": self._run_id}
        listed = [run | dict(zip(_REJECT, row, strict=True)) for *row, person in rows if person not in forgotten]
        runs.add_rejects(session, listed)

    def _measure(self) -> None:
        self.counters.calls = self._calls_before + self._meter.calls
        self.counters.retries = self._retries_before + self._meter.retries
