"""The rules for interactive elements and their options. Limits: Slack's Block Kit reference."""

from __future__ import annotations

import re
from typing import Any

from sandbox.slack.problems import Check
from sandbox.slack.values import Json

BOTH = ("plain_text", "mrkdwn")
SINGLE = ("static_select", "external_select", "users_select", "conversations_select", "channels_select")
MULTI = tuple(f"multi_{each}" for each in SINGLE)
PICKERS = ("datepicker", "timepicker", "datetimepicker")
CHOICES = ("checkboxes", "radio_buttons")
TYPED = ("plain_text_input", "number_input", "email_text_input", "url_text_input")

# Slack: which element works in which block.
IN_SECTION = {"button", "overflow", "image", "workflow_button", "datepicker", "timepicker", *SINGLE, *MULTI, *CHOICES}
IN_ACTIONS = {"button", "overflow", "workflow_button", "rich_text_input", *PICKERS, *SINGLE, *CHOICES}
IN_INPUT = {*TYPED, "rich_text_input", "file_input", *PICKERS, *SINGLE, *MULTI, *CHOICES}
IN_CONTEXT_ACTIONS = {"feedback_buttons", "icon_button"}
# Slack: elements that work on some surfaces only.
SURFACES = {
    "datetimepicker": {"message", "modal"},
    "email_text_input": {"modal"},
    "number_input": {"modal"},
    "url_text_input": {"modal"},
    "file_input": {"modal"},
    "rich_text_input": {"modal", "home"},
    "feedback_buttons": {"message"},
    "icon_button": {"message"},
    "workflow_button": {"message"},
}
COMMON = "action_id block_id confirm focus_on_load placeholder"
LISTED = f"{COMMON} options option_groups"
KEYS = {
    "button": "action_id text value url style confirm accessibility_label",
    "static_select": f"{LISTED} initial_option",
    "external_select": f"{COMMON} initial_option min_query_length",
    "users_select": f"{COMMON} initial_user",
    "conversations_select": (
        f"{COMMON} initial_conversation default_to_current_conversation response_url_enabled filter"
    ),
    "channels_select": f"{COMMON} initial_channel response_url_enabled",
    "multi_static_select": f"{LISTED} initial_options max_selected_items",
    "multi_external_select": f"{COMMON} initial_options max_selected_items min_query_length",
    "multi_users_select": f"{COMMON} initial_users max_selected_items",
    "multi_conversations_select": (
        f"{COMMON} initial_conversations default_to_current_conversation max_selected_items filter"
    ),
    "multi_channels_select": f"{COMMON} initial_channels max_selected_items",
    "overflow": "action_id options confirm",
    "checkboxes": f"{LISTED} initial_options",
    "radio_buttons": f"{LISTED} initial_option",
    "datepicker": f"{COMMON} initial_date",
    "timepicker": f"{COMMON} initial_time timezone",
    "datetimepicker": f"{COMMON} initial_date_time",
    "plain_text_input": f"{COMMON} initial_value multiline min_length max_length dispatch_action_config",
    "number_input": f"{COMMON} is_decimal_allowed initial_value min_value max_value dispatch_action_config",
    "email_text_input": f"{COMMON} initial_value dispatch_action_config",
    "url_text_input": f"{COMMON} initial_value dispatch_action_config",
}


def check_element(check: Check, element: Any, at: str, allowed: set[str]) -> None:
    """The element is of an allowed type for its block and surface, and within its own limits."""
    if not check.is_object(element, at):
        return
    kind = element.get("type")
    if kind not in allowed or check.surface not in SURFACES.get(kind, {check.surface}):
        check.fail(f"{at}/type", f"unsupported type: {kind}")
        return
    if kind in KEYS:
        check.known(element, at, KEYS[kind])
    check.string(element, "action_id", at, 255)
    check.text(element, "placeholder", at, 150, required=False)
    if element.get("confirm") is not None:
        _confirm(check, element["confirm"], f"{at}/confirm")
    if kind in ("button", "workflow_button"):
        _button(check, element, at)
    elif kind == "image":
        check_image(check, element, at)
    elif kind in TYPED:
        _typed(check, element, at)
    elif kind in PICKERS:
        _picker(check, element, at)
    elif kind == "file_input":
        check.number(element, "max_files", at, 1, 10)
    elif kind not in ("rich_text_input", "feedback_buttons", "icon_button"):
        _choice(check, element, at)


def check_image(check: Check, image: Json, at: str) -> None:
    """An image block or element: one source and a text for those who cannot see it."""
    check.string(image, "alt_text", at, 2000, required=True)
    check.string(image, "image_url", at, 3000)
    if ("image_url" in image) == ("slack_file" in image):
        check.fail(at, "must define either `image_url` or `slack_file`")


def check_options(check: Check, options: list[Any], at: str, kinds: tuple[str, ...] = ("plain_text",)) -> None:
    """Options within their limits, values unique."""
    values = [option.get("value") for option in options if isinstance(option, dict)]
    for index, option in enumerate(options):
        here = f"{at}/{index}"
        if not check.is_object(option, here):
            continue
        check.known(option, here, "text value description url")
        check.text(option, "text", here, 75, kinds)
        check.string(option, "value", here, 150, required=True)
        check.text(option, "description", here, 75, kinds, required=False)
        if values.count(option.get("value")) > 1:
            check.fail(f"{here}/value", f"duplicate option value: {option.get('value')}")


