"""Slack's JSON for users, channels, messages, files and views."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sandbox.slack import inputs
from sandbox.slack.values import Channel, File, Json, Message, Role, User, View

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

STRANGERS_TEAM = "T0ELSEWHERE"


def user_team(workspace: Workspace, user: User) -> str:
    """The team a user belongs to; a stranger's is not ours."""
    return STRANGERS_TEAM if user.role is Role.STRANGER else workspace.team_id


def user_json(workspace: Workspace, user: User, with_locale: bool = False) -> Json:
    """A user as ``users.info`` shows it."""
    zone = datetime.fromtimestamp(workspace.now(), ZoneInfo(user.tz))
    offset = zone.utcoffset()
    profile = {"real_name": user.real_name, "display_name": user.name, "team": user_team(workspace, user)}
    if "users:read.email" in workspace.scopes and not user.is_bot:
        profile["email"] = user.email
    answer: Json = {
        "id": user.id,
        "team_id": user_team(workspace, user),
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.deleted,
        "tz": user.tz,
        "tz_label": zone.tzname(),
        "tz_offset": int(offset.total_seconds()) if offset else 0,
        "profile": profile,
        "is_admin": user.role in (Role.ADMIN, Role.OWNER),
        "is_owner": user.role is Role.OWNER,
        "is_primary_owner": user.role is Role.OWNER,
        "is_restricted": user.role is Role.GUEST,
        "is_ultra_restricted": False,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": int(workspace.now()),
    }
    if user.role is Role.STRANGER:
        answer["is_stranger"] = True
    if with_locale:
        answer["locale"] = user.locale
    return answer


def person_json(workspace: Workspace, user_id: str) -> Json:
    """A user as it stands in interaction payloads."""
    user = workspace.user(user_id)
    return {"id": user.id, "username": user.name, "name": user.name, "team_id": user_team(workspace, user)}


def channel_json(workspace: Workspace, channel: Channel) -> Json:
    """A conversation as ``conversations.info`` shows it."""
    answer: Json = {
        "id": channel.id,
        "created": 1_700_000_000,
        "is_archived": channel.archived,
        "is_im": channel.is_dm,
        "is_channel": not channel.is_dm and not channel.is_private,
        "is_group": channel.is_private and not channel.is_dm,
        "is_private": channel.is_private,
        "is_mpim": False,
        "is_general": channel.name == "general",
        "is_member": workspace.bot_user_id in channel.members,
        "context_team_id": workspace.team_id,
    }
    if channel.is_dm:
        answer["user"] = next(each for each in channel.members if each != workspace.bot_user_id)
    else:
        answer |= {"name": channel.name, "name_normalized": channel.name, "num_members": len(channel.members)}
    return answer


def channel_label(channel: Channel) -> str:
    """A channel's name as interaction payloads give it."""
    return "directmessage" if channel.is_dm else "privategroup" if channel.is_private else channel.name


def message_json(workspace: Workspace, message: Message) -> Json:
    """A message as the Web API and interaction payloads show it."""
    answer: Json = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
    answer["team"] = workspace.team_id
    if message.by_app:
        answer |= {"bot_id": workspace.bot_id, "app_id": workspace.app_id}
    if message.blocks:
        answer["blocks"] = message.blocks
    if message.attachments:
        answer["attachments"] = message.attachments
    if message.edited:
        answer["edited"] = {"user": message.user, "ts": message.edited}
    if message.metadata:
        answer["metadata"] = message.metadata
    if message.files:
        answer["files"] = [file_json(workspace, workspace.files[each]) for each in message.files]
    if message.reactions:
        answer["reactions"] = [
            {"name": name, "users": users, "count": len(users)} for name, users in message.reactions.items()
        ]
    if message.ephemeral_to:
        answer["is_ephemeral"] = True
    return answer | _thread(workspace, message)


def _thread(workspace: Workspace, message: Message) -> Json:
    channel = workspace.channels.get(message.channel)
    replies = list(channel.replies(message.ts)) if channel else []
    if message.thread_ts is None and not replies:
        return {}
    answer: Json = {"thread_ts": message.thread_ts or message.ts}
    if replies:
        answer |= {"reply_count": len(replies), "latest_reply": replies[-1].ts}
    if message.is_reply:
        answer["parent_user_id"] = workspace.bot_user_id
    return answer


def file_json(workspace: Workspace, file: File) -> Json:
    """A file as ``files.completeUploadExternal`` and messages show it."""
    address = f"{workspace.base_url}/files/{file.id}/{file.name}"
    return {
        "id": file.id,
        "created": int(file.created),
        "name": file.name,
        "title": file.title,
        "alt_txt": file.alt_txt,
        "mimetype": "text/csv" if file.name.endswith(".csv") else "application/octet-stream",
        "filetype": file.name.rpartition(".")[2],
        "user": workspace.bot_user_id,
        "size": file.length,
        "mode": "hosted",
        "is_external": False,
        "channels": file.channels,
        "url_private": address,
        "url_private_download": address,
        "permalink": f"https://{workspace.domain}.slack.com/files/{workspace.bot_user_id}/{file.id}/{file.name}",
    }


def view_json(workspace: Workspace, view: View) -> Json:
    """A view as ``views.*`` and interaction payloads show it."""
    source = view.source
    answer: Json = {
        "id": view.id,
        "team_id": workspace.team_id,
        "type": source["type"],
        "blocks": view.blocks,
        "private_metadata": source.get("private_metadata", ""),
        "callback_id": source.get("callback_id", ""),
        "external_id": source.get("external_id", ""),
        "state": {"values": inputs.as_state(view.values)},
        "hash": view.hash,
        "title": source.get("title", {"type": "plain_text", "text": "View Title", "emoji": True}),
        "close": source.get("close"),
        "submit": source.get("submit"),
        "clear_on_close": bool(source.get("clear_on_close")),
        "notify_on_close": bool(source.get("notify_on_close")),
        "previous_view_id": view.previous,
        "root_view_id": view.root,
        "app_id": workspace.app_id,
        "app_installed_team_id": workspace.team_id,
        "bot_id": workspace.bot_id,
    }
    return answer
