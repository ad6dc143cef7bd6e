"""Mailchimp's limit of simultaneous connections, with calls that count although their client has gone."""

from __future__ import annotations

import time


class Connections:
    """The open calls of one account's user, over all keys.

    Mailchimp: 10 simultaneous connections per user; a call the client gave up on may still count as open.
    """

    def __init__(self) -> None:
        self.open = 0
        self.highest = 0
        self.refused = 0
        self._ghosts: list[float] = []

    def enter(self, limit: int) -> bool:
        """Take a connection if one is free; whoever got one must leave."""
        if self.open + self.ghosts >= limit:
            self.refused += 1
            return False
        self.open += 1
        self.highest = max(self.highest, self.open)
        return True

    def leave(self, *, ghost_until: float | None = None) -> None:
        """Give the connection back; ``ghost_until`` (``time.monotonic``) keeps it counted until then."""
        self.open -= 1
        if ghost_until is not None:
            self._ghosts.append(ghost_until)

    @property
    def ghosts(self) -> int:
        """Calls that still count as open though their client has gone."""
        if self._ghosts:
            now = time.monotonic()
            self._ghosts = [until for until in self._ghosts if until > now]
        return len(self._ghosts)

    def forget_ghosts(self) -> None:
        """Let go of all ghosts."""
        self._ghosts.clear()
