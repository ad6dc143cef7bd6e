"""Acknowledgements: given at once wherever an empty one will do, and never taken back.

Slack waits three seconds. Over Socket Mode the thread that reads the socket acknowledges, before the request is even looked
up: neither a full pool of listeners, nor a slow database, nor a processor at work for an export can make it late. What a
listener answers itself (a modal's submission, the options of a select) it answers before it asks anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_bolt.response import BoltResponse

AT_ONCE = 64
"""Threads for requests, and as many for listeners: a submission may take a second and a half of both to be answered."""

_ANSWERED = frozenset({"view_submission", "block_suggestion"})
"""Requests whose acknowledgement carries the answer."""


class KeptAck(Ack):
    """Bolt's ``ack``, whose answer cannot be taken back.

    Bolt 1.30 waits for ``ack()`` by looking every 10 ms, and puts its answer back to nothing when a listener fails after
    it: a listener that acknowledges and is refused within those 10 ms would look to Slack like one that never answered.
    """

    _given: BoltResponse | None = None

    @property
    def response(self) -> BoltResponse | None:
        """What was answered; None until then."""
        return self._given

    @response.setter
    def response(self, response: BoltResponse | None) -> None:
        self._given = response or self._given


def keep(app: App) -> None:
    """Let every request of the app be acknowledged in this way."""

    @app.middleware
    def kept(context: BoltContext, body: dict[str, Any], next: Callable[[], None]) -> None:  # noqa: A002 - Bolt passes arguments by name
        ack = KeptAck()  # type: ignore[no-untyped-call] # Bolt's constructor has no annotation
        context["ack"] = ack
        if needs_no_answer(body):
            ack()
        next()


def needs_no_answer(payload: dict[str, Any]) -> bool:
    """Whether an empty acknowledgement will do."""
    return payload.get("type") not in _ANSWERED
