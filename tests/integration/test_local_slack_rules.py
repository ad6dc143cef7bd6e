"""The local Slack's Block Kit rules, held against the independent package slackblocks, and its text rendering."""

from __future__ import annotations

from typing import Any

import pytest
from slackblocks import _limits, _surfaces

from sandbox.slack import block_rules, rules
from sandbox.slack.reading import Reader
from sandbox.slack.rendering import Lines
from sandbox.slack.state import Workspace
from sandbox.slack.values import Message

Json = dict[str, Any]
TEXT = {"type": "mrkdwn", "text": "Hi"}
# Where we are stricter on purpose: sources differ on these, or one saw them fail.
STRICTER = {
    "message": {"file"},
    "modal": {"card"},
    "home": {"table", "data_table"},
}


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def section(text: str = "Hi", **more: Any) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def button(text: str = "Go", **more: Any) -> Json:
    return {"type": "button", "text": plain(text), **more}


def option(text: str = "A", value: str = "a", **more: Any) -> Json:
    return {"text": plain(text), "value": value, **more}


def select(options: int = 1, **more: Any) -> Json:
    return {"type": "static_select", "options": [option(value=str(each)) for each in range(options)], **more}


def overflow(options: int) -> Json:
    return {"type": "overflow", "options": [option(value=str(each)) for each in range(options)]}


def checkboxes(options: int) -> Json:
    return {"type": "checkboxes", "options": [option(value=str(each)) for each in range(options)]}


def field(label: str = "A", element: Json | None = None, **more: Any) -> Json:
    return {"type": "input", "label": plain(label), "element": element or {"type": "plain_text_input"}, **more}


def data_table(rows: int = 2, columns: int = 1, **more: Any) -> Json:
    table = [[{"type": "raw_text", "text": "x"}] * columns for _ in range(rows)]
    return {"type": "data_table", "caption": "Segments", "rows": table, **more}


def table(rows: int = 1, columns: int = 1) -> Json:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * columns for _ in range(rows)]}


def plan(tasks: int = 1, status: str = "pending") -> Json:
    listed = [{"task_id": str(each), "title": "Count", "status": status} for each in range(tasks)]
    return {"type": "plan", "title": "Export", "tasks": listed}


