"""Messages of the outbox that are about no single run, to a destination's channel or else to its people."""

from __future__ import annotations

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot import slack_calls, texts
from bot.people import People, is_slack_user
from bot.slack_calls import CHANNEL_LOST
from bot.texts import Texts
from bot.views import digests, removal, watching
from bot.views import revocations as views
from bot.views.run_facts import Message, Reason
from services import digests as digesting
from services import removing, resizing, revocations
from services import watching as source_watching
from services.errors import PostinoError
from storage.database import Database
from storage.models import Json, OutboxMessage, Workspace

log = structlog.get_logger()


class Notices:
    """Posts them in the language of their destination, or of the person whom they are for alone."""

    def __init__(self, client: WebClient, database: Database) -> None:
        self._client, self._database = client, database
        self._people = People(database)

    def say(self, message: OutboxMessage) -> None:
        """Post one. Raises SlackApiError if nobody can be told now, or at all."""
        values = message.values
        if message.kind in (revocations.REVOKED, revocations.ACCEPTED):
            with self._database.read() as session:
                if not revocations.is_true(session, message.kind, values["connection"]):
                    return
        people = [one for one in values.get("people", ()) if is_slack_user(one)]
        told = self._composed(self._texts(message, people), message.kind, values)
        if told is not None:
            self._post(told, values.get("channel"), people)

    def _texts(self, message: OutboxMessage, people: list[str]) -> Texts:
        language = message.values.get("language")
        if language is not None or not people:
            return texts.of(language)
        with self._database.read() as session:
            team = session.get_one(Workspace, message.workspace_id).slack_team_id
        try:
            return self._people.by_slack(self._client, team or "", people[0]).texts
        except (PostinoError, SlackApiError):
            return texts.of(None)

    def _composed(self, t: Texts, kind: str, values: Json) -> Message | None:
        match kind:
            case removing.TAGS_KEPT:
                reason = Reason.model_validate(values["reason"])
                return removal.tags_kept(t, values["destination"], values["tags"], reason)
            case revocations.REVOKED:
                return views.revoked(t, views.Told.model_validate(values))
            case revocations.ACCEPTED:
                return views.accepted(t, views.Told.model_validate(values))
            case digesting.DIGEST:
                return digests.digest(t, digests.Digest.model_validate(values))
            case source_watching.UNREADABLE:
                return watching.unreadable(t, watching.Told.model_validate(values))
            case source_watching.READABLE:
                return watching.readable(t, watching.Told.model_validate(values))
            case source_watching.REFRESHING:
                return watching.refreshing(t, watching.Told.model_validate(values))
            case source_watching.REFRESHED:
                return watching.refreshed(t, watching.Told.model_validate(values))
            case resizing.RESIZED:
                return watching.resized(t, watching.Sizes.model_validate(values))
            case _:
                log.error("notices.unknown_message", kind=kind)
                return None

    def _post(self, told: Message, channel: str | None, people: list[str]) -> None:
        call, unfurled = self._client.chat_postMessage, {"unfurl_links": False, "unfurl_media": False}
        if channel is not None:
            try:
                slack_calls.send(call, told, channel=channel, **unfurled)
                return
            except SlackApiError as error:
                if slack_calls.code_of(error) not in CHANNEL_LOST or not people:
                    raise
        if people:
            slack_calls.send_to_first(call, told, people, **unfurled)
