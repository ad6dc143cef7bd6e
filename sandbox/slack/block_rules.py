"""The rules for each type of block. Limits: Slack's Block Kit reference; where its pages differ, the stricter one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.slack import element_rules
from sandbox.slack.element_rules import BOTH, check_element, check_image
from sandbox.slack.problems import Check
from sandbox.slack.values import Json

EVERYWHERE = {"actions", "context", "divider", "header", "image", "input", "rich_text", "section", "video"}
# Slack: which block on which surface. Left out are those that one source allows and another saw fail:
# tables in a Home tab, cards in a modal, and `file`, which only Slack itself may send.
SURFACES: dict[str, set[str]] = {
    "message": EVERYWHERE
    | {"card", "carousel", "container", "data_visualization", "table", "data_table"}
    | {"markdown", "plan", "task_card", "context_actions"},
    "modal": EVERYWHERE | {"alert"},
    "home": EVERYWHERE | {"card", "carousel", "container", "data_visualization"},
}
IN_CONTAINER = {"actions", "context", "divider", "header", "image", "input", "rich_text", "section", "table", "video"}
TABLES = ("table", "data_table")
# Slack's older page says 101 rows with the header and 10,000 characters, the newer one 201 and 20,000.
TABLE_ROWS, TABLE_CHARACTERS = 101, 10_000


def check_block(check: Check, block: Json, at: str, allowed: set[str]) -> None:
    """One block: of an allowed type, with nothing unknown in it and within its limits."""
    kind = block.get("type")
    if kind not in allowed:
        check.fail(f"{at}/type", f"unsupported type: {kind}")
        return
    check.string(block, "block_id", at, 255)
    _CHECKS[str(kind)](check, block, at)


def _section(check: Check, block: Json, at: str) -> None:
    check.known(block, at, "block_id text fields accessory expand")
    if block.get("text") is None and block.get("fields") is None:
        check.fail(at, "must define either `text` or `fields`")
    check.text(block, "text", at, 3000, BOTH, required=False)
    for index, field in enumerate(check.items(block, "fields", at, 10, required=False)):
        check.text_object(field, f"{at}/fields/{index}", 2000)
    if block.get("accessory") is not None:
        check_element(check, block["accessory"], f"{at}/accessory", element_rules.IN_SECTION)


def _actions(check: Check, block: Json, at: str) -> None:
    check.known(block, at, "block_id elements")
    elements = check.items(block, "elements", at, 25)
    for index, element in enumerate(elements):
        check_element(check, element, f"{at}/elements/{index}", element_rules.IN_ACTIONS)
    ids = [each["action_id"] for each in elements if isinstance(each, dict) and each.get("action_id")]
    for action_id in {each for each in ids if ids.count(each) > 1}:
        check.fail(f"{at}/elements", f"`action_id` {action_id} already exists within this block")


def _context(check: Check, block: Json, at: str) -> None:
    check.known(block, at, "block_id elements")
    for index, element in enumerate(check.items(block, "elements", at, 10)):
        here = f"{at}/elements/{index}"
        if isinstance(element, dict) and element.get("type") == "image":
            check_image(check, element, here)
        else:
            check.text_object(element, here, 3000)


def _input(check: Check, block: Json, at: str) -> None:
    check.known(block, at, "block_id label element hint optional dispatch_action")
    check.text(block, "label", at, 2000)
    check.text(block, "hint", at, 2000, required=False)
    if block.get("element") is None:
        check.fail(at, "missing required field: element")
    else:
        check_element(check, block["element"], f"{at}/element", element_rules.IN_INPUT)


def _header(check: Check, block: Json, at: str) -> None:
    check.known(block, at, "block_id text")
    check.text(block, "text", at, 150)


def _divider(check: Check, block: Json, at: str) -> None:
    check.known(block, at, "block_id")


def _image(check: Check, block: Json, at: str) -> None:
    check.text(block, "title", at, 2000, required=False)
    check_image(check, block, at)


def _alert(check: Check, block: Json, at: str) -> None:
    check.known(block, at, "block_id level text")
    check.text(block, "text", at, 200, BOTH)
    check.one_of(block, "level", at, ("default", "info", "warning", "error", "success"))


def _rich_text(check: Check, block: Json, at: str) -> None:
    kinds = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")
    for index, part in enumerate(check.items(block, "elements", at, 1000)):
        if check.is_object(part, f"{at}/elements/{index}"):
            check.one_of(part, "type", f"{at}/elements/{index}", kinds, required=True)


def _video(check: Check, block: Json, at: str) -> None:
    check.text(block, "title", at, 200)
    for key, most in {"alt_text": 2000, "thumbnail_url": 3000, "video_url": 3000}.items():
        check.string(block, key, at, most, required=True)


def _markdown(check: Check, block: Json, at: str) -> None:
    check.known(block, at, "block_id text")
    check.string(block, "text", at, 12_000, required=True)


def _card(check: Check, block: Json, at: str) -> None:
    if not any(block.get(key) for key in ("hero_image", "title", "actions", "body")):
        check.fail(at, "must define at least one of `hero_image`, `title`, `actions`, `body`")
    for key, most in {"title": 150, "subtitle": 150, "body": 200, "subtext": 200}.items():
        check.text(block, key, at, most, BOTH, required=False)
    # Sources say two or three buttons.
    for index, element in enumerate(check.items(block, "actions", at, 2, required=False)):
        check_element(check, element, f"{at}/actions/{index}", {"button"})


def _carousel(check: Check, block: Json, at: str) -> None:
    for index, card in enumerate(check.items(block, "elements", at, 10)):
        if check.is_object(card, f"{at}/elements/{index}"):
            check_block(check, card, f"{at}/elements/{index}", {"card"})


def _container(check: Check, block: Json, at: str) -> None:
    if block.get("title") is None and block.get("rich_text_title") is None:
        check.fail(at, "must define either `title` or `rich_text_title`")
    check.text(block, "title", at, 150, required=False)
    check.text(block, "subtitle", at, 150, BOTH, required=False)
    for index, child in enumerate(check.items(block, "child_blocks", at, 10)):
        if check.is_object(child, f"{at}/child_blocks/{index}"):
            check_block(check, child, f"{at}/child_blocks/{index}", IN_CONTAINER)


def _rows(check: Check, block: Json, at: str, most: int, least: int) -> list[list[Any]]:
    rows = check.items(block, "rows", at, most, low=least)
    for index, row in enumerate(rows):
        here = f"{at}/rows/{index}"
        if not isinstance(row, list):
            check.fail(here, "must provide an array")
            return []
        if not 1 <= len(row) <= 20:
            check.fail(here, "must have between 1 and 20 columns")
        for column, cell in enumerate(row):
            _cell(check, cell, f"{here}/{column}", empty_allowed=block["type"] == "table")
    return rows


def _cell(check: Check, cell: Any, at: str, empty_allowed: bool) -> None:
    if not check.is_object(cell, at):
        return
    check.one_of(cell, "type", at, ("raw_text", "raw_number", "rich_text"), required=True)
    if cell.get("type") == "raw_text":
        check.string(cell, "text", at, TABLE_CHARACTERS, low=0 if empty_allowed else 1, required=True)
    if cell.get("type") == "raw_number" and not isinstance(cell.get("value"), int | float):
        check.fail(at, "missing required field: value")


def _table(check: Check, block: Json, at: str) -> None:
    check.known(block, at, "block_id rows column_settings")
    _rows(check, block, at, 100, 1)
    for index, setting in enumerate(check.items(block, "column_settings", at, 20, required=False)):
        if isinstance(setting, dict):
            check.known(setting, f"{at}/column_settings/{index}", "align is_wrapped")


def _data_table(check: Check, block: Json, at: str) -> None:
    check.known(block, at, "block_id caption rows page_size row_header_column_index")
    check.string(block, "caption", at, 3000, required=True)
    check.number(block, "page_size", at, 1, 100)
    rows = _rows(check, block, at, TABLE_ROWS, 2)
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        check.fail(f"{at}/rows", "all rows must have the same number of columns")
    if rows and any(isinstance(cell, dict) and cell.get("type") == "rich_text" for cell in rows[0]):
        check.fail(f"{at}/rows/0", "header cells cannot contain rich text")
    check.number(block, "row_header_column_index", at, 0, max(widths, default=1) - 1)
    if characters(rows) > TABLE_CHARACTERS:
        check.fail(f"{at}/rows", f"cell text cannot exceed {TABLE_CHARACTERS} characters in total")


def _data_visualization(check: Check, block: Json, at: str) -> None:
    check.string(block, "title", at, 50, required=True)
    chart = block.get("chart")
    if not check.is_object(chart, f"{at}/chart") or not isinstance(chart, dict):
        return
    here = f"{at}/chart"
    check.one_of(chart, "type", here, ("pie", "bar", "area", "line"), required=True)
    # Sources say 6 or 12 series or segments.
    for index, segment in enumerate(check.items(chart, "segments", here, 6, required=chart.get("type") == "pie")):
        check.string(segment, "label", f"{here}/segments/{index}", 20, required=True)
    for index, series in enumerate(check.items(chart, "series", here, 6, required=chart.get("type") != "pie")):
        check.string(series, "name", f"{here}/series/{index}", 20, required=True)
        check.items(series, "data", f"{here}/series/{index}", 20)


def _task(check: Check, task: Json, at: str, in_plan: bool = False) -> None:
    check.string(task, "task_id", at, 255, required=True)
    check.string(task, "title", at, 3000, required=True)
    check.one_of(task, "status", at, ("pending", "in_progress", "complete", "error"), required=True)
    if task.get("status") == "pending" and not in_plan:
        check.fail(f"{at}/status", "only plan tasks can be pending")
    for key in ("details", "output"):
        if task.get(key) is not None and not (isinstance(task[key], dict) and task[key].get("type") == "rich_text"):
            check.fail(f"{at}/{key}", "must be a rich_text object")


def _plan(check: Check, block: Json, at: str) -> None:
    check.known(block, at, "block_id title tasks")
    check.string(block, "title", at, 3000, required=True)
    tasks = check.items(block, "tasks", at, 50, low=0)
    for index, task in enumerate(tasks):
        if check.is_object(task, f"{at}/tasks/{index}"):
            _task(check, task, f"{at}/tasks/{index}", in_plan=True)
    ids = [task.get("task_id") for task in tasks if isinstance(task, dict)]
    if len(set(ids)) != len(ids):
        check.fail(f"{at}/tasks", "task_id must be unique within a plan")


def _context_actions(check: Check, block: Json, at: str) -> None:
    for index, element in enumerate(check.items(block, "elements", at, 5)):
        check_element(check, element, f"{at}/elements/{index}", element_rules.IN_CONTEXT_ACTIONS)


def characters(value: Any) -> int:
    """How many characters of text are in there, at any depth."""
    if isinstance(value, dict):
        own = sum(len(part) for key, part in value.items() if key == "text" and isinstance(part, str))
        return own + sum(characters(part) for part in value.values())
    if isinstance(value, list):
        return sum(characters(each) for each in value)
    return 0


_CHECKS: dict[str, Callable[[Check, Json, str], None]] = {
    "section": _section,
    "actions": _actions,
    "context": _context,
    "input": _input,
    "header": _header,
    "divider": _divider,
    "image": _image,
    "alert": _alert,
    "rich_text": _rich_text,
    "video": _video,
    "markdown": _markdown,
    "card": _card,
    "carousel": _carousel,
    "container": _container,
    "table": _table,
    "data_table": _data_table,
    "data_visualization": _data_visualization,
    "task_card": _task,
    "plan": _plan,
    "context_actions": _context_actions,
}
