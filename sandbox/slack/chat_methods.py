"""Web API: ``chat.*`` and ``reactions.add``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.slack import objects, posting
from sandbox.slack.errors import SlackError
from sandbox.slack.values import Channel, Json, Message

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace


def writable(workspace: Workspace, named: Any, public_is_enough: bool = True) -> Channel:
    """The channel to write to. Raises SlackError ``channel_not_found``, ``is_archived``, ``not_in_channel``."""
    channel = workspace.channel(str(named or ""))
    is_member = channel is not None and workspace.bot_user_id in channel.members
    if channel is None or (channel.is_private and not is_member):
        raise SlackError("channel_not_found")
    if channel.archived:
        raise SlackError("is_archived")
    # Slack: chat:write.public lets an app post to public channels it has not joined.
    if not is_member and not (public_is_enough and "chat:write.public" in workspace.scopes):
        raise SlackError("not_in_channel")
    return channel


def post_message(workspace: Workspace, arguments: Json) -> Json:
    """chat.postMessage; a user id as channel writes to the direct messages with that person."""
    named = str(arguments.get("channel") or "")
    user = workspace.users.get(named)
    if user and user.deleted:
        # Slack: nobody reads the direct messages of a deactivated member (which error says so is unconfirmed).
        raise SlackError("channel_not_found")
    channel = workspace.direct(named) if user and not user.is_bot else writable(workspace, named)
    posting.check(workspace, "chat.postMessage", "message", arguments)
    message = workspace.post(
        channel,
        workspace.bot_user_id,
        thread_ts=posting.root_of(channel, arguments.get("thread_ts")),
        reply_broadcast=flag(arguments, "reply_broadcast"),
        **posting.parts(workspace, arguments),
    )
    answer = {"channel": channel.id, "ts": message.ts, "message": objects.message_json(workspace, message)}
    if len(str(arguments.get("text") or "")) > posting.TEXT_CHARACTERS:
        answer |= {"warning": "message_truncated", "response_metadata": {"warnings": ["message_truncated"]}}
    return answer


def post_ephemeral(workspace: Workspace, arguments: Json) -> Json:
    """chat.postEphemeral: one person in the channel sees it; it cannot be edited by ``chat.update``."""
    channel = writable(workspace, arguments.get("channel"), public_is_enough=False)
    user = str(arguments.get("user") or "")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    posting.check(workspace, "chat.postEphemeral", "ephemeral", arguments)
    message = workspace.post(
        channel,
        workspace.bot_user_id,
        thread_ts=posting.root_of(channel, arguments.get("thread_ts")),
        ephemeral_to=user,
        **posting.parts(workspace, arguments),
    )
    return {"message_ts": message.ts}


def update(workspace: Workspace, arguments: Json) -> Json:
    """chat.update of the app's own message, addressed by channel id and ts."""
    channel, message = _own(workspace, arguments, arguments.get("ts"), "cant_update_message")
    if channel.archived:
        raise SlackError("is_inactive")
    posting.check(workspace, "chat.update", "message", arguments, text_required=not message.blocks)
    if posting.too_long_to_edit(arguments.get("text")):
        workspace.emitted[-1].error = "msg_too_long"
        raise SlackError("msg_too_long")
    posting.edit(workspace, message, arguments)
    shown = objects.message_json(workspace, message)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": shown}


def delete(workspace: Workspace, arguments: Json) -> Json:
    """chat.delete of the app's own message."""
    channel, message = _own(workspace, arguments, arguments.get("ts"), "cant_delete_message")
    posting.remove(workspace, channel, message)
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(workspace: Workspace, arguments: Json) -> Json:
    """chat.getPermalink."""
    channel, message = _found(workspace, arguments, arguments.get("message_ts"))
    address = f"https://{workspace.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    return {"channel": channel.id, "permalink": address}


def add_reaction(workspace: Workspace, arguments: Json) -> Json:
    """reactions.add."""
    _, message = _found(workspace, arguments, arguments.get("timestamp"))
    name = str(arguments.get("name") or "").strip(":")
    if not name:
        raise SlackError("invalid_name")
    people = message.reactions.setdefault(name, [])
    if workspace.bot_user_id in people:
        raise SlackError("already_reacted")
    people.append(workspace.bot_user_id)
    workspace.touch(message)
    return {}


def flag(arguments: Json, name: str) -> bool:
    """A boolean argument in any of its spellings."""
    return arguments.get(name) in (True, 1, "1", "true", "True")


def _found(workspace: Workspace, arguments: Json, ts: Any) -> tuple[Channel, Message]:
    channel = workspace.channels.get(str(arguments.get("channel") or ""))
    if channel is None or (channel.is_private and workspace.bot_user_id not in channel.members):
        raise SlackError("channel_not_found")
    message = channel.message(str(ts or ""))
    if message is None or message.ephemeral_to:
        raise SlackError("message_not_found")
    return channel, message


def _own(workspace: Workspace, arguments: Json, ts: Any, otherwise: str) -> tuple[Channel, Message]:
    channel, message = _found(workspace, arguments, ts)
    if not message.by_app:
        raise SlackError(otherwise)
    return channel, message
