"""Answers to modals, in time: the next view goes into the open modal or into the acknowledgement of its submission."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.views.blocks import Block
from services.errors import PostinoError, Unavailable

IN_TIME = 1.5
"""Seconds in which an acknowledgement may wait for its answer. Slack: three, all that comes before included."""
APART = 0.5
"""Seconds between an acknowledgement with the loading step and what follows it: both travel on ways of their own, and
Slack would show the loading step for ever if it came second."""

Reply = Callable[[Block], bool]
"""Shows a view in the open modal; False if the person has closed it. May raise OverwrittenError once."""

log = structlog.get_logger()


class OverwrittenError(Exception):
    """The view has changed since the act that is being answered."""


class RepeatedError(Exception):
    """The same request was delivered before, and its modal was opened then: there is nothing more to do or to say."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What lets Postino open a modal for three seconds; ``modal`` is the one that was clicked in, if any."""

    id: str
    modal: str | None = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Trigger:
        """The trigger of a command, a click or a shortcut."""
        view = body.get("view") or {}
        return cls(str(body.get("trigger_id") or ""), view.get("id") if view.get("type") == "modal" else None)


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
                log.info("modal.closed_early")
                return False
            raise
        return True


class InTime:
    """One acknowledgement, by whoever comes first: the work, or with ``late`` the clock, or the end of what failed.

    Open it before anybody is asked, the database included.
    """

    def __init__(self, ack: Callable[..., Any], **late: Any) -> None:
        self._ack, self._late = ack, late
        self._lock = threading.Lock()
        self._acked_at: float | None = None
        self._timer = threading.Timer(IN_TIME, lambda: self.acknowledge(**late))
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()
        if self.acknowledge(**self._late) and error is not None:
            time.sleep(APART)

    def acknowledge(self, **answer: Any) -> bool:
        """Whether this was the acknowledgement: there is only one."""
        with self._lock:
            if self._acked_at is not None:
                return False
            self._acked_at = time.monotonic()
            self._ack(**answer)
            return True


class Submission(InTime):
    """Answers a submission with the next view if that is ready in time, else with a loading step that it replaces.

    The loading step also comes where something is raised first, or Slack would say that it had trouble connecting.
    """

    def __init__(self, ack: Callable[..., Any], client: WebClient, view_id: str, waiting: Block) -> None:
        super().__init__(ack, response_action="update", view=waiting)
        self._update = Update(client, view_id)

    def __call__(self, view: Block) -> bool:
        return self._show(view) or self._replace(view)

    def refuse(self, errors: dict[str, str], view: Block) -> bool:
        """Say beside the inputs, by their block's id, what is wrong; ``view`` says it where the loading step came first."""
        return self.acknowledge(response_action="errors", errors=errors) or self._replace(view)

    def repeat(self, view: Block) -> None:
        """Answer a submission that was delivered twice after its first delivery: Slack takes the first answer.

        If that one was lost with its process, the person sees ``view``.
        """
        self._timer.cancel()
        time.sleep(IN_TIME + APART)
        self._show(view)

    def settle(self) -> None:
        """Wait until what was acknowledged has surely arrived: what follows it is sent at once then."""
        assert self._acked_at is not None
        time.sleep(max(0.0, self._acked_at + APART - time.monotonic()))

    def _show(self, view: Block) -> bool:
        return self.acknowledge(response_action="update", view=view)

    def _replace(self, view: Block) -> bool:
        """In the place of the loading step."""
        self.settle()
        return self._update(view)


def suggest(ack: Callable[..., Any], find: Callable[[], list[Block]]) -> None:
    """Answer a select with search: with nothing if whoever is asked does not answer in time or refuses."""
    with InTime(ack, options=[]) as answer:
        try:
            answer.acknowledge(options=find())
        except PostinoError as error:
            log.info("select.nothing_found", kind=type(error).__name__)


def answered(client: WebClient, trigger: Trigger, view: Block) -> bool:
    """Open a modal with an answer; False if Slack's three seconds were over. Raises RepeatedError."""
    try:
        opened(client, trigger, view)
    except Unavailable:
        return False
    return True


def opened(client: WebClient, trigger: Trigger, view: Block) -> str:
    """Open a modal, on top of the one that was clicked in if there is one; its id.

    Raises Unavailable if Slack's three seconds were over, RepeatedError if it is open already.
    """
    show = client.views_open if trigger.modal is None else client.views_push
    try:
        return str(show(trigger_id=trigger.id, view=view)["view"]["id"])
    except SlackApiError as error:
        reason = error.response.get("error")
        if reason == "push_limit_reached" and trigger.modal is not None:  # Slack: three at most
            Update(client, trigger.modal)(view)
            return trigger.modal
        if reason == "expired_trigger_id":
            raise Unavailable("Slack did not wait for Postino. Nothing was lost; please try again.") from error
        if reason == "exchanged_trigger_id":
            raise RepeatedError from error
        raise
