"""Runs as people see them: asked for, approved, cancelled, listed.

A run that may not start says why at once; whatever else goes wrong is told by the run itself when it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from services import access, approving, audit, binding, rejects
from services.access import Actor
from services.ending import announce as announce
from services.ending import announce_stopping, end
from services.ending import as_reason as as_reason
from services.errors import NotFound, PostinoError, ReconnectNeeded, Refused
from services.forms import CONSENT_VERSION
from storage import ledger as ledgers
from storage import outbox, refusals, runs
from storage.database import Database
from storage.models import FINAL, PLAN, AuditEntry, Destination, Run, RunReject, RunStatus

APPROVAL_LASTS = timedelta(hours=24)


class AlreadyExporting(Refused):
    """The destination is being exported: what was wanted can be asked for again when that has ended."""


class StatementChanged(Refused):
    """Somebody must agree again before anything of the destination is sent."""


@dataclass(frozen=True, slots=True)
class Order:
    """What kind of run is wanted. ``preview`` stops before anything is sent and waits for approval; it ends if there is nothing
    to send.

    One with the trigger ``PLAN`` ends there, and replaces no other preview.
    ``accept_removals`` takes off the tags that the brake held in the run ``shown``, else in the destination's last one that
    was planned. If that held none, only what it would hold because many people leave. ``verifies`` names a run whose tags
    are looked at again. ``spares_previews`` is refused while a preview waits, rather than replacing it.
    """

    preview: bool = False
    accept_removals: bool = False
    shown: int | None = None
    canary: int = 0
    trigger: str = "person"
    verifies: int | None = None
    spares_previews: bool = False


@dataclass(frozen=True, slots=True)
class Latest:
    """In which state a destination's newest run is, and when it was asked for."""

    run_id: int
    status: RunStatus
    requested_at: datetime


