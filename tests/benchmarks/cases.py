"""The cases: what is set up, what is run, and what of it counts."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.benchmarks import source
from tests.benchmarks.accounting import Cost
from tests.benchmarks.acknowledgement import acknowledgement
from tests.benchmarks.figures import Bound, Figure, Result
from tests.benchmarks.place import Place, filled, open_place
from tests.benchmarks.rivals import Rival
from tests.benchmarks.traffic import Traffic

LANES = 8
BATCH = 500
SLOW = 2.0  # seconds for a bulk call, about what Mailchimp takes
FAST = 0.05  # and so short that Postino itself is what takes time
MEGABYTE = 1_000_000
SUPPRESSED = 200
KILLED_AT = 17  # of 40 bulk calls


@dataclass(frozen=True)
class Size:
    """How large the cases are, and who runs beside Postino."""

    people: int
    small: int
    faulty: int
    rivals: Sequence[Rival]


def paced(size: Size) -> Result:
    """As fast as Mailchimp's pace allows."""
    least = math.ceil(size.people / BATCH) * SLOW / LANES
    with open_place(bulk=SLOW) as place:
        filled(place, size.people)
        cost, traffic = _exported(place)
        return Result(
            "paced",
            f"{size.people:,} new contacts, 1 segment, {SLOW:g} s per bulk call, tags honoured",
            (
                Figure("from start to exit, in least times", cost.wall / least, "×", Bound("≤", 1.05), Bound("≤", 1.02),
                       note=f"{cost.wall:.1f} s; {math.ceil(size.people / BATCH):,} calls × {SLOW:g} s / {LANES} "
                            f"lanes = {least:g} s"),
                Figure("sending phase", traffic.sending, "s"),
                _server(traffic, SLOW),
                Figure("calls refused for too many connections", _count(traffic, 429)),
                *_resources(cost),
                _lost(place, size.people),
            ),
        )  # fmt: skip


def speed(size: Size) -> Result:
    """At 50 ms a call Postino itself is what takes time; beside it the loops of others."""
    figures: list[Figure] = []
    with open_place() as place:
        filled(place, size.people)
        cost, traffic = _exported(place)
        ours = size.people / traffic.sending, size.people / cost.wall
        figures += [
            Figure("processor time", cost.processor, "s", Bound("≤", 60), Bound("≤", 30)),
            Figure("peak memory", cost.peak / MEGABYTE, "MB", Bound("≤", 220), Bound("≤", 150)),
            Figure("time before the first bulk call", _before(cost, traffic), "s"),
            _server(traffic, FAST),
            _lost(place, size.people),
            *_unchanged(place, size, "nothing changed, the new ones still read again"),
            *_hours_later(place, size),
            *_changed(place, size),
        ]
    small = _peak_of(size.small)
    growth = cost.peak / small
    figures.append(
        Figure(f"peak memory beside that of {size.small:,}", growth, "×", Bound("≤", 1.15), note=_megabytes(small))
    )
    speeds = [Figure("sending phase", ours[0], "contacts/s"), Figure("whole run", ours[1], "contacts/s")]
    for rival in size.rivals:
        with open_place() as place:
            source.write_segment(place.source, size.people)
            rival_cost, rival_traffic = rival.run(place)
            theirs = size.people / rival_traffic.sending, size.people / rival_cost.wall
        speeds += [
            Figure("sending phase", theirs[0], "contacts/s", who=rival.name),
            Figure("whole run", theirs[1], "contacts/s", who=rival.name),
            Figure("processor time", rival_cost.processor, "s", who=rival.name),
            Figure(f"sending phase beside {rival.name}", ours[0] / theirs[0], "×", Bound("≥", 3), Bound("≥", 5)),
            Figure(f"whole run beside {rival.name}", ours[1] / theirs[1], "×", Bound("≥", 2), Bound("≥", 5)),
        ]
    return Result("speed", f"{size.people:,} new contacts, 50 ms per call; the same again", (*speeds, *figures))


def calls(size: Size) -> Result:
    """How many calls new contacts take."""
    with open_place() as place:
        filled(place, size.faulty)
        _, traffic = _exported(place)
        scale = size.faulty / 20_000
        return Result(
            "calls",
            f"{size.faulty:,} new contacts, tags honoured",
            (
                Figure("writing calls", len(traffic.writes), "", Bound("≤", max(3, 42 * scale))),
                Figure("calls in all", len(traffic.calls), "", Bound("≤", max(21, 60 * scale)), note=_kinds(traffic)),
                _lost(place, size.faulty),
            ),
        )


