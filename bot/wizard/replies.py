"""Where the wizard's next view goes: into the open modal, or into the acknowledgement of a submission."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.texts import Texts
from bot.views import wizard
from bot.views.blocks import Block
from services.errors import Unavailable

IN_TIME = 1.5
"""Seconds in which a submission may be answered by the next view itself. Slack: three, all that comes before included."""
APART = 0.5
"""Seconds between an acknowledgement with the loading step and what follows it: both travel on ways of their own, and
Slack would show the loading step for ever if it came second."""

Reply = Callable[[Block], bool]
"""Shows a view in the open modal; False if the person has closed it. May raise OverwrittenError once."""

log = structlog.get_logger()


class OverwrittenError(Exception):
    """The view has changed since the act that is being answered."""


class Update:
    """Replaces an open view. With ``view_hash``, the first time only if it has not changed since."""

    def __init__(self, client: WebClient, view_id: str, view_hash: str | None = None) -> None:
        self._client, self._view_id, self._hash = client, view_id, view_hash

    def __call__(self, view: Block) -> bool:
        expected, self._hash = self._hash, None
        try:
            self._client.views_update(view_id=self._view_id, view=view, **({"hash": expected} if expected else {}))
        except SlackApiError as error:
            reason = error.response.get("error")
            if reason == "hash_conflict":
                raise OverwrittenError from error
            if reason == "not_found":
                log.info("wizard.closed_early")
                return False
            raise
        return True


class Submission:
    """Answers a submission with the next view if that is ready in time, else with a loading step that it replaces.

    If anything is raised before, the loading step is sent, so that Slack does not say that it had trouble connecting.
    """

    def __init__(self, ack: Callable[..., Any], client: WebClient, view_id: str, waiting: Block) -> None:
        self._ack, self._waiting = ack, waiting
        self._update = Update(client, view_id)
        self._lock = threading.Lock()
        self._acked_at: float | None = None
        self._timer = threading.Timer(IN_TIME, self._out_of_time)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()
        if self._acknowledge(self._waiting) and error is not None:
            time.sleep(APART)

    def __call__(self, view: Block) -> bool:
        if self._acknowledge(view):
            return True
        assert self._acked_at is not None
        time.sleep(max(0.0, self._acked_at + APART - time.monotonic()))
        return self._update(view)

    def _out_of_time(self) -> None:
        self._acknowledge(self._waiting)

    def _acknowledge(self, view: Block) -> bool:
        with self._lock:
            if self._acked_at is not None:
                return False
            self._acked_at = time.monotonic()
            self._ack(response_action="update", view=view)
            return True


def answer_second(ack: Callable[..., Any], view: Block, t: Texts) -> None:
    """Answer a submission that was delivered twice, when the first delivery has been answered: Slack takes the first.

    If that one was lost with its process, the person can press again.
    """
    time.sleep(IN_TIME + APART)
    text = t("This was sent twice. If nothing else happened, please press the button again.")
    ack(response_action="update", view=wizard.with_problem(view, text))


def opened(client: WebClient, trigger_id: str, view: Block) -> str:
    """Open a modal; its id. Raises Unavailable if Slack's three seconds were over."""
    try:
        return str(client.views_open(trigger_id=trigger_id, view=view)["view"]["id"])
    except SlackApiError as error:
        if error.response.get("error") == "expired_trigger_id":
            raise Unavailable("Slack did not wait for Postino. Nothing was lost; please try again.") from error
        raise
