"""What can be made to go wrong, and when: faults for calls, and hooks that act just before a call."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

KINDS = {
    "402": "Payment Required as problem JSON, nothing applied (INVENTED: no source shows when Mailchimp says so)",
    "429": "Too Many Requests as problem JSON, nothing applied",
    "429_bare": "429 with an empty body, nothing applied",
    "403_bare": "403 with an empty body, nothing applied (seen at very high volume)",
    "500": "Internal Server Error as problem JSON, nothing applied",
    "500_after": "the same, but the call was applied",
    "502": "502 with HTML, nothing applied",
    "503": "Service Unavailable as problem JSON, nothing applied",
    "504": "504 with HTML, nothing applied",
    "compliance": "503 ComplianceRelated, permanent",
    "refuse": "400 Invalid Resource for the whole call; text says why",
    "timeout": "no answer until server_timeout, then 502 with HTML; the call was applied unless applied is false",
    "drop_before": "the connection is cut before the call is applied",
    "drop_after": "the connection is cut after the call was applied: the outcome is unknown",
    "cut": "the call is applied; half of the answer arrives, then the connection is cut",
    "slow": "the answer takes so many seconds longer",
    "hold": "the call waits until the fault is removed, and is then applied",
    "revoke": "the credential used becomes invalid with this call",
    "disable": "the account becomes disabled with this call",
}


@dataclass
class Match:
    """Which calls are meant, and which of those in turn.

    ``path`` is a regular expression for the whole path without ``/3.0``; ``containing`` must occur in the body.
    Of the calls that match, the first ``skip`` go by; then every ``every``-th is struck with the given ``chance``,
    ``times`` times in all.
    """

    method: str | None = None
    path: str | None = None
    containing: str | None = None
    skip: int = 0
    every: int = 1
    chance: float = 1.0
    times: int | None = None
    seen: int = field(default=0, init=False)
    hit: int = field(default=0, init=False)

    def strikes(self, method: str, path: str, body: bytes, chances: random.Random) -> bool:
        """Whether it is this call's turn. Counts the call."""
        if self.method not in (None, method) or (self.path is not None and not re.fullmatch(self.path, path)):
            return False
        if self.containing is not None and self.containing.lower().encode() not in body.lower():
            return False
        if self.times is not None and self.hit >= self.times:
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.seen - self.skip) % self.every:
            return False
        if self.chance < 1 and chances.random() >= self.chance:
            return False
        self.hit += 1
        return True


@dataclass
class Fault(Match):
    """A fault of one of KINDS. ``seconds`` is for slow, ``text`` for refuse, ``applied`` for timeout."""

    kind: str = "500"
    seconds: float = 1.0
    text: str = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."
    applied: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"A fault is one of {', '.join(KINDS)}.")


@dataclass
class Hook(Match):
    """``act`` is called just before the calls that match, for example to unsubscribe somebody in mid-run."""

    act: Callable[[], Any] = field(default=lambda: None)


class Faults:
    """All faults and hooks, in the order in which they were added."""

    def __init__(self, seed: int) -> None:
        self.active: list[Fault] = []
        self.hooks: list[Hook] = []
        self._chances = random.Random(seed)

    def add(self, kind: str, **options: Any) -> Fault:
        """Add a fault; options are those of Fault and Match. Raises ValueError for an unknown kind."""
        fault = Fault(kind=kind, **options)
        self.active.append(fault)
        return fault

    def before_call(
        self, number: int, act: Callable[[], Any], *, method: str | None = None, path: str | None = None
    ) -> Hook:
        """Call ``act`` once, just before the ``number``-th matching call from now on (1 is the next)."""
        hook = Hook(method=method, path=path, skip=number - 1, times=1, act=act)
        self.hooks.append(hook)
        return hook

    def clear(self) -> None:
        """Remove all faults and hooks."""
        self.active.clear()
        self.hooks.clear()

    def run_hooks(self, method: str, path: str, body: bytes) -> None:
        """Run the hooks whose turn it is."""
        for hook in list(self.hooks):
            if hook.strikes(method, path, body, self._chances):
                hook.act()

    def striking(self, method: str, path: str, body: bytes) -> list[Fault]:
        """The faults that strike this call: one that decides the answer at most, and any that slow it down."""
        found: list[Fault] = []
        for fault in self.active:
            if fault.kind != "slow" and any(each.kind != "slow" for each in found):
                continue
            if fault.strikes(method, path, body, self._chances):
                found.append(fault)
        return found
