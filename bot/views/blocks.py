"""Block Kit as plain dicts: every view and message is built from these, so that Slack's limits are kept in one place.

Limits count Unicode code points, as Slack does. What is too long is cut and ends in "…", never refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

Block = dict[str, Any]
"""A block, an element or a composition object."""

TEXT = 3000
HEADER = 150
BUTTON = 75
OPTION = 75
OPTION_VALUE = 150
DESCRIPTION = 75
PLACEHOLDER = 150
TITLE = 24
LABEL = 2000
HINT = 2000
ALERT = 200
CONFIRM_TITLE = 100
CONFIRM_TEXT = 300
CONFIRM_BUTTON = 30
VALUE = 2000
MODAL_BLOCKS = 100
MESSAGE_BLOCKS = 50
OPTIONS = 100

ELLIPSIS = "…"
WIDE_BACKTICK = "\uff40"

_WORD = re.compile(r"\S+")
_FORMATTING = re.compile(r"(?<![A-Za-z0-9])[*_~]|[*_~](?![A-Za-z0-9])|`|^>|:(?!\d\d:)[a-z0-9_+'-]+:")


def shorten(text: str, limit: int) -> str:
    """``text`` in at most ``limit`` code points."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + ELLIPSIS


def escape(text: str) -> str:
    """Foreign words such that Slack's markup shows every character of them, within bold, too.

    Slack has an escape for ``& < >`` only. A word that could begin or end formatting, a quote or an emoji code is written
    as code, where nothing has a meaning; between letters and digits ``* _ ~`` have none either.
    """
    return _WORD.sub(lambda word: code(word[0]) if _FORMATTING.search(word[0]) else _entities(word[0]), text)


def code(text: str) -> str:
    """Foreign words as code. The one character that code cannot hold, the backtick, is shown as its wide form."""
    return f"`{_entities(text.replace('`', WIDE_BACKTICK))}`"


def is_formatted(text: str) -> bool:
    """Whether ``escape`` writes some of it as code."""
    return escape(text) != _entities(text)


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def counted(name: str, count: str, limit: int = OPTION) -> str:
    """``VIP buyers - 1,204`` in at most ``limit`` code points: the name is cut, never the count."""
    tail = f" - {count}"
    return shorten(name, limit - len(tail)) + tail


def plain(text: str, limit: int = TEXT) -> Block:
    """Plain text, shown as it is; Slack refuses an empty one. With ``emoji`` Slack would make emoji of ``:words:``."""
    return {"type": "plain_text", "text": shorten(text, limit) or " ", "emoji": False}


def mrkdwn(text: str, limit: int = TEXT) -> Block:
    """Text with Slack's markup. Names and other foreign words in it go through ``escape`` first.

    ``verbatim`` keeps Slack from making mentions of words such as ``@here`` or ``#general``.
    """
    return {"type": "mrkdwn", "text": shorten(text, limit) or " ", "verbatim": True}


def header(text: str) -> Block:
    """A large heading."""
    return {"type": "header", "text": plain(text, HEADER)}


def section(text: str, accessory: Block | None = None, block_id: str | None = None) -> Block:
    """A paragraph of markup, with one element beside it."""
    block = _identified({"type": "section", "text": mrkdwn(text)}, block_id)
    return block | {"accessory": accessory} if accessory else block


def context(*texts: str, block_id: str | None = None) -> Block:
    """Small grey notes, at most ten."""
    return _identified({"type": "context", "elements": [mrkdwn(text) for text in texts[:10]]}, block_id)


def divider() -> Block:
    """A line."""
    return {"type": "divider"}


def alert(text: str, level: str = "error") -> Block:
    """A coloured note at most 200 code points long; modals only. ``level``: info, warning, error, success."""
    return {"type": "alert", "level": level, "text": plain(text, ALERT)}


def actions(*elements: Block, block_id: str | None = None) -> Block:
    """A row of buttons and selects, at most 25."""
    return _identified({"type": "actions", "elements": list(elements[:25])}, block_id)


