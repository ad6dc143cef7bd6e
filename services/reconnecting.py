"""The ``connections`` duty: once a day every Mailchimp account is asked whether it still lets Postino in.

So whoever is concerned hears of a revoked one before a night's export fails, with the way to connect it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from services.connections import Connections
from services.errors import PostinoError, ReconnectNeeded
from storage.database import Clock
from storage.models import Connection

EVERY = timedelta(days=1)

log = structlog.get_logger()


@dataclass
class Reconnecting:
    """Checks one connection after the other."""

    connections: Connections
    clock: Clock
    checked: dict[int, datetime] = field(default_factory=dict)

    def __call__(self) -> bool:
        """Check what was not checked for a day; never more to do at once."""
        now = self.clock()
        for connection in self.connections.of_all_workspaces():
            if now - self.checked.get(connection.id, now - EVERY) >= EVERY:
                self._check(connection, now)
        return False

    def _check(self, connection: Connection, now: datetime) -> None:
        try:
            self.connections.account(connection)
        except ReconnectNeeded:
            needed = True
        except PostinoError as error:
            log.info("connection.not_checked", connection=connection.id, error=str(error))
            return  # the next ring tries again
        else:
            needed = False
        self.connections.mark_reconnect_needed(connection.id, needed=needed)
        self.checked[connection.id] = now
