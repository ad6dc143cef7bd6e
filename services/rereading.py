"""Full addresses of rejected profiles: kept nowhere, read from the source again when somebody who may see them asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from services import access, audit
from services.access import Actor
from services.errors import NotFound
from services.hashing import Hasher
from services.rejects import listed_as
from services.sources import ProfileSource
from storage.database import Database
from storage.models import Run, RunReject
from storage.vault import Vault


class Found(NamedTuple):
    """A profile as the source has it now: its id in full, and what stands as its address."""

    profile: str
    address: str


def addresses(
    database: Database, vault: Vault, source: ProfileSource, actor: Actor, run: Run, rejects: Iterable[RunReject]
) -> dict[str, Found]:
    """What stands as the address of each rejected profile now, by its id as it is listed; whoever is gone has none.

    Raises NotAllowed unless the person may manage the destination, and what the source raises.
    """
    destination = run.destination
    access.require_manage(actor, destination)
    wanted = {row.profile_id for row in rejects}
    with database.write() as session:
        hash_profile = Hasher(vault.ledger_secret(session)).profiles(run.workspace_id)
    found: dict[str, Found] = {}
    for chosen in destination.segments:
        try:
            for batch in source.read(chosen.segment, [destination.email_attribute]):
                for profile, _, *values in batch:
                    if values[0] and (listed := listed_as(profile, hash_profile)) in wanted:
                        found[listed] = Found(profile, values[0])
        except NotFound:
            continue
    with database.write() as session:
        details = {"run": run.id, "people": len(found)}
        audit.record(session, actor, database.now(session), "rejects.addresses_read", destination.name, details)
    return found
