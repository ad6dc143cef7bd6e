"""Source folders of any size, the same for the same seed."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

FIRST = ("Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farid", "Giulia", "Hana", "Ivo", "Jo", "Kofi", "Zoë")
LAST = ("Abbot", "Bianchi", "Chen", "Duarte", "Eriksen", "Ferrari", "García", "Ibáñez", "Okafor")
SEGMENT = "Regulars"
OVERLAPPING = 50
_SETTLED = 120  # a file that changed a moment ago counts as still being written


class Changes(NamedTuple):
    """How many profiles were given another name, left and came."""

    renamed: int = 0
    left: int = 0
    came: int = 0


def address_of(number: int) -> str:
    """The address of a profile."""
    return f"customer{number}@example.com"


def write_segment(folder: Path, count: int, *, changed: float = 0.0) -> Changes:
    """The unified profiles, and all of them as a segment with columns of its own.

    With ``changed`` both are as after that share of them changed.

    Of the changes 40 % are first names, 30 % people who left and 30 % people who came.
    """
    touched = round(count * changed)
    renamed, left = range(touched * 4 // 10), range(touched * 4 // 10, touched * 7 // 10)
    came = range(count, count + touched - touched * 7 // 10)

    def lines() -> Iterator[str]:
        dice = random.Random(1)
        yield "CustomerId,EMail,FirstName,LastName\n"
        for number in range(count + len(came)):
            first, last = dice.choice(FIRST), dice.choice(LAST)
            if number in left:
                continue
            name = f"{first} Maria" if number in renamed else first
            yield f"C{number:07},{address_of(number)},{name},{last}\n"

    _write(folder / f"{SEGMENT}.csv", lines())
    shutil.copyfile(folder / f"{SEGMENT}.csv", folder / "Customer.csv")
    _settle(folder / "Customer.csv")
    return Changes(len(renamed), len(left), len(came))


def write_overlapping(folder: Path, count: int) -> dict[str, int]:
    """The unified profiles, and 50 tables that hold about a tenth of them each, overlapping; their true counts."""
    dice = random.Random(2)
    _write(
        folder / "Customer.csv",
        (
            "CustomerId,EMail,FirstName,LastName\n" if number < 0 else
            f"C{number:07},{address_of(number)},{dice.choice(FIRST)},{dice.choice(LAST)}\n"
            for number in range(-1, count)
        ),
    )  # fmt: skip
    counts = {}
    for table in range(OVERLAPPING):
        step = 5 + table % 11
        members = range(table % step, count, step)
        _write(folder / f"Segment{table:02}.csv", (f"C{number:07}\n" if number >= 0 else "CustomerId\n"
                                                   for number in (-1, *members)))  # fmt: skip
        counts[f"Segment{table:02}"] = len(members)
    return counts


def refresh(folder: Path) -> None:
    """Let every table look as if it had just been written anew."""
    for path in folder.glob("*.csv"):
        _settle(path)


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(lines)
    _settle(path)


def _settle(path: Path) -> None:
    moment = time.time() - _SETTLED
    os.utime(path, (moment, moment))
