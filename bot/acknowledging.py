"""An acknowledgement that stays given.

Bolt 1.30 waits for ``ack()`` by looking every 10 ms, and puts its answer back to nothing when a listener fails after it: a
listener that acknowledges and is refused within those 10 ms would look to Slack like one that never answered.
"""

from __future__ import annotations

from collections.abc import Callable

from slack_bolt import Ack, App, BoltContext
from slack_bolt.response import BoltResponse


class KeptAck(Ack):
    """Bolt's ``ack``, whose answer cannot be taken back."""

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
    def kept(context: BoltContext, next: Callable[[], None]) -> None:  # noqa: A002 - Bolt passes arguments by name
        context["ack"] = KeptAck()  # type: ignore[no-untyped-call] # Bolt's constructor has no annotation
        next()
