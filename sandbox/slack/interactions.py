"""What happens when a person acts: the request to the app, its answer, and what their client then shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.slack import delivery, element_rules, inputs, objects, posting, workflows
from sandbox.slack.errors import NotThereError, SlackError
from sandbox.slack.inputs import Field
from sandbox.slack.values import Channel, Delivery, Emitted, Json, Message, Role, View

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

# The words of Slack's client.
NOT_A_COMMAND = (
    "`{command}` is not a valid command. In Slack, all messages that start with the “/” character are interpreted as "
    "commands.\n\nIf you are trying to send a message and not run a command, try preceding the “/” with an empty space."
)
FAILED = "{command} failed with the error “{error}”"
NO_RESPONSE = "The app did not respond ({error})."
ERRORS = {"timeout": "operation_timeout", "no_connection": "dispatch_failed", "refused": "dispatch_failed"}


@dataclass(frozen=True)
class Outcome:
    """How an act ended for the person: ``error`` is Slack's word for it, ``text`` what the client shows."""

    ok: bool = True
    error: str | None = None
    text: str = ""

    def as_json(self) -> Json:
        """The answer of the client endpoints."""
        return {"ok": self.ok, "error": self.error, "text": self.text}


DONE = Outcome()


def common(workspace: Workspace, user: str, kind: str) -> Json:
    return {
        "type": kind,
        "token": workspace.verification_token,
        "team": {"id": workspace.team_id, "domain": workspace.domain},
        "user": objects.person_json(workspace, user),
        "api_app_id": workspace.app_id,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _outcome(workspace: Workspace, sent: Delivery) -> Outcome:
    workspace.changed()
    if sent.acked:
        return DONE
    error = ERRORS[sent.outcome]
    return Outcome(False, error, NO_RESPONSE.format(error=error))


async def command(workspace: Workspace, user: str, channel: Channel, name: str, text: str) -> Outcome:
    """A slash command in a channel. Slack shows what failed as a note only the person sees."""
    declared = workspace.declared("slash_commands")
    entry = next((each for each in declared or () if each["command"] == name), None)
    if declared is not None and entry is None:
        note = workspace.slackbot_says(channel, user, NOT_A_COMMAND.format(command=name))
        return Outcome(False, "invalid_command", note.text)
    if entry and entry.get("should_escape"):
        text = _escaped(workspace, text)
    url = workspace.new_response_url(user, channel.id)
    person = workspace.user(user)
    payload = {
        "token": workspace.verification_token,
        "team_id": workspace.team_id,
        "team_domain": workspace.domain,
        "channel_id": channel.id,
        "channel_name": objects.channel_label(channel),
        "user_id": user,
        "user_name": person.name,
        "command": name,
        "text": text,
        "api_app_id": workspace.app_id,
        "is_enterprise_install": "false",
        "response_url": url,
        "trigger_id": workspace.new_trigger(user, channel.id),
    }
    sent = await delivery.deliver(workspace, delivery.SLASH, payload)
    error = None if sent.acked else ERRORS[sent.outcome]
    if sent.acked and sent.response:
        permit = workspace.response_urls[url.rpartition("/")[2]]
        try:
            posting.answer(workspace, permit, sent.response, "ack")
        except SlackError:
            error = "invalid_command_response"
    workspace.changed()
    if error:
        note = workspace.slackbot_says(channel, user, FAILED.format(command=name, error=error))
        return Outcome(False, error, note.text)
    return DONE


def _escaped(workspace: Workspace, text: str) -> str:
    """Slack, ``should_escape``: names of people and channels become ``<@U1|name>`` and ``<#C1|name>``."""
    people = {user.name: f"<@{user.id}|{user.name}>" for user in workspace.users.values()}
    places = {each.name: f"<#{each.id}|{each.name}>" for each in workspace.channels.values() if not each.is_dm}
    text = re.sub(r"@([\w.-]+)", lambda found: people.get(found[1], found[0]), text)
    return re.sub(r"#([\w-]+)", lambda found: places.get(found[1], found[0]), text)


# -- elements --------------------------------------------------------------------------------------------------------


def _container(workspace: Workspace, user: str, holder: View | Message) -> Json:
    """The part of a payload that says where the element stands."""
    if isinstance(holder, View):
        shown = objects.view_json(workspace, holder)
        return {"container": {"type": "view", "view_id": holder.id}, "view": shown}
    channel = workspace.channels[holder.channel]
    container: Json = {
        "type": "message",
        "message_ts": holder.ts,
        "channel_id": holder.channel,
        "is_ephemeral": holder.ephemeral_to is not None,
    }
    if holder.thread_ts:
        container["thread_ts"] = holder.thread_ts
    values = workspace.message_inputs.get((user, holder.channel, holder.ts), {})
    return {
        "container": container,
        "channel": {"id": channel.id, "name": objects.channel_label(channel)},
        "message": objects.message_json(workspace, holder),
        "state": {"values": inputs.as_state(values)},
    }


async def act(workspace: Workspace, user: str, holder: View | Message, field: Field, parts: Json) -> Outcome:
    """An element was used (``block_actions``); ``parts`` is the value in the form of its kind."""
    block_id, action_id = field.key
    action = {"type": field.kind, "action_id": action_id, "block_id": block_id, "action_ts": workspace.next_ts()}
    for key in ("text", "value", "style", "placeholder"):
        if key in field.element and (field.kind == "button" or key == "placeholder"):
            action[key] = field.element[key]
    in_modal = isinstance(holder, View) and not holder.is_home
    channel = holder.channel
    payload = {
        **common(workspace, user, "block_actions"),
        **_container(workspace, user, holder),
        "trigger_id": workspace.new_trigger(user, channel, in_modal),
        "actions": [{**action, **parts}],
    }
    if isinstance(holder, Message):
        origin = {"message_ts": holder.ts, "thread_ts": holder.thread_ts}
        payload["response_url"] = workspace.new_response_url(user, holder.channel, **origin)
    sent = await delivery.deliver(workspace, delivery.INTERACTIVE, payload)
    return _outcome(workspace, sent)


async def suggestions(workspace: Workspace, user: str, holder: View | Message, field: Field, query: str) -> Json:
    """Ask the app for the options of an external select; {} if it gave no valid answer in time."""
    block_id, action_id = field.key
    payload = {
        **common(workspace, user, "block_suggestion"),
        **_container(workspace, user, holder),
        "action_id": action_id,
        "block_id": block_id,
        "value": query,
    }
    sent = await delivery.deliver(workspace, delivery.INTERACTIVE, payload)
    if not sent.acked:
        return {}
    problems = element_rules.check_suggestions(sent.response)
    answer = sent.response or {}
    error = "invalid_options" if problems else None
    workspace.emitted.append(Emitted("block_suggestion", "options", answer, workspace.now(), error, problems))
    return {} if problems else answer


# -- shortcuts, Home, messages ---------------------------------------------------------------------------------------


async def shortcut(workspace: Workspace, user: str, callback_id: str, on: Message | None = None) -> Outcome:
    """Run a global shortcut, or a message shortcut on a message."""
    declared = workspace.declared("shortcuts")
    kind = "message" if on else "global"
    if declared is not None and not any(e["callback_id"] == callback_id and e["type"] == kind for e in declared):
        raise NotThereError(f"No {kind} shortcut {callback_id}.")
    payload = common(workspace, user, "message_action" if on else "shortcut")
    payload |= {"callback_id": callback_id, "action_ts": workspace.next_ts()}
    payload["trigger_id"] = workspace.new_trigger(user, on.channel if on else None)
    if on:
        channel = workspace.channels[on.channel]
        payload |= {
            "message_ts": on.ts,
            "channel": {"id": channel.id, "name": objects.channel_label(channel)},
            "message": objects.message_json(workspace, on),
            "response_url": workspace.new_response_url(user, channel.id, message_ts=on.ts, thread_ts=on.thread_ts),
        }
    return _outcome(workspace, await delivery.deliver(workspace, delivery.INTERACTIVE, payload))


async def workflow(workspace: Workspace, callback_id: str, inputs: Json, channel: str) -> Outcome:
    """Start a workflow of one step."""
    if callback_id not in workflows.steps(workspace):
        raise NotThereError(f"No workflow step {callback_id}.")
    _, sent = await workflows.start(workspace, callback_id, inputs, channel)
    return _outcome(workspace, sent) if sent else Outcome(False, "not_subscribed", NO_RESPONSE.format(error="no_event"))


async def open_home(workspace: Workspace, user: str, tab: str = "home") -> Outcome:
    """Open the app's Home or Messages tab (``app_home_opened``). Guests may; strangers see no Home."""
    if tab == "home" and workspace.user(user).role is Role.STRANGER:
        raise NotThereError("People of other workspaces have no Home tab of this app.")
    event: Json = {
        "type": "app_home_opened",
        "user": user,
        "channel": workspace.direct(user).id,
        "tab": tab,
        "event_ts": workspace.next_ts(),
    }
    if tab == "home" and user in workspace.homes:
        event["view"] = objects.view_json(workspace, workspace.homes[user])
    sent = await delivery.dispatch_event(workspace, event)
    return DONE if sent is None else _outcome(workspace, sent)


async def say(workspace: Workspace, user: str, channel: Channel, text: str, thread_ts: str | None) -> Message:
    """Write a message; the app hears of it where it subscribed to such events and is a member."""
    message = workspace.post(channel, user, text, thread_ts=thread_ts)
    if workspace.bot_user_id not in channel.members:
        return message
    kind = "im" if channel.is_dm else "group" if channel.is_private else "channel"
    event = {**objects.message_json(workspace, message), "channel": channel.id, "event_ts": message.ts}
    if workspace.manifest is not None and workspace.listens_to(f"message.{kind}s" if kind != "im" else "message.im"):
        workspace.in_background(_tell(workspace, {**event, "channel_type": kind}, always=True))
    if f"<@{workspace.bot_user_id}>" in text:
        workspace.in_background(_tell(workspace, {**event, "type": "app_mention"}))
    return message


async def _tell(workspace: Workspace, event: Json, always: bool = False) -> None:
    await delivery.dispatch_event(workspace, event, subscribed=always)