def check_option_groups(check: Check, groups: list[Any], at: str) -> None:
    """At most 100 groups of at most 100 options."""
    for index, group in enumerate(groups):
        here = f"{at}/{index}"
        if check.is_object(group, here):
            check.text(group, "label", here, 75)
            check_options(check, check.items(group, "options", here, 100), f"{here}/options")


def check_suggestions(answer: Json | None) -> list[str]:
    """The problems of an answer to block_suggestion: at most 100 options or groups. None means no answer."""
    check = Check("modal")
    if not isinstance(answer, dict) or ("options" in answer) == ("option_groups" in answer):
        return ["must define either `options` or `option_groups` [json-pointer:]"]
    if "options" in answer:
        check_options(check, check.items(answer, "options", "", 100, low=0), "/options")
    else:
        check_option_groups(check, check.items(answer, "option_groups", "", 100, low=0), "/option_groups")
    return [str(problem) for problem in check.problems]


def _confirm(check: Check, dialog: Any, at: str) -> None:
    if check.is_object(dialog, at):
        check.known(dialog, at, "title text confirm deny style")
        check.text(dialog, "title", at, 100)
        check.text(dialog, "text", at, 300, BOTH)
        check.text(dialog, "confirm", at, 30)
        check.text(dialog, "deny", at, 30)
        check.one_of(dialog, "style", at, ("primary", "danger"))


def _button(check: Check, button: Json, at: str) -> None:
    check.text(button, "text", at, 75)
    check.string(button, "value", at, 2000, low=0)
    check.string(button, "url", at, 3000)
    check.string(button, "accessibility_label", at, 75)
    check.one_of(button, "style", at, ("primary", "danger"))


def _typed(check: Check, element: Json, at: str) -> None:
    check.number(element, "min_length", at, 0, 3000)
    check.number(element, "max_length", at, 1, 3000)
    low, high = element.get("min_length"), element.get("max_length")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        check.fail(f"{at}/min_length", "must be less than or equal to max_length")
    check.string(element, "initial_value", at, high if isinstance(high, int) else 3000, low=0)
    if element["type"] == "number_input" and not isinstance(element.get("is_decimal_allowed"), bool):
        check.fail(at, "missing required field: is_decimal_allowed")
    dispatch = element.get("dispatch_action_config")
    if dispatch is not None and check.is_object(dispatch, f"{at}/dispatch_action_config"):
        here = f"{at}/dispatch_action_config"
        for word in check.items(dispatch, "trigger_actions_on", here, 2, required=False):
            if word not in ("on_enter_pressed", "on_character_entered"):
                check.fail(f"{here}/trigger_actions_on", f"unsupported value: {word}")


def _picker(check: Check, element: Json, at: str) -> None:
    shapes = {"initial_date": r"\d{4}-\d\d-\d\d", "initial_time": r"([01]\d|2[0-3]):[0-5]\d"}
    for key, shape in shapes.items():
        found = element.get(key)
        if found is not None and not (isinstance(found, str) and re.fullmatch(shape, found)):
            check.fail(f"{at}/{key}", "invalid format")


def _choice(check: Check, element: Json, at: str) -> None:
    kind = element["type"]
    kinds = BOTH if kind in CHOICES else ("plain_text",)
    static = kind in ("static_select", "multi_static_select")
    most = 5 if kind == "overflow" else 10 if kind in CHOICES else 100
    if static and ("options" in element) == ("option_groups" in element):
        check.fail(at, "must define either `options` or `option_groups`")
    if "options" in element or kind in (*CHOICES, "overflow"):
        check_options(check, check.items(element, "options", at, most), f"{at}/options", kinds)
    if static and "option_groups" in element:
        check_option_groups(check, check.items(element, "option_groups", at, 100), f"{at}/option_groups")
    if kind.startswith("multi_"):
        check.number(element, "max_selected_items", at, 1, 100)
    check.number(element, "min_query_length", at, 0, 100)
    _initial(check, element, at)


def _initial(check: Check, element: Json, at: str) -> None:
    """Slack: an initial option must be one of the options, in every part."""
    listed = list(element.get("options") or ())
    for group in element.get("option_groups") or ():
        listed += group.get("options", ()) if isinstance(group, dict) else ()
    one, several = element.get("initial_option"), element.get("initial_options")
    if several is not None:
        several = check.items(element, "initial_options", at, 100)
    for key, chosen in [("initial_option", [one] if one is not None else []), ("initial_options", several or [])]:
        if "external" in element["type"]:
            check_options(check, chosen, f"{at}/{key}")
        for option in chosen if "external" not in element["type"] else ():
            if not any(_same(option, each) for each in listed):
                check.fail(f"{at}/{key}", "initial option must be one of the provided options")


def _same(one: Any, other: Any) -> bool:
    def bare(option: Any) -> Any:
        if not isinstance(option, dict):
            return option
        parts = {key: part for key, part in option.items() if key not in ("emoji", "verbatim")}
        return {key: bare(part) for key, part in parts.items()}

    return bool(bare(one) == bare(other))
