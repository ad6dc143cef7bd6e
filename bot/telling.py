"""From a run's row to what its views show, and in whose language."""

from __future__ import annotations

from dataclasses import replace

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy import select

from bot import slack_calls, texts
from bot.people import GONE, People, is_slack_user
from bot.texts import Texts
from bot.views import run_facts
from bot.views.outcomes import LIMITS
from bot.wiring import Application
from services import access, approving, resizing, weights
from services.errors import PostinoError
from services.rejects import Problem
from storage import workspaces
from storage.models import FINAL, LedgerTag, Run, RunStatus, Workspace

FEW = 5
"""So many people are called who could approve something; where there are more, the channel hears of it without names, and
without a channel only so many are asked."""
PERSON = "person"
"""The trigger of runs that a person launched."""
SUCCESS = frozenset({RunStatus.SUCCESSFUL, RunStatus.REJECTS})

log = structlog.get_logger()


def recipients(run: Run) -> list[str]:
    """Who can hear of a run where no channel can be written to: who launched it, who approved it, who made the destination."""
    candidates = (run.requested_by, run.approved_by, run.destination.created_by)
    return list(dict.fromkeys(person for person in candidates if person and is_slack_user(person)))


def is_direct(run: Run) -> bool:
    """Whether the run is told to one person alone."""
    return run.channel is None or run.channel[0] in "DUW"


def recipient(run: Run) -> str | None:
    """The first of ``recipients``."""
    return next(iter(recipients(run)), None)


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
        rule = (runs.approval_rule(row) or "") if _is_undecided(row) else ""
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
            settled=runs.is_settled(row),
            step=row.step,
            preview=row.preview,
            accept_removals=row.accept_removals,
            canary=row.canary,
            trigger=row.trigger,
            rule=rule,
            rule_above=destination.approval_above,
            maker=access.maker(destination) or "",
            agreed_by=destination.consent_by,
            requested_by=row.requested_by,
            asker=approving.asker(row),
            requested_at=row.requested_at,
            approved_by=row.approved_by,
            approved_at=runs.approved_at(row),
            grown=row.status == RunStatus.WAITING and approving.has_outgrown(row),
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
            resized=self.resized(row),
            mentions=self._called(row, rule),
            weights=self._weights(row) if reason.kind in LIMITS else (),
        )

    def _called(self, row: Run, rule: str) -> tuple[str, ...]:
        """The people to call: the destination's, and for an approval those whom administrators have named, where they are few."""
        called = list(row.destination.mentions)
        if rule and row.status == RunStatus.WAITING and not is_direct(row):
            with self._application.database.read() as session:
                named = workspaces.named_administrators(session, row.workspace_id)
            if len(named) <= FEW:
                called += [one for one in named if one != approving.asker(row)]
        return tuple(dict.fromkeys(called))

    def asked(self, client: WebClient, row: Run) -> tuple[str, ...] | None:
        """Who is asked directly for the approval of a second person, because no channel hears of the run; a few at most.

        They are those whom administrators have named and who made the destination, as far as they may approve it and do not
        have its message already. None if nobody has to be asked. Raises SlackApiError where Slack does not say who they are.
        """
        if row.status != RunStatus.WAITING or not is_direct(row) or self._application.runs.approval_rule(row) is None:
            return None
        told, asked = recipient(row), list[str]()
        with self._application.database.read() as session:
            team = session.get_one(Workspace, row.workspace_id).slack_team_id or ""
            named = workspaces.named_administrators(session, row.workspace_id)
        for person in dict.fromkeys((*named, row.destination.created_by)):
            if (
                person == approving.asker(row)
                or not is_slack_user(person)
                or not self._approves(client, team, row, person)
            ):
                continue
            if person == told:
                return None
            asked.append(person)
        return tuple(asked[:FEW])

    def _approves(self, client: WebClient, team: str, row: Run, person: str) -> bool:
        try:
            return self._application.runs.may_approve(self._people.resolve(client, team, person).actor, row)
        except SlackApiError as error:
            if slack_calls.code_of(error) in GONE:
                return False
            raise

    def recovered(self, row: Run) -> bool:
        """Whether this run succeeded after one of the same destination that had not."""
        return (
            row.status in SUCCESS
            and not row.preview
            and not _trouble(row)
            and self._differs(row, self._application.runs.before(row))
        )

    def changed(self, row: Run) -> bool:
        """Whether the destination is in other trouble than after the run before, or in none any more, or rejects anew."""
        before = self._application.runs.before(row)
        return self._differs(row, before) or self._rejects_anew(row, before)

    def _differs(self, row: Run, before: Run | None) -> bool:
        return _trouble(row) != (_trouble(before) if before is not None else "")

    def _rejects_anew(self, row: Run, before: Run | None) -> bool:
        """Whether there are rejects after a run without any, or people of whom a person must decide after one without such."""
        if row.status != RunStatus.REJECTS:
            return False
        if before is None or before.status != RunStatus.REJECTS:
            return True
        causes = self._application.runs.by_cause
        asks, asked = (any(reason == Problem.OTHER_ADDRESS for reason, _ in causes(one.id)) for one in (row, before))
        return asks and not asked

    def resized(self, row: Run) -> tuple[run_facts.Resized, ...]:
        """The segments whose size is another than usual, by the last export that ended well; told by previews, too."""
        if row.status not in {*SUCCESS, RunStatus.WAITING} or row.verifies is not None:
            return ()
        before = self._application.runs.succeeded_before(row)
        if before is None:
            return ()
        sizes = {one.segment: one.profiles for one in run_facts.Plan.model_validate(before.plan).segments}
        changes = (
            run_facts.Resized(one.segment, sizes[one.segment], one.profiles)
            for one in run_facts.Plan.model_validate(row.plan).segments
            if one.segment in sizes
        )
        unusual = [one for one in changes if resizing.is_unusual(one.before, one.now)]
        names = self._application.segments.display_names() if unusual else {}
        return tuple(replace(one, segment=names.get(one.segment, one.segment)) for one in unusual)

    def is_quiet(self, row: Run) -> bool:
        """Whether nothing is posted about this run: a scheduled one of a quiet destination, with nothing unusual so far."""
        quiet = row.destination.quiet or row.destination.digest_hour is not None
        untold = quiet and row.trigger != PERSON and row.message_ts is None
        return (
            untold
            and row.status not in (RunStatus.WAITING, RunStatus.CANCELED)
            and not (row.status in FINAL and (_trouble(row) or self.changed(row) or self.resized(row)))
        )

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
        # A verification is shown nowhere, so its destination's name would say nothing.
        told = other.workspace_id == row.workspace_id and other.verifies is None
        return other.destination.name if told else ""

    def _weights(self, row: Run) -> tuple[run_facts.Weight, ...]:
        return tuple(run_facts.Weight(*one) for one in weights.heaviest(self._application.source, row))


def _is_undecided(row: Run) -> bool:
    """Whether a second person may still have to approve the run."""
    return row.status == RunStatus.WAITING or (row.status not in FINAL and row.approved_by is None)


def _trouble(row: Run) -> str:
    """What is wrong after a run, the same words for the same thing; empty if nothing is."""
    if row.status in SUCCESS:
        return str(row.reason.get("waiting", ""))
    return f"{row.status} {row.reason.get('message', '')}"
