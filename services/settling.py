"""Two people who change the same thing: only what each of them changed is written, and never over each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel

Settings = TypeVar("Settings", bound=BaseModel)


def settled(
    shown: Settings, chosen: Settings, now: Settings, together: Iterable[frozenset[str]] = ()
) -> Settings | None:
    """What holds after somebody who was shown ``shown`` chose ``chosen`` while ``now`` holds: only what they changed.

    Fields that are ``together`` count as one. None if somebody else has changed the same meanwhile, to something else.
    """
    names = {frozenset({name}) for name in type(now).model_fields if not any(name in some for some in together)}
    update: dict[str, object] = {}
    for some in (*names, *together):
        before, wanted, present = ({name: getattr(one, name) for name in some} for one in (shown, chosen, now))
        if wanted == before:
            continue
        if present not in (before, wanted):
            return None
        update |= wanted
    return now.model_copy(update=update)
