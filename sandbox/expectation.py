"""What an export of demo data must lead to, worked out from the files alone, by somebody who knows no exporter."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_ADDRESS = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}"
)


def expected(folder: Path, segments: Mapping[str, str], left_alone: Iterable[str] = ()) -> dict[str, frozenset[str]]:
    """The contacts that must be subscribed, in lower case, with their tags.

    ``segments`` maps a segment's name to its tag; ``left_alone`` are addresses that were in the audience without being
    subscribed. Profiles that share an address add their tags up; those without a usable one are nobody.
    """
    people = {row["CustomerId"]: row["EMail"] for row in _rows(folder, "Customer")}
    contacts: dict[str, set[str]] = {}
    for segment, tag in segments.items():
        for row in _rows(folder, segment):
            address = _usable(people.get(row["CustomerId"], ""))
            if address is not None:
                contacts.setdefault(address, set()).add(tag)
    for address in left_alone:
        contacts.pop(address.lower(), None)
    return {address: frozenset(tags) for address, tags in contacts.items()}


def _usable(found: str) -> str | None:
    """The address as Mailchimp knows it: without blanks, in lower case, its domain in ASCII."""
    local, _, domain = found.strip().lower().rpartition("@")
    try:
        address = f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return None
    return address if _ADDRESS.fullmatch(address) else None


def _rows(folder: Path, table: str) -> Iterable[dict[str, str]]:
    """The rows of a table's newest refresh."""
    files = sorted((folder / table).rglob("*.csv"))
    newest = files[-1].parent
    for path in sorted(newest.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)
