"""How Postino keeps within what Slack takes."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError

from bot import slack_calls
from bot.people import is_slack_user
from bot.slack_calls import Budget, OverBudgetError


def spend_all(budget: Budget, workspace: int, *, progress: bool) -> int:
    """How many edits a workspace may make at once."""
    for count in range(100):
        try:
            budget.spend(workspace, progress=progress)
        except OverBudgetError:
            return count
    raise AssertionError("There is no limit.")


def test_a_workspace_has_forty_edits_a_minute_of_which_ten_are_for_endings() -> None:
    now = [100.0]
    budget = Budget(lambda: now[0])
    assert spend_all(budget, 1, progress=True) == 30
    assert spend_all(budget, 1, progress=False) == 10
    assert spend_all(budget, 2, progress=False) == 40
    now[0] += 20
    with pytest.raises(OverBudgetError) as refused:
        budget.spend(1)
    assert refused.value.after == 40
    now[0] += 41
    assert spend_all(budget, 1, progress=True) == 30


def test_a_text_is_cut_to_the_bytes_an_edit_may_have() -> None:
    assert slack_calls.fitting("short") == "short"
    cut = slack_calls.fitting("ü" * 4000)
    assert len(cut.encode()) <= slack_calls.TEXT_BYTES
    assert cut.endswith("…")
    assert set(cut) == {"ü", "…"}


@pytest.mark.parametrize(
    ("response", "wait"),
    [
        ({"error": "ratelimited", "headers": {"Retry-After": "7"}}, 7.0),
        ({"error": "ratelimited", "headers": {"retry-after": ["7"]}}, 7.0),
        ({"error": "ratelimited", "headers": {}}, 30.0),
        ({"error": "channel_not_found", "headers": {}}, None),
        ({"status": 503, "headers": {}, "body": "Service Unavailable"}, None),
    ],
)
def test_slack_is_left_alone_as_long_as_it_asks(response: dict[str, object], wait: float | None) -> None:
    error = SlackApiError("refused", response)  # type: ignore[no-untyped-call] # slack_sdk left it without annotations
    assert slack_calls.retry_after(error) == wait


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ("U0ADA", True),
        ("W123", True),
        ("command-line", False),
        ("schedule", False),
        ("verify", False),
        (None, False),
        ("", False),
    ],
)
def test_only_slack_users_are_written_to(person: str | None, expected: bool) -> None:
    assert is_slack_user(person) is expected
