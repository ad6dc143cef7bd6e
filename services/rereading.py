"""Full addresses of rejected profiles: kept nowhere, read from the source again when somebody who may see them asks."""

from __future__ import annotations

from collections.abc import Iterable

from services import access, audit
from services.access import Actor
from services.errors import NotFound
from services.sources import ProfileSource
from storage.database import Database
from storage.models import Run, RunReject


def addresses(
    database: Database, source: ProfileSource, actor: Actor, run: Run, rejects: Iterable[RunReject]
) -> dict[str, str]:
    """What stands as the address of each rejected profile now, by profile id; whoever is gone has none.

    Raises NotAllowed unless the person may manage the destination, and what the source raises.
    """
    destination = run.destination
    access.require_manage(actor, destination)
    wanted = {row.profile_id for row in rejects}
    found: dict[str, str] = {}
    for chosen in destination.segments:
        try:
            for batch in source.read(chosen.segment, [destination.email_attribute]):
                found |= {profile: values[0] for profile, _, *values in batch if profile in wanted and values[0]}
        except NotFound:
            continue
    with database.write() as session:
        details = {"run": run.id, "people": len(found)}
        audit.record(session, actor, database.now(session), "rejects.addresses_read", destination.name, details)
    return found
