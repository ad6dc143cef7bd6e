"""What a check finds: problems with a JSON pointer, in the words Slack uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.slack.values import Json


@dataclass(frozen=True)
class Problem:
    """One broken rule: where (a JSON pointer) and what."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} [json-pointer:{self.pointer}]"


class Check:
    """Collects the problems of one message or view; limits count Unicode code points."""

    def __init__(self, surface: str) -> None:
        self.surface = surface
        self.problems: list[Problem] = []

    def fail(self, at: str, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(at, message))

    def is_object(self, value: Any, at: str) -> bool:
        """Whether ``value`` is an object; notes it if not."""
        if not isinstance(value, dict):
            self.fail(at, "must provide an object")
        return isinstance(value, dict)

    def known(self, value: Json, at: str, allowed: str) -> None:
        """Slack: "invalid additional property" for keys it does not know. ``allowed`` lists them, space separated."""
        for key in value.keys() - {*allowed.split(), "type"}:
            self.fail(at, f"invalid additional property: {key}")

    def string(self, value: Json, key: str, at: str, high: int, low: int = 1, required: bool = False) -> str | None:
        """A string of ``low`` to ``high`` characters, if present."""
        found = value.get(key)
        if found is None:
            if required:
                self.fail(at, f"missing required field: {key}")
            return None
        if not isinstance(found, str):
            self.fail(f"{at}/{key}", "must provide a string")
            return None
        if len(found) < low:
            self.fail(f"{at}/{key}", f"must be more than {low - 1} characters")
        if len(found) > high:
            self.fail(f"{at}/{key}", f"must be less than {high + 1} characters")
        return found

    def text(
        self, value: Json, key: str, at: str, high: int, kinds: tuple[str, ...] = ("plain_text",), required: bool = True
    ) -> None:
        """A text object of the given kinds with 1 to ``high`` characters."""
        found = value.get(key)
        if found is None:
            if required:
                self.fail(at, f"missing required field: {key}")
            return
        self.text_object(found, f"{at}/{key}", high, kinds)

    def text_object(self, found: Any, at: str, high: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> None:
        """A text object itself, wherever it stands."""
        if not self.is_object(found, at):
            return
        if found.get("type") not in kinds:
            self.fail(f"{at}/type", f"unsupported type: {found.get('type')}, must be {' or '.join(kinds)}")
            return
        self.known(found, at, "text emoji" if found["type"] == "plain_text" else "text verbatim")
        self.string(found, "text", at, high, required=True)

    def items(self, value: Json, key: str, at: str, high: int, low: int = 1, required: bool = True) -> list[Any]:
        """A list of ``low`` to ``high`` items; [] if it is absent or not a list."""
        found = value.get(key)
        if found is None:
            if required:
                self.fail(at, f"missing required field: {key}")
            return []
        if not isinstance(found, list):
            self.fail(f"{at}/{key}", "must provide an array")
            return []
        if len(found) < low:
            self.fail(f"{at}/{key}", f"no less than {low} items allowed")
        if len(found) > high:
            self.fail(f"{at}/{key}", f"no more than {high} items allowed")
        return found

    def number(self, value: Json, key: str, at: str, low: int, high: int) -> None:
        """An integer from ``low`` to ``high``, if present."""
        found = value.get(key)
        if found is not None and (isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high):
            self.fail(f"{at}/{key}", f"must be an integer between {low} and {high}")

    def one_of(self, value: Json, key: str, at: str, allowed: tuple[str, ...], required: bool = False) -> None:
        """One of the listed words, if present."""
        if value.get(key) is None and not required:
            return
        if value.get(key) not in allowed:
            self.fail(f"{at}/{key}", f"must be one of {', '.join(allowed)}")
