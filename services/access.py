"""Who may do what. Asked at the click and again when the work is done.

An administrator may do everything. Whoever a connection is shared with is a contributor on it: creates destinations, runs, edits
and removes their own. Every other member of the workspace views. Guests and strangers see and do nothing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from services.errors import NotAllowed
from storage.models import Connection, Destination

COMMAND_LINE = "command-line"
"""The person recorded for what was done at the command line, where whoever has the machine is an administrator."""


class Standing(enum.StrEnum):
    """What somebody is in the workspace."""

    ADMINISTRATOR = "administrator"
    MEMBER = "member"
    STRANGER = "stranger"


class Sharing(enum.StrEnum):
    """Who may use a connection besides administrators."""

    ADMINS = "admins"
    PEOPLE = "people"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts in a workspace; ``person`` is a Slack user id or ``COMMAND_LINE``."""

    workspace_id: int
    person: str
    standing: Standing

    @property
    def is_administrator(self) -> bool:
        return self.standing is Standing.ADMINISTRATOR


class Permission(enum.StrEnum):
    """What somebody may do with a destination."""

    ADMINISTRATOR = "administrator"
    CONTRIBUTOR = "contributor"
    VIEWER = "viewer"


def may_use(actor: Actor, connection: Connection | None) -> bool:
    """Whether somebody may create destinations on a connection."""
    if actor.standing is Standing.STRANGER or connection is None or connection.workspace_id != actor.workspace_id:
        return False
    if actor.is_administrator or connection.shared_with == Sharing.EVERYONE:
        return True
    return connection.shared_with == Sharing.PEOPLE and actor.person in connection.shared_people


def may_manage(actor: Actor, destination: Destination) -> bool:
    """Whether somebody may run, edit and remove a destination: administrators all, contributors their own."""
    if destination.workspace_id != actor.workspace_id:
        return False
    own = destination.created_by == actor.person and may_use(actor, destination.connection)
    return actor.is_administrator or own


def may_export(actor: Actor, destination: Destination) -> bool:
    """Whether somebody may run a destination that can be run: one with a connection."""
    return destination.connection is not None and may_manage(actor, destination)


def maker(destination: Destination) -> str | None:
    """Who made a destination, if they may manage it without being an administrator."""
    person = destination.created_by
    as_member = Actor(destination.workspace_id, person, Standing.MEMBER)
    return person if person != COMMAND_LINE and may_manage(as_member, destination) else None


def permission(actor: Actor, destination: Destination) -> Permission:
    """What a member of the workspace may do with a destination, in one word."""
    if not may_manage(actor, destination):
        return Permission.VIEWER
    return Permission.ADMINISTRATOR if actor.is_administrator else Permission.CONTRIBUTOR


def require_member(actor: Actor) -> None:
    """Raises ``NotAllowed`` for guests and people from other workspaces."""
    if actor.standing is Standing.STRANGER:
        raise NotAllowed("Guests and people from other workspaces cannot use Postino. Ask a member of this workspace.")


def require_administrator(actor: Actor) -> None:
    """Raises ``NotAllowed`` for everybody but administrators."""
    require_member(actor)
    if not actor.is_administrator:
        raise NotAllowed("Only administrators may do this. Ask an admin or owner of this Slack workspace.")


def require_use(actor: Actor, connection: Connection) -> None:
    """Raises ``NotAllowed`` unless the connection is shared with the person."""
    require_member(actor)
    if not may_use(actor, connection):
        raise NotAllowed(
            "The connection {connection} is not shared with you. Ask an administrator to share it.",
            connection=connection.name,
        )


def require_manage(actor: Actor, destination: Destination) -> None:
    """Raises ``NotAllowed`` unless the destination is the person's own and its connection is shared with them."""
    require_member(actor)
    if may_manage(actor, destination):
        return
    if destination.created_by == actor.person and destination.connection is not None:
        raise NotAllowed(
            "The connection {connection} of {destination} is not shared with you any more. "
            "Ask an administrator to share it.",
            connection=destination.connection.name,
            destination=destination.name,
        )
    raise NotAllowed(
        "Only administrators and the person who created {destination} may do this. Ask an administrator.",
        whom=maker(destination),
        destination=destination.name,
    )
