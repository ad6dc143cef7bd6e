"""Strict Block Kit: whether Slack would take a message or a view, and what it would say if not."""

from __future__ import annotations

import json
from typing import Any

from sandbox.slack import block_rules
from sandbox.slack.problems import Check, Problem
from sandbox.slack.values import Json

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
VIEW_BYTES = 250_000
MESSAGE_CHARACTERS = 12_000
VIEW_KEYS = (
    "blocks title submit close callback_id external_id private_metadata clear_on_close notify_on_close submit_disabled"
)


def check_blocks(blocks: Any, surface: str, at: str = "/blocks") -> list[Problem]:
    """The problems of a list of blocks on ``message``, ``modal`` or ``home``; empty if Slack takes them."""
    check = Check(surface)
    most = MESSAGE_BLOCKS if surface == "message" else VIEW_BLOCKS
    listed = check.items({"blocks": blocks}, "blocks", at.rpartition("/")[0], most, low=0)
    if not isinstance(blocks, list):
        return check.problems
    for index, block in enumerate(listed):
        if check.is_object(block, f"{at}/{index}"):
            block_rules.check_block(check, block, f"{at}/{index}", block_rules.SURFACES[surface])
    objects = [block for block in listed if isinstance(block, dict)]
    ids = [block["block_id"] for block in objects if block.get("block_id")]
    for block_id in sorted({each for each in ids if ids.count(each) > 1}):
        check.fail(at, f"`block_id` {block_id} already exists")
    focused = json.dumps(objects).count('"focus_on_load": true')
    if focused > 1:
        check.fail(at, "only one element may have focus_on_load")
    if surface == "message":
        _message_totals(check, objects, at)
    return check.problems


def _message_totals(check: Check, blocks: list[Json], at: str) -> None:
    kinds = [block.get("type") for block in blocks]
    if sum(kinds.count(kind) for kind in block_rules.TABLES) > 1:
        check.fail(at, "only_one_table_allowed")
    if kinds.count("data_visualization") > 2:
        check.fail(at, "no more than 2 data_visualization blocks allowed")
    markdown = sum(len(str(block.get("text", ""))) for block in blocks if block.get("type") == "markdown")
    if markdown > MESSAGE_CHARACTERS:
        check.fail(at, f"markdown text cannot exceed {MESSAGE_CHARACTERS} characters in total")


def blocks_too_long(blocks: list[Json]) -> bool:
    """Observed (bolt-js#2509, #2867): chat.postMessage refuses about 12,000 characters of text over all blocks."""
    counted = [block for block in blocks if block.get("type") not in block_rules.TABLES]
    return block_rules.characters(counted) > MESSAGE_CHARACTERS


def check_message(message: Json) -> list[Problem]:
    """The problems of a message's ``blocks`` and of the blocks in its ``attachments``."""
    problems = check_blocks(message["blocks"], "message") if message.get("blocks") is not None else []
    attachments = message.get("attachments") or []
    if not isinstance(attachments, list) or len(attachments) > 100:
        return [*problems, Problem("/attachments", "no more than 100 items allowed")]
    for index, attachment in enumerate(attachments):
        if isinstance(attachment, dict) and attachment.get("blocks") is not None:
            problems += check_blocks(attachment["blocks"], "message", f"/attachments/{index}/blocks")
    return problems


def check_view(view: Any, expected: str | None = None) -> list[Problem]:
    """The problems of a modal or Home view; ``expected`` is the type its method takes."""
    if not isinstance(view, dict):
        return [Problem("/view", "must provide an object")]
    kind = view.get("type")
    if kind not in ("modal", "home") or (expected and kind != expected):
        return [Problem("/view/type", f"unsupported type: {kind}")]
    check = Check(kind)
    check.known(view, "/view", VIEW_KEYS)
    check.string(view, "private_metadata", "/view", 3000, low=0)
    check.string(view, "callback_id", "/view", 255, low=0)
    check.string(view, "external_id", "/view", 255, low=0)
    if view.get("blocks") is None:
        check.fail("/view", "missing required field: blocks")
    if kind == "modal":
        check.text(view, "title", "/view", 24)
        check.text(view, "submit", "/view", 24, required=False)
        check.text(view, "close", "/view", 24, required=False)
        blocks = view.get("blocks")
        inputs = isinstance(blocks, list) and any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)
        if inputs and not view.get("submit"):
            check.fail("/view", "missing required field: submit")
    listed = check_blocks(view["blocks"], kind, "/view/blocks") if view.get("blocks") is not None else []
    return check.problems + listed


def view_too_large(view: Any) -> bool:
    """Slack: a view's JSON is at most 250 kB."""
    return len(json.dumps(view, ensure_ascii=False).encode()) > VIEW_BYTES
