"""Living messages: posted once per run, edited in place, never faster than people can read and Slack allows."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot import slack_calls
from bot.slack_calls import CHANNEL_LOST, MESSAGE_LOST, NO_ANSWER, Budget, OverBudgetError
from bot.telling import Telling, recipients
from bot.views import runs as views
from bot.views.blocks import Block
from bot.views.run_facts import Message
from bot.wiring import Application
from storage import outbox
from storage.models import Run

EVERY = 3.0
"""Seconds between two edits of one message."""
MEASURED_OVER = 60.0
"""Seconds over which the rate is measured."""
REMOVED = "removed"
"""Shown by a run whose message somebody deleted: it is not forced on the channel again."""

UNFURLED = {"unfurl_links": False, "unfurl_media": False}

log = structlog.get_logger()


ENOUGH = 50
"""People who must have been sent before a rate is told."""


@dataclass
class Pace:
    """What was seen of a run's progress during the last minute."""

    samples: deque[tuple[float, int, int]] = field(default_factory=deque)
    edited_at: float = float("-inf")

    def note(self, now: float, sent: int, retries: int) -> None:
        """Note how much has been sent by now, and how many calls had to be repeated."""
        while self.samples and self.samples[0][0] < now - MEASURED_OVER:
            self.samples.popleft()
        self.samples.append((now, sent, retries))

    @property
    def rate(self) -> float | None:
        """People per second; None until enough was seen to say anything: the first call of a run carries one contact."""
        (began, first, _), (ended, last, _) = self.samples[0], self.samples[-1]
        return (last - first) / (ended - began) if ended - began >= 1 and last - first >= ENOUGH else None

    @property
    def throttled(self) -> bool:
        """Whether calls had to be repeated during the last minute."""
        return self.samples[-1][2] > self.samples[0][2]


class Living:
    """Keeps the messages of runs true. Used by one notifier."""

    def __init__(
        self, application: Application, client: WebClient, telling: Telling, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._application = application
        self._client = client
        self._telling = telling
        self._clock = clock
        self._budget = Budget(clock)
        self._paces: dict[int, Pace] = {}
        self._quiet_until = float("-inf")

    def refresh(self) -> bool:
        """Edit the messages of runs that go on, where something has changed; whether one was edited."""
        rows = self._application.runs.shown_unfinished()
        going_on = {row.id for row in rows}
        self._paces = {run_id: pace for run_id, pace in self._paces.items() if run_id in going_on}
        for row in rows:
            counters = row.counters
            sent = sum(counters.get(name, 0) for name in ("new", "updated", "tags_only", "tags_removed"))
            self._pace(row.id).note(self._clock(), sent, counters.get("retries", 0))
        edited = False
        for row in sorted(rows, key=lambda one: self._pace(one.id).edited_at):
            edited |= self._refresh_one(row)
        return edited

    def _refresh_one(self, row: Run) -> bool:
        now, pace = self._clock(), self._pace(row.id)
        if now < self._quiet_until or now - pace.edited_at < EVERY:
            return False
        try:
            return self.show(row, progress=True)
        except OverBudgetError:
            return False
        except SlackApiError as error:
            # Progress is worth no repetition: the next look shows the newest state anyway.
            self._quiet_until = now + (slack_calls.retry_after(error) or EVERY)
            log.info("notifier.progress_not_shown", run=row.id, error=slack_calls.code_of(error))
        except NO_ANSWER as error:
            self._quiet_until = now + EVERY
            log.info("notifier.progress_not_shown", run=row.id, error=type(error).__name__)
        return False

    def show(self, row: Run, *, progress: bool = False) -> bool:
        """Post or edit the run's message so that it shows its present state; whether anything was sent.

        Raises SlackApiError and the errors of a connection if Slack did not take it, OverBudgetError if it must wait.
        """
        if row.message_shown == REMOVED:
            return False
        message = self._message(row, row.channel)
        if row.message_ts is None:
            return self._post(row, message)
        if row.message_shown == _digest(message):
            return False
        self._budget.spend(row.workspace_id, progress=progress)
        self._pace(row.id).edited_at = self._clock()
        try:
            slack_calls.send(
                self._client.chat_update, message, channel=row.channel, ts=row.message_ts, metadata=_metadata(row)
            )
        except SlackApiError as error:
            return self._lost(row, error)
        self._application.runs.note_message(row.id, row.channel, row.message_ts, _digest(message))
        return True

    def edit(self, row: Run, message: Message, channel: str, ts: str) -> None:
        """Change another message about the run. Raises what ``show`` raises, and SlackApiError where it is gone."""
        self._budget.spend(row.workspace_id)
        slack_calls.send(self._client.chat_update, message, channel=channel, ts=ts)

    def _message(self, row: Run, channel: str | None) -> Message:
        pace = self._pace(row.id)
        rate, throttled = (pace.rate, pace.throttled) if pace.samples else (None, False)
        facts = self._telling.run(row, rate=rate, throttled=throttled)
        return views.living(self._telling.texts_for(self._client, row, channel), facts)

    def _post(self, row: Run, message: Message) -> bool:
        """Post the message for the first time; where the channel cannot be written to, directly to the launcher."""
        if row.channel is None:
            return self._write_directly(row, message)
        try:
            answer = slack_calls.send(
                self._client.chat_postMessage, message, channel=row.channel, metadata=_metadata(row), **UNFURLED
            )
        except SlackApiError as error:
            if slack_calls.code_of(error) not in CHANNEL_LOST:
                raise
            return self._post_directly(row, error)
        self._posted(row, str(answer["channel"]), str(answer["ts"]), message)
        return True

    def _write_directly(self, row: Run, message: Message) -> bool:
        people = recipients(row)
        if not people:
            return False
        call = self._client.chat_postMessage
        answer = slack_calls.send_to_first(call, message, people, metadata=_metadata(row), **UNFURLED)
        self._posted(row, str(answer["channel"]), str(answer["ts"]), message)
        return True

    def _lost(self, row: Run, error: SlackApiError) -> bool:
        """The message or its channel is not there any more."""
        code = slack_calls.code_of(error)
        if code in MESSAGE_LOST:
            self._application.runs.note_message(row.id, row.channel, None, REMOVED)
            log.info("notifier.message_removed", run=row.id)
            return False
        if code in CHANNEL_LOST:
            return self._post_directly(row, error)
        raise error

    def _post_directly(self, row: Run, error: SlackApiError) -> bool:
        lost = row.channel
        if lost is None or lost[0] in "DUW" or not self._write_directly(row, self._message(row, None)):
            raise error
        database = self._application.database
        with database.write() as session:
            values = {"channel": lost, "error": slack_calls.code_of(error)}
            now = database.now(session)
            outbox.add(session, row.workspace_id, "moved", values, now, run_id=row.id, once=f"moved-{row.id}")
        return True

    def _posted(self, row: Run, channel: str, ts: str, message: Message) -> None:
        self._application.runs.note_message(row.id, channel, ts, _digest(message))
        row.channel, row.message_ts = channel, ts

    def _pace(self, run_id: int) -> Pace:
        return self._paces.setdefault(run_id, Pace())


def _digest(message: Message) -> str:
    return hashlib.sha256(orjson.dumps([message.text, message.blocks])).hexdigest()


def _metadata(row: Run) -> Block:
    """What other apps and workflows can read of a run's message. Numbers and states; nobody's name."""
    return {
        "event_type": "postino_run",
        "event_payload": {"run": row.id, "destination": row.destination_id, "status": row.status, **row.counters},
    }