def button(
    text: str,
    action_id: str,
    value: str | None = None,
    *,
    style: str | None = None,
    url: str | None = None,
    confirm: Block | None = None,
    label: str | None = None,
) -> Block:
    """A button. ``style`` is primary or danger; ``label`` is what a screen reader says instead of ``text``."""
    block: Block = {"type": "button", "text": plain(text, BUTTON), "action_id": action_id}
    extras = {
        "value": shorten(value, VALUE) if value is not None else None,
        "style": style,
        "url": url,
        "confirm": confirm,
        "accessibility_label": shorten(label, BUTTON) if label else None,
    }
    return block | {name: extra for name, extra in extras.items() if extra is not None}


def confirmation(title: str, text: str, confirm: str, deny: str, *, danger: bool = False) -> Block:
    """What Slack asks before a button acts."""
    block: Block = {
        "title": plain(title, CONFIRM_TITLE),
        "text": plain(text, CONFIRM_TEXT),
        "confirm": plain(confirm, CONFIRM_BUTTON),
        "deny": plain(deny, CONFIRM_BUTTON),
    }
    return block | {"style": "danger"} if danger else block


def option(text: str, value: str, description: str | None = None) -> Block:
    """One choice. ``value`` is an id of at most 150 code points: it is never cut."""
    block: Block = {"text": plain(text, OPTION), "value": value}
    return block | {"description": plain(description, DESCRIPTION)} if description else block


def group(label: str, options: Sequence[Block]) -> Block:
    """A heading over choices, at most 100 of them."""
    return {"label": plain(label, OPTION), "options": list(options[:OPTIONS])}


def select(
    action_id: str,
    options: Sequence[Block],
    placeholder: str,
    *,
    chosen: str | None = None,
    groups: Sequence[Block] = (),
) -> Block:
    """A menu with at most 100 options, or groups of them; ``chosen`` is the value of the initial one, if present."""
    block: Block = {"type": "static_select", "action_id": action_id, "placeholder": plain(placeholder, PLACEHOLDER)}
    if groups:
        block["option_groups"] = list(groups[:OPTIONS])
        options = [one for some in groups for one in some["options"]]
    else:
        block["options"] = list(options[:OPTIONS])
    initial = next((one for one in options if one["value"] == chosen), None)
    return block | {"initial_option": initial} if initial else block


def external_select(
    action_id: str, placeholder: str, *, chosen: Block | None = None, min_query_length: int = 0
) -> Block:
    """A menu whose options the app gives while the person types; ``chosen`` is the initial option itself."""
    block: Block = {
        "type": "external_select",
        "action_id": action_id,
        "placeholder": plain(placeholder, PLACEHOLDER),
        "min_query_length": min_query_length,
    }
    return block | {"initial_option": chosen} if chosen else block


def multi_external_select(
    action_id: str, placeholder: str, *, chosen: Sequence[Block] = (), min_query_length: int = 0
) -> Block:
    """As ``external_select``, for several."""
    block: Block = {
        "type": "multi_external_select",
        "action_id": action_id,
        "placeholder": plain(placeholder, PLACEHOLDER),
        "min_query_length": min_query_length,
    }
    return block | {"initial_options": list(chosen)} if chosen else block


def multi_select(action_id: str, options: Sequence[Block], placeholder: str, *, chosen: Iterable[str] = ()) -> Block:
    """A menu of at most 100 options of which several may be chosen."""
    wanted = set(chosen)
    block: Block = {
        "type": "multi_static_select",
        "action_id": action_id,
        "placeholder": plain(placeholder, PLACEHOLDER),
        "options": list(options[:OPTIONS]),
    }
    initial = [one for one in block["options"] if one["value"] in wanted]
    return block | {"initial_options": initial} if initial else block