class Runs:
    """All runs of all workspaces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(
        self,
        actor: Actor,
        destination: Destination,
        order: Order = Order(),
        *,
        key: str | None = None,
        channel: str | None = None,
    ) -> Run:
        """Queue a run. The same ``key`` again gives the run it was first used for: a double click launches once.

        Raises NotAllowed, ReconnectNeeded, and Refused if one of the destination is queued or running already.
        """
        access.require_manage(actor, destination)
        with self._database.write() as session:
            return self._requested(session, actor, destination, order, key, channel)

    def _requested(
        self,
        session: Session,
        actor: Actor,
        destination: Destination,
        order: Order,
        key: str | None,
        channel: str | None,
    ) -> Run:
        known = session.scalar(select(Run).where(Run.request_key == key)) if key else None
        if known is not None:
            return known
        fresh = session.get(Destination, destination.id)
        if fresh is None or fresh.removal is not None:
            raise NotFound("This destination does not exist any more.")
        _may_run(fresh)
        self._make_way(session, fresh, order)
        run = _new_run(actor, fresh, order, self._database.now(session), key, channel)
        if order.accept_removals:
            run.plan = binding.accepting(session, fresh, order.shown)
        session.add(run)
        session.flush()
        audit.record(session, actor, run.requested_at, _audited(order), fresh.name, {"run": run.id})
        announce(session, run, run.requested_at)
        return run

    def skip(
        self, actor: Actor, destination: Destination, error: PostinoError, order: Order = Order(), *, key: str
    ) -> Run:
        """Note a run that may not start, with the reason; told unless the run before was skipped for the same one."""
        with self._database.write() as session:
            known = session.scalar(select(Run).where(Run.request_key == key))
            if known is not None:
                return known
            now, fresh = self._database.now(session), session.get_one(Destination, destination.id)
            before = runs.newest(session, fresh.id)
            run = _new_run(actor, fresh, order, now, key, None)
            run.status, run.finished_at, run.reason = RunStatus.SKIPPED, now, as_reason(error)
            session.add(run)
            session.flush()
            audit.record(session, actor, now, "run.skipped", fresh.name, {"run": run.id})
            if before is None or before.status != run.status or before.reason.get("message") != error.message:
                announce(session, run, now)
            return run

    def approve(self, actor: Actor, run_id: int, *, canary: int = 0) -> Run:
        """Send what a preview showed. Everything is computed again; if it has grown a person is asked again.

        Raises NotFound, NotAllowed, also for who asked where somebody else must approve, Refused if the run waits for nobody
        any more or the destination was edited, and what ``request`` raises for a destination that cannot run any more.
        """
        with self._database.write() as session:
            run = self._get(session, actor, run_id)
            now = self._database.now(session)
            approving.require_by(session, actor, run, now)
            _may_run(run.destination)
            _set_verification_aside(session, run.destination, now)
            run.status, run.preview, run.canary = RunStatus.QUEUED, False, canary
            run.approved_by, run.expires_at, run.reason = actor.person, None, {}
            run.plan = run.plan | {"approved": binding.in_all(run.plan)}
            audit.record(session, actor, now, "run.approved", run.destination.name, {"run": run.id, "canary": canary})
            announce(session, run, now)
            return run

    def may_approve(self, actor: Actor, run: Run) -> bool:
        """Whether somebody may send now what the run's preview showed."""
        with self._database.read() as session:
            try:
                approving.require_by(session, actor, run, self._database.now(session))
            except PostinoError:
                return False
            return True

    def approval_rule(self, run: Run) -> approving.Rule | None:
        """Why the run needs the approval of a second person, by the plan it shows; None if it does not."""
        with self._database.read() as session:
            return approving.rule_of(session, run, run.plan)

    def cancel(self, actor: Actor, run_id: int) -> Run:
        """Stop a run: one that waits ends at once, one that is sending stops after the calls in flight."""
        with self._database.write() as session:
            run = self._get(session, actor, run_id)
            access.require_manage(actor, run.destination)
            if run.status in FINAL:
                raise Refused("This export has ended already.")
            now = self._database.now(session)
            run.cancel_requested_by = actor.person
            if run.status != RunStatus.PROCESSING:
                end(session, run, RunStatus.CANCELED, now, {})
            else:
                announce_stopping(session, run, now)
            audit.record(session, actor, now, "run.canceled", run.destination.name, {"run": run.id})
            return run

    def accept_removals(self, actor: Actor, run_id: int) -> Run:
        """Export again, this time taking off the tags that the brake held in this run; what it did not show is held again.

        Raises what ``request`` raises, and Refused if the destination was edited since, or these removals are held no more.
        """
        run = self.get(actor, run_id)
        order = Order(accept_removals=True, shown=run_id)
        return self.request(actor, run.destination, order, key=f"removals-{run_id}", channel=run.channel)

    def accept_removals_of(self, actor: Actor, run_id: int) -> Run:
        """Let an export that is queued, or was interrupted, take off the held tags when it goes on, as a new one would.

        Raises NotFound, NotAllowed, and AlreadyExporting if it goes on by now.
        """
        with self._database.write() as session:
            run = self._get(session, actor, run_id)
            access.require_manage(actor, run.destination)
            if run.status != RunStatus.QUEUED:
                raise _already_exporting(run.destination)
            if not run.accept_removals:
                run.accept_removals = True
                run.plan = run.plan | binding.accepting(session, run.destination, None, by=run.id)
                now, details = self._database.now(session), {"run": run.id}
                audit.record(session, actor, now, "run.removals_accepted", run.destination.name, details)
            return run

    def retry_rejects(self, actor: Actor, run_id: int) -> Run:
        """Forget whom Mailchimp refused for this destination's audience, then export as usual.

        A second time while that export is under way gives the same, and forgets nobody anew. Raises what ``request`` raises, and
        Refused while a preview of the destination waits: nothing is forgotten then.
        """
        run = self.get(actor, run_id)
        access.require_manage(actor, run.destination)
        order, key = Order(spares_previews=True), f"retry-{run_id}"
        with self._database.write() as session:
            retried = self._requested(session, actor, run.destination, order, key, run.channel)
            while retried.status in FINAL:
                key = f"retry-after-{retried.id}"
                retried = self._requested(session, actor, run.destination, order, key, run.channel)
            book = ledgers.find(session, run.account_id, run.destination.audience_id)
            if book is not None and retried.attempt == 0:
                refusals.clear(session, book.id)
        return retried

    def get(self, actor: Actor, run_id: int) -> Run:
        """One run. Raises NotFound."""
        access.require_member(actor)
        with self._database.read() as session:
            return self._get(session, actor, run_id)

    def history(
        self,
        actor: Actor,
        destination_id: int | None = None,
        limit: int = 20,
        *,
        plans: bool = False,
        verifications: bool = True,
    ) -> list[Run]:
        """The latest runs of the workspace or of one destination, newest first; plans of the command line only if wanted."""
        access.require_member(actor)
        kinds = {"plans": plans, "verifications": verifications}
        with self._database.read() as session:
            return list(runs.history(session, actor.workspace_id, destination_id, limit, **kinds))

    def rejects(self, actor: Actor, run_id: int) -> Iterator[RunReject]:
        """Whom a run could not export, without addresses. Raises NotFound for a list that is not kept any more."""
        run = self.get(actor, run_id)
        with self._database.read() as session:
            rejects.require_kept(session, run, self._database.now(session))
        return self.listed(run_id)

    def listed(self, run_id: int) -> Iterator[RunReject]:
        """Whom a run could not export, read as they are asked for: there may be a million."""
        with self._database.read() as session:
            yield from runs.rejects(session, run_id)

    def waits_for(self, run: Run) -> Run | None:
        """The run that holds the Mailchimp account while this one is queued."""
        with self._database.read() as session:
            return session.scalar(
                select(Run).where(
                    Run.account_id == run.account_id, Run.status == RunStatus.PROCESSING, Run.id != run.id
                )
            )

    def unfinished(self, actor: Actor) -> list[Run]:
        """The workspace's runs that have not ended, oldest first, without verifications that nobody asked for, and plans."""
        access.require_member(actor)
        with self._database.read() as session:
            return list(runs.unfinished_in(session, actor.workspace_id))

    def latest(self, actor: Actor) -> dict[int, Latest]:
        """The newest run of each destination that has any, verifications and previews that were never sent left out."""
        access.require_member(actor)
        with self._database.read() as session:
            return {
                row.destination_id: Latest(row.id, row.status, row.requested_at)
                for row in runs.latest(session, actor.workspace_id)
            }

    def held(self, actor: Actor) -> list[Run]:
        """The newest runs of their destinations of which a person may take off the tags that the brake held."""
        access.require_member(actor)
        with self._database.read() as session:
            held = [row.id for row in runs.latest(session, actor.workspace_id) if row.holds]
            found = session.scalars(select(Run).where(Run.id.in_(held)).order_by(Run.id)).all()
            return [run for run in found if binding.asks_for_removals(session, run)]

    def is_settled(self, run: Run) -> bool:
        """Whether the brake held removals in the run of which nobody is asked any more."""
        if run.reason.get("waiting") != "removals":
            return False
        with self._database.read() as session:
            return not binding.asks_for_removals(session, run)

    def now_and_last(self, actor: Actor, destination_id: int) -> tuple[Run | None, Run | None]:
        """What goes on for a destination, a preview that waits included, and its last export that has ended.

        A preview that ended without being sent is in the history, and is no export.
        """
        access.require_member(actor)
        with self._database.read() as session:
            return runs.going_on(session, destination_id), runs.last_export(session, destination_id)

    def by_cause(self, run_id: int) -> list[tuple[str, int]]:
        """How many a run rejected by reason, the most frequent first."""
        with self._database.read() as session:
            count = func.count()
            statement = select(RunReject.reason, count).where(RunReject.run_id == run_id).group_by(RunReject.reason)
            return [
                (reason, number)
                for reason, number in session.execute(statement.order_by(count.desc(), RunReject.reason))
            ]

    def approved_at(self, run: Run) -> datetime | None:
        """When somebody approved the run last, from the audit trail; None if nobody did."""
        if run.approved_by is None:
            return None
        with self._database.read() as session:
            return session.scalar(
                select(AuditEntry.at)
                .where(
                    AuditEntry.workspace_id == run.workspace_id,
                    AuditEntry.action == "run.approved",
                    AuditEntry.details["run"].as_integer() == run.id,
                )
                .order_by(AuditEntry.id.desc())
                .limit(1)
            )

    def lost_channel(self, destination: Destination) -> str | None:
        """Slack's word for why the destination's newest run could not be told in its channel.

        None if it could, and once the destination reports to another one.
        """
        with self._database.read() as session:
            moved = outbox.moved(session, destination.id)
        return str(moved["error"]) if moved is not None and moved["channel"] == destination.channel else None

    def before(self, run: Run) -> Run | None:
        """The destination's last run before this one that ended well, failed or was skipped; None if there was none.

        One skipped because another was going on tells nothing, and is left out.
        """
        with self._database.read() as session:
            return runs.telling_before(session, run, AlreadyExporting.__name__)

    def succeeded_before(self, run: Run) -> Run | None:
        """The destination's last run before this one that ended well; None if there was none."""
        done = (RunStatus.SUCCESSFUL, RunStatus.REJECTS)
        with self._database.read() as session:
            return runs.last_export(session, run.destination_id, done, before=run.id)

    def shown_unfinished(self) -> list[Run]:
        """Runs of all workspaces that are queued or processing and have a message which follows them."""
        with self._database.read() as session:
            following = Run.status.in_((RunStatus.QUEUED, RunStatus.PROCESSING))
            return list(session.scalars(select(Run).where(following, Run.message_ts.is_not(None)).order_by(Run.id)))

    def note_message(self, run_id: int, channel: str | None, message_ts: str | None, shown: str) -> None:
        """Remember where a run's living message stands and a digest of what it shows."""
        with self._database.write() as session:
            session.execute(
                update(Run).where(Run.id == run_id).values(channel=channel, message_ts=message_ts, message_shown=shown)
            )

    def _get(self, session: Session, actor: Actor, run_id: int) -> Run:
        run = session.get(Run, run_id)
        if run is None or run.workspace_id != actor.workspace_id:
            raise NotFound("This export does not exist any more.")
        return run

    def _make_way(self, session: Session, destination: Destination, order: Order) -> None:
        """A newer wish replaces a preview that waits; a run that is queued or sending is not doubled.

        A plan is in nobody's way. Nobody waits for a verification but by the queue of the account. Neither is a wish to send
        anything that would replace a preview.
        """
        now, sends = self._database.now(session), order.trigger != PLAN and order.verifies is None
        if sends:
            _set_verification_aside(session, destination, now)
        for run in runs.unfinished(session, destination.id):
            if run.trigger == PLAN:
                continue
            shown = run.status == RunStatus.WAITING or (run.preview and run.status == RunStatus.QUEUED)
            if shown and order.spares_previews:
                raise Refused(
                    "A preview of {destination} waits to be sent, so nothing was started. Send it or cancel it first, "
                    "then try again.",
                    destination=destination.name,
                )
            if shown and sends:
                reason = {"message": "A newer export of this destination replaced this preview.", "values": {}}
                end(session, run, RunStatus.CANCELED, now, reason)
            elif not shown and (run.verifies is None or order.verifies is not None):
                raise _already_exporting(destination)


