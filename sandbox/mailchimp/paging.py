"""Pages, windows of time and trimming: ``count``, ``offset``, ``since_…``, ``fields``, ``exclude_fields``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sandbox.mailchimp.answers import Call, Problem, invalid

DEFAULT_COUNT = 10  # Mailchimp: ten items a page unless asked
MAXIMUM_COUNT = 1000  # Mailchimp: at most 1000 items a page

Tree = Mapping[str, Any]  # name -> tree of what lies below; an empty tree means all of it


@lru_cache(maxsize=8192)
def iso(seconds: int) -> str:
    """A time as Mailchimp shows it, ISO 8601 with offset; "" for 0, as recorded for times that are not known."""
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else ""


def window_of(call: Call) -> tuple[int, int]:
    """``offset`` and ``count``. Raises Problem (400) for anything but 0… and 0 to 1000."""
    found = []
    for name, default, most in (("offset", 0, None), ("count", DEFAULT_COUNT, MAXIMUM_COUNT)):
        text = call.query.get(name, str(default))
        if not text.isascii() or not text.isdigit():
            raise invalid((name, "Schema describes integer, string found instead"))
        if most is not None and int(text) > most:
            raise invalid((name, f"Value must be less than or equal to {most}"))
        found.append(int(text))
    return found[0], found[1]


def moment(call: Call, name: str) -> int | None:
    """A time of the query in seconds since 1970; None if it is not there. Raises Problem (400).

    A "+" that was not encoded arrives as a blank and is refused.
    """
    text = call.query.get(name)
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise invalid((name, "This value is not a valid datetime.")) from None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


def between(call: Call, since: str, before: str) -> tuple[int | None, int | None]:
    """Two times of the query as the first and the last second meant (switch ``window_edges``)."""
    first, last = moment(call, since), moment(call, before)
    if call.world.switches.window_edges == "exclusive":
        first = None if first is None else first + 1
        last = None if last is None else last - 1
    return first, last


@lru_cache(maxsize=256)
def tree_of(paths: str) -> Tree:
    """A comma list with dot notation as a tree."""
    tree: dict[str, Any] = {}
    for path in filter(None, (part.strip() for part in paths.split(","))):
        branch = tree
        names = path.split(".")
        for position, name in enumerate(names):
            if name in branch and not branch[name]:
                break  # all of it was asked for already
            branch = branch.setdefault(name, {})
            if position == len(names) - 1:
                branch.clear()
    return tree


def trimmed(body: Any, query: Mapping[str, str]) -> Any:
    """A body with ``fields`` kept and ``exclude_fields`` left out. Raises Problem (422) for a field that is unknown."""
    if fields := query.get("fields"):
        body = keep(body, tree_of(fields))
    if excluded := query.get("exclude_fields"):
        body = leave_out(body, tree_of(excluded))
    return body


def keep(value: Any, tree: Tree) -> Any:
    """Only what the tree names, in lists item by item."""
    if not tree:
        return value
    if isinstance(value, list):
        return [keep(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: keep(value[name], below) for name, below in tree.items() if name in value}


def leave_out(value: Any, tree: Tree) -> Any:
    """All but what the tree names."""
    if isinstance(value, list):
        return [leave_out(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: leave_out(below, tree[name]) if name in tree else below
        for name, below in value.items()
        if name not in tree or tree[name]
    }


def check_fields(query: Mapping[str, str], known: Mapping[str, Iterable[str]]) -> None:
    """Refuse ``fields`` that do not exist: 422 Requested Fields Invalid (glossary).

    ``known`` maps names at the top to the names one below; an empty collection means anything.
    """
    for name, below in tree_of(query.get("fields", "")).items():
        allowed = known.get(name)
        unknown = [name] if allowed is None else [f"{name}.{part}" for part in below if allowed and part not in allowed]
        if unknown:
            raise Problem(
                422, "Requested Fields Invalid", f"The fields requested from this resource are invalid: {unknown[0]}"
            )
