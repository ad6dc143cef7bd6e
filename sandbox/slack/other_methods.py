"""Web API: views, people, conversations, files, functions and ``blocks.validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.slack import modals, objects, rules, workflows
from sandbox.slack.chat_methods import flag, writable
from sandbox.slack.errors import SlackError
from sandbox.slack.values import Channel, File, Json, View

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace


# -- views -----------------------------------------------------------------------------------------------------------


def open_view(workspace: Workspace, arguments: Json) -> Json:
    """views.open with a fresh trigger_id. What Slack makes of one from within a modal is not documented: refused here."""
    kept = modals.accept(workspace, arguments.get("view"), "views.open", "modal")
    trigger = modals.redeem(workspace, arguments.get("trigger_id"))
    if trigger.in_modal:
        raise SlackError("invalid_trigger_id")
    workspace.stacks[trigger.user] = []
    return _shown(workspace, modals.stack(workspace, trigger.user, kept, trigger.channel))


def push_view(workspace: Workspace, arguments: Json) -> Json:
    """views.push with a trigger_id from within an open modal."""
    kept = modals.accept(workspace, arguments.get("view"), "views.push", "modal")
    trigger = modals.redeem(workspace, arguments.get("trigger_id"))
    if not trigger.in_modal or not workspace.stacks.get(trigger.user):
        raise SlackError("not_found")
    return _shown(workspace, modals.stack(workspace, trigger.user, kept, trigger.channel))


def update_view(workspace: Workspace, arguments: Json) -> Json:
    """views.update by view_id or external_id, optionally only while ``hash`` is current."""
    view = modals.find(workspace, arguments.get("view_id"), arguments.get("external_id"))
    expected = "home" if view.is_home else "modal"
    kept = modals.accept(workspace, arguments.get("view"), "views.update", expected, replacing=view)
    modals.expect_hash(view, arguments.get("hash"))
    modals.replace(workspace, view, kept)
    return _shown(workspace, view)


def publish_view(workspace: Workspace, arguments: Json) -> Json:
    """views.publish of a Home tab; ``not_enabled`` if the manifest has no Home tab."""
    user = str(arguments.get("user_id") or "")
    if user not in workspace.users:
        raise SlackError("user_not_found")
    home = workspace.manifest is None or workspace.manifest.get("features", {}).get("app_home", {})
    if home is not True and not home.get("home_tab_enabled"):
        raise SlackError("not_enabled")
    before = workspace.homes.get(user)
    kept = modals.accept(workspace, arguments.get("view"), "views.publish", "home", replacing=before)
    modals.expect_hash(before, arguments.get("hash"))
    return _shown(workspace, modals.publish(workspace, user, kept))


def _shown(workspace: Workspace, view: View) -> Json:
    return {"view": objects.view_json(workspace, view)}


# -- people and conversations ----------------------------------------------------------------------------------------


def auth_test(workspace: Workspace, _arguments: Json) -> Json:
    """auth.test."""
    return {
        "url": f"https://{workspace.domain}.slack.com/",
        "team": workspace.team_name,
        "user": workspace.users[workspace.bot_user_id].name,
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user_id,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": False,
    }


def team_info(workspace: Workspace, _arguments: Json) -> Json:
    """team.info."""
    return {"team": {"id": workspace.team_id, "name": workspace.team_name, "domain": workspace.domain}}


def user_info(workspace: Workspace, arguments: Json) -> Json:
    """users.info; the locale only with ``include_locale``."""
    user = workspace.users.get(str(arguments.get("user") or ""))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": objects.user_json(workspace, user, flag(arguments, "include_locale"))}


def list_users(workspace: Workspace, arguments: Json) -> Json:
    """users.list, in one page."""
    locale = flag(arguments, "include_locale")
    members = [objects.user_json(workspace, user, locale) for user in workspace.users.values()]
    return {"members": members, "cache_ts": int(workspace.now()), "response_metadata": {"next_cursor": ""}}


def open_conversation(workspace: Workspace, arguments: Json) -> Json:
    """conversations.open of the direct messages with one person."""
    user = workspace.users.get(str(arguments.get("users") or ""))
    if user is None or user.is_bot:
        raise SlackError("user_not_found")
    known = f"D{user.id[1:]}" in workspace.channels
    channel = workspace.direct(user.id)
    shown = objects.channel_json(workspace, channel) if flag(arguments, "return_im") else {"id": channel.id}
    return {"channel": shown, **({"no_op": True, "already_open": True} if known else {})}


def conversation_info(workspace: Workspace, arguments: Json) -> Json:
    """conversations.info; private conversations only where the bot is a member."""
    return {"channel": objects.channel_json(workspace, _visible(workspace, arguments))}


def join_conversation(workspace: Workspace, arguments: Json) -> Json:
    """conversations.join of a public channel."""
    channel = _visible(workspace, arguments)
    if channel.is_private:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    if workspace.bot_user_id in channel.members:
        warned = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
        return {"channel": objects.channel_json(workspace, channel), **warned}
    channel.members.append(workspace.bot_user_id)
    workspace.changed()
    return {"channel": objects.channel_json(workspace, channel)}


def conversation_members(workspace: Workspace, arguments: Json) -> Json:
    """conversations.members, in one page."""
    return {"members": _visible(workspace, arguments).members, "response_metadata": {"next_cursor": ""}}


def list_conversations(workspace: Workspace, arguments: Json) -> Json:
    """conversations.list: what the bot may see of the asked ``types``, in one page."""
    types = str(arguments.get("types") or "public_channel").split(",")
    found = []
    for channel in workspace.channels.values():
        kind = "im" if channel.is_dm else "private_channel" if channel.is_private else "public_channel"
        hidden = channel.is_private and workspace.bot_user_id not in channel.members
        archived = channel.archived and flag(arguments, "exclude_archived")
        if kind in types and not hidden and not archived:
            found.append(objects.channel_json(workspace, channel))
    return {"channels": found, "response_metadata": {"next_cursor": ""}}


def _visible(workspace: Workspace, arguments: Json) -> Channel:
    channel = workspace.channels.get(str(arguments.get("channel") or ""))
    if channel is None or (channel.is_private and workspace.bot_user_id not in channel.members):
        raise SlackError("channel_not_found")
    return channel


# -- files -----------------------------------------------------------------------------------------------------------


def get_upload_url(workspace: Workspace, arguments: Json) -> Json:
    """files.getUploadURLExternal: announces a file of ``length`` bytes."""
    name, length = str(arguments.get("filename") or ""), int(arguments.get("length") or 0)
    if not name or length <= 0:
        raise SlackError("invalid_arguments", modals.explain(["missing required field: filename or length"]))
    alt_txt = str(arguments.get("alt_txt") or "")
    file = File(workspace.new_id("F"), name, name, length, workspace.now(), alt_txt=alt_txt)
    workspace.files[file.id] = file
    return {"upload_url": f"{workspace.base_url}/upload/v1/{file.id}", "file_id": file.id}


def complete_upload(workspace: Workspace, arguments: Json) -> Json:
    """files.completeUploadExternal: shares uploaded files into a conversation, addressed by its id, or keeps them."""
    listed = arguments.get("files")
    wanted = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    files = [workspace.files.get(str(each.get("id"))) for each in wanted]
    ready = [file for file in files if file is not None and file.content is not None and not file.completed]
    if not wanted or len(ready) != len(wanted):
        raise SlackError("file_not_found")
    named = arguments.get("channel_id") or arguments.get("channels")
    if named and str(named) not in workspace.channels:
        raise SlackError("channel_not_found")
    channel = writable(workspace, named, public_is_enough=False) if named else None
    for file, asked in zip(ready, wanted, strict=True):
        file.completed = True
        file.title = str(asked.get("title") or file.name)
        file.channels = [channel.id] if channel else []
    if channel:
        workspace.post(
            channel,
            workspace.bot_user_id,
            str(arguments.get("initial_comment") or ""),
            thread_ts=str(arguments["thread_ts"]) if arguments.get("thread_ts") else None,
            files=[file.id for file in ready],
            by_app=True,
        )
    return {"files": [objects.file_json(workspace, file) for file in ready]}


# -- the rest --------------------------------------------------------------------------------------------------------


def complete_function(outcome: str) -> Any:
    """functions.completeSuccess or functions.completeError of an execution that ``/control`` started."""

    def complete(workspace: Workspace, arguments: Json) -> Json:
        execution = workspace.functions.get(str(arguments.get("function_execution_id") or ""))
        if execution is None or execution["status"] != "running":
            raise SlackError("function_execution_not_found")
        workflows.end(workspace, execution, outcome, arguments.get("outputs" if outcome == "success" else "error"))
        return {}

    return complete


def validate_blocks(_workspace: Workspace, arguments: Json) -> Json:
    """blocks.validate of exactly one of ``blocks``, ``view``, ``message``; needs no token."""
    given = [key for key in ("blocks", "view", "message") if arguments.get(key) is not None]
    if len(given) != 1:
        raise SlackError("invalid_arguments")
    value = arguments[given[0]]
    if given[0] == "view":
        problems = rules.check_view(value)
    elif given[0] == "message":
        problems = rules.check_message(value if isinstance(value, dict) else {"blocks": value})
    else:
        problems = min((rules.check_blocks(value, surface) for surface in ("message", "modal", "home")), key=len)
    if problems:
        errors = [{"pointer": each.pointer, "code": "invalid", "message": each.message} for each in problems]
        raise SlackError("invalid_blocks", {"errors": errors})
    return {}


def open_connection(workspace: Workspace, _arguments: Json) -> Json:
    """apps.connections.open: the address of one new socket, good for one connection."""
    ticket = workspace.random.randbytes(12).hex()
    workspace.tickets.add(ticket)
    host = workspace.base_url.replace("http", "ws", 1)
    return {"url": f"{host}/link/?ticket={ticket}&app_id={workspace.app_id}"}
