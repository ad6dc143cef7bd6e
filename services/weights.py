"""Which segments of an export weigh most: what there is to choose by when a limit was exceeded."""

from __future__ import annotations

from typing import NamedTuple

from services.errors import PostinoError
from services.sources import ProfileSource
from storage.models import Run

MOST = 5
"""How many segments are named."""


class Weight(NamedTuple):
    """How many profiles a segment holds, under the name people know."""

    segment: str
    profiles: int


def heaviest(source: ProfileSource, run: Run) -> tuple[Weight, ...]:
    """The run's largest segments, by its plan if it got that far, else by the source; none if that cannot be read now."""
    try:
        known = {one.name: one for one in source.segments()}
    except PostinoError:
        known = {}
    planned = {one["segment"]: one["profiles"] for one in run.plan.get("segments", ())}
    chosen = planned or {one.segment for one in run.destination.segments} & known.keys()
    weights = [
        Weight(
            known[name].display_name if name in known else name, planned[name] if planned else known[name].profile_count
        )
        for name in chosen
    ]
    return tuple(sorted(weights, key=lambda one: -one.profiles)[:MOST])
