"""One measured figure, what it must reach, and what it aims at."""

from __future__ import annotations

import operator
from dataclasses import dataclass

_COMPARISONS = {"≤": operator.le, "≥": operator.ge, "=": operator.eq}


@dataclass(frozen=True)
class Bound:
    """``≤ 60``, ``≥ 3`` or ``= 0``."""

    sign: str
    limit: float

    def holds(self, value: float) -> bool:
        """Whether a value keeps it."""
        return bool(_COMPARISONS[self.sign](value, self.limit))

    def __str__(self) -> str:
        return f"{self.sign} {number(self.limit)}"


@dataclass(frozen=True)
class Figure:
    """``who`` was measured; a rival's figures have no bounds."""

    what: str
    value: float
    unit: str = ""
    must: Bound | None = None
    aim: Bound | None = None
    who: str = "Postino"
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether it reached what it must."""
        return self.must is None or self.must.holds(self.value)

    @property
    def verdict(self) -> str:
        """In one word."""
        if self.must is None:
            return ""
        if not self.kept:
            return "missed"
        return "aim" if self.aim and self.aim.holds(self.value) else "reached"


@dataclass(frozen=True)
class Result:
    """A case with its figures."""

    name: str
    title: str
    figures: tuple[Figure, ...]

    def value(self, what: str, who: str = "Postino") -> float:
        """One figure. Raises KeyError."""
        for figure in self.figures:
            if (figure.what, figure.who) == (what, who):
                return figure.value
        raise KeyError(what)


def number(value: float) -> str:
    """A figure with as many digits as it deserves."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
