"""A source in memory: the customers and segments of a tiny shop, changed by a test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from services.errors import NotFound
from services.sources import Attribute, Hidden, Membership, RefreshMarker, Segment

ATTRIBUTES = ("EMail", "FirstName", "LastName", "Subscriber")


@dataclass
class Customer:
    """One profile as the source shows it."""

    email: str
    first: str
    last: str
    consents: bool = True

    def value(self, attribute: str) -> str:
        """The value of one attribute."""
        return {
            "EMail": self.email,
            "FirstName": self.first,
            "LastName": self.last,
            "Subscriber": "true" if self.consents else "false",
        }[attribute]


@dataclass
class TinySource:
    """Fulfils ``ProfileSource``. A segment in ``torn`` is cut off after one row, as a refresh under way would leave it."""

    customers: dict[str, Customer] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    torn: set[str] = field(default_factory=set)
    refresh: int = 1
    name: str = "Tiny"

    def segments(self) -> list[Segment]:
        return [Segment(name, name, len(set(profiles))) for name, profiles in sorted(self.members.items())]

    def hidden(self) -> list[Hidden]:
        return []

    def attributes(self) -> list[Attribute]:
        return [Attribute(name, "string", 1.0) for name in ATTRIBUTES]

    def sample(self, attributes: Sequence[str], limit: int) -> list[tuple[str | None, ...]]:
        chosen = list(self.customers.values())[:limit]
        return [tuple(customer.value(name) for name in attributes) for customer in chosen]

    def count_distinct(self, segments: Sequence[str]) -> int:
        return len({profile for name in segments for profile in self.members[name]})

    def read(self, segment: str, attributes: Sequence[str]) -> _Reader:
        if segment not in self.members:
            raise NotFound("There is no segment {segment}.", segment=segment)
        profiles = self.members[segment]
        return _Reader(self, profiles[:1] if segment in self.torn else profiles, attributes)

    def find(self, attribute: str, value: str) -> list[tuple[str, list[str]]]:
        wanted = value.strip().casefold()
        return [
            (profile, [name for name, profiles in self.members.items() if profile in profiles])
            for profile, customer in self.customers.items()
            if customer.value(attribute).strip().casefold() == wanted
        ]

    def refresh_marker(self) -> RefreshMarker:
        return RefreshMarker(str(self.refresh), None)


@dataclass
class _Reader:
    source: TinySource
    profiles: Sequence[str]
    attributes: Sequence[str]
    broken: int = 0
    unreadable_profiles: None = None

    def __iter__(self) -> Iterator[Sequence[Membership]]:
        yield [self._row(profile) for profile in self.profiles]

    def _row(self, profile: str) -> Membership:
        customer = self.source.customers.get(profile)
        values = [customer.value(name) if customer else None for name in self.attributes]
        return (profile, customer is not None, *values)