def modal(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": plain("T"), "submit": plain("Go"), "blocks": list(blocks), **more}


# One limit of slackblocks each: a maker of a block (or view) of that size, the surface, the limit.
SIZED: list[tuple[str, Any, str]] = [
    ("SECTION_TEXT_MAX_LENGTH", lambda n: section("x" * n), "modal"),
    ("SECTION_FIELDS_MAX_ITEMS", lambda n: {"type": "section", "fields": [TEXT] * n}, "message"),
    (
        "SECTION_FIELDS_ITEM_MAX_LENGTH",
        lambda n: {"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * n}]},
        "message",
    ),
    ("HEADER_TEXT_MAX_LENGTH", lambda n: {"type": "header", "text": plain("x" * n)}, "home"),
    ("CONTEXT_ELEMENTS_MAX_ITEMS", lambda n: {"type": "context", "elements": [TEXT] * n}, "modal"),
    ("ACTIONS_ELEMENTS_MAX_ITEMS", lambda n: actions(*[button() for _ in range(n)]), "message"),
    ("BLOCK_ID_MAX_LENGTH", lambda n: section(block_id="x" * n), "message"),
    ("ACTION_ID_MAX_LENGTH", lambda n: actions(button(action_id="x" * n)), "message"),
    ("BUTTON_TEXT_MAX_LENGTH", lambda n: actions(button("x" * n)), "message"),
    ("BUTTON_VALUE_MAX_LENGTH", lambda n: actions(button(value="x" * n)), "message"),
    ("BUTTON_URL_MAX_LENGTH", lambda n: actions(button(url="x" * n)), "message"),
    ("BUTTON_ACCESSIBILITY_LABEL_MAX_LENGTH", lambda n: actions(button(accessibility_label="x" * n)), "message"),
    ("OPTION_TEXT_MAX_LENGTH", lambda n: actions({**select(), "options": [option("x" * n)]}), "modal"),
    ("OPTION_VALUE_MAX_LENGTH", lambda n: actions({**select(), "options": [option(value="x" * n)]}), "modal"),
    (
        "OPTION_DESCRIPTION_MAX_LENGTH",
        lambda n: actions({**select(), "options": [option(description=plain("x" * n))]}),
        "modal",
    ),
    ("SELECT_OPTIONS_MAX_ITEMS", lambda n: actions(select(n)), "modal"),
    ("SELECT_PLACEHOLDER_MAX_LENGTH", lambda n: actions(select(placeholder=plain("x" * n))), "modal"),
    ("OVERFLOW_OPTIONS_MAX_ITEMS", lambda n: actions(overflow(n)), "message"),
    ("CHECKBOXES_OPTIONS_MAX_ITEMS", lambda n: actions(checkboxes(n)), "modal"),
    ("INPUT_LABEL_MAX_LENGTH", lambda n: field("x" * n), "modal"),
    ("INPUT_HINT_MAX_LENGTH", lambda n: field(hint=plain("x" * n)), "modal"),
    (
        "PLAIN_TEXT_INPUT_MAX_LENGTH_MAX",
        lambda n: field(element={"type": "plain_text_input", "max_length": n}),
        "modal",
    ),
    ("ALERT_TEXT_MAX_LENGTH", lambda n: {"type": "alert", "text": plain("x" * n)}, "modal"),
    (
        "IMAGE_ALT_TEXT_MAX_LENGTH",
        lambda n: {"type": "image", "image_url": "https://a.test", "alt_text": "x" * n},
        "home",
    ),
    ("MARKDOWN_TEXT_MAX_LENGTH", lambda n: {"type": "markdown", "text": "x" * n}, "message"),
    ("PLAN_TASKS_MAX_ITEMS", plan, "message"),
    ("TABLE_ROWS_MAX_ITEMS", table, "message"),
    ("TABLE_COLUMNS_MAX_ITEMS", lambda n: table(columns=n), "message"),
    ("DATA_TABLE_COLUMNS_MAX_ITEMS", lambda n: data_table(columns=n), "message"),
    ("DATA_TABLE_PAGE_SIZE_MAX", lambda n: data_table(page_size=n), "message"),
    (
        "CONTAINER_CHILD_BLOCKS_MAX_ITEMS",
        lambda n: {"type": "container", "title": plain("T"), "child_blocks": [section()] * n},
        "message",
    ),
    (
        "CAROUSEL_ELEMENTS_MAX_ITEMS",
        lambda n: {"type": "carousel", "elements": [{"type": "card", "title": plain("T")}] * n},
        "message",
    ),
    (
        "DATA_VISUALIZATION_TITLE_MAX_LENGTH",
        lambda n: {
            "type": "data_visualization",
            "title": "x" * n,
            "chart": {"type": "pie", "segments": [{"label": "a", "value": 1}]},
        },
        "message",
    ),
]


@pytest.mark.parametrize(("limit", "make", "surface"), SIZED, ids=[limit for limit, _, _ in SIZED])
def test_a_limit_is_the_one_slackblocks_knows(limit: str, make: Any, surface: str) -> None:
    most = getattr(_limits, limit)
    assert rules.check_blocks([make(most)], surface) == []
    assert rules.check_blocks([make(most + 1)], surface) != []


@pytest.mark.parametrize(
    ("limit", "make"),
    [
        ("VIEW_TITLE_MAX_LENGTH", lambda n: modal(title=plain("x" * n))),
        ("VIEW_SUBMIT_MAX_LENGTH", lambda n: modal(submit=plain("x" * n))),
        ("VIEW_CLOSE_MAX_LENGTH", lambda n: modal(close=plain("x" * n))),
        ("VIEW_PRIVATE_METADATA_MAX_LENGTH", lambda n: modal(private_metadata="x" * n)),
        ("VIEW_CALLBACK_ID_MAX_LENGTH", lambda n: modal(callback_id="x" * n)),
        ("VIEW_EXTERNAL_ID_MAX_LENGTH", lambda n: modal(external_id="x" * n)),
        ("VIEW_BLOCKS_MAX_ITEMS", lambda n: modal(*[section()] * n)),
    ],
)
def test_a_views_limit_is_the_one_slackblocks_knows(limit: str, make: Any) -> None:
    most = getattr(_limits, limit)
    assert rules.check_view(make(most)) == []
    assert rules.check_view(make(most + 1)) != []


def test_a_message_has_at_most_as_many_blocks_as_slackblocks_says() -> None:
    most = _limits.MESSAGE_BLOCKS_MAX_ITEMS
    assert rules.check_blocks([section()] * most, "message") == []
    assert rules.check_blocks([section()] * (most + 1), "message") != []


@pytest.mark.parametrize("surface", ["message", "modal", "home"])
def test_surfaces_are_those_of_slackblocks_but_for_the_named_doubts(surface: Any) -> None:
    theirs = _surfaces._BLOCK_TYPES_BY_SURFACE[surface]
    assert theirs - block_rules.SURFACES[surface] == STRICTER[surface]
    assert block_rules.SURFACES[surface] <= theirs


def test_data_tables_are_never_allowed_more_than_slackblocks_allows() -> None:
    assert block_rules.TABLE_ROWS <= _limits.DATA_TABLE_ROWS_MAX_ITEMS
    assert block_rules.TABLE_CHARACTERS <= _limits.DATA_TABLE_CONTENT_MAX_LENGTH
    assert rules.check_blocks([data_table(block_rules.TABLE_ROWS)], "message") == []
    assert rules.check_blocks([data_table(block_rules.TABLE_ROWS + 1)], "message") != []


WRONG: dict[str, tuple[str, Json, str]] = {
    "an unknown type": ("message", {"type": "sections"}, "unsupported type: sections"),
    "an unknown key": ("message", section(texts="x"), "invalid additional property: texts"),
    "a section without text": ("message", {"type": "section"}, "must define either `text` or `fields`"),
    "mrkdwn in a header": ("message", {"type": "header", "text": TEXT}, "unsupported type: mrkdwn"),
    "a multi select in actions": ("modal", actions({"type": "multi_users_select"}), "unsupported type: multi_users_s"),
    "an e-mail input in a message": ("message", field(element={"type": "email_text_input"}), "unsupported type: email"),
    "a select without options": ("modal", actions({"type": "static_select"}), "must define either `options`"),
    "equal option values": ("modal", actions({**select(), "options": [option(), option()]}), "duplicate option value"),
    "a foreign initial option": ("modal", actions(select(initial_option=option("Z", "z"))), "initial option must be"),
    "equal action_ids": ("modal", actions(button(action_id="a"), button(action_id="a")), "already exists within"),
    "a number input without decimals": ("modal", field(element={"type": "number_input"}), "is_decimal_allowed"),
    "a pending task alone": (
        "message",
        {"type": "task_card", "task_id": "1", "title": "T", "status": "pending"},
        "only plan tasks can be pending",
    ),
    "a table without caption": ("message", data_table(caption=None), "missing required field: caption"),
    "uneven rows": (
        "message",
        {**data_table(), "rows": [data_table(1)["rows"][0], data_table(1, 2)["rows"][0]]},
        "same number of columns",
    ),
    "an alert in a message": ("message", {"type": "alert", "text": plain("x")}, "unsupported type: alert"),
    "an alert of no level": ("modal", {"type": "alert", "level": "bad", "text": plain("x")}, "must be one of"),
}


@pytest.mark.parametrize("case", WRONG)
def test_slack_refuses(case: str) -> None:
    surface, block, message = WRONG[case]
    assert any(message in str(problem) for problem in rules.check_blocks([block], surface)), case


def test_block_ids_are_unique_and_one_table_goes_into_a_message() -> None:
    twice = [section(block_id="a"), section(block_id="a")]
    assert "`block_id` a already exists" in str(rules.check_blocks(twice, "modal")[0])
    assert "only_one_table_allowed" in str(rules.check_blocks([table(), data_table()], "message")[0])


def test_a_modal_with_an_input_needs_a_submit_button() -> None:
    assert rules.check_view(modal(field())) == []
    assert "missing required field: submit" in str(rules.check_view(modal(field(), submit=None))[0])


def test_markup_reads_as_a_person_sees_it() -> None:
    workspace = Workspace()
    read = Reader(workspace, "U0DARIO").mrkdwn
    assert read("*VIP* buyers_2 _now_ ~old~ `*as is*`") == "VIP buyers_2 now old *as is*"
    assert read("<https://a.test|Open> <https://b.test> <#C0GENERAL>") == "Open https://b.test #general"
    assert read("a &lt;b&gt; &amp; :rocket: :unknown:") == "a <b> & 🚀 :unknown:"
    assert read("<!date^1767225600^{date_short_pretty} {time}|x>") == "1 gen 2026 01:00"


def test_blocks_read_as_lines() -> None:
    workspace = Workspace()
    lines = Lines(workspace, "U0ADA")
    blocks = [
        {"type": "header", "text": plain("Export :outbox_tray:")},
        section("*Spring*", accessory=button("Open", action_id="o")),
        actions(button("Send", action_id="s"), select(2, action_id="c", placeholder=plain("How"))),
        {**plan(1, "complete"), "block_id": "p"},
        data_table(),
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}]},
    ]
    for index, block in enumerate(blocks):
        block["block_id"] = str(index)
    message = Message("1.0", "C0GENERAL", workspace.bot_user_id, "fallback", blocks)
    assert lines.message(message) == [
        "Export 📤",
        "Spring [Open]",
        "[Send] [How ▾]",
        "Export",
        "✓ Count",
        "Segments",
        "x",
        "x",
        "x",
    ]
