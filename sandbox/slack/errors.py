"""The two ways something goes wrong: Slack refuses the app, or a person cannot do what was asked."""

from __future__ import annotations

from sandbox.slack.values import Json


class SlackError(Exception):
    """Slack refuses a Web API call: ``{"ok": false, "error": code, …}``."""

    def __init__(self, code: str, extra: Json | None = None, status: int = 200, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.retry_after = retry_after
        self.extra = extra or {}


class NotThereError(LookupError):
    """The person asked for something their client does not show: no such channel, button, field or option."""