def _already_exporting(destination: Destination) -> AlreadyExporting:
    return AlreadyExporting(
        "{destination} is being exported already. See it with /postino-status or postino history.",
        destination=destination.name,
    )


def _set_verification_aside(session: Session, destination: Destination, now: datetime) -> None:
    """End a verification that has not begun, or waits to go on: an export reads the tags in full, too."""
    for run in runs.unfinished(session, destination.id):
        if run.verifies is not None and run.status == RunStatus.QUEUED:
            end(session, run, RunStatus.CANCELED, now, {})


def _may_run(destination: Destination) -> None:
    if destination.connection is None:
        raise Refused(
            "{destination} has no connection to Mailchimp any more. Edit it and choose one.",
            destination=destination.name,
        )
    if destination.connection.reconnect_needed:
        raise ReconnectNeeded(
            "Mailchimp no longer accepts the connection {connection}. Connect the account again, then export.",
            connection=destination.connection.name,
        )
    require_consent(destination)


def require_consent(destination: Destination) -> None:
    """Raises StatementChanged if it has since somebody agreed to it for the destination."""
    if destination.consent_version < CONSENT_VERSION:
        raise StatementChanged(
            "The data privacy and compliance statement has changed. Edit {destination} and agree to it again.",
            destination=destination.name,
        )


def _audited(order: Order) -> str:
    """What the audit trail calls a request."""
    if order.preview:
        return "run.previewed"
    return "run.removals_accepted" if order.accept_removals else "run.requested"


def _new_run(
    actor: Actor, destination: Destination, order: Order, now: datetime, key: str | None, channel: str | None
) -> Run:
    return Run(
        workspace_id=destination.workspace_id,
        destination_id=destination.id,
        destination=destination,
        account_id=destination.connection.account_id if destination.connection is not None else "",
        status=RunStatus.QUEUED,
        preview=order.preview,
        accept_removals=order.accept_removals,
        canary=order.canary,
        verifies=order.verifies,
        trigger=order.trigger,
        requested_by=actor.person,
        requested_at=now,
        request_key=key,
        plan={},
        counters={},
        reason={},
        channel=channel or destination.channel,
    )
