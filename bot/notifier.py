"""The ``notify`` duty: what the outbox holds reaches Slack, and the messages of running exports are kept true.

Every outbox message is one call to Slack, marked as soon as Slack has answered: delivered at least once, and exactly once
whenever the answer arrived. When a run has ended, its living message is brought to its final state first; what else there is to
say is then queued as messages of their own.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from sqlalchemy.orm import Session

from bot import reject_list, slack_calls
from bot.living import REMOVED, Living
from bot.notices import Notices
from bot.people import People, is_slack_user
from bot.slack_calls import CHANNEL_LOST, MESSAGE_LOST, NO_ANSWER, STEP_LOST, OverBudgetError
from bot.telling import PERSON, SUCCESS, Telling, is_direct, recipient
from bot.texts import Texts
from bot.views import outcomes
from bot.views.run_facts import Message
from bot.wiring import Application
from bot.workflow import end_step
from services import approving, workflows
from services.binding import Edited
from services.tidying import EXPIRED
from storage import outbox
from storage.models import FINAL, OutboxMessage, Run, RunStatus

HOLD = timedelta(minutes=2)
"""How long a message is reserved for one notifier: longer than the client's own retries take."""
AT_ONCE = 50
"""How many messages are delivered before the messages of running exports are looked at."""
LONGEST_WAIT = 300.0
TO_ONE = frozenset({"direct", "approver"})
"""The kinds of message that are for one person alone."""
CALLS = ("outcome", "approver")
"""The kinds of message that call somebody to approve a run that waits."""
Posted = dict[str, str]
"""Where Slack put a message, by channel and timestamp; nothing if nobody was told."""
GIVE_UP_AFTER = timedelta(hours=24)

WAITING = RunStatus.WAITING

log = structlog.get_logger()


def background_client(client: WebClient) -> WebClient:
    """A client like this one that waits as Slack asks when it is rate-limited; never for opening views."""
    patient = WebClient(token=client.token, base_url=client.base_url, timeout=client.timeout)
    patient.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=2))
    return patient


