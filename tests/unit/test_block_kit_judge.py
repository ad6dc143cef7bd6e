"""The independent judge finds what is wrong, or it could not vouch for anything."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.slack.values import Emitted
from tests.block_kit import complaints

GOOD: dict[str, Any] = {"text": "Hello", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "Hello"}}]}


def test_a_good_message_has_no_complaint() -> None:
    assert complaints([Emitted("chat.postMessage", "message", GOOD, 0.0)]) == []


@pytest.mark.parametrize(
    ("surface", "body"),
    [
        ("message", GOOD | {"text": ""}),
        ("message", GOOD | {"blocks": [{"type": "alert", "text": {"type": "plain_text", "text": "No"}}]}),
        ("message", GOOD | {"blocks": [{"type": "divider"}] * 51}),
        ("message", GOOD | {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}),
        ("message", GOOD | {"blocks": [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}]}),
        ("modal", {"view": {"title": {"type": "plain_text", "text": "x" * 25}, "blocks": []}}),
        (
            "modal",
            {
                "view": {
                    "blocks": [
                        {"type": "input", "label": {"type": "plain_text", "text": "A"}, "element": {"type": "x"}}
                    ]
                }
            },
        ),
        (
            "message",
            GOOD
            | {
                "blocks": [
                    {
                        "type": "actions",
                        "elements": [{"type": "button", "text": {"type": "plain_text", "text": "x" * 76}}],
                    }
                ]
            },
        ),
    ],
)
def test_each_fault_is_found(surface: str, body: dict[str, Any]) -> None:
    assert len(complaints([Emitted("some.method", surface, body, 0.0)])) == 1
