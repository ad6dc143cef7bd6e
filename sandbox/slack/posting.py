"""Messages from the app: checking, posting, editing and removing them, by method or by response_url."""

from __future__ import annotations

import copy
import html
from typing import TYPE_CHECKING, Any

from sandbox.slack import inputs, rules
from sandbox.slack.errors import SlackError
from sandbox.slack.modals import explain
from sandbox.slack.values import Channel, Emitted, Json, Message, ResponseUrl

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

TEXT_CHARACTERS = 40_000  # Slack: longer text of chat.postMessage is cut
EDIT_BYTES = 4_000  # observed: chat.update's text is limited to 4,000 bytes after escaping & < >


def check(workspace: Workspace, method: str, surface: str, body: Json, text_required: bool = True) -> Emitted:
    """Record what the app sends. Raises SlackError ``no_text``, ``invalid_blocks_format``, ``invalid_blocks``."""
    emitted = Emitted(method, surface, copy.deepcopy(body), workspace.now())
    workspace.emitted.append(emitted)
    blocks, attachments = body.get("blocks"), body.get("attachments")
    emitted.missing_text = not body.get("text")
    if blocks is not None and not isinstance(blocks, list):
        emitted.error = "invalid_blocks_format"
    elif text_required and not body.get("text") and not blocks and not attachments:
        emitted.error = "no_text"
    if emitted.error:
        raise SlackError(emitted.error)
    problems = [str(problem) for problem in rules.check_message(body)]
    if problems:
        emitted.error, emitted.problems = "invalid_blocks", problems
        raise SlackError("invalid_blocks", {"errors": problems, **explain(problems)})
    if method == "chat.postMessage" and rules.blocks_too_long(blocks or []):
        emitted.error = "msg_blocks_too_long"
        raise SlackError(emitted.error)
    return emitted


def parts(workspace: Workspace, body: Json) -> Json:
    """The keyword arguments of ``Workspace.post`` for a message of the app."""
    return {
        "text": str(body.get("text") or "")[:TEXT_CHARACTERS],
        "blocks": inputs.complete(body.get("blocks") or [], workspace.new_id),
        "attachments": copy.deepcopy(body.get("attachments") or []),
        "metadata": body.get("metadata"),
        "by_app": True,
    }


def root_of(channel: Channel, thread_ts: Any) -> str | None:
    """The thread to reply in. Raises SlackError ``cannot_reply_to_message`` where there is no such message."""
    if not thread_ts:
        return None
    parent = channel.message(str(thread_ts))
    if parent is None or parent.ephemeral_to:
        raise SlackError("cannot_reply_to_message")
    return parent.thread_ts or parent.ts


def edit(workspace: Workspace, message: Message, body: Json) -> None:
    """Change a message in place. Slack: blocks that are not given stay, an empty list removes them."""
    if body.get("text") is not None:
        message.text = str(body["text"])
    if body.get("blocks") is not None:
        message.blocks = inputs.complete(body["blocks"], workspace.new_id)
    if body.get("attachments") is not None:
        message.attachments = copy.deepcopy(body["attachments"])
    if body.get("metadata") is not None:
        message.metadata = body["metadata"]
    message.edited = f"{workspace.now():.6f}"
    workspace.touch(message)


def too_long_to_edit(text: Any) -> bool:
    """Whether chat.update answers ``msg_too_long``."""
    return len(html.escape(str(text or ""), quote=False).encode()) > EDIT_BYTES


def remove(workspace: Workspace, channel: Channel, message: Message) -> None:
    """Take a message away."""
    channel.messages.remove(message)
    workspace.changed()


def answer(workspace: Workspace, permit: ResponseUrl, body: Json, method: str) -> None:
    """Do what a slash command's ack or a POST to a response_url asks. Raises SlackError.

    Slack: the answer is ephemeral unless ``response_type`` is ``in_channel``; ``replace_original`` and
    ``delete_original`` act on the message that was clicked. The app need not be in the channel. Webhooks into an archived
    one are answered ``channel_is_archived`` (that a response_url is answered the same is unconfirmed).
    """
    channel = workspace.channels.get(permit.channel)
    if channel is None:
        raise SlackError("channel_not_found")
    if channel.archived:
        raise SlackError("channel_is_archived")
    original = channel.message(permit.message_ts) if permit.message_ts else None
    if body.get("delete_original"):
        if original:
            remove(workspace, channel, original)
        return
    surface = "message" if body.get("response_type") == "in_channel" else "ephemeral"
    check(workspace, method, surface, body)
    if body.get("replace_original") and original:
        edit(workspace, original, {"text": "", "blocks": [], "attachments": [], **body})
        return
    thread = body.get("thread_ts") or (permit.thread_ts if surface == "ephemeral" else None)
    workspace.post(
        channel,
        workspace.bot_user_id,
        thread_ts=root_of(channel, thread),
        ephemeral_to=None if surface == "message" else permit.user,
        **parts(workspace, body),
    )


def answer_by_url(workspace: Workspace, permit_id: str, body: Json) -> tuple[int, str]:
    """A POST to a response_url: status and body. Slack: five uses within thirty minutes."""
    permit = workspace.response_urls.get(permit_id)
    if permit is None:
        return 404, "no_such_url"
    if workspace.now() - permit.created > 30 * 60:
        return 404, "expired_url"
    if permit.uses >= 5:
        return 404, "used_url"
    permit.uses += 1
    try:
        answer(workspace, permit, body, "response_url")
    except SlackError as refusal:
        return 400, refusal.code
    return 200, "ok"
