"""A connection's terms: who besides administrators may use it, and how many contacts exports may lift the account to."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from services.access import Sharing
from services.errors import Refused
from services.settling import settled
from storage.models import Connection


class Terms(BaseModel):
    """``people`` counts where the connection is shared with chosen ones; ``ceiling`` is None for no such limit."""

    model_config = ConfigDict(frozen=True)

    sharing: Sharing
    people: tuple[str, ...] = ()
    ceiling: int | None = None

    def after(self, shown: Terms, chosen: Terms) -> Terms | None:
        """These with what somebody who was shown others has changed; None if somebody else changed the same meanwhile."""
        return settled(shown, chosen, self, [frozenset({"sharing", "people"})])

    def exclude_somebody(self, before: Terms) -> bool:
        """Whether somebody who is no administrator might use the connection ``before`` and may not any more."""
        if self.sharing is Sharing.EVERYONE:
            return False
        return before.sharing is Sharing.EVERYONE or not set(before.people) <= set(self.people)


def terms(sharing: Sharing, people: tuple[str, ...], ceiling: int | None) -> Terms:
    """Terms without people that do not count."""
    return Terms(sharing=sharing, people=people if sharing is Sharing.PEOPLE else (), ceiling=ceiling)


def terms_of(connection: Connection) -> Terms:
    """The terms a connection has."""
    return terms(Sharing(connection.shared_with), tuple(connection.shared_people), connection.contact_ceiling)


def terms_after(connection: Connection, shown: Terms, chosen: Terms) -> Terms:
    """The connection's terms with what somebody who was shown some has changed of them.

    Raises Refused if somebody else changed the same meanwhile.
    """
    after = terms_of(connection).after(shown, chosen)
    if after is None:
        raise Refused(
            "Somebody else changed who may use {connection}, or its contact ceiling, meanwhile. What holds now is "
            "shown here; change it again if it is still needed.",
            connection=connection.name,
        )
    return after
