"""The last quiet phase of an example, and what must hold after it, computed without the exporter's code."""

from __future__ import annotations

from collections import Counter

from sandbox.mailchimp.records import digest_of
from storage.models import Run, RunStatus
from tests.model.happenings import ADDRESSES, FRESH
from tests.model.town import CLASSES, Town
from tests.model.watch import MAPPED, Broken, Shown, Wish, folded, look, usable, wishes

DOUBTFUL = "rejected or suppressed"
"""Where somebody who is kept out for two reasons belongs: it depends on which of them Postino has heard of."""
UNSEEN = ("archived", "pending")
"""Mailchimp does not show these among a tag's holders, so our tag may stay on them."""


def settle(town: Town, decision: bool | None = None) -> None:
    """Faults end, pages catch up, trust runs out; then a few runs must put everything right. Raises Broken.

    ``decision`` says whether people export those who wait for one, or keep them out; None lets them wait.
    """
    town.world.faults.clear()
    town.world.switches.set(visibility_delay=0.0)
    town.audience.reveal()
    town.watch.ignorance = 0.0
    town.clock.forward(hours=2)
    if town.run is not None:
        town.export()
    run = _export(town)
    if decision is not None:
        town.decide((*ADDRESSES, *FRESH), exported=decision)
    if run.status == RunStatus.REJECTS:
        town.run = town.postino.runs.retry_rejects(town.actor, run.id)
        _export(town)
    for _ in range(3):
        run = _export(town)
        if not town.watch.writes:
            break
    else:
        raise Broken(f"three quiet runs and it still sends {town.watch.writes}")
    check(town, run)
    town.clock.forward(days=8)
    run = _export(town)
    if town.watch.writes:
        raise Broken(f"one more run sends {town.watch.writes}")
    check(town, run)


def _export(town: Town) -> Run:
    run = town.export(accept_removals=True)
    if run is not None and run.status == RunStatus.FAILED:
        town.resolve(run)
        run = town.export(accept_removals=True)
    if run is not None and run.reason.get("waiting") == "removals":
        run = town.export(accept_removals=True)  # by now it was shown what is held
    if run is None or run.status not in (RunStatus.SUCCESSFUL, RunStatus.REJECTS):
        raise Broken(f"a quiet run ended {run and run.status}: {run and run.reason}")
    return run


def check(town: Town, run: Run) -> None:
    """The audience is as the source wants it, and a run that had nothing to do says so. Raises Broken."""
    expected = check_audience(town)
    counted = Counter({name: run.counters[name] for name in CLASSES if run.counters[name]})
    doubtful = expected.pop(DOUBTFUL, 0)
    spare = counted - expected
    if expected - counted or spare.total() != doubtful or set(spare) - {"rejected", "suppressed"}:
        raise Broken(f"the run counts {dict(counted)} where there are {dict(expected)}")


def check_audience(town: Town) -> Counter[str]:
    """The audience is as the source wants it; the profiles by the class they belong to now. Raises Broken."""
    expected: Counter[str] = Counter()
    members = {folded(shown.address): shown for shown in look(town.audience).values()}
    wanted = wishes(town.source, list(town.watch.tag_names))
    for address, wish in wanted.items():
        expected[_check_one(town, address, wish, members.get(address))] += 1
        expected["duplicates"] += len(wish.profiles) - 1
    for address, shown in members.items():
        free = address not in wanted and shown.status not in UNSEEN and address not in town.watch.forgotten
        if free and (held := town.watch.own_segments(shown)):
            raise Broken(f"{address} still holds the tags of {held}")
    chosen = {profile for segment in town.watch.tag_names for profile in town.source.members[segment]}
    for customer in (town.source.customers[profile] for profile in chosen):
        if not usable(customer.email):
            expected["rejected" if customer.consents else "no_consent"] += 1
    return expected


def _check_one(town: Town, address: str, wish: Wish, shown: Shown | None) -> str:
    """The class somebody belongs to when everything is in its place."""
    held = town.watch.own_segments(shown) if shown is not None else set()
    unseen = shown is not None and shown.status in UNSEEN
    if not wish.consents:
        if held and not unseen and address not in town.watch.forgotten:
            raise Broken(f"{address} refused consent and holds the tags of {held}")
        return "no_consent"
    if address in town.watch.forgotten:
        return "suppressed"
    if shown is None:
        return _check_absent(town, address, wish)
    if shown.status != "subscribed":
        if held - wish.segments and not unseen:
            raise Broken(f"{address} is {shown.status} and still holds the tags of {held - wish.segments}")
        return "suppressed"
    if strays := town.watch.strays(shown):
        raise Broken(f"{address} holds {strays}, which carry no segment")
    tags = {town.watch.tag_of(segment) for segment in wish.segments}
    if held != wish.segments or not tags <= shown.tags:
        raise Broken(f"{address} holds the tags of {held} and is in {wish.segments}")
    for tag in MAPPED:
        if wish.values[tag] and shown.values[tag] != wish.values[tag]:
            raise Broken(f"{address}: {tag} is {shown.values[tag]!r} and should be {wish.values[tag]!r}")
    return "unchanged"


def _check_absent(town: Town, address: str, wish: Wish) -> str:
    """The class of somebody whom the segments want and who is not in the audience."""
    decided = town.watch.decided.get(address)
    if decided is False or (decided is None and town.watch.may_wait(address, wish)):
        return DOUBTFUL
    gone = digest_of(address) in town.audience.forgotten or address in town.watch.moved
    if digest_of(address) in town.audience.refusals:
        return DOUBTFUL if gone else "rejected"
    if gone:
        return "suppressed"
    raise Broken(f"{address} is missing")
