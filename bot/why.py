"""``/postino why EMAIL``: one person at a time, told to the asker alone. The address stays in this request."""

from __future__ import annotations

import re

from bot.asked import Asked
from bot.views import why as views
from bot.wiring import Application

MAIL_LINK = re.compile(r"<mailto:([^|>]+)(?:\|[^>]*)?>")
"""How Slack writes an address where it makes links of them."""


def address_in(typed: str) -> str:
    """The address as it was typed."""
    return MAIL_LINK.sub(r"\1", typed).strip()


def why(asked: Asked, application: Application) -> None:
    """Answer how the person with the address typed stands in each destination; without one, how to ask."""
    email = address_in(asked.text)
    if not email:
        asked.answer(asked.t("Type the address behind it: /postino why somebody@example.com. Only you see the answer."))
        return
    forgotten, standings = application.individuals.why(asked.actor, email)
    asked.answer(views.why(asked.t, forgotten, standings))
