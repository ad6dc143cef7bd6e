"""Any sequence of what may happen, drawn by Hypothesis; after each a quiet phase in which everything must come right."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from sandbox.mailchimp import acts
from sandbox.mailchimp.records import STATUSES
from storage.models import Run, RunStatus
from tests.model.happenings import ADDRESSES, FRESH, LONGEST_LAG, TO_ALL, TO_ONE, ToAll, ToOne
from tests.model.quiet import check_audience, settle
from tests.model.town import SEGMENTS, Template, Town
from tests.model.watch import OUT, folded

PROFILES = tuple(f"p{number}" for number in range(7))
NAMES = ("Ann", "Bob", "", "N" * 300)
NO_ADDRESS = ("", "broken")
UNCONFIRMED: dict[str, tuple[Any, ...]] = {
    "archived_in_plain_list": (False, True),
    "window_edges": ("exclusive", "inclusive"),
    "omitted_status": ("kept", "subscribed", "refused"),
    "status_if_new_in_bulk": (True, False),
    "bulk_tags": ("honoured", "ignored", "new_only"),
    "archived_insert": ("revived", "exists", "compliance"),
    "duplicates": ("all_refused", "first_kept"),
    "segment_add_of_suppressed": ("error", "ignored", "added"),
    "segment_add_of_holder": ("shown", "left_out"),
    "archived_in_segment_members": (False, True),
    "tag_change_moves_last_changed": (False, True),
    "tag_name_case": ("kept", "changed"),
    "long_merge_value": ("truncate", "error"),
}
FAULTS = ("429", "429_bare", "403_bare", "500", "500_after", "502", "503", "504", "refuse", "timeout", "drop_before",
          "drop_after", "cut")  # fmt: skip
PAUSES = ({"seconds": 0}, {"seconds": 1}, {"minutes": 5}, {"minutes": 59}, {"minutes": 61}, {"days": 8})


def setting(name: str, choice: object) -> str:
    """How often an unconfirmed reaction was set so is counted under this name."""
    return f"{name}: {choice}"


numbers = st.integers(0, 59)
profiles = st.sampled_from(PROFILES)
segments = st.sampled_from(SEGMENTS)
STORM = tuple(kind for kind in FAULTS if kind != "refuse")  # a refused reading ends a run at once
EVERYTHING: list[ToOne | ToAll] = [*TO_ONE, *TO_ALL]
TAGS = [one for one in EVERYTHING if "tag" in one.name]
REST = [one for one in EVERYTHING if "field" in one.name or "address" in one.name or "joins" in one.name]
TAKEN_OFF = [one for one in TAGS if one.name == "our tag is taken off by hand"]
UNSUBSCRIBES = next(one for one in TO_ONE if one.name == "unsubscribes")
STANDING = [one for one in EVERYTHING if one not in TAGS and one not in REST]
happenings: st.SearchStrategy[ToOne | ToAll] = st.sampled_from(EVERYTHING)
faults = st.fixed_dictionaries(
    {
        "kind": st.sampled_from((*FAULTS, "refuse", "refuse")),
        "method": st.sampled_from((None, "POST", "PATCH")),
        "skip": st.integers(0, 5),
        "times": st.integers(1, 3),
    }
)


class AnyHistory(RuleBasedStateMachine):
    """One example. ``template`` and ``counts`` are set by whoever runs it."""

    template: ClassVar[Template]
    counts: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.town = Town(self.template, self.counts)
        self.town.__enter__()
        self.sound = False
        self.decision: bool | None = None

    @initialize(
        switches=st.fixed_dictionaries({name: st.sampled_from(choices) for name, choices in UNCONFIRMED.items()}),
        chosen=st.lists(st.tuples(segments, profiles), max_size=8),
        present=st.lists(st.sampled_from(STATUSES), min_size=2, max_size=6),
        tagged=st.booleans(),
        order=st.permutations(EVERYTHING),
        number=numbers,
        decision=st.sampled_from((True, False, None, True, False)),
    )
    def begin(
        self,
        switches: dict[str, Any],
        chosen: list[tuple[str, str]],
        present: list[str],
        tagged: bool,
        order: list[ToOne | ToAll],
        number: int,
        decision: bool | None,
    ) -> None:
        town = self.town
        self.decision = decision
        town.world.switches.set(**switches)
        self.counts.update(setting(name, choice) for name, choice in switches.items())
        for number, profile in enumerate(PROFILES):
            town.customer(profile, ADDRESSES[number], NAMES[number % 2])
        for segment, profile in chosen:
            if profile not in town.source.members[segment]:
                town.source.members[segment].append(profile)
        if decision is not None and PROFILES[-1] not in town.source.members[SEGMENTS[0]]:
            town.source.members[SEGMENTS[0]].append(PROFILES[-1])
        for number, status in enumerate(present):
            acts.add(town.audience, ADDRESSES[number], status, tags=["VIP"] if tagged else [], FNAME="Old")
        town.open()
        self.sound = True
        if number % 4:  # Otherwise the first export is left to the rules, with whatever befalls it.
            if number % 4 == 1:
                town.world.faults.add("refuse", method="POST", skip=number // 4 % 3, times=2)
            self._export(dies_at=(number // 4 % 9, number % 4 == 2) if number % 4 > 1 else None)
            if town.run is not None:
                self._export()
            town.clock.forward(hours=2)
            self._happen([*TAKEN_OFF, *order[:12]], number)
            for segment, profile in chosen[:1]:
                self.membership_changes(segment, profile)
            if number % 3 == 0:
                self.is_forgotten(ADDRESSES[number % len(ADDRESSES)], 0)
            if decision is not None:
                self.leaver_gets_another_address(number)
                self.somebody_decides(not decision)

    @rule(
        profile=profiles, address=st.sampled_from((*ADDRESSES, *NO_ADDRESS)), written=st.sampled_from((str, str.upper))
    )
    def new_address(self, profile: str, address: str, written: Any) -> None:
        self.town.source.customers[profile].email = f"{written(address)} "
        self.counts["a profile gets another address"] += 1

    @rule(number=numbers)
    def leaver_gets_another_address(self, number: int) -> None:
        """Somebody unsubscribes, unless somebody has, and gets another address in the source; perhaps no run comes between."""
        audience, source = self.town.audience, self.town.source
        wanted = [profile for profile in PROFILES if any(profile in members for members in source.members.values())]
        there = [(profile, audience.find(folded(source.customers[profile].email))) for profile in wanted]
        out = [profile for profile, member in there if member is not None and member.status in OUT]
        if not out:
            can = [
                (profile, member) for profile, member in there if member is not None and member.status == "subscribed"
            ]
            if not can:
                return
            profile, member = can[number % len(can)]
            assert member is not None
            UNSUBSCRIBES.happen_to(self.town, member, number)
            out = [profile]
        free = [address for address in FRESH if not audience.find(address)]
        if free:
            self.new_address(out[number % len(out)], free[number % len(free)], str)
            self.counts["somebody who left gets another address"] += 1

    @rule(exported=st.sampled_from((False, True, False)))
    def somebody_decides(self, exported: bool) -> None:
        """An export finds out who waits, and somebody decides about them."""
        self._export()
        self.town.decide((*ADDRESSES, *FRESH), exported=exported)

    @rule(profile=profiles, name=st.sampled_from(NAMES), consents=st.sampled_from((True, True, False)))
    def profile_changes(self, profile: str, name: str, consents: bool) -> None:
        self.new_values(profile, name, consents)

    def new_values(self, profile: str, name: str, consents: bool) -> None:
        customer = self.town.source.customers[profile]
        self.counts["consent is withdrawn"] += customer.consents and not consents
        self.counts["a profile gets another name"] += customer.first != name
        self.counts["a value becomes empty"] += bool(customer.first and not name)
        customer.first, customer.consents = name, consents

    @rule(segment=segments, profile=profiles)
    def membership_changes(self, segment: str, profile: str) -> None:
        self.joins_or_leaves(segment, profile)

    def joins_or_leaves(self, segment: str, profile: str) -> None:
        members = self.town.source.members[segment]
        if profile in members:
            members.remove(profile)
            self.counts["a profile leaves a segment"] += 1
        else:
            members.append(profile)
            self.counts["a profile joins a segment"] += 1

    @rule(order=st.permutations(STANDING), number=numbers)
    def people_come_and_go(self, order: list[ToOne | ToAll], number: int) -> None:
        self._happen(order[:5], number)

    @rule(order=st.permutations(TAGS), number=numbers)
    def tags_change(self, order: list[ToOne | ToAll], number: int) -> None:
        self._happen(order[:4], number)

    @rule(order=st.permutations(REST), number=numbers)
    def other_things_change(self, order: list[ToOne | ToAll], number: int) -> None:
        self._happen(order[:4], number)

    def _happen(self, happenings: list[ToOne | ToAll], number: int) -> None:
        for happening in happenings:
            happening.happen(self.town, number)

    @rule(order=st.permutations(PROFILES), address=st.sampled_from((*ADDRESSES, *NO_ADDRESS)))
    def source_is_refreshed(self, order: list[str], address: str) -> None:
        customers = self.town.source.customers
        self.new_values(order[0], NAMES[0] if customers[order[0]].first != NAMES[0] else NAMES[1], True)
        self.new_values(order[1], "", True)
        self.new_values(order[2], customers[order[2]].first, not customers[order[2]].consents)
        self.new_address(order[3], address, str)
        self.joins_or_leaves(SEGMENTS[0], order[4])

    @rule(pause=st.sampled_from(PAUSES))
    def time_passes(self, pause: dict[str, float]) -> None:
        self.town.clock.forward(**pause)

    @rule(seconds=st.sampled_from((0.0, 60.0, float(LONGEST_LAG))))
    def pages_lag(self, seconds: float) -> None:
        self.town.world.switches.set(visibility_delay=seconds)
        self.town.watch.ignorance = max(self.town.watch.ignorance, seconds)

    @rule(seconds=st.sampled_from((60.0, float(LONGEST_LAG))), order=st.permutations(EVERYTHING), number=numbers)
    def export_of_lagging_pages(self, seconds: float, order: list[ToOne | ToAll], number: int) -> None:
        self.pages_lag(seconds)
        self._happen(order[:2], number)
        self._export()

    @rule(address=st.sampled_from(ADDRESSES), often=st.integers(0, 2))
    def is_forgotten(self, address: str, often: int) -> None:
        if not often:
            self.town.forget(address)
            self.counts["Postino is asked to forget somebody"] += 1

    @rule()
    def plain_export(self) -> None:
        run = self._export()
        calm = not self.town.watch.ignorance and run is not None and run.status == RunStatus.SUCCESSFUL
        if calm and run is not None and not run.reason and not run.counters["not_attempted"]:
            self.sound = False
            check_audience(self.town)
            self.sound = True
            self.counts["a calm export left everything right"] += 1

    @rule(
        troubles=st.lists(faults, min_size=1, max_size=3),
        patient=st.booleans(),
        accept=st.booleans(),
    )
    def troubled_export(self, troubles: list[dict[str, Any]], patient: bool, accept: bool) -> None:
        for trouble in troubles:
            self.town.world.faults.add(**trouble)
        self._export(patient=patient, accept_removals=accept)

    @rule(kinds=st.permutations(STORM))
    def stormy_export(self, kinds: list[str]) -> None:
        for kind in kinds:
            self.town.world.faults.add(kind, times=1)
        self._export()

    @rule(commits=st.integers(0, 12), after=st.booleans(), troubles=st.lists(faults, max_size=1))
    def fatal_export(self, commits: int, after: bool, troubles: list[dict[str, Any]]) -> None:
        for trouble in troubles:
            self.town.world.faults.add(**trouble)
        self._export(dies_at=(commits, after))

    @rule(happening=happenings, number=numbers, calls=st.integers(1, 14))
    def interrupted_export(self, happening: ToOne | ToAll, number: int, calls: int) -> None:
        if happening.name == "a tag of ours is made again by others":
            return  # an open window, told in docs/exporter.md: a bulk insert names its tags, and whose they are is seen after it
        self.town.world.faults.before_call(calls, lambda: happening.happen(self.town, number))
        self._export()

    def _export(self, **options: Any) -> Run | None:
        self.sound = False
        run = self.town.export(**options)
        self.town.world.faults.clear()
        self.sound = True
        return run

    def teardown(self) -> None:
        try:
            if self.sound:
                settle(self.town, self.decision)
        finally:
            self.town.__exit__()
