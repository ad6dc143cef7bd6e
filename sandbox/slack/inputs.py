"""The interactive elements of blocks and what a person has put into them, as ``state.values`` shows it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.slack.values import Json, View

# Slack: per element the key its value has in a view's state, the key of its initial value, and whether it is a list.
SHAPES: dict[str, tuple[str, str, bool]] = {
    "plain_text_input": ("value", "initial_value", False),
    "number_input": ("value", "initial_value", False),
    "email_text_input": ("value", "initial_value", False),
    "url_text_input": ("value", "initial_value", False),
    "rich_text_input": ("rich_text_value", "initial_value", False),
    "static_select": ("selected_option", "initial_option", False),
    "external_select": ("selected_option", "initial_option", False),
    "radio_buttons": ("selected_option", "initial_option", False),
    "users_select": ("selected_user", "initial_user", False),
    "conversations_select": ("selected_conversation", "initial_conversation", False),
    "channels_select": ("selected_channel", "initial_channel", False),
    "datepicker": ("selected_date", "initial_date", False),
    "timepicker": ("selected_time", "initial_time", False),
    "datetimepicker": ("selected_date_time", "initial_date_time", False),
    "checkboxes": ("selected_options", "initial_options", True),
    "multi_static_select": ("selected_options", "initial_options", True),
    "multi_external_select": ("selected_options", "initial_options", True),
    "multi_users_select": ("selected_users", "initial_users", True),
    "multi_conversations_select": ("selected_conversations", "initial_conversations", True),
    "multi_channels_select": ("selected_channels", "initial_channels", True),
    "file_input": ("files", "initial_files", True),
}
TYPED = ("plain_text_input", "number_input", "email_text_input", "url_text_input")


@dataclass(frozen=True)
class Field:
    """One interactive element in its block."""

    block: Json
    element: Json

    @property
    def key(self) -> tuple[str, str]:
        """Its address: (block_id, action_id)."""
        return self.block["block_id"], self.element["action_id"]

    @property
    def kind(self) -> str:
        """The element's type."""
        return str(self.element["type"])

    @property
    def is_input(self) -> bool:
        """Whether it stands in an input block and is sent on submit."""
        return bool(self.block["type"] == "input")

    @property
    def dispatches(self) -> bool:
        """Whether a change is told to the app at once (``block_actions``)."""
        return not self.is_input or bool(self.block.get("dispatch_action"))

    @property
    def optional(self) -> bool:
        """Whether it may stay empty on submit."""
        return not self.is_input or bool(self.block.get("optional"))

    @property
    def holds_value(self) -> bool:
        """Whether it has a place in ``state.values`` (buttons and overflow menus have none)."""
        return self.kind in SHAPES


def complete(blocks: list[Json], new_id: Any) -> list[Json]:
    """A copy of the blocks with what Slack fills in: block_id, action_id, ``emoji`` and ``verbatim``."""
    blocks = copy.deepcopy(blocks)
    for block in blocks:
        if not block.get("block_id"):
            block["block_id"] = new_id("")[:5]
        for element in _elements(block):
            if element.get("type") != "image" and not element.get("action_id"):
                element["action_id"] = new_id("")[:5]
        for child in block.get("child_blocks", ()):
            child.update(complete([child], new_id)[0])
    _fill_texts(blocks)
    return blocks


def _fill_texts(value: Any) -> None:
    if isinstance(value, list):
        for each in value:
            _fill_texts(each)
    elif isinstance(value, dict):
        if isinstance(value.get("text"), str) and value.get("type") == "plain_text":
            value.setdefault("emoji", True)
        elif isinstance(value.get("text"), str) and value.get("type") == "mrkdwn":
            value.setdefault("verbatim", False)
        for each in value.values():
            _fill_texts(each)


def _elements(block: Json) -> list[Json]:
    kind = block["type"]
    if kind == "actions":
        return list(block["elements"])
    if kind == "section" and block.get("accessory"):
        return [block["accessory"]]
    if kind == "input":
        return [block["element"]]
    if kind == "card":
        return list(block.get("actions") or ())
    return []


def fields(blocks: list[Json]) -> Iterator[Field]:
    """Every interactive element, in reading order."""
    for block in blocks:
        for element in _elements(block):
            if element["type"] != "image":
                yield Field(block, element)
        yield from fields(block.get("child_blocks", []))


def initial(field: Field, channel: str | None = None) -> Json:
    """What the element holds before anyone touched it; ``channel`` is where the view was opened."""
    key, initial_key, several = SHAPES[field.kind]
    value = field.element.get(initial_key)
    if value is None and field.element.get("default_to_current_conversation") and channel and _passes(field, channel):
        value = [channel] if several else channel
    if value is None and several:
        value = []
    return {"type": field.kind, key: copy.deepcopy(value)}


def _passes(field: Field, channel: str) -> bool:
    """Slack: a default conversation that does not match the filter is ignored. Direct messages have ids with D."""
    included = field.element.get("filter", {}).get("include")
    return included is None or "im" in included or not channel.startswith("D")


def start(view: View, before: dict[tuple[str, str], Json] | None = None) -> None:
    """Fill a view's state: what was entered under the same block_id and action_id stays, the rest is initial."""
    view.values = {}
    for field in fields(view.blocks):
        if field.holds_value:
            kept = (before or {}).get(field.key)
            view.values[field.key] = kept if kept and kept["type"] == field.kind else initial(field, view.channel)


def as_state(values: dict[tuple[str, str], Json]) -> Json:
    """``{block_id: {action_id: {"type": …, …}}}``."""
    state: Json = {}
    for (block_id, action_id), value in values.items():
        state.setdefault(block_id, {})[action_id] = value
    return state


def content(value: Json) -> Any:
    """The value itself: a string, an option, a list, or None."""
    return value.get(SHAPES[value["type"]][0])


def mistakes(view: View) -> dict[str, str]:
    """What the client itself refuses on submit, by block_id: empty required fields and malformed values."""
    found: dict[str, str] = {}
    for field in fields(view.blocks):
        if not field.is_input:
            continue
        value = content(view.values[field.key])
        if value in (None, "", []):
            if not field.optional:
                found[field.key[0]] = "Please complete this required field."
        elif field.kind in TYPED:
            mistake = _typed_mistake(field.element, str(value))
            if mistake:
                found[field.key[0]] = mistake
    return found


def _typed_mistake(element: Json, value: str) -> str | None:
    kind = element["type"]
    if len(value) < element.get("min_length", 0):
        return f"Please enter at least {element['min_length']} characters."
    if len(value) > element.get("max_length", 3000):
        return f"Please enter no more than {element.get('max_length', 3000)} characters."
    if kind == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        return "Please enter a valid email address."
    if kind == "url_text_input" and not re.match(r"https?://\S+\.\S+", value):
        return "Please enter a valid URL."
    if kind == "number_input":
        return _number_mistake(element, value)
    return None


def _number_mistake(element: Json, value: str) -> str | None:
    shape = r"-?\d+(\.\d+)?" if element.get("is_decimal_allowed") else r"-?\d+"
    if not re.fullmatch(shape, value):
        return "Please enter a valid number."
    if element.get("min_value") is not None and float(value) < float(element["min_value"]):
        return f"Please enter a number of at least {element['min_value']}."
    if element.get("max_value") is not None and float(value) > float(element["max_value"]):
        return f"Please enter a number of at most {element['max_value']}."
    return None