def segments(size: Size) -> Result:
    """Listing many overlapping segments with their counts."""
    with open_place() as place:
        true = source.write_overlapping(place.source, size.people)
        first, later = (place.postino("segments", "--json") for _ in range(2))
        source.refresh(place.source)
        refreshed, last = (place.postino("segments", "--json") for _ in range(2))
        looks = [{each["name"]: each["profiles"] for each in json.loads(look.out)} for look in (first, refreshed, last)]
        return Result(
            "segments",
            f"{size.people:,} profiles in {source.OVERLAPPING} overlapping segment tables, listed with counts",
            (
                Figure("first look", first.wall, "s", Bound("≤", 10)),
                Figure("a later look, by another process", later.wall, "s", Bound("≤", 2)),
                Figure("first look after a refresh", refreshed.wall, "s", Bound("≤", 10)),
                Figure("a later look after a refresh", last.wall, "s", Bound("≤", 2)),
                Figure("wrong counts", sum(look[name] != true[name] for look in looks for name in true), "",
                       Bound("=", 0)),
                Figure("peak memory", max(first.peak, refreshed.peak) / MEGABYTE, "MB"),
            ),
        )  # fmt: skip


def throttled(size: Size) -> Result:
    """Every 8th bulk call is answered 429: who is lost?"""

    def run(place: Place, export: Callable[[], tuple[Cost, Traffic]], who: str) -> list[Figure]:
        place.control("POST", "/faults", {"kind": "429", "method": "POST", "path": "/lists/[^/]+", "every": 8})
        cost, traffic = export()
        return [
            Figure("calls answered 429", _count(traffic, 429), who=who),
            _lost(place, size.faulty, who),
            Figure("whole run", size.faulty / cost.wall, "contacts/s", who=who),
        ]

    return Result("throttled", f"{size.faulty:,} new contacts, every 8th bulk call answered 429", _beside(size, run))


def unsubscribed(size: Size) -> Result:
    """People whom the sender had unsubscribed are in the segment: who is mailed again?"""

    def run(place: Place, export: Callable[[], tuple[Cost, Traffic]], who: str) -> list[Figure]:
        left = [source.address_of(number * 7) for number in range(SUPPRESSED)]
        for address in left:
            place.act("add", address=address)
            place.act("unsubscribe", address=address, by="admin")
        export()
        again = {each["email_address"] for each in place.members() if each["status"] == "subscribed"}
        return [
            Figure(
                "resubscribed", len(again.intersection(left)), "", Bound("=", 0) if who == "Postino" else None, who=who
            )
        ]

    title = f"{size.faulty:,} contacts, of whom the sender had unsubscribed {SUPPRESSED}"
    return Result("unsubscribed", title, _beside(size, run))


def killed(size: Size) -> Result:
    """Killed in mid-run and started again: who is lost, and what is sent twice?"""

    def run(place: Place, export: Callable[[], tuple[Cost, Traffic]], who: str) -> list[Figure]:
        interrupted = _killed_in_mid_run(place, size, who)
        cost, traffic = export()
        sent = interrupted.members_sent + traffic.members_sent
        return [
            Figure("bulk calls before the kill", len(interrupted.bulk_calls), who=who),
            Figure("bulk calls after it", len(traffic.bulk_calls), who=who),
            Figure("sent twice", sent - size.faulty, "contacts",
                   Bound("≤", LANES * BATCH) if who == "Postino" else None, who=who),
            Figure("second run", cost.wall, "s", who=who),
            _lost(place, size.faulty, who),
        ]  # fmt: skip

    return Result("killed", f"{size.faulty:,} new contacts, kill -9 in mid-run, started again", _beside(size, run))


def cancelled(size: Size) -> Result:
    """Cancelled by another process in mid-run: for how long do calls still go out, and are those in flight kept?"""
    asked = 0.0
    with open_place(bulk=SLOW) as place:
        filled(place, size.faulty)

        def cancel(process: subprocess.Popen[bytes]) -> None:
            nonlocal asked
            while place.bulk_calls() < LANES and process.poll() is None:
                time.sleep(0.01)
            asked = place.postino("cancel", "Shop").ended

        cost, traffic = place.export(cancel)
        return Result(
            "cancelled",
            f"{size.faulty:,} new contacts, {SLOW:g} s per bulk call, cancelled in mid-run",
            (
                Figure("last call begun after it was cancelled", max(each.started for each in traffic.calls) - asked, "s",
                       Bound("≤", 2)),
                Figure("ended after it was cancelled", cost.ended - asked, "s"),
                Figure("bulk calls left out", math.ceil(size.faulty / BATCH) + 1 - len(traffic.bulk_calls), "",
                       Bound("≥", 1)),
                Figure("contacts sent and not kept", traffic.members_sent - json.loads(cost.out)["new"], "",
                       Bound("=", 0)),
            ),
        )  # fmt: skip


CASES: dict[str, Callable[[Size], Result]] = {
    case.__name__: case
    for case in (calls, segments, acknowledgement, throttled, unsubscribed, killed, cancelled, speed, paced)
}
LONG = ("paced",)


