"""Who is an administrator besides Slack's admins and owners: the people whom administrators have named.

Whoever is named or no longer named is asked for anew at every act, so that it counts at once, also for what was begun before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services import access, audit
from services.access import Actor, Standing
from services.errors import InvalidInput, Refused
from storage.database import Database
from storage.models import Workspace

NAMED, UNNAMED = "administrator.named", "administrator.unnamed"
MOST = 100
"""How many people can be named."""
NAMES = 10
"""How many are told of those who cannot be."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who is to be named: what they are in the workspace, and what they are called there."""

    standing: Standing
    name: str


class Overtaken(Refused):
    """Somebody else has changed what was to be changed."""


@dataclass
class Administrators:
    """The people named in each workspace, by their Slack ids."""

    database: Database

    def named(self, actor: Actor) -> list[str]:
        """Whom administrators have named. Raises NotAllowed for everybody but administrators."""
        access.require_administrator(actor)
        with self.database.read() as session:
            return list(session.get_one(Workspace, actor.workspace_id).administrators)

    def name(
        self, actor: Actor, people: Sequence[str], shown: Sequence[str], candidate: Callable[[str], Candidate]
    ) -> list[str]:
        """Let these people be administrators and nobody else whom administrators have named; who they are now.

        ``shown`` are those the choice was made from. ``candidate`` is asked about everybody who is new. Raises NotAllowed,
        InvalidInput for guests, bots and people who have left, and Overtaken if others are named by now than were shown.
        """
        access.require_administrator(actor)
        chosen = list(dict.fromkeys(people))
        if len(chosen) > MOST:
            raise InvalidInput("At most {most} people can be named.", field="named", most=MOST)
        self._require_members([candidate(one) for one in chosen if one not in shown])
        with self.database.write() as session:
            workspace = session.get_one(Workspace, actor.workspace_id, with_for_update=True)
            before = list(workspace.administrators)
            if set(before) != set(shown):
                raise Overtaken(
                    "Somebody else has changed who is named since this was opened. Nothing of yours was saved; look at "
                    "the names as they are now and save again."
                )
            workspace.administrators = chosen
            now = self.database.now(session)
            for action, changed, than in ((NAMED, chosen, before), (UNNAMED, before, chosen)):
                for person in changed:
                    if person not in than:
                        audit.record(session, actor, now, action, person)
        return chosen

    def _require_members(self, candidates: Sequence[Candidate]) -> None:
        strangers = [one.name for one in candidates if one.standing is Standing.STRANGER]
        if strangers:
            raise InvalidInput(
                "Guests, bots, and people of other workspaces or who have left cannot be administrators: {people}. "
                "Choose members of this workspace.",
                field="named",
                people=", ".join(strangers[:NAMES]),
            )
