"""Destinations as the exporter must know of each other."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.models import Connection, Destination


def older_on_audience(session: Session, destination: Destination) -> Sequence[Destination]:
    """The destinations of any workspace that export to the same audience of the same account and were saved before."""
    if destination.connection is None:
        return []
    statement = (
        select(Destination)
        .join(Connection, Connection.id == Destination.connection_id)
        .where(
            Connection.account_id == destination.connection.account_id,
            Destination.audience_id == destination.audience_id,
            Destination.id < destination.id,
        )
    )
    return session.scalars(statement).all()