class Notifier:
    """Delivers outbox messages and refreshes living messages. Call it again and again, from one thread at a time."""

    def __init__(
        self, application: Application, client: WebClient, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._application = application
        self._database = application.database
        self._client = background_client(client)
        self._telling = Telling(application, People(application.database))
        self._living = Living(application, self._client, self._telling, clock)
        self._notices = Notices(self._client, application.database)
        self._working = Lock()

    def __call__(self) -> bool:
        """Deliver what is due and refresh what goes on; whether there was anything to do."""
        if not self._working.acquire(blocking=False):
            return False
        try:
            delivered = 0
            while delivered < AT_ONCE and (message := self._next()) is not None:
                self._deliver(message)
                delivered += 1
            return self._living.refresh() or delivered > 0
        finally:
            self._working.release()

    def _next(self) -> OutboxMessage | None:
        """Take the oldest message that is due; what is a day old tells nobody anything any more."""
        with self._database.write() as session:
            now = self._database.now(session)
            for message in outbox.due(session, now):
                if now - message.created_at > GIVE_UP_AFTER:
                    log.error("notifier.too_old", message=message.id, kind=message.kind, run=message.run_id)
                    outbox.give_up(session, message.id, now, message.failure or "too old")
                elif outbox.take(session, message, now, HOLD):
                    return message
        return None

    def _deliver(self, message: OutboxMessage) -> None:
        try:
            self._say(message)
        except OverBudgetError as error:
            self._again(message, error.after, "over budget")
        except SlackApiError as error:
            self._refused(message, error)
        except NO_ANSWER as error:
            self._again(message, _pause(message), type(error).__name__)
        except Exception as error:
            # One message that cannot be put together must not keep the others from being told.
            log.exception("notifier.failed", message=message.id, kind=message.kind)
            self._again(message, _pause(message), type(error).__name__)

    def _say(self, message: OutboxMessage) -> None:
        if message.run_id is None:
            self._notices.say(message)
            self._mark(message)
            return
        run = self._run(message)
        if run is None:
            self._mark(message)
            return
        match message.kind:
            case "run":
                self._tell_state(message, run)
            case "outcome":
                facts = dataclasses.replace(self._telling.run(run), asked=self._telling.asked(self._client, run))
                posted = self._post(run, outcomes.outcome(self._texts(run), facts), broadcast=True)
                self._mark(message, **(posted if run.status == WAITING else {}))
            case "approver":
                person = str(message.values["person"])
                self._mark(message, person=person, **self._ask(run, person))
            case _:
                self._say_of(run, message)
                self._mark(message)

    def _say_of(self, run: Run, message: OutboxMessage) -> None:
        """Say what needs no note of where it stands."""
        match message.kind:
            case "decided":
                self._settle(message, run)
            case "verified":
                self._post_verified(run)
            case "rejects":
                causes = self._application.runs.by_cause(run.id)
                self._post(run, outcomes.rejected(self._texts(run), self._telling.run(run), causes))
            case "list":
                self._post_list(run)
            case "direct":
                person = approving.asker(run)
                t = self._telling.texts_of(self._client, run, person)
                facts = dataclasses.replace(self._telling.run(run), mentions=())
                self._send(person, outcomes.outcome(t, facts))
            case "workflow":
                self._end_step(run)
            case "moved":
                t = self._telling.texts_for(self._client, run, None)
                lost, error = str(message.values["channel"]), str(message.values["error"])
                self._post(run, outcomes.moved(t, self._telling.run(run), lost, error), broadcast=True)
            case _:
                log.error("notifier.unknown_message", kind=message.kind)

    # What is said

    def _tell_state(self, message: OutboxMessage, run: Run) -> None:
        """Bring the living message to the run's present state; at its end, queue what else there is to say."""
        if run.verifies is None and not self._telling.is_quiet(run):
            self._living.show(run)
        asked = self._telling.asked(self._client, run) or ()
        with self._database.write() as session:
            if run.status != WAITING:
                self._queue_settling(session, run)
            if run.status == message.values.get("status"):
                for person in asked:
                    self._queue(session, run, "approver", person)
                for kind in self._follow_ups(run):
                    self._queue(session, run, kind)
            outbox.delivered(session, message.id, self._database.now(session))

    def _follow_ups(self, run: Run) -> list[str]:
        if run.verifies is not None:
            return ["verified"] if run.status in FINAL else []
        if run.status == WAITING:
            # A changed message tells nobody: who approves numbers, or again because they have grown, must hear of it.
            return ["outcome"] if run.approved_by or self._application.runs.approval_rule(run) is not None else []
        if run.reason.get("kind") == EXPIRED:
            return self._after_expiry(run)
        if (
            run.status not in FINAL
            or run.status == RunStatus.SKIPPED
            or (run.status != RunStatus.FAILED and run.preview)
        ):
            return []
        kinds = ["workflow"] if workflows.execution_of(run) else []
        if self._telling.is_quiet(run):
            return kinds
        if self._posts_outcome(run):
            kinds.append("outcome")
        if not run.preview and self._application.runs.by_cause(run.id):
            kinds += ["rejects", "list"]
        if run.trigger == PERSON and is_slack_user(run.requested_by) and not is_direct(run):
            kinds.append("direct")
        return kinds

    def _after_expiry(self, run: Run) -> list[str]:
        """Whoever asked hears that nobody approved it; not of a preview that they might have sent themselves."""
        kinds = ["workflow"] if workflows.execution_of(run) else []
        if not run.preview:
            kinds.append("outcome")
        asked = run.preview and self._application.runs.approval_rule(run) is not None
        if is_slack_user(approving.asker(run)) and (asked or not (run.preview or is_direct(run))):
            kinds.append("direct")
        return kinds

    def _posts_outcome(self, run: Run) -> bool:
        """A person's run always, and what a person cancelled; of others only what changes a state or a segment unusually.

        That a destination was edited is told by the message of the run it ended, and to who launched that.
        """
        if run.reason.get("kind") == Edited.__name__ and run.status == RunStatus.CANCELED:
            return False
        own = run.trigger == PERSON or run.status == RunStatus.CANCELED
        return own or self._telling.changed(run) or bool(self._telling.resized(run))

    def _queue(self, session: Session, run: Run, kind: str, person: str | None = None) -> None:
        once = "-".join(part for part in (kind, person, str(run.id), run.status, str(run.attempt)) if part)
        values = {"person": person} if person is not None else {}
        outbox.add(session, run.workspace_id, kind, values, self._database.now(session), run_id=run.id, once=once)

    def _ask(self, run: Run, person: str) -> Posted:
        """Ask somebody directly for their approval, unless it was given or cannot be given any more."""
        if run.status != WAITING:
            return {}
        t = self._telling.texts_of(self._client, run, person)
        return self._send(person, outcomes.approval_wanted(t, self._telling.run(run)))

    def _queue_settling(self, session: Session, run: Run) -> None:
        """Whatever called somebody to approve the run says how that was decided: each post once."""
        for call in (one for kind in CALLS for one in outbox.delivered_of(session, run.id, kind)):
            if call.values.get("ts"):
                values = {**call.values, "asked_at": call.created_at.timestamp()}
                once, now = f"decided-{call.id}", self._database.now(session)
                outbox.add(session, run.workspace_id, "decided", values, now, run_id=run.id, once=once)

    def _settle(self, message: OutboxMessage, run: Run) -> None:
        asked_at = datetime.fromtimestamp(message.values["asked_at"], UTC)
        person = message.values.get("person")
        t = self._telling.texts_of(self._client, run, person) if person else self._texts(run)
        told = outcomes.decided(t, self._telling.run(run), asked_at)
        try:
            self._living.edit(run, told, message.values["channel"], message.values["ts"])
        except SlackApiError as error:
            if slack_calls.code_of(error) not in MESSAGE_LOST | CHANNEL_LOST:
                raise
            log.info("notifier.call_is_gone", run=run.id, error=slack_calls.code_of(error))

    def _post(self, run: Run, message: Message, *, broadcast: bool = False) -> Posted:
        """In the thread of the living message, or in the channel if that message is gone."""
        target = run.channel or recipient(run)
        if target is None:
            return {}
        where = {"thread_ts": run.message_ts, "reply_broadcast": broadcast} if run.message_ts else {}
        return self._send(target, message, **where)

    def _end_step(self, run: Run) -> None:
        """Complete the workflow's step that asked for the run, or let it fail with what happened."""
        execution, facts = workflows.execution_of(run), self._telling.run(run)
        if execution is not None:
            t = self._texts(run)
            outputs = outcomes.outputs(t, facts) if run.status in SUCCESS else None
            end_step(self._client, execution, outputs, slack_calls.fitting(outcomes.outcome(t, facts).text))

    def _post_verified(self, run: Run) -> None:
        with self._database.read() as session:
            verified = session.get(Run, run.verifies)
        if verified is not None:
            self._post(verified, outcomes.verified(self._texts(verified), self._telling.run(run)))

    def _post_list(self, run: Run) -> None:
        """The CSV in the thread; where files cannot be shared, to the launcher."""
        person, t = recipient(run), self._texts(run)
        if not self._application.runs.by_cause(run.id):
            return
        if run.channel is not None:
            try:
                self._upload_list(run, t, run.channel, run.message_ts)
                return
            except SlackApiError as error:
                if slack_calls.code_of(error) not in CHANNEL_LOST or run.channel[0] == "D":
                    raise
        if person is not None:
            t = self._telling.texts_of(self._client, run, person)
            posted = self._send(person, outcomes.list_comes(t, self._telling.run(run)))
            self._upload_list(run, t, posted["channel"])

    def _upload_list(self, run: Run, t: Texts, channel: str, thread_ts: str | None = None) -> None:
        postino = self._application
        listed, names = postino.runs.listed(run.id), postino.segments.display_names()
        with reject_list.file_of(postino.settings.home, t, listed, names) as file:
            reject_list.upload(self._client, file, t, run.id, channel, thread_ts)

    def _send(self, channel: str, message: Message, **where: object) -> Posted:
        """Post a message."""
        call = self._client.chat_postMessage
        answer = slack_calls.send(call, message, channel=channel, unfurl_links=False, unfurl_media=False, **where)
        return {"channel": str(answer["channel"]), "ts": str(answer["ts"])}

    def _texts(self, run: Run) -> Texts:
        return self._telling.texts_for(self._client, run, run.channel)

    def _run(self, message: OutboxMessage) -> Run | None:
        with self._database.read() as session:
            return session.get(Run, message.run_id) if message.run_id is not None else None

    # What became of it

    def _refused(self, message: OutboxMessage, error: SlackApiError) -> None:
        """Slack said no: wait as it asks, take another way, or give up."""
        code, wait = slack_calls.code_of(error), slack_calls.retry_after(error)
        run = self._run(message)
        if wait is not None:
            self._again(message, wait, code)
        elif code in MESSAGE_LOST and run is not None and run.message_ts:
            self._application.runs.note_message(run.id, run.channel, None, REMOVED)
            self._again(message, 0, code)
        elif code in CHANNEL_LOST and run is not None and run.channel and message.kind not in TO_ONE and recipient(run):
            # Without a channel everything there is still to say goes to the launcher.
            self._application.runs.note_message(run.id, None, None, REMOVED)
            self._again(message, 0, code)
        elif code in CHANNEL_LOST | MESSAGE_LOST or (message.kind == "workflow" and code in STEP_LOST):
            self._give_up(message, code)
        else:
            self._again(message, _pause(message), code or "no answer of Slack's")

    def _mark(self, message: OutboxMessage, **values: object) -> None:
        """Slack has it; with ``values``, where it stands."""
        with self._database.write() as session:
            outbox.delivered(session, message.id, self._database.now(session), values or None)

    def _again(self, message: OutboxMessage, after: float, failure: str) -> None:
        with self._database.write() as session:
            now = self._database.now(session)
            outbox.postpone(session, message.id, now + timedelta(seconds=after), failure)
        log.info("notifier.postponed", message=message.id, kind=message.kind, after=after, failure=failure)

    def _give_up(self, message: OutboxMessage, failure: str) -> None:
        log.error("notifier.gave_up", message=message.id, kind=message.kind, run=message.run_id, failure=failure)
        with self._database.write() as session:
            outbox.give_up(session, message.id, self._database.now(session), failure)


def _pause(message: OutboxMessage) -> float:
    """Longer after every attempt, five minutes at most."""
    return min(LONGEST_WAIT, 2.0 ** min(message.attempts + 1, 9))
