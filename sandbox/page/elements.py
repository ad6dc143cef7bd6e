"""Interactive elements of blocks: buttons, menus, fields, choices."""

from __future__ import annotations

from typing import Any

from sandbox.page.choices import Choice
from sandbox.page.markup import escaped
from sandbox.page.nodes import Node, markup
from sandbox.page.surfaces import Part, Surface
from sandbox.slack import inputs

INPUT_TYPES = {"datepicker": "date", "timepicker": "time", "datetimepicker": "datetime-local"}
ENTER = "(event) => { if (event.key === 'Enter') { event.preventDefault(); emit(event.target.value); } }"
VALUE = "(event) => emit(event.target.value)"


def draw(surface: Surface, part: Part) -> None:
    """Draw an element where the page is being built."""
    kind = part.element["type"]
    if kind in ("button", "workflow_button"):
        _button(surface, part)
    elif kind == "image":
        Node("img", "accessory-image", src=part.element.get("image_url", ""), alt=part.element["alt_text"])
    elif kind == "overflow":
        _overflow(surface, part)
    elif kind in ("checkboxes", "radio_buttons"):
        _boxes(surface, part)
    elif "select" in kind:
        Choice(surface, part)
    elif kind in INPUT_TYPES:
        _picker(surface, part)
    elif kind == "file_input":
        Node(classes="nothing", text="Files cannot be handed in here.")
    else:
        _text(surface, part)


def _button(surface: Surface, part: Part) -> None:
    element = part.element
    classes = f"button {element.get('style') or ''}".strip()
    text = surface.words.read.text(element["text"])
    spoken = element.get("accessibility_label")
    if element.get("url"):
        button = Node("a", classes, href=element["url"], target="_blank", rel="noopener", title=spoken)
    else:
        button = Node("button", classes, type="button", title=spoken)
    with button:
        markup(escaped(text), tag="span")
    button.clicked(lambda: surface.click(part, button))


def _overflow(surface: Surface, part: Part) -> None:
    button = Node("button", "button overflow", "⋯", type="button", aria_label="More actions", aria_haspopup="menu")

    async def choose(value: str) -> None:
        surface.layers.close_menu()
        await surface.enter(part, value, button)

    def items(_menu: Node) -> None:
        with Node(role="menu"):
            for option in part.element["options"]:
                text, value = surface.words.read.text(option["text"]), option["value"]
                if option.get("url"):
                    item = Node("a", "item", text, role="menuitem", href=option["url"], target="_blank", rel="noopener")
                else:
                    item = Node("button", "item", text, role="menuitem")
                item.on("click", lambda _, value=value: choose(value), [])

    button.clicked(lambda: surface.layers.menu(button, items))


def _boxes(surface: Surface, part: Part) -> None:
    several = part.element["type"] == "checkboxes"
    label = part.entry["label"]
    held = part.entry["value"]
    chosen = [each["value"] for each in (held if isinstance(held, list) else [held] if held else [])]

    async def change(value: str, on: bool) -> None:
        if several:
            now = part.entry["value"] or []
            values = [each["value"] for each in now if each["value"] != value] + ([value] if on else [])
            await surface.enter(part, values)
        elif on:
            await surface.enter(part, value)

    with Node(classes="choices", role="group" if several else "radiogroup", aria_label=label):
        for option in part.element["options"]:
            value = option["value"]
            with Node("label", "choice"):
                box = Node(
                    "input", type="checkbox" if several else "radio", name=f"n{part.live.holder.id}",
                    checked=value in chosen,
                )  # fmt: skip
                box.on("change", lambda event, value=value: change(value, bool(event.args)),
                       js_handler="(event) => emit(event.target.checked)")  # fmt: skip
                with Node("span"):
                    markup(surface.words.text(option["text"]), tag="span")
                    if option.get("description"):
                        markup(surface.words.text(option["description"]), "description")


def _picker(surface: Surface, part: Part) -> None:
    value = part.entry["value"]
    field = Node(
        "input", "field short", type=INPUT_TYPES[part.element["type"]], defaultValue=str(value or ""),
        aria_label=part.entry["label"] or part.entry["placeholder"],
    )  # fmt: skip
    field.on("change", lambda event: surface.enter(part, event.args or None), js_handler=VALUE)


def _text(surface: Surface, part: Part) -> None:
    element, entry = part.element, part.entry
    long = bool(element.get("multiline")) or element["type"] == "rich_text_input"
    attributes: dict[str, Any] = {
        "aria_label": entry["label"],
        "placeholder": entry["placeholder"] or None,
        "defaultValue": str(entry["value"] or "") if element["type"] in inputs.TYPED else "",
        "data_first": element.get("focus_on_load"),
        "autocomplete": "off",
        "inputmode": {"number_input": "decimal", "email_text_input": "email", "url_text_input": "url"}.get(
            element["type"]
        ),
    }
    field = Node("textarea" if long else "input", "field", **attributes)
    if surface.is_view and element["type"] in inputs.TYPED:
        field.on("input", lambda event: surface.typed(part, str(event.args)), js_handler=VALUE)
    else:
        field.on("change", lambda event: surface.enter(part, event.args), js_handler=VALUE)
    if part.live.data.block.get("dispatch_action"):
        triggers = (element.get("dispatch_action_config") or {}).get("trigger_actions_on") or ["on_enter_pressed"]
        if "on_enter_pressed" in triggers:
            field.on("keydown", lambda event: surface.enter(part, event.args), js_handler=ENTER)
        if "on_character_entered" in triggers:
            field.on("input", lambda event: surface.enter(part, event.args), js_handler=VALUE, throttle=0.4,
                     leading_events=False)  # fmt: skip
