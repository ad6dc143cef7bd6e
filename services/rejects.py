"""Why a profile is not exported, in plain words, and what to do about it.

Reasons of Mailchimp are ``services.mailing.Reason``; those found in the source are here. Both are stored by value.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from services import mailing
from services.errors import NotFound
from services.masking import mask_text
from storage import runs
from storage.models import Run
from storage.runs import Listed


class Problem(enum.StrEnum):
    """What is wrong with a profile before anything is sent. The values are stored: never rename one."""

    NO_ADDRESS = "no_address"
    INVALID_ADDRESS = "invalid_address"
    UNKNOWN_PROFILE = "unknown_profile"
    UNREADABLE = "unreadable"
    UNREADABLE_PROFILE = "unreadable_profile"
    OTHER_ADDRESS = "other_address"

    @property
    def sentence(self) -> str:
        """One sentence for people, a gettext message id without placeholders."""
        return _SENTENCES[self]


KEEP_REJECTS = timedelta(days=90)
LISTS_KEPT = 3
"""Lists of rejects kept per destination: that of its last export to work through, and two to see what has changed; besides, that
of its last preview. A million rejects take 60 MB, so that a destination with trouble would else fill the disk; its runs keep
their counts for ever."""


def served(listed: Iterable[Listed], now: datetime) -> list[int]:
    """The runs whose list has served its time, of all that have one, newest first. Previews push out no list of an export."""
    lists: Counter[tuple[int, bool]] = Counter()
    gone = []
    for one in listed:
        lists[one.destination_id, one.exported] += 1
        kept = LISTS_KEPT if one.exported else 1
        if lists[one.destination_id, one.exported] > kept or one.ended < now - KEEP_REJECTS:
            gone.append(one.run_id)
    return gone


def require_kept(session: Session, run: Run, now: datetime) -> None:
    """Raises NotFound if the run had a list of rejects and it has served its time."""
    rejected = run.verifies is None and (run.counters.get("rejected") or run.plan.get("rejected"))
    if run.finished_at is None or not rejected or runs.has_rejects(session, run.id):
        return
    # With nobody in it the list may be gone, or all of them were forgotten.
    newer = [one for one in runs.with_rejects(session) if one.run_id > run.id]
    if run.id in served([*newer, runs.Listed(run.id, run.destination_id, run.finished_at, not run.preview)], now):
        raise NotFound(
            "This list of rejected profiles is not kept any more: only those of a destination's last three exports and of "
            "its last preview are, for 90 days. Export again to get a new one."
        )


_LONGEST = 200  # characters of a profile id that the list takes


def listed_as(profile: str, hash_profile: Callable[[str], bytes]) -> str:
    """How a profile id stands in the list of rejects.

    One that is an address, or holds one, is masked; the keyed hash behind it tells it from others that look alike by then.
    """
    if "@" not in profile or (masked := mask_text(profile)) == profile:
        return profile[:_LONGEST]
    hashed = hash_profile(profile).hex()
    return f"{masked[: _LONGEST - len(hashed) - 1]} {hashed}"


_SENTENCES = {
    Problem.NO_ADDRESS: "The profile has no e-mail address. Complete it in the source.",
    Problem.INVALID_ADDRESS: "The e-mail address cannot be valid. Correct it in the source.",
    Problem.UNKNOWN_PROFILE: "The segment names a profile that the profile table does not hold. Refresh the source.",
    Problem.UNREADABLE_PROFILE: (
        "The profile is missing from the profile table, some of whose rows could not be read. Correct these rows in the source."
    ),
    Problem.OTHER_ADDRESS: (
        "The same profile unsubscribed, or was archived or deleted, under another address. "
        "Decide whether it is exported under the new one."
    ),
    Problem.UNREADABLE: "The row could not be read as a profile. Correct the line in the source.",
}


def sentence(reason: str) -> str:
    """The sentence of a stored reason, as a gettext message id; an unknown one is said to be unknown."""
    if reason in set(Problem):
        return Problem(reason).sentence
    return (mailing.Reason(reason) if reason in set(mailing.Reason) else mailing.Reason.UNKNOWN).sentence
