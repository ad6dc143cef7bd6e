"""Switches that make Slack slow, strict about rates, forgetful or absent; and the rate limits themselves."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

PER_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100}
# Slack: the tiers of the methods. auth.test and chat.postMessage are special; posting goes by channel.
TIERS = {
    "apps.connections.open": 1,
    "conversations.list": 2,
    "users.list": 2,
    "chat.update": 3,
    "chat.delete": 3,
    "chat.getPermalink": 3,
    "conversations.info": 3,
    "conversations.join": 3,
    "conversations.open": 3,
    "conversations.members": 4,
    "reactions.add": 3,
    "team.info": 3,
    "functions.completeSuccess": 3,
    "functions.completeError": 3,
    "chat.postEphemeral": 4,
    "views.open": 4,
    "views.update": 4,
    "views.push": 4,
    "views.publish": 4,
    "users.info": 4,
    "files.getUploadURLExternal": 4,
    "files.completeUploadExternal": 4,
    "oauth.v2.access": 4,
}
POSTS_PER_MINUTE = 60  # Slack: about one message per second and channel
GENEROSITY = {"strict": 1, "generous": 20}


@dataclass
class Faults:
    """Everything that can be switched wrong; counts go down as they are used, ``*`` stands for any method."""

    slow: float = 0.0
    rates: str = "generous"
    retry_after: int = 1
    ratelimit_next: dict[str, int] = field(default_factory=dict)
    drop_next: dict[str, int] = field(default_factory=dict)
    error_next: dict[str, list[str]] = field(default_factory=dict)
    duplicate_next: int = 0
    down_until: float = 0.0

    def take(self, switch: dict[str, int], method: str) -> bool:
        """Whether the switch is on for this call; uses it up by one."""
        for name in (method, "*"):
            if switch.get(name, 0) > 0:
                switch[name] -= 1
                return True
        return False

    def forced_error(self, method: str) -> str | None:
        """The next error to answer ``method`` with, if one is set."""
        codes = self.error_next.get(method) or self.error_next.get("*")
        return codes.pop(0) if codes else None


class Rates:
    """Slack: calls per method and minute, posts per channel; a generous multiple unless ``rates`` is ``strict``."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._calls: dict[str, deque[float]] = defaultdict(deque)

    def wait_for(self, method: str, channel: str, rates: str) -> int:
        """Count one call; 0 if it may pass, otherwise the seconds to wait (``Retry-After``)."""
        if rates == "off":
            return 0
        if method == "chat.postMessage":
            key, allowed = f"{method} {channel}", POSTS_PER_MINUTE
        elif method in TIERS:
            key, allowed = method, PER_MINUTE[TIERS[method]]
        else:
            return 0
        allowed *= GENEROSITY[rates]
        now, calls = self._now(), self._calls[key]
        while calls and calls[0] <= now - 60:
            calls.popleft()
        if len(calls) >= allowed:
            return max(1, math.ceil(calls[0] + 60 - now))
        calls.append(now)
        return 0
