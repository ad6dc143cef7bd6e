"""Who is acting: workspace, person, standing and language, asked of Slack after the acknowledgement and remembered briefly."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from slack_bolt import BoltContext
from slack_sdk import WebClient

from bot import texts
from bot.texts import Texts
from services.access import Actor, Standing
from services.errors import NotAllowed
from storage import workspaces
from storage.database import Database
from storage.models import Workspace

REMEMBERED_SECONDS = 60.0
"""How long a role is believed: short, because somebody whose rights were taken away must not keep them for a day."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in Slack, resolved: what they are and which language they read."""

    actor: Actor
    texts: Texts
    name: str
    time_zone: str


class People:
    """Resolves Slack users. Safe from several threads."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Person]] = {}

    def resolve(self, client: WebClient, team_id: str, user_id: str) -> Person:
        """One user of one team, by ``users.info``. Raises ``NotAllowed`` for a team that Postino does not serve."""
        known = self._known.get((team_id, user_id))
        if known is not None and self._clock() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        user = client.users_info(user=user_id, include_locale=True)["user"]
        language = texts.of(user.get("locale"))
        with self._database.write() as session:
            workspace = workspaces.of_team(session, team_id, team_id, self._database.now(session))
        if workspace is None:
            raise NotAllowed("Postino serves another Slack workspace. Ask the person who runs it to install it here.")
        actor = Actor(workspace.id, user_id, _standing(user, team_id, workspace))
        person = Person(actor, language, user.get("real_name") or user.get("name") or user_id, user.get("tz") or "UTC")
        self._known[(team_id, user_id)] = (self._clock(), person)
        return person

    def forget(self, team_id: str, user_id: str) -> None:
        """Ask Slack again next time: the person's role or language has changed."""
        self._known.pop((team_id, user_id), None)


def _standing(user: dict[str, object], team_id: str, workspace: Workspace) -> Standing:
    guest = user.get("is_restricted") or user.get("is_ultra_restricted") or user.get("is_stranger")
    if guest or user.get("deleted") or user.get("is_bot") or user.get("team_id", team_id) != team_id:
        return Standing.STRANGER
    if user.get("is_admin") or user.get("is_owner") or user.get("id") in workspace.administrators:
        return Standing.ADMINISTRATOR
    return Standing.MEMBER


def acting(people: People, client: WebClient, context: BoltContext) -> Person:
    """The person behind a request. Call it after ``ack``: it may ask Slack."""
    return people.resolve(client, context.team_id or "", context.user_id or "")
