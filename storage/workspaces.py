"""The tenants. Tokens in the environment mean one workspace: the first Slack sign-in adopts what the command line made."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.models import Workspace


def home(session: Session, now: datetime) -> Workspace:
    """The workspace that the environment's tokens mean; made on first use, by the command line or by Slack."""
    workspace = session.scalar(select(Workspace).order_by(Workspace.id))
    if workspace is None:
        workspace = Workspace(name="Postino", administrators=[], created_at=now)
        session.add(workspace)
        session.flush()
    return workspace


def of_team(session: Session, team_id: str, name: str, now: datetime) -> Workspace | None:
    """The workspace of a Slack team; the first team to come adopts the one there is, later ones get None."""
    workspace = session.scalar(select(Workspace).where(Workspace.slack_team_id == team_id))
    if workspace is not None:
        return workspace
    adopted = home(session, now)
    if adopted.slack_team_id is not None:
        return None
    adopted.slack_team_id, adopted.name = team_id, name[:200]
    session.flush()
    return adopted
