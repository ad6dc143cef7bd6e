"""Who is acting: workspace, person, standing and language, asked of Slack after the acknowledgement and remembered briefly."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog
from slack_bolt import BoltContext
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot import texts
from bot.slack_calls import NO_ANSWER, code_of
from bot.texts import Texts
from services.access import Actor, Standing
from services.administrators import Candidate
from services.errors import NotAllowed, Unavailable
from storage import workspaces
from storage.database import Database
from storage.models import Workspace

REMEMBERED_SECONDS = 60.0
"""How long a role is believed: short, because somebody whose rights were taken away must not keep them for a day."""

GONE = frozenset({"user_not_found", "user_not_visible"})
"""Slack's words for somebody who is not in the workspace."""

SLACKBOT = "USLACKBOT"
"""Slack does not call it a bot."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in Slack, resolved: what they are and which language they read."""

    actor: Actor
    texts: Texts
    name: str
    time_zone: str


class People:
    """Resolves Slack users. What Slack says of them is remembered briefly; whom administrators have named is looked up
    every time, because it counts at once. Safe from several threads."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Person]] = {}
        self._direct: dict[tuple[str, str], str] = {}

    def resolve(self, client: WebClient, team_id: str, user_id: str) -> Person:
        """One user of one team, by ``users.info``. Raises ``NotAllowed`` for a team that Postino does not serve."""
        person = self.by_slack(client, team_id, user_id)
        if person.actor.standing is not Standing.MEMBER:
            return person
        with self._database.read() as session:
            named = workspaces.named_administrators(session, person.actor.workspace_id)
        return replace(person, actor=replace(person.actor, standing=_with(named, person.actor)))

    def by_slack(self, client: WebClient, team_id: str, user_id: str) -> Person:
        """The same, an administrator only if Slack itself makes them one."""
        known = self._known.get((team_id, user_id))
        if known is not None and self._clock() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        person = self._asked(client, team_id, user_id)
        self._known[(team_id, user_id)] = (self._clock(), person)
        return person

    def _asked(self, client: WebClient, team_id: str, user_id: str) -> Person:
        user = client.users_info(user=user_id, include_locale=True)["user"]
        language = texts.of(user.get("locale"))
        with self._database.write() as session:
            workspace = workspaces.of_team(session, team_id, team_id, self._database.now(session))
        if workspace is None:
            raise NotAllowed("Postino serves another Slack workspace. Ask the person who runs it to install it here.")
        actor = Actor(workspace.id, user_id, _standing(user, team_id))
        return Person(actor, language, user.get("real_name") or user.get("name") or user_id, user.get("tz") or "UTC")

    def remembered(self, team_id: str, user_id: str) -> Texts | None:
        """The language Slack has named for somebody, without asking it again; None if it was not asked yet."""
        known = self._known.get((team_id, user_id))
        return known[1].texts if known is not None else None

    def name(self, client: WebClient, team_id: str, user_id: str) -> str | None:
        """What somebody is called in Slack; None for what is no person there, and where Slack does not say."""
        if not is_slack_user(user_id):
            return None
        try:
            return self.by_slack(client, team_id, user_id).name
        except (SlackApiError, *NO_ANSWER) as error:
            log.info("people.name_not_told", error=type(error).__name__)
            return None

    def note_direct(self, team_id: str, user_id: str, channel: str) -> None:
        """Remember where somebody and Postino write to each other directly: Slack tells when they go there or are written to."""
        self._direct[(team_id, user_id)] = channel

    def direct(self, team_id: str, user_id: str) -> str | None:
        """The channel of somebody's direct messages with Postino; None if Slack has not told."""
        return self._direct.get((team_id, user_id))

    def forget(self, team_id: str) -> None:
        """Ask Slack again about everybody of a team: the app has left it, and would return to a new workspace."""
        for key in (*self._known, *self._direct):
            if key[0] == team_id:
                self._known.pop(key, None)
                self._direct.pop(key, None)


def _standing(user: dict[str, object], team_id: str) -> Standing:
    """What somebody is by Slack's word alone."""
    guest = user.get("is_restricted") or user.get("is_ultra_restricted") or user.get("is_stranger")
    bot = user.get("is_bot") or user.get("id") == SLACKBOT
    if guest or bot or user.get("deleted") or user.get("team_id", team_id) != team_id:
        return Standing.STRANGER
    return Standing.ADMINISTRATOR if user.get("is_admin") or user.get("is_owner") else Standing.MEMBER


def _with(named: Sequence[str], actor: Actor) -> Standing:
    """What somebody is, given whom administrators have named: no guest becomes one by that."""
    is_named = actor.standing is Standing.MEMBER and actor.person in named
    return Standing.ADMINISTRATOR if is_named else actor.standing


def candidate(people: People, client: WebClient, team_id: str, user_id: str) -> Candidate:
    """Somebody who is to be named an administrator. Whom Slack does not know is no member. Raises Unavailable."""
    try:
        person = people.resolve(client, team_id, user_id)
    except (SlackApiError, *NO_ANSWER) as error:
        if isinstance(error, SlackApiError) and code_of(error) in GONE:
            return Candidate(Standing.STRANGER, user_id)
        raise Unavailable("Slack did not say who these people are. Nothing was changed; try again.") from error
    return Candidate(person.actor.standing, person.name)


def acting(people: People, client: WebClient, context: BoltContext) -> Person:
    """The person behind a request. Call it after ``ack``: it may ask Slack."""
    return people.resolve(client, context.team_id or "", context.user_id or "")


def is_slack_user(person: str | None) -> bool:
    """Whether a recorded person is a Slack user, rather than the command line or a schedule. Slack: ids begin with U or W."""
    return bool(person) and str(person)[0] in "UW" and str(person).isalnum()


class Standings:
    """What people are in their workspace now, for the services. Where Slack does not answer, what it said last counts."""

    def __init__(self, client: WebClient, database: Database) -> None:
        self._people, self._client, self._database = People(database), client, database
        self._last: dict[tuple[int, str], Actor] = {}

    def __call__(self, workspace_id: int, person: str) -> Standing | None:
        """None for whoever is no person of Slack's, and for those of whom Slack has never told."""
        with self._database.read() as session:
            workspace = session.get(Workspace, workspace_id)
        if workspace is None or workspace.slack_team_id is None or not is_slack_user(person):
            return None
        key = (workspace_id, person)
        try:
            self._last[key] = Actor(workspace_id, person, self._asked(workspace.slack_team_id, person))
        except (SlackApiError, *NO_ANSWER) as error:
            log.info("people.standing_not_told", error=type(error).__name__)
        last = self._last.get(key)
        return _with(workspace.administrators, last) if last is not None else None

    def _asked(self, team_id: str, person: str) -> Standing:
        try:
            return self._people.by_slack(self._client, team_id, person).actor.standing
        except SlackApiError as error:
            if code_of(error) in GONE:
                return Standing.STRANGER
            raise
