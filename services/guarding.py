"""Step 4: what must hold before anything is sent. Where a limit is known beforehand, nothing is sent at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.errors import InvalidInput, LimitExceeded, Refused
from services.mailing import Account, MergeField
from services.plans import Plan
from services.rules import Class
from services.snapshot import SegmentRead, Snapshot

PROFILES = 1_000_000
"""Distinct profiles of one export, before consent and de-duplication: exactly this many pass."""
SLACK_SHARE = 0.05
SLACK_COUNT = 100
"""An approval binds its numbers: they may grow by this share and this count before a person is asked again."""


@dataclass(frozen=True, slots=True)
class Held:
    """Removals of one tag that wait for a person, and why: ``incomplete``, ``empty``, ``vanished`` or ``share``."""

    position: int
    people: int
    holders: int
    reason: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Removals of one segment's tag as a person was shown them when they accepted them: from how many people, held why."""

    people: int
    reason: str


def check_profiles(count: int) -> None:
    """Raises ``LimitExceeded`` if an export has more distinct profiles than it may."""
    if count > PROFILES:
        raise LimitExceeded(
            "The segments hold {count} distinct profiles, {over} more than the {limit} an export may have. Nothing was sent. "
            "Choose fewer or smaller segments, or split them over several destinations.",
            count=count,
            limit=PROFILES,
            over=count - PROFILES,
        )


def check_role(account: Account) -> None:
    """Raises ``Refused`` if the account's role may not add contacts."""
    if not account.can_write:
        raise Refused(
            "The Mailchimp role {role} cannot add contacts. Connect as somebody with the role Manager, Admin or Owner.",
            role=account.role,
        )


def check_mapped(fields: Sequence[MergeField], mapped: Iterable[str]) -> None:
    """Raises ``InvalidInput`` if a merge field that is mapped is in the audience no more."""
    known = {field.tag for field in fields}
    missing = [tag for tag in mapped if tag not in known]
    if missing:
        raise InvalidInput(
            "The audience has no merge field {names} any more. Edit the destination's data matching.",
            field="fields",
            names=", ".join(missing),
        )


def check_required(fields: Sequence[MergeField], mapped: Sequence[str], *, skip: bool) -> None:
    """Raises ``InvalidInput`` if the audience requires a merge field that is not mapped."""
    missing = [field for field in fields if field.required and field.tag not in mapped]
    if missing and not skip:
        raise InvalidInput(
            "The audience requires {names}. Map an attribute to each, or let the check be skipped.",
            field="fields",
            names=", ".join(f"{field.name} ({field.tag})" for field in missing),
        )


def brake(plan: Plan, snapshot: Snapshot, highest: Mapping[int, int], share: float, people: int) -> list[Held]:
    """The tags whose removals wait for a person, by position. ``highest`` are the most holders of the last seven days."""
    held = []
    for position, removals in sorted(plan.tags_removed.items()):
        reason = _why_held(snapshot.segments[position], removals, highest.get(position, 0), share, people)
        if reason is not None:
            held.append(Held(position, removals, highest.get(position, 0), reason))
    return held


def _why_held(read: SegmentRead, removals: int, holders: int, share: float, people: int) -> str | None:
    if read.vanished:
        return "vanished"
    if not read.complete:
        return "incomplete"
    if read.profiles == 0:
        return "empty"
    if removals >= people and removals > share * max(holders, removals):
        return "share"
    return None


def still_held(held: Sequence[Held], segments: Sequence[str], shown: Mapping[str, Shown] | None) -> list[Held]:
    """What waits although a person has accepted removals: what they were not ``shown``, by segment.

    More people than 5 % + 100 above what was shown wait again, and whatever is held because its segment is empty, incomplete
    or gone if that was not the reason that was shown. Somebody who was shown nothing has accepted that many people leave.
    """
    return [one for one in held if not _accepted(one, segments[one.position], shown)]


def _accepted(one: Held, segment: str, shown: Mapping[str, Shown] | None) -> bool:
    if shown is None:
        return one.reason == "share"
    seen = shown.get(segment)
    return seen is not None and one.reason in ("share", seen.reason) and not _exceeds(one.people, seen.people)


def has_grown(now: Mapping[str, int], approved: Mapping[str, int]) -> list[str]:
    """The numbers that exceed the approved ones by more than 5 % + 100: then a person is asked again."""
    return [name for name, count in now.items() if _exceeds(count, approved.get(name, 0))]


def _exceeds(count: int, approved: int) -> bool:
    return count > approved * (1 + SLACK_SHARE) + SLACK_COUNT


def binding_numbers(plan: Plan, removals: int) -> dict[str, int]:
    """The numbers an approval is given for."""
    return {
        "new": plan.classes[Class.NEW],
        "updated": plan.classes[Class.UPDATED],
        "tags_added": sum(plan.tags_added.values()),
        "tags_removed": removals,
    }
