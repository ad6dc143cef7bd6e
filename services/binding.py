"""What a run is bound to: what people were shown of it, or of an earlier run whose held removals they accepted.

An edit that changes where an export goes, or what it carries, ends what was planned before it. Both stand in the run's plan.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from sqlalchemy.orm import Session

from services.ending import as_reason, end
from services.errors import Refused
from services.guarding import Shown
from storage import runs
from storage.models import FINAL, Destination, Json, Run, RunStatus

SCHEDULE = "schedule"
"""The trigger of what a schedule started, and the person recorded for it."""


class Edited(Refused):
    """The destination was edited since the run was planned: what it showed is not what would be sent."""

    def __init__(self) -> None:
        super().__init__("The destination was edited. Preview it again.")


class Settled(Refused):
    """The brake held removals in a run, and a later one was planned that holds none."""

    def __init__(self, destination: str) -> None:
        super().__init__(
            "This is settled: {destination} was looked at again later, and the brake holds no removals any more. Preview the "
            "export to see what it would do now.",
            destination=destination,
        )


def settings_of(destination: Destination, account_id: str) -> str:
    """A digest of where a destination's export goes and what it carries: account, audience, data matching, segments, tags."""
    settings = (
        account_id,
        destination.audience_id,
        destination.email_attribute,
        sorted(destination.fields.items()),
        destination.consent_attribute,
        sorted(destination.consent_values),
        destination.skip_required_fields,
        [(chosen.segment, chosen.tag_name) for chosen in destination.segments],
    )
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:32]


def carried(run: Run) -> Json:
    """What a new plan of the run takes over from the one before, and what it is bound to itself."""
    connection = run.destination.connection
    settings = settings_of(run.destination, connection.account_id if connection is not None else "")
    # What earlier attempts have sent stays sent, though this one may only ask a person again.
    before = {"accepted": run.plan.get("accepted"), "first_sent": run.plan.get("first_sent")}
    bound = {"settings": settings, "approved": approved(run), **before}
    return {name: one for name, one in bound.items() if one is not None}


def in_all(plan: Json) -> dict[str, int]:
    """The numbers a plan's run comes to, with what its earlier attempts have sent."""
    numbers: dict[str, int] = plan.get("in_all") or plan.get("binding") or {}
    return numbers


def approved(run: Run) -> dict[str, int] | None:
    """The numbers that a person approved, whatever attempts have sent of them; None if nobody approved the run."""
    if run.approved_by is None:
        return None
    # Runs that were approved before these were kept apart have them in their plan.
    numbers: dict[str, int] | None = run.plan.get("approved") or run.plan.get("binding")
    return numbers


def accepting(session: Session, destination: Destination, shown: int | None, *, by: int = 0) -> Json:
    """The plan to begin with of a run that takes off held tags: those of the run ``shown``, else of the last one planned.

    That is another than the run they are taken off ``by``, which has shown nothing before it has ended.
    Empty if that held none. Raises Edited if the destination was edited since the run ``shown``, and Settled if what that
    one held is held no more.
    """
    run = session.get(Run, shown) if shown is not None else runs.last_planned(session, destination.id, but=by)
    if run is None or (shown is None and (not run.plan.get("held") or is_edited(run))):
        return {}
    require_unedited(run)
    # The last one planned may be a plan, or have ended badly: it waits for nobody, and nothing later has settled it.
    if shown is not None and run.status in FINAL and not runs.still_holds(session, run.id):
        raise Settled(destination.name)
    held = run.plan.get("held", ())
    return {"accepted": {one["segment"]: {"people": one["people"], "reason": one["reason"]} for one in held}}


def shown_removals(run: Run) -> dict[str, Shown] | None:
    """The removals that a person was shown when they accepted them, by segment; None if none were shown."""
    accepted = run.plan.get("accepted")
    return None if accepted is None else {segment: Shown(**one) for segment, one in accepted.items()}


def asks_for_removals(session: Session, run: Run) -> bool:
    """Whether a person may still take off the tags that the brake held in a run.

    Not if the destination was edited since, has no connection any more, or was planned later without any held.
    """
    able = run.destination.connection is not None and run.destination.removal is None
    return able and not is_edited(run) and runs.still_holds(session, run.id)


def require_unedited(run: Run) -> None:
    """Raises Edited if the destination was edited since the run was planned."""
    if is_edited(run):
        raise Edited


def is_edited(run: Run) -> bool:
    """Whether the run holds another account than it would send to, or was planned with other settings."""
    connection = run.destination.connection
    if connection is None:
        return False  # that has a sentence of its own
    planned = run.plan.get("settings")
    edited = planned is not None and planned != settings_of(run.destination, connection.account_id)
    return edited or run.account_id != connection.account_id


def require_not_sending(session: Session, destination: Destination) -> None:
    """Raises Refused while the destination is being sent: what people are told of that export must stay true."""
    for run in runs.unfinished(session, destination.id):
        if run.status == RunStatus.PROCESSING and not run.preview and run.verifies is None:
            raise Refused(
                "{destination} is being exported right now, so what it sends cannot be changed. Save again when the export "
                "has ended, or cancel it first.",
                destination=destination.name,
            )


def end_outdated(session: Session, destination: Destination, account_id: str, now: datetime) -> None:
    """End the destination's runs that wait or are queued with the settings it had before.

    What has looked at nothing yet goes on with the new ones where nobody relies on the old: previews, which show them, and
    what a schedule started, which exports the destination as it is. A preview that is being computed cannot be approved.
    """
    for run in runs.unfinished(session, destination.id):
        if run.status == RunStatus.PROCESSING:
            continue
        begun = run.attempt > 0 or run.verifies is not None
        if not begun and (run.preview or run.trigger == SCHEDULE):
            run.account_id = account_id
        else:
            end(session, run, RunStatus.CANCELED, now, as_reason(Edited()))
