"""Blocks as plain lines: what stands on the screen, top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.slack import emoji, inputs
from sandbox.slack.inputs import Field
from sandbox.slack.reading import Reader
from sandbox.slack.values import Json, Message, View

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

Values = dict[tuple[str, str], Json]
MARKS = {"complete": "✓", "in_progress": "…", "pending": "○", "error": "✗"}
ALERTS = {"info": "ℹ️ ", "warning": "⚠️ ", "error": "⛔ ", "success": "✅ "}


class Lines:
    """The text rendering of messages and views for one reader."""

    def __init__(self, workspace: Workspace, user: str) -> None:
        self._workspace = workspace
        self.read = Reader(workspace, user)

    def message(self, message: Message, values: Values | None = None) -> list[str]:
        """A message: its blocks if it has any, otherwise its text; then attachments and files."""
        lines = [] if message.blocks else self.read.mrkdwn(message.text).splitlines()
        lines += self.blocks(message.blocks, values or {})
        for attachment in message.attachments:
            text = attachment.get("text") or attachment.get("fallback") or ""
            lines += self.read.mrkdwn(str(text)).splitlines() + self.blocks(attachment.get("blocks") or [], {})
        return lines + [f"📎 {self._workspace.files[each].title}" for each in message.files]

    def view(self, view: View) -> list[str]:
        """A modal or Home tab: title, blocks with what was entered and what is wrong, then the buttons below."""
        source = view.source
        lines = [self.read.text(source["title"])] if source.get("title") else []
        lines += [f"⛔ {view.failure}"] if view.failure else []
        for block in view.blocks:
            lines += self.block(block, view.values)
            if block["block_id"] in view.errors:
                lines.append(f"⛔ {view.errors[block['block_id']]}")
        below = [self.read.text(source[key]) for key in ("submit", "close") if source.get(key)]
        return lines + ([" ".join(f"[{each}]" for each in below)] if below else [])

    def blocks(self, blocks: list[Json], values: Values) -> list[str]:
        """Several blocks, one after the other."""
        return [line for block in blocks for line in self.block(block, values)]

    def block(self, block: Json, values: Values) -> list[str]:
        """One block; unknown kinds read as nothing."""
        kind = block["type"]
        if kind in ("section", "actions", "input", "container"):
            interactive: Callable[[Json, Values], list[str]] = getattr(self, f"_{kind}")
            return interactive(block, values)
        plain: Callable[[Json], list[str]] | None = getattr(self, f"_{kind}", None)
        return plain(block) if plain else []

    def _section(self, block: Json, values: Values) -> list[str]:
        lines = self.read.text(block.get("text")).splitlines()
        for field in block.get("fields") or ():
            lines += [" ".join(self.read.text(field).splitlines())]
        accessory = block.get("accessory")
        if accessory and accessory["type"] != "image":
            lines = [*(lines or [""])]
            lines[-1] = f"{lines[-1]} {self.element(Field(block, accessory), values)}".strip()
        return lines

    def _actions(self, block: Json, values: Values) -> list[str]:
        return [" ".join(self.element(Field(block, element), values) for element in block["elements"])]

    def _input(self, block: Json, values: Values) -> list[str]:
        optional = " (optional)" if block.get("optional") else ""
        line = f"{self.read.text(block['label'])}{optional}: {self.element(Field(block, block['element']), values)}"
        return [line, *([self.read.text(block["hint"])] if block.get("hint") else [])]

    def _container(self, block: Json, values: Values) -> list[str]:
        lines = [self.read.text(block.get(key)) for key in ("title", "subtitle") if block.get(key)]
        return lines + self.blocks(block["child_blocks"], values)

    def _header(self, block: Json) -> list[str]:
        return [self.read.text(block["text"])]

    def _context(self, block: Json) -> list[str]:
        elements = block["elements"]
        parts = [each["alt_text"] if each["type"] == "image" else self.read.text(each) for each in elements]
        return [line for part in parts for line in part.splitlines()]

    def _divider(self, _block: Json) -> list[str]:
        return ["———"]

    def _image(self, block: Json) -> list[str]:
        return [f"[image: {block['alt_text']}]"]

    def _video(self, block: Json) -> list[str]:
        return [f"[video: {self.read.text(block['title'])}]"]

    def _alert(self, block: Json) -> list[str]:
        return [ALERTS.get(block.get("level", "default"), "") + self.read.text(block["text"])]

    def _markdown(self, block: Json) -> list[str]:
        return [line.lstrip("#").strip() for line in emoji.shown(block["text"]).replace("**", "").splitlines()]

    def _card(self, block: Json) -> list[str]:
        lines = [self.read.text(block[key]) for key in ("title", "subtitle", "body", "subtext") if block.get(key)]
        buttons = [f"[{self.read.text(each['text'])}]" for each in block.get("actions") or ()]
        return lines + ([" ".join(buttons)] if buttons else [])

    def _carousel(self, block: Json) -> list[str]:
        return [line for card in block["elements"] for line in self._card(card)]

    def _table(self, block: Json) -> list[str]:
        return [" | ".join(self._cell(cell) for cell in row) for row in block["rows"]]

    def _data_table(self, block: Json) -> list[str]:
        return [block["caption"], *self._table(block)]

    def _data_visualization(self, block: Json) -> list[str]:
        parts = block["chart"].get("segments") or ()
        return [block["title"], *(f"{each['label']}: {each['value']}" for each in parts)]

    def _plan(self, block: Json) -> list[str]:
        return [emoji.shown(block["title"]), *(line for task in block["tasks"] for line in self._task_card(task))]

    def _task_card(self, task: Json) -> list[str]:
        lines = [f"{MARKS[task['status']]} {emoji.shown(task['title'])}"]
        return lines + [line for key in ("details", "output") if task.get(key) for line in self._rich_text(task[key])]

    def _rich_text(self, block: Json) -> list[str]:
        lines: list[str] = []
        for part in block["elements"]:
            if part["type"] == "rich_text_list":
                lines += [f"• {self._run(each)}" for each in part["elements"]]
            else:
                lines += self._run(part).splitlines()
        return lines

    def _run(self, part: Json) -> str:
        shown = []
        for each in part["elements"]:
            if each["type"] == "emoji":
                shown.append(emoji.shown(f":{each['name']}:"))
            elif each["type"] == "user":
                shown.append(f"@{self.read.person(each['user_id'])}")
            elif each["type"] == "channel":
                shown.append(self.read.place(each["channel_id"]))
            else:
                shown.append(str(each.get("text") or each.get("url") or each.get("fallback") or ""))
        return "".join(shown)

    def _cell(self, cell: Json) -> str:
        if cell["type"] == "rich_text":
            return " ".join(self._rich_text(cell))
        return str(cell.get("text", cell.get("value", "")))

    def label(self, field: Field) -> str:
        """What a person would call the element: its button text, its input's label, its section's text."""
        if field.kind == "button":
            return self.read.text(field.element["text"])
        if field.is_input:
            return self.read.text(field.block["label"])
        if field.block["type"] == "section" and field.block.get("text"):
            return self.read.text(field.block["text"])
        return self.read.text(field.element.get("placeholder"))

    def element(self, field: Field, values: Values) -> str:
        """An element in brackets: a button's text, or what is entered or chosen."""
        if field.kind in ("button", "workflow_button"):
            return f"[{self.read.text(field.element['text'])}]"
        if not field.holds_value:
            return "[⋯]"
        value = values.get(field.key) or inputs.initial(field)
        if field.kind in ("checkboxes", "radio_buttons"):
            return self._choices(field, inputs.content(value))
        shown = self.value(value) or self.read.text(field.element.get("placeholder"))
        return f"[{shown}{' ▾' if 'select' in field.kind else ''}]"

    def _choices(self, field: Field, chosen: Any) -> str:
        several = field.kind == "checkboxes"
        picked = [each["value"] for each in (chosen if several else [chosen] if chosen else [])]
        on, off = ("☑", "☐") if several else ("◉", "○")
        return "  ".join(
            f"{on if option['value'] in picked else off} {self.read.text(option['text'])}"
            for option in field.element["options"]
        )

    def value(self, value: Json) -> str:
        """What is entered or chosen, as a person reads it."""
        content = inputs.content(value)
        parts = content if isinstance(content, list) else [content] if content not in (None, "") else []
        if "users" in value["type"]:
            return ", ".join(self.read.person(each) for each in parts)
        if "conversations" in value["type"] or "channels" in value["type"]:
            return ", ".join(self.read.place(each) for each in parts)
        return ", ".join(self.read.text(each["text"]) if isinstance(each, dict) else str(each) for each in parts)
