"""What a client shows, as JSON: channels, messages and views, with their text rendering."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.slack import choosing, inputs, objects
from sandbox.slack.rendering import Lines
from sandbox.slack.values import Channel, Json, Message, User, View

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace


def channel(user: User, shown: Channel) -> Json:
    """A line of the sidebar; ``updated`` grows with every change in it."""
    readable = [each for each in shown.messages if each.ephemeral_to in (None, user.id)]
    return {
        "id": shown.id,
        "name": shown.name,
        "is_dm": shown.is_dm,
        "is_private": shown.is_private,
        "is_archived": shown.archived,
        "is_member": user.id in shown.members,
        "updated": max((each.updated for each in readable), default=0),
    }


def message(workspace: Workspace, lines: Lines, user: User, shown: Message) -> Json:
    """A message: who, when, its raw parts, its lines, and what can be used in it."""
    home = workspace.channels[shown.channel]
    values = workspace.message_inputs.get((user.id, shown.channel, shown.ts), {})
    raw = objects.message_json(workspace, shown)
    return {
        "ts": shown.ts,
        "channel": shown.channel,
        "thread_ts": shown.thread_ts,
        "user": shown.user,
        "user_name": workspace.users[shown.user].real_name,
        "by_app": shown.by_app,
        "ephemeral": shown.ephemeral_to is not None,
        "text": shown.text,
        "blocks": shown.blocks,
        "lines": lines.message(shown, values),
        "buttons": _buttons(lines, shown.blocks),
        "inputs": _inputs(lines, shown.blocks, values, {}),
        "reply_count": len(list(home.replies(shown.ts))),
        "edited": shown.edited is not None,
        "updated": shown.updated,
        "files": raw.get("files", []),
        "reactions": raw.get("reactions", []),
    }


def view(workspace: Workspace, lines: Lines, shown: View) -> Json:
    """A modal or Home tab: its raw parts, its lines, its inputs with values and errors, its buttons."""
    source = shown.source
    stack = workspace.stacks.get(shown.user, [])
    return {
        "id": shown.id,
        "type": source["type"],
        "callback_id": source.get("callback_id", ""),
        "external_id": source.get("external_id", ""),
        "title": lines.read.text(source.get("title")),
        "submit": lines.read.text(source.get("submit")) or None,
        "close": lines.read.text(source.get("close")) or None,
        "blocks": shown.blocks,
        "state": inputs.as_state(shown.values),
        "lines": lines.view(shown),
        "inputs": _inputs(lines, shown.blocks, shown.values, shown.errors),
        "buttons": _buttons(lines, shown.blocks),
        "errors": shown.errors,
        "failure": shown.failure,
        "depth": stack.index(shown) + 1 if shown in stack else 0,
        "hash": shown.hash,
        "updated": shown.updated,
    }


def options(lines: Lines, element: Json) -> list[Json]:
    """The options of an element or of an answer to a suggestion, groups flattened."""
    groups = {id(option): group for group in element.get("option_groups") or () for option in group["options"]}
    return [
        {
            "text": lines.read.text(option["text"]),
            "value": option.get("value"),
            "description": lines.read.text(option.get("description")),
            "group": lines.read.text(groups[id(option)]["label"]) if id(option) in groups else None,
        }
        for option in choosing.listed_options(element)
    ]


def _buttons(lines: Lines, blocks: list[Json]) -> list[Json]:
    return [
        {
            "block_id": field.key[0],
            "action_id": field.key[1],
            "text": lines.label(field),
            "value": field.element.get("value"),
            "style": field.element.get("style"),
            "url": field.element.get("url"),
            "confirm": field.element.get("confirm") is not None,
        }
        for field in inputs.fields(blocks)
        if field.kind in ("button", "workflow_button")
    ]


def _inputs(
    lines: Lines, blocks: list[Json], values: dict[tuple[str, str], Json], errors: dict[str, str]
) -> list[Json]:
    shown = []
    for field in inputs.fields(blocks):
        if field.kind in ("button", "workflow_button"):
            continue
        value = values.get(field.key) or (inputs.initial(field) if field.holds_value else None)
        shown.append(
            {
                "block_id": field.key[0],
                "action_id": field.key[1],
                "type": field.kind,
                "label": lines.label(field),
                "placeholder": lines.read.text(field.element.get("placeholder")),
                "hint": lines.read.text(field.block.get("hint")),
                "value": inputs.content(value) if value else None,
                "shown": lines.value(value) if value else "",
                "options": options(lines, field.element),
                "optional": field.optional,
                "dispatches": field.dispatches,
                "error": errors.get(field.key[0]),
            }
        )
    return shown
