"""Full addresses of rejected profiles: kept nowhere, read from the source again when somebody who may see them asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from services import access, audit
from services.access import Actor
from services.errors import NotFound
from services.hashing import Hasher
from services.rejects import listed_as
from services.scratch import Scratch
from services.sources import ProfileSource
from storage import runs
from storage.database import Database
from storage.models import Run
from storage.vault import Vault


class Found(NamedTuple):
    """A profile as the source has it now: its id in full, and what stands as its address."""

    profile: str
    address: str


Find = Callable[[Sequence[str]], Mapping[str, Found]]
"""What the source has of some rejected profiles, by their ids as they are listed; whoever is gone has nothing."""


@contextmanager
def addresses(
    database: Database, vault: Vault, source: ProfileSource, actor: Actor, run: Run, scratch_folder: Path
) -> Iterator[Find]:
    """What stands as the address of a run's rejected profiles now, on scratch paper: there may be a million.

    Raises NotAllowed unless the person may manage the destination, and what the source raises.
    """
    destination = run.destination
    access.require_manage(actor, destination)
    with database.write() as session:
        hash_profile = Hasher(vault.ledger_secret(session)).profiles(run.workspace_id)
    with Scratch(scratch_folder) as scratch:
        for chosen in destination.segments:
            try:
                for batch in source.read(chosen.segment, [destination.email_attribute]):
                    rows = ((profile, values[0]) for profile, _, *values in batch)
                    read = {listed_as(one, hash_profile): Found(one, address) for one, address in rows if address}
                    with database.read() as session:
                        wanted = runs.those_rejected(session, run.id, list(read))
                    scratch.add("found", [(listed, *read[listed]) for listed in wanted], 3)
            except NotFound:
                continue
        [(people,)] = scratch.query("SELECT count(*) FROM found")
        with database.write() as session:
            details = {"run": run.id, "people": people}
            audit.record(session, actor, database.now(session), "rejects.addresses_read", destination.name, details)

        def find(listed: Sequence[str]) -> dict[str, Found]:
            marks = ", ".join("?" * len(listed))
            rows = scratch.query(f"SELECT * FROM found WHERE listed IN ({marks})", tuple(listed))  # noqa: S608 - only marks
            return {one: Found(profile, address) for one, profile, address in rows}

        yield find
