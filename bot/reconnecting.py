"""The ``connections`` duty: once a day every Mailchimp account is asked whether it still lets Postino in.

Who made a connection that was revoked hears of it before a night's export fails, with the way to connect it again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy import select

from bot import texts
from bot.people import People, is_slack_user
from bot.slack_calls import CHANNEL_LOST, NO_ANSWER, code_of
from bot.texts import Texts
from bot.views import connections as views
from bot.wiring import Application
from services.errors import PostinoError, ReconnectNeeded
from storage.models import Connection, Destination, Workspace

EVERY = timedelta(days=1)

log = structlog.get_logger()


class Reconnecting:
    """Checks one connection after the other. ``client`` waits as Slack asks."""

    def __init__(self, application: Application, client: WebClient) -> None:
        self._application = application
        self._client = client
        self._people = People(application.database)
        self._checked: dict[int, datetime] = {}
        self._told: dict[int, set[str]] = {}

    def __call__(self) -> bool:
        """Check what was not checked for a day; never more to do at once."""
        now = self._application.clock()
        for connection in self._application.connections.of_all_workspaces():
            if now - self._checked.get(connection.id, now - EVERY) >= EVERY:
                self._check(connection, now)
        return False

    def _check(self, connection: Connection, now: datetime) -> None:
        connections = self._application.connections
        try:
            connections.account(connection)
        except ReconnectNeeded:
            if not connection.reconnect_needed:
                if not self._tell(connection):
                    return  # the next ring tries again
                connections.mark_reconnect_needed(connection.id, needed=True)
        except PostinoError as error:
            log.info("connection.not_checked", connection=connection.id, error=str(error))
            return
        else:
            connections.mark_reconnect_needed(connection.id, needed=False)
        self._checked[connection.id] = now

    def _tell(self, connection: Connection) -> bool:
        """Whether everybody concerned was told who can be; else whoever was told is not told again."""
        told = self._told.setdefault(connection.id, set())
        waiting = [person for person in self._concerned(connection) if person not in told]
        for person in waiting:
            try:
                t = self._texts(connection, person)
                text, content = views.revoked(t, connection.id, connection.name, connection.account_name)
                self._client.chat_postMessage(channel=person, text=text, blocks=content)
            except SlackApiError as error:
                log.info("connection.not_told", connection=connection.id, error=code_of(error))
                if code_of(error) not in CHANNEL_LOST:
                    continue
            except NO_ANSWER:
                continue
            told.add(person)
        if not told.issuperset(waiting):
            return False
        del self._told[connection.id]
        return True

    def _concerned(self, connection: Connection) -> list[str]:
        """Who made it; where that was nobody in Slack, who made destinations on it."""
        if is_slack_user(connection.created_by):
            return [connection.created_by]
        with self._application.database.read() as session:
            makers = select(Destination.created_by).where(Destination.connection_id == connection.id).distinct()
            return sorted(one for one in session.scalars(makers) if is_slack_user(one))

    def _texts(self, connection: Connection, person: str) -> Texts:
        with self._application.database.read() as session:
            team = session.get_one(Workspace, connection.workspace_id).slack_team_id
        try:
            return self._people.resolve(self._client, team or "", person).texts
        except (PostinoError, SlackApiError):
            return texts.of(None)
