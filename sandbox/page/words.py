"""The few words of Slack's own client that stand between those of the app, in the person's language."""

from __future__ import annotations

from sandbox.slack.values import User

ITALIAN = {
    "(optional)": "(facoltativo)",
    "Only visible to you": "Visibile solo a te",
    "(edited)": "(modificato)",
    "replied to": "ha risposto a",
    "a thread": "un thread",
    "1 reply": "1 risposta",
    "replies": "risposte",
}


def word(user: User, english: str) -> str:
    """As the client of that person says it."""
    return ITALIAN.get(english, english) if user.locale.startswith("it") else english