def checkboxes(action_id: str, options: Sequence[Block], chosen: Iterable[str] = ()) -> Block:
    """At most ten boxes; ``chosen`` are the values of those ticked."""
    wanted = set(chosen)
    block: Block = {"type": "checkboxes", "action_id": action_id, "options": list(options[:10])}
    initial = [one for one in block["options"] if one["value"] in wanted]
    return block | {"initial_options": initial} if initial else block


def radio_buttons(action_id: str, options: Sequence[Block], chosen: str) -> Block:
    """At most ten choices of which exactly one holds; ``chosen`` is the value of the one at first."""
    block: Block = {"type": "radio_buttons", "action_id": action_id, "options": list(options[:10])}
    return block | {"initial_option": next(one for one in block["options"] if one["value"] == chosen)}


def multi_users_select(action_id: str, placeholder: str, *, chosen: Sequence[str] = ()) -> Block:
    """A menu of the workspace's people of whom several may be chosen, by their Slack ids."""
    block: Block = {
        "type": "multi_users_select",
        "action_id": action_id,
        "placeholder": plain(placeholder, PLACEHOLDER),
    }
    return block | {"initial_users": list(chosen)} if chosen else block


def text_input(
    action_id: str,
    *,
    value: str | None = None,
    placeholder: str | None = None,
    longest: int | None = None,
    lines: bool = False,
) -> Block:
    """A field to type into."""
    block: Block = {"type": "plain_text_input", "action_id": action_id}
    if value:
        block["initial_value"] = value if longest is None else value[:longest]
    if placeholder:
        block["placeholder"] = plain(placeholder, PLACEHOLDER)
    if longest is not None:
        block["max_length"] = longest
    return block | {"multiline": True} if lines else block


def number_input(action_id: str, *, value: int | None, least: int, most: int | None = None) -> Block:
    """A field for a whole number."""
    block: Block = {
        "type": "number_input",
        "action_id": action_id,
        "is_decimal_allowed": False,
        "min_value": str(least),
    }
    if value is not None:
        block["initial_value"] = str(value)
    return block | {"max_value": str(most)} if most is not None else block


def field(
    label: str,
    element: Block,
    block_id: str,
    *,
    hint: str | None = None,
    optional: bool = False,
    dispatch: bool = False,
) -> Block:
    """An input block: ``dispatch`` tells the app of every change at once."""
    block: Block = {"type": "input", "block_id": block_id, "label": plain(label, LABEL), "element": element}
    if hint:
        block["hint"] = plain(hint, HINT)
    if optional:
        block["optional"] = True
    return block | {"dispatch_action": True} if dispatch else block


def modal(
    title: str,
    content: Sequence[Block],
    *,
    callback_id: str,
    submit: str | None = None,
    close: str | None = None,
    private_metadata: str = "",
    notify_on_close: bool = False,
) -> Block:
    """A modal view. Slack: ``submit`` is required as soon as there is an input block."""
    view: Block = {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title, TITLE),
        "blocks": list(content[:MODAL_BLOCKS]),
        "private_metadata": private_metadata,
    }
    if submit:
        view["submit"] = plain(submit, TITLE)
    if close:
        view["close"] = plain(close, TITLE)
    return view | {"notify_on_close": True} if notify_on_close else view


def opening(callback_id: str, words: str = "") -> Block:
    """What a modal opens with: ``words`` where the reader's language is known, for Slack cannot be asked for it first."""
    return modal("Postino", [section(f":hourglass_flowing_sand: {words}".rstrip())], callback_id=callback_id)


def home(content: Sequence[Block]) -> Block:
    """A Home tab of at most 100 blocks."""
    return {"type": "home", "blocks": list(content[:MODAL_BLOCKS])}


def bar(share: float, width: int = 10) -> str:
    """A progress bar of ``width`` characters; always say the number beside it, for those who do not see it."""
    full = max(0, min(width, int(share * width)))
    return "▓" * full + "░" * (width - full)


def _identified(block: Block, block_id: str | None) -> Block:
    return block | {"block_id": block_id} if block_id else block
