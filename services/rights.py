"""By whose right a run is carried out: asked when its execution begins, because much may have changed since the click."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from services import access
from services.access import Actor, Standing
from services.errors import NotAllowed
from services.runs import require_consent
from services.schedules import SCHEDULE
from services.workflows import WORKFLOW
from storage.models import Destination, Run

MANUAL = "manual"
"""The schedule of what is exported when somebody starts it."""

StandingOf = Callable[[int, str], Standing | None]
"""What somebody is in a workspace now, by its id and theirs; None for whoever is no person there, such as the command line,
and where nobody can tell."""


class Lapse(enum.StrEnum):
    """Why whoever agreed to a destination's statement does not stand for its schedule any more."""

    UNSHARED = "unshared"
    LEFT = "left"


def _nobody_can_tell(_workspace_id: int, _person: str) -> Standing | None:
    return None


@dataclass
class Rights:
    """Whether runs may be carried out. ``standing_of`` is set once there is somebody to ask: Slack."""

    standing_of: StandingOf = _nobody_can_tell

    def lapse(self, destination: Destination) -> Lapse | None:
        """Why the destination's schedule would be refused: who agreed to the statement may not use its connection any more.

        None where they may, and for a destination without a schedule or connection. May ask who they are.
        """
        if destination.connection is None or destination.schedule == MANUAL:
            return None
        standing = self.standing_of(destination.workspace_id, destination.consent_by)
        if standing is None:
            return None
        if standing is Standing.STRANGER:
            return Lapse.LEFT
        agreed = Actor(destination.workspace_id, destination.consent_by, standing)
        return None if access.may_use(agreed, destination.connection) else Lapse.UNSHARED

    def require(self, run: Run) -> None:
        """Raises NotAllowed if whoever stands for the run may not do so any more, Refused if the statement has changed.

        For a run that a person approved it is that person, else who asked for it. For a scheduled one it is who agreed to
        the statement last: the data is sent on their instruction. A verification only puts back what was allowed. Where
        nobody can tell what they are now, what was found when the run was asked for counts.
        """
        destination, connection = run.destination, run.destination.connection
        if run.verifies is not None or connection is None:
            return
        require_consent(destination)
        if run.trigger == WORKFLOW and not destination.in_workflows:
            raise NotAllowed(
                "{destination} may not be exported by workflows. Ask an administrator to allow it with /postino policies.",
                destination=destination.name,
            )
        scheduled = run.trigger == SCHEDULE and run.approved_by is None
        person = run.approved_by or (destination.consent_by if scheduled else run.requested_by)
        standing = self.standing_of(run.workspace_id, person)
        if standing is None:
            return
        actor = Actor(run.workspace_id, person, standing)
        if scheduled and not access.may_use(actor, connection):
            raise NotAllowed(
                "Whoever agreed to the statement for {destination} may not use the connection {connection} any more. "
                "Share it with them, or let an administrator edit the destination and agree to the statement.",
                destination=destination.name,
                connection=connection.name,
            )
        if not scheduled and not access.may_manage(actor, destination):
            raise NotAllowed(
                "Whoever asked for this export may not export {destination} any more. Ask an administrator to do it.",
                destination=destination.name,
            )
