"""The ways to sort a list, as a row of buttons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeVar

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block

Order = TypeVar("Order", bound=StrEnum)


def buttons(t: Texts, words: Mapping[Order, str], present: Order, prefix: str, value: Callable[[Order], str]) -> Block:
    """One button for each order, called by its word and the present one ticked; ``value`` is what it leads to."""
    return blocks.actions(
        *(
            blocks.button(
                f"✓ {word}" if order == present else word,
                f"{prefix}{order}",
                value(order),
                label=t("Sort: {order}", order=word),
            )
            for order, word in words.items()
        )
    )
