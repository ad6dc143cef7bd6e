"""What the bot listens to, as it registers it."""

from __future__ import annotations

from typing import Any

import slack_bolt


class Recording(slack_bolt.App):
    """A Bolt App that remembers what it was told to listen to, by kind and in order."""

    heard: dict[str, list[Any]]

    def __init__(self, **settings: Any) -> None:
        self.heard = {}
        super().__init__(**settings)

    def _hear(self, kind: str, constraint: Any) -> None:
        self.heard.setdefault(kind, []).append(constraint)

    def command(self, command: Any, *rest: Any, **more: Any) -> Any:
        self._hear("command", command)
        return super().command(command, *rest, **more)

    def shortcut(self, constraints: Any, *rest: Any, **more: Any) -> Any:
        self._hear("shortcut", constraints)
        return super().shortcut(constraints, *rest, **more)

    def event(self, event: Any, *rest: Any, **more: Any) -> Any:
        self._hear("event", event)
        return super().event(event, *rest, **more)

    def function(self, callback_id: Any, *rest: Any, **more: Any) -> Any:
        self._hear("function", callback_id)
        return super().function(callback_id, *rest, **more)

    def action(self, constraints: Any, *rest: Any, **more: Any) -> Any:
        self._hear("action", constraints)
        return super().action(constraints, *rest, **more)

    def view(self, constraints: Any, *rest: Any, **more: Any) -> Any:
        self._hear("view", constraints)
        return super().view(constraints, *rest, **more)

    def view_closed(self, constraints: Any, *rest: Any, **more: Any) -> Any:
        self._hear("view_closed", constraints)
        return super().view_closed(constraints, *rest, **more)

    def options(self, constraints: Any, *rest: Any, **more: Any) -> Any:
        self._hear("options", constraints)
        return super().options(constraints, *rest, **more)
