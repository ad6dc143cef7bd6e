"""From a run's row to what its views show, and in whose language."""

from __future__ import annotations

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy import select

from bot import texts
from bot.people import People
from bot.texts import Texts
from bot.views import run_facts
from bot.views.outcomes import LIMITS
from bot.wiring import Application
from services.errors import PostinoError
from storage.models import FINAL, LedgerTag, Run, RunStatus, Workspace

HEAVIEST = 5
"""How many of the segments that weigh most are named when a limit is exceeded."""

log = structlog.get_logger()


def is_slack_user(person: str | None) -> bool:
    """Whether a recorded person is a Slack user, rather than the command line or a schedule. Slack: ids begin with U or W."""
    return bool(person) and str(person)[0] in "UW" and str(person).isalnum()


def recipient(run: Run) -> str | None:
    """Who hears of a run where no channel can be written to: who launched it, else who made the destination."""
    candidates = (run.requested_by, run.approved_by, run.destination.created_by)
    return next((person for person in candidates if is_slack_user(person)), None)


class Telling:
    """Puts together what the views need."""

    def __init__(self, application: Application, people: People) -> None:
        self._application = application
        self._people = people

    def run(self, row: Run, *, rate: float | None = None, throttled: bool = False) -> run_facts.Run:
        """One run as it is now; ``rate`` is in people per second."""
        database, runs = self._application.database, self._application.runs
        destination = row.destination
        with database.read() as session:
            now = database.now(session)
        reason = run_facts.Reason.model_validate(row.reason)
        plan = run_facts.Plan.model_validate(row.plan)
        return run_facts.Run(
            run_id=row.id,
            destination_id=row.destination_id,
            status=row.status,
            destination=destination.name,
            audience=destination.audience_name,
            audience_link=destination.audience_web_link,
            now=now,
            zone=destination.time_zone,
            tags=self._tags(row) if row.status in FINAL else (),
            plan=plan,
            counts=run_facts.Counts.model_validate(row.counters),
            reason=reason,
            step=row.step,
            preview=row.preview,
            accept_removals=row.accept_removals,
            canary=row.canary,
            trigger=row.trigger,
            requested_by=row.requested_by,
            requested_at=row.requested_at,
            approved_by=row.approved_by,
            approved_at=runs.approved_at(row),
            cancel_requested_by=row.cancel_requested_by,
            started_at=row.started_at,
            finished_at=row.finished_at,
            progressed_at=row.progressed_at,
            expires_at=row.expires_at,
            not_before=row.not_before,
            waits_for=self._waits_for(row),
            rate=rate,
            throttled=throttled,
            recovered=self.recovered(row),
            weights=self._weights(row, plan) if reason.kind in LIMITS else (),
        )

    def recovered(self, row: Run) -> bool:
        """Whether this run succeeded after one of the same destination had failed."""
        if row.status not in (RunStatus.SUCCESSFUL, RunStatus.REJECTS):
            return False
        before = self._application.runs.before(row)
        return before is not None and before.status == RunStatus.FAILED

    def failed_the_same_way(self, row: Run) -> bool:
        """Whether the run before failed for the same reason: then nothing has changed."""
        before = self._application.runs.before(row)
        same = before is not None and before.reason.get("message") == row.reason.get("message")
        return same and before is not None and before.status == row.status == RunStatus.FAILED

    def texts_for(self, client: WebClient, row: Run, channel: str | None) -> Texts:
        """The reader's language for a direct message, the destination's for a channel."""
        person = recipient(row)
        if person and (not channel or channel[0] in "DUW"):
            return self.texts_of(client, row, person)
        return texts.of(row.destination.language)

    def texts_of(self, client: WebClient, row: Run, person: str) -> Texts:
        """One person's language; the destination's if Slack does not tell."""
        with self._application.database.read() as session:
            team = session.get_one(Workspace, row.workspace_id).slack_team_id
        try:
            return self._people.resolve(client, team or "", person).texts
        except (PostinoError, SlackApiError, OSError):
            log.info("notifier.language_unknown", run=row.id)
            return texts.of(row.destination.language)

    def _tags(self, row: Run) -> tuple[run_facts.Tag, ...]:
        with self._application.database.read() as session:
            statement = select(LedgerTag).where(
                LedgerTag.destination_id == row.destination_id, LedgerTag.folded_name.is_not(None)
            )
            known = {tag.segment: tag for tag in session.scalars(statement)}
        site = row.destination.audience_web_link.partition("/lists/")[0]
        tags = []
        for chosen in row.destination.segments:
            tag = known.get(chosen.segment)
            made = tag is not None and tag.tag_id is not None
            # A tag is a static segment, and Mailchimp's page of a segment's members goes by the segment's id.
            link = f"{site}/lists/segments/members?id={tag.tag_id}" if site and tag is not None and made else ""
            tags.append(run_facts.Tag(tag.name if tag is not None else chosen.tag_name, link))
        return tuple(tags)

    def _waits_for(self, row: Run) -> str | None:
        if row.status != RunStatus.QUEUED:
            return None
        other = self._application.runs.waits_for(row)
        if other is None:
            return None
        return other.destination.name if other.workspace_id == row.workspace_id else ""

    def _weights(self, row: Run, plan: run_facts.Plan) -> tuple[run_facts.Weight, ...]:
        weights = [run_facts.Weight(one.segment, one.profiles) for one in plan.segments]
        if not weights:
            chosen = {one.segment for one in row.destination.segments}
            try:
                segments = self._application.source.segments()
            except PostinoError:
                return ()
            weights = [run_facts.Weight(one.display_name, one.profile_count) for one in segments if one.name in chosen]
        return tuple(sorted(weights, key=lambda one: -one.profiles)[:HEAVIEST])
