"""Calls to Slack outside of listeners: what an error means, and messages that Slack takes in any case."""

from __future__ import annotations

import http.client
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import requests
import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot.views.run_facts import Message

UPDATES_PER_MINUTE = 40
"""Edits of messages per workspace. Slack: chat.update takes 50 a minute for all of an app's messages in a workspace."""
KEPT_FOR_ENDINGS = 10
"""Of these, so many are kept for final states: progress may use the rest."""
TEXT_BYTES = 3000
"""Observed: chat.update refuses more than 4,000 bytes of text, counted after escaping it once more."""

CHANNEL_LOST = frozenset(
    {
        "channel_not_found",
        "is_archived",
        "is_inactive",
        "not_in_channel",
        "restricted_action",
        "user_not_found",
        "user_disabled",
    }
    | {"restricted_action_read_only_channel", "no_permission", "team_access_not_granted", "messages_tab_disabled"}
)
MESSAGE_LOST = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "cannot_reply_to_message", "thread_not_found"}
)
STEP_LOST = frozenset(
    {
        "function_execution_not_found",
        "function_execution_not_in_progress",
        "access_denied",
        "invalid_function_execution",
    }
)
"""The step has ended already, or its workflow was stopped."""
BLOCKS_REFUSED = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"})
NO_ANSWER = (OSError, http.client.HTTPException)
"""What slack_sdk lets through when the connection fails: urllib's and http.client's errors. So are those of requests."""

log = structlog.get_logger()


class OverBudgetError(Exception):
    """Too many edits in this minute; try again ``after`` seconds."""

    def __init__(self, after: float) -> None:
        self.after = after
        super().__init__(f"over budget for {after:.0f} s")


def code_of(error: SlackApiError) -> str:
    """Slack's word for what went wrong; empty if the answer was none of Slack's."""
    response: Mapping[str, Any] | SlackResponse = error.response
    return str(response.get("error") or "")


def retry_after(error: SlackApiError) -> float | None:
    """How many seconds Slack wants to be left alone, if that is what it says."""
    response = error.response
    headers = response.headers if isinstance(response, SlackResponse) else response.get("headers", {})
    lowered = {str(name).lower(): value for name, value in headers.items()}
    if "retry-after" not in lowered:
        return 30.0 if code_of(error) == "ratelimited" else None
    value = lowered["retry-after"]
    return float(value[0] if isinstance(value, list) else value)


def fitting(text: str) -> str:
    """``text`` in so many bytes that Slack takes it in an edit too."""
    encoded = text.encode()
    return text if len(encoded) <= TEXT_BYTES else encoded[: TEXT_BYTES - 3].decode(errors="ignore") + "…"


def send(call: Callable[..., SlackResponse], message: Message, **where: Any) -> SlackResponse:
    """Post or edit a message; blocks that Slack refuses are left away, because the text says all. Raises SlackApiError."""
    text = fitting(message.text)
    try:
        return call(text=text, blocks=message.blocks, **where)
    except SlackApiError as error:
        if code_of(error) not in BLOCKS_REFUSED:
            raise
        log.error("slack.blocks_refused", error=code_of(error), text=len(message.text))
        return call(text=text, blocks=[], **where)


def send_to_first(
    call: Callable[..., SlackResponse], message: Message, people: Sequence[str], **where: Any
) -> SlackResponse:
    """Write directly to the first of these people who can be written to. Raises the last one's SlackApiError."""
    *others, last = people
    for person in others:
        try:
            return send(call, message, channel=person, **where)
        except SlackApiError as error:
            if code_of(error) not in CHANNEL_LOST:
                raise
    return send(call, message, channel=last, **where)


def share(client: WebClient, file: BinaryIO, name: str, title: str, channel: str, thread_ts: str | None = None) -> None:
    """Share an open file in a conversation the bot is in, without reading all of it into memory, as Slack's own client does.

    Raises SlackApiError, and one of ``NO_ANSWER``.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    place = client.files_getUploadURLExternal(filename=name, length=length)
    requests.post(str(place["upload_url"]), data=file, timeout=client.timeout).raise_for_status()
    client.files_completeUploadExternal(
        files=[{"id": str(place["file_id"]), "title": title}], channel_id=channel, thread_ts=thread_ts
    )


class Budget:
    """Counts edits per workspace and minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spent: defaultdict[int, deque[float]] = defaultdict(deque)

    def spend(self, workspace_id: int, *, progress: bool = False) -> None:
        """Count one edit. Raises OverBudgetError if there have been too many; progress stops earlier than endings."""
        now, spent = self._clock(), self._spent[workspace_id]
        while spent and spent[0] <= now - 60:
            spent.popleft()
        if len(spent) >= UPDATES_PER_MINUTE - (KEPT_FOR_ENDINGS if progress else 0):
            raise OverBudgetError(spent[0] + 60 - now)
        spent.append(now)
