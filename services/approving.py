"""When an export needs the approval of somebody other than who asked for it, and who may give it.

The destination's rule is asked at every execution.
"""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from services import access, binding, guarding
from services.access import Actor
from services.errors import NotAllowed, Refused
from storage.models import Json, Run, RunStatus

LAUNCHED = frozenset({"person", access.COMMAND_LINE})
"""The triggers of runs that somebody launched; all others begin by themselves."""


class Approval(enum.StrEnum):
    """Which of a destination's exports need a second person. The values are stored: never rename one."""

    NEVER = "never"
    FIRST = "first"
    ALWAYS = "always"


class Rule(enum.StrEnum):
    """Why a run needs a second person."""

    ALWAYS = "always"
    FIRST = "first"
    ABOVE = "above"


def rule_of(session: Session, run: Run, plan: Json) -> Rule | None:
    """Why a run with this plan needs a second person, by its destination's rule; None if it does not.

    A verification only puts back what an approved run has done, and needs nobody.
    """
    destination = run.destination
    if run.verifies is not None:
        return None
    if destination.approval == Approval.ALWAYS:
        return Rule.ALWAYS
    if destination.approval == Approval.FIRST and not _exported_before(session, run):
        return Rule.FIRST
    added = binding.in_all(plan).get("new", 0)
    if destination.approval_above is not None and added > destination.approval_above:
        return Rule.ABOVE
    return None


def asker(run: Run) -> str:
    """Who asked for a run, and so does not approve it.

    For one that began by itself, by a schedule or a workflow, that is whoever agreed to the statement last: the data is sent
    on their instruction, and nobody approves what they have set up themselves.
    """
    return run.requested_by if run.trigger in LAUNCHED else run.destination.consent_by


def is_missing(session: Session, run: Run, plan: Json) -> bool:
    """Whether the run needs a second person and none has approved it."""
    approved = run.approved_by is not None and run.approved_by != asker(run)
    return not approved and rule_of(session, run, plan) is not None


def require_by(session: Session, actor: Actor, run: Run, now: datetime) -> None:
    """Raises NotAllowed if somebody may not approve the run, and Refused unless it waits for an approval."""
    rule = rule_of(session, run, run.plan)
    _require_say(actor, run, rule)
    if run.status != RunStatus.WAITING:
        raise Refused("This export does not wait for approval any more.")
    if run.expires_at is not None and run.expires_at <= now:
        raise Refused("This preview is more than 24 hours old. Preview the export again.")
    binding.require_unedited(run)
    if actor.person == asker(run) and rule:
        raise _needs_another(actor, run)


def _require_say(actor: Actor, run: Run, rule: Rule | None) -> None:
    """Raises NotAllowed unless somebody may manage the destination; does not send them to its maker who may not approve."""
    destination = run.destination
    lacking = actor.standing is access.Standing.MEMBER and not access.may_manage(actor, destination)
    maker_may_not = access.maker(destination) in (None, asker(run))
    if rule and lacking and maker_may_not and destination.created_by != actor.person:
        raise NotAllowed(
            "Only administrators may approve this export of {destination}. Ask one of them.",
            destination=destination.name,
        )
    access.require_manage(actor, run.destination)


def _needs_another(actor: Actor, run: Run) -> NotAllowed:
    """The error for who may not approve what they asked for themselves, or what begins by itself as they have set it up."""
    destination, maker = run.destination.name, access.maker(run.destination)
    whom = maker if maker != actor.person else None
    if run.trigger in LAUNCHED:
        return NotAllowed(
            "{destination} needs the approval of somebody other than the person who asked for the export. "
            "Ask another administrator, or name one with /postino administrators."
            if actor.is_administrator
            else "{destination} needs the approval of somebody other than the person who asked for the export. "
            "Ask an administrator.",
            whom=whom,
            destination=destination,
        )
    return NotAllowed(
        "This export began by itself and you saved {destination} last, so somebody else must approve it. "
        "Ask another administrator, or name one with /postino administrators."
        if actor.is_administrator
        else "This export began by itself and you saved {destination} last, so somebody else must approve it. "
        "Ask an administrator.",
        whom=whom,
        destination=destination,
    )


def has_outgrown(run: Run) -> bool:
    """Whether an approved run comes to more by now than may be sent unasked: more than was approved, or than one person may
    approve."""
    approved, now = binding.approved(run), binding.in_all(run.plan)
    if approved is None:
        return False
    above = run.destination.approval_above
    by_rule = above is not None and approved.get("new", 0) <= above < now.get("new", 0)
    return by_rule or bool(guarding.has_grown(now, approved))


def _exported_before(session: Session, run: Run) -> bool:
    """Whether the destination was exported as a whole to its present audience before: a canary does not count, nor what nobody
    had to approve because it sent nothing."""
    done = (RunStatus.SUCCESSFUL, RunStatus.REJECTS)
    sent = [Run.counters[name].as_integer() > 0 for name in ("new", "updated", "tags_only", "tags_removed")]
    statement = select(Run.id).where(
        Run.destination_id == run.destination_id,
        Run.id != run.id,
        Run.account_id == run.account_id,
        Run.plan["audience_id"].as_string() == run.destination.audience_id,
        Run.status.in_(done),
        Run.canary == 0,
        Run.preview.is_(False),
        Run.verifies.is_(None),
        or_(Run.approved_by.is_not(None), *sent),
    )
    return session.scalar(statement.limit(1)) is not None
