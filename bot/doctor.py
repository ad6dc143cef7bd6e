"""``/postino doctor``: what is missing or wrong, each with what to do, for administrators."""

from __future__ import annotations

from bot import examining
from bot.asked import Asked
from bot.views import doctor as views
from bot.wiring import Application
from services import access


def doctor(asked: Asked, application: Application, *, replacing: bool = False) -> None:
    """Look at settings, source, connections and destinations, and answer what was found."""
    access.require_administrator(asked.actor)
    t = asked.t
    found = [*examining.settings(application.settings, t), *examining.application(application, asked.actor, t)]
    asked.answer(views.findings(t, found), replacing=replacing)
