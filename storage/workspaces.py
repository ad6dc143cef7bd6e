"""The tenants. Tokens in the environment mean one workspace: the first Slack sign-in adopts what the command line made."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from storage.models import Connection, Ledger, LedgerTag, Workspace


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


def named_administrators(session: Session, workspace_id: int) -> list[str]:
    """The people whom administrators have named; nobody where there is no such workspace any more."""
    return session.scalar(select(Workspace.administrators).where(Workspace.id == workspace_id)) or []


def remove(session: Session, team_id: str) -> bool:
    """Forget everything of a Slack team, and the ledgers of Mailchimp accounts that no other workspace is connected to.

    That goes for accounts whose connection was removed before, too, as far as no destination has a tag there.

    Whether there was anything to forget. A run that is sending finds its row gone and stops.
    """
    workspace = session.scalar(select(Workspace).where(Workspace.slack_team_id == team_id))
    if workspace is None:
        return False
    accounts = set(session.scalars(select(Connection.account_id).where(Connection.workspace_id == workspace.id)))
    session.execute(delete(Workspace).where(Workspace.id == workspace.id))
    kept = set(session.scalars(select(Connection.account_id)))
    used = select(LedgerTag.ledger_id).where(LedgerTag.destination_id.is_not(None))
    left = and_(Ledger.account_id.not_in(kept), Ledger.id.not_in(used))
    session.execute(delete(Ledger).where(or_(Ledger.account_id.in_(accounts - kept), left)))
    return True
