"""Messages of the outbox that are about no single run, to a destination's channel or else to its people."""

from __future__ import annotations

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot import slack_calls, texts
from bot.people import is_slack_user
from bot.slack_calls import CHANNEL_LOST
from bot.texts import Texts
from bot.views import digests, removal, watching
from bot.views.run_facts import Message, Reason
from services import digests as digesting
from services import removing
from services import watching as source_watching
from storage.models import Json, OutboxMessage

log = structlog.get_logger()


class Notices:
    """Posts them in the language of their destination."""

    def __init__(self, client: WebClient) -> None:
        self._client = client

    def say(self, message: OutboxMessage) -> None:
        """Post one. Raises SlackApiError if nobody can be told now, or at all."""
        values = message.values
        told = self._composed(texts.of(values.get("language")), message.kind, values)
        if told is not None:
            self._post(told, values.get("channel"), [one for one in values.get("people", ()) if is_slack_user(one)])

    def _composed(self, t: Texts, kind: str, values: Json) -> Message | None:
        match kind:
            case removing.TAGS_KEPT:
                reason = Reason.model_validate(values["reason"])
                return removal.tags_kept(t, values["destination"], values["tags"], reason)
            case digesting.DIGEST:
                return digests.digest(t, digests.Digest.model_validate(values))
            case source_watching.UNREADABLE:
                return watching.unreadable(t, watching.Told.model_validate(values))
            case source_watching.READABLE:
                return watching.readable(t, watching.Told.model_validate(values))
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
