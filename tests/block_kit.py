"""An independent judge of what Postino shows: the limits and surfaces of the package slackblocks, walked over plain dicts.

slackblocks' maintainers check them against Slack's own validator. Nothing here is shared with the bot or the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from slackblocks import _limits as limits
from slackblocks._surfaces import validate_surface_blocks
from slackblocks.errors import InvalidUsageError

from sandbox.slack.values import Emitted

Json = dict[str, Any]

_LENGTHS: dict[tuple[str, str], int] = {
    ("header", "text"): limits.HEADER_TEXT_MAX_LENGTH,
    ("section", "text"): limits.SECTION_TEXT_MAX_LENGTH,
    ("input", "label"): limits.INPUT_LABEL_MAX_LENGTH,
    ("input", "hint"): limits.INPUT_HINT_MAX_LENGTH,
    ("alert", "text"): limits.ALERT_TEXT_MAX_LENGTH,
    ("image", "alt_text"): limits.IMAGE_ALT_TEXT_MAX_LENGTH,
    ("button", "text"): limits.BUTTON_TEXT_MAX_LENGTH,
    ("button", "value"): limits.BUTTON_VALUE_MAX_LENGTH,
    ("button", "url"): limits.BUTTON_URL_MAX_LENGTH,
    ("button", "accessibility_label"): limits.BUTTON_ACCESSIBILITY_LABEL_MAX_LENGTH,
    ("option", "text"): limits.OPTION_TEXT_MAX_LENGTH,
    ("option", "value"): limits.OPTION_VALUE_MAX_LENGTH,
    ("option", "description"): limits.OPTION_DESCRIPTION_MAX_LENGTH,
    ("confirm", "title"): limits.CONFIRMATION_TITLE_MAX_LENGTH,
    ("confirm", "text"): limits.CONFIRMATION_TEXT_MAX_LENGTH,
    ("confirm", "confirm"): limits.CONFIRMATION_CONFIRM_MAX_LENGTH,
    ("confirm", "deny"): limits.CONFIRMATION_DENY_MAX_LENGTH,
    ("view", "title"): limits.VIEW_TITLE_MAX_LENGTH,
    ("view", "submit"): limits.VIEW_SUBMIT_MAX_LENGTH,
    ("view", "close"): limits.VIEW_CLOSE_MAX_LENGTH,
    ("view", "callback_id"): limits.VIEW_CALLBACK_ID_MAX_LENGTH,
    ("view", "private_metadata"): limits.VIEW_PRIVATE_METADATA_MAX_LENGTH,
    ("*", "placeholder"): limits.SELECT_PLACEHOLDER_MAX_LENGTH,
    ("*", "block_id"): limits.BLOCK_ID_MAX_LENGTH,
    ("*", "action_id"): limits.ACTION_ID_MAX_LENGTH,
}
_COUNTS: dict[tuple[str, str], int] = {
    ("actions", "elements"): limits.ACTIONS_ELEMENTS_MAX_ITEMS,
    ("context", "elements"): limits.CONTEXT_ELEMENTS_MAX_ITEMS,
    ("section", "fields"): limits.SECTION_FIELDS_MAX_ITEMS,
    ("checkboxes", "options"): limits.CHECKBOXES_OPTIONS_MAX_ITEMS,
    ("radio_buttons", "options"): limits.RADIO_BUTTONS_OPTIONS_MAX_ITEMS,
    ("overflow", "options"): limits.OVERFLOW_OPTIONS_MAX_ITEMS,
    ("*", "options"): limits.SELECT_OPTIONS_MAX_ITEMS,
    ("*", "option_groups"): limits.SELECT_OPTION_GROUPS_MAX_ITEMS,
    ("view", "blocks"): limits.VIEW_BLOCKS_MAX_ITEMS,
    ("message", "blocks"): limits.MESSAGE_BLOCKS_MAX_ITEMS,
}


def complaints(emitted: Iterable[Emitted]) -> list[str]:
    """What is wrong with the views and messages that were sent; empty if nothing is."""
    return [f"{one.method}: {problem}" for one in emitted for problem in _judge(one)]


def _judge(one: Emitted) -> Iterator[str]:
    body = one.body.get("view") or one.body
    blocks = body.get("blocks") or []
    surface = one.surface if one.surface in ("home", "modal") else "message"
    try:
        validate_surface_blocks(blocks, surface)  # type: ignore[arg-type]
    except InvalidUsageError as error:
        yield str(error)
    if surface == "message":
        if blocks and not body.get("text"):
            yield "a message with blocks has no text for screen readers"
    elif any(block["type"] == "input" for block in blocks) and surface == "modal" and not body.get("submit"):
        yield "a modal with inputs has no submit"
    ids = [block["block_id"] for block in blocks if block.get("block_id")]
    if len(ids) != len(set(ids)):
        yield f"a block_id stands twice: {ids}"
    yield from _walk("message" if surface == "message" else "view", body)


def _walk(kind: str, node: Json) -> Iterator[str]:
    for name, value in node.items():
        for table, size in ((_LENGTHS, _length), (_COUNTS, _number)):
            limit = table.get((kind, name), table.get(("*", name)))
            if limit is not None and size(value) > limit:
                yield f"{kind}.{name} has {size(value)} of at most {limit}"
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict):
                yield from _walk(_kind(name, child), child)


def _kind(name: str, child: Json) -> str:
    if name in ("options", "initial_option", "initial_options"):
        return "option"
    return "confirm" if name == "confirm" else str(child.get("type", name))


def _length(value: Any) -> int:
    text = value.get("text") if isinstance(value, dict) else value
    return len(text) if isinstance(text, str) else 0


def _number(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0