def _beside(
    size: Size, run: Callable[[Place, Callable[[], tuple[Cost, Traffic]], str], list[Figure]]
) -> tuple[Figure, ...]:
    """The same case for Postino and for every rival, each in a place of its own."""
    with open_place() as place:
        filled(place, size.faulty)
        figures = run(place, lambda: _exported(place), "Postino")
    for rival in size.rivals:
        with open_place() as place:
            source.write_segment(place.source, size.faulty)
            figures += run(place, lambda rival=rival, place=place: rival.run(place), rival.name)  # type: ignore[misc]
    return tuple(figures)


def _exported(place: Place) -> tuple[Cost, Traffic]:
    """An export that must succeed, with rejects or without."""
    cost, traffic = place.export()
    if cost.code:
        raise RuntimeError(f"postino export failed: {cost.err.strip()}")
    return cost, traffic


def _unchanged(place: Place, size: Size, what: str) -> list[Figure]:
    cost, traffic = _exported(place)
    told = json.loads(cost.out)
    return [
        Figure(f"{what}: writing calls", len(traffic.writes), "", Bound("=", 0)),
        Figure(f"{what}: beside the time of the reading calls", cost.wall - traffic.reading, "s",
               Bound("≤", 12), Bound("≤", 8), note=f"{cost.wall:.1f} s in all, {len(traffic.reads):,} reading calls"),
        Figure(f"{what}: profiles told as unchanged", told["unchanged"], "", Bound("=", size.people)),
        Figure(f"{what}: processor time", cost.processor, "s"),
        Figure(f"{what}: peak memory", cost.peak / MEGABYTE, "MB", Bound("≤", 220), Bound("≤", 150)),
    ]  # fmt: skip


def _hours_later(place: Place, size: Size) -> list[Figure]:
    """As on every later day: what an export changed is read again by the next one, because pages lag, and then no more."""
    place.control("POST", "/clock", {"seconds": 7200})
    _exported(place)
    return _unchanged(place, size, "nothing changed")


def _changed(place: Place, size: Size) -> list[Figure]:
    changes = source.write_segment(place.source, size.people, changed=0.01)
    cost, traffic = _exported(place)
    # One call for each changed field; tags come with new members, and go 500 at a time
    least = changes.renamed + math.ceil(changes.came / BATCH) + math.ceil(changes.left / BATCH)
    told = json.loads(cost.out)
    return [
        Figure("1 % changed: writing calls beside the least", len(traffic.writes) / least, "×", Bound("≤", 1.05),
               note=f"{len(traffic.writes):,} calls, least {least:,}"),
        Figure("1 % changed: told as new, updated and tags taken off but not so",
               abs(told["new"] - changes.came) + abs(told["updated"] - changes.renamed)
               + abs(told["tags_removed"] - changes.left), "", Bound("=", 0)),
        Figure("1 % changed: from start to exit", cost.wall, "s"),
    ]  # fmt: skip


def _peak_of(people: int) -> int:
    with open_place() as place:
        filled(place, people)
        return _exported(place)[0].peak


def _killed_in_mid_run(place: Place, size: Size, who: str) -> Traffic:
    at = max(1, math.ceil(size.faulty / BATCH) * KILLED_AT // 40)

    def watch(process: subprocess.Popen[bytes]) -> None:
        while place.bulk_calls() < at and process.poll() is None:
            time.sleep(0.01)
        process.kill()

    rival = next((each for each in size.rivals if each.name == who), None)
    _, traffic = rival.run(place, watch) if rival else place.export(watch)
    return traffic


def _resources(cost: Cost) -> tuple[Figure, ...]:
    return Figure("processor time", cost.processor, "s"), Figure("peak memory", cost.peak / MEGABYTE, "MB")


def _lost(place: Place, people: int, who: str = "Postino") -> Figure:
    return Figure(
        "contacts lost", people - place.subscribers(), "", Bound("=", 0) if who == "Postino" else None, who=who
    )


def _server(traffic: Traffic, latency: float) -> Figure:
    """What the local Mailchimp itself adds to a bulk call; it should be little."""
    spent = [call.ended - call.started - latency for call in traffic.bulk_calls]
    return Figure("the server's own time per bulk call", 1000 * sum(spent) / len(spent), "ms", who="local Mailchimp")


def _before(cost: Cost, traffic: Traffic) -> float:
    return min((call.started for call in traffic.bulk_calls), default=cost.ended) - cost.started


def _count(traffic: Traffic, status: int) -> int:
    return sum(call.status == status for call in traffic.calls)


def _kinds(traffic: Traffic) -> str:
    return ", ".join(f"{calls} {kind.replace('/lists/{list_id}', '…')}" for kind, calls in traffic.kinds().items())


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.0f} MB"
