"""A panel that makes both services slow, strict, forgetful or broken, to see what an app does then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.page.nodes import Live, Node, Pile, Row

if TYPE_CHECKING:
    from sandbox.town import Town

SECONDS = 2.0


@dataclass(frozen=True)
class Switch:
    """A trouble: whether it is on, and how to turn it on and off. ``left`` tells how much of it is still to come."""

    name: str
    says: str
    is_on: Callable[[], bool]
    turn: Callable[[bool], None]
    left: Callable[[], str] = lambda: ""


def mailchimp_switches(town: Town) -> list[Switch]:
    """Troubles of Mailchimp."""
    world = town.world  # its switches and faults are new ones after a reset

    def faults(kind: str) -> list[int]:
        return [fault.times - fault.hit for fault in world.faults.active if fault.kind == kind and fault.times]

    def burst(kind: str, times: int) -> Callable[[bool], None]:
        def turn(on: bool) -> None:
            with world.lock:
                world.faults.active[:] = [fault for fault in world.faults.active if fault.kind != kind]
                if on:
                    world.faults.add(kind, times=times)

        return turn

    def failing(name: str, says: str, kind: str, times: int) -> Switch:
        return Switch(
            name, says, lambda: sum(faults(kind)) > 0, burst(kind, times),
            lambda: f"{sum(faults(kind))} calls to come" if sum(faults(kind)) else "",
        )  # fmt: skip

    def slow(on: bool) -> None:
        world.switches.set(latency_read=SECONDS * on, latency_write=SECONDS * on, latency_bulk=SECONDS * on)

    return [
        Switch("Slow", f"Every call takes {SECONDS:g} seconds.", lambda: world.switches.latency_bulk > 0, slow),
        failing("Too many requests", "The next 20 calls are answered 429.", "429", 20),
        failing("Server errors", "The next 10 calls are answered 500, nothing applied.", "500", 10),
        failing("Lost answers", "The next 3 calls are applied, but their answers never arrive.", "drop_after", 3),
        Switch(
            "Tags in bulk ignored", "Bulk calls write contacts but not their tags.",
            lambda: world.switches.bulk_tags == "ignored",
            lambda on: world.switches.set(bulk_tags="ignored" if on else "honoured"),
        ),
        Switch(
            "Pages lag behind", "Lists of members and tags show the last 30 seconds late.",
            lambda: world.switches.visibility_delay > 0, lambda on: world.switches.set(visibility_delay=30.0 * on),
        ),
        Switch(
            "Account disabled", "Every call is answered 403.",
            lambda: town.account.disabled, lambda on: setattr(town.account, "disabled", on),
        ),
    ]  # fmt: skip


def slack_switches(town: Town) -> list[Switch]:
    """Troubles of Slack."""
    workspace = town.workspace  # its faults are new ones after a reset

    def errors(on: bool) -> None:
        workspace.faults.error_next = {"chat.update": ["fatal_error"] * 3} if on else {}

    def counted(name: str, says: str, fault: str, times: int) -> Switch:
        def left() -> int:
            return int(getattr(workspace.faults, fault).get("*", 0))

        def turn(on: bool) -> None:
            setattr(workspace.faults, fault, {"*": times} if on else {})

        return Switch(name, says, lambda: left() > 0, turn, lambda: f"{left()} calls to come" if left() else "")

    return [
        Switch(
            "Slow", f"Every Web API call takes {SECONDS:g} seconds.", lambda: workspace.faults.slow > 0,
            lambda on: setattr(workspace.faults, "slow", SECONDS * on),
        ),
        counted("Rate limited", "The next 5 Web API calls are answered 429.", "ratelimit_next", 5),
        counted("Lost answers", "The next 3 Web API calls are done, but their answers never arrive.", "drop_next", 3),
        Switch(
            "Edits fail", "The next 3 edits of messages fail.",
            lambda: bool(workspace.faults.error_next.get("chat.update")), errors,
        ),
    ]  # fmt: skip


class Trouble:
    """The panel."""

    def __init__(self, town: Town) -> None:
        self._sides = {"Mailchimp": mailchimp_switches(town), "Slack": slack_switches(town)}
        with Node(classes="trouble", data_testid="trouble"):
            Node("p", "faint", "Turn something on, then launch an export and watch what happens.")
            with Node(classes="sides"):
                self._piles = {}
                for side in self._sides:
                    with Node("section", "side", aria_label=side):
                        Node("h2", "", side)
                        self._piles[side] = Pile(Node())

    async def look(self) -> None:
        """Show what is on."""
        for side, switches in self._sides.items():
            rows = [
                Row(each.name, (each, each.is_on(), each.left()), self._draw, classes="switch") for each in switches
            ]
            self._piles[side].show(rows)

    def _draw(self, live: Live) -> None:
        switch: Switch
        switch, on, left = live.data
        with Node(
            "button", "switch-line", type="button", role="switch", aria_checked=on, aria_label=switch.name
        ) as button:
            Node("span", "knob on" if on else "knob")
            with Node("span", "switch-text"):
                Node("b", "", switch.name)
                Node("small", "", f"{switch.says} {left}".strip())
        button.clicked(lambda: self._turn(switch, not on))

    async def _turn(self, switch: Switch, on: bool) -> None:
        switch.turn(on)
        await self.look()
