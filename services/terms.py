"""A connection's terms: who besides administrators may use it, and how many contacts exports may lift the account to."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from services.access import Sharing
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
