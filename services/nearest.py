"""Which destination somebody means who typed a name that no destination has."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from services.errors import NotFound
from storage.models import Destination

ALIKE = 0.4
"""How much a name must resemble what was typed, from 0 to 1."""


class NoSuchDestination(NotFound):
    """No destination has the name that was ``typed``; ``nearest`` is the one that was meant most likely, if there is one.

    ``several`` says that others have every word typed in their names, too.
    """

    def __init__(self, typed: str, among: Sequence[Destination]) -> None:
        words = typed.casefold().split()
        having = [one for one in among if words and all(word in one.name.casefold() for word in words)]
        self.typed, self.several = typed, len(having) > 1
        self.nearest = _most_alike(typed, having, 0.0) or _most_alike(typed, among, ALIKE)
        if self.nearest is None:
            super().__init__("There is no destination called {name}.", name=typed)
        else:
            super().__init__(
                "There is no destination called {name}. Did you mean {nearest}?", name=typed, nearest=self.nearest.name
            )


def _most_alike(typed: str, among: Sequence[Destination], alike: float) -> Destination | None:
    names = {one.name.casefold(): one for one in among}
    found = get_close_matches(typed.casefold(), names, n=1, cutoff=alike)
    return names[found[0]] if found else None
