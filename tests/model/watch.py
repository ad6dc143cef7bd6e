"""Looks at the audience before and after every writing call, and knows nothing of how the exporter works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.journal import Entry
from sandbox.mailchimp.records import digest_of
from tests.model.source import TinySource

MAPPED = {"FNAME": "FirstName", "LNAME": "LastName"}
OUT = ("unsubscribed", "archived")
"""Whoever stands so under one address is not to be added under another before a person decides."""
LONGEST = 255
"""Characters of a merge field's value that are sent (all values here are ASCII)."""


class Broken(AssertionError):
    """A promise of the exporter was broken."""


class Crashed(AssertionError):
    """The exporter fell over."""


class Shown(NamedTuple):
    """One contact as it truly is."""

    address: str
    status: str
    values: Mapping[str, Any]
    tags: frozenset[int]


@dataclass
class Wish:
    """What the source wants for one address: everyone who shares it counts, the lowest profile id gives the values."""

    profiles: list[str]
    segments: set[str]
    consents: bool
    values: dict[str, str]


def folded(address: str) -> str:
    """How addresses are compared."""
    return address.strip().lower()


def usable(address: str) -> bool:
    """Whether an address of the tests' own pool can be written to."""
    return "@" in address


def wishes(source: TinySource, segments: list[str]) -> dict[str, Wish]:
    """By address, for everybody in the chosen segments whose address can be used."""
    found: dict[str, Wish] = {}
    chosen = sorted({profile for name in segments for profile in source.members[name]})
    for profile in chosen:
        customer = source.customers[profile]
        if not usable(customer.email):
            continue
        values = {tag: customer.value(name)[:LONGEST] for tag, name in MAPPED.items()}
        wish = found.setdefault(folded(customer.email), Wish([], set(), True, values))
        wish.profiles.append(profile)
        wish.segments |= {name for name in segments if profile in source.members[name]}
        wish.consents = wish.consents and customer.consents
    return found


def look(audience: Audience) -> dict[str, Shown]:
    """Everybody by contact id, which stays when an address changes."""
    return {
        audience.contact_id(member): Shown(
            member.address, member.status, audience.values_of(member), frozenset(member.tags)
        )
        for member in audience.everyone()
    }


@dataclass
class Watch:
    """``tag_names`` are the destination's tags by segment. ``own`` are the tags that Postino's own calls have made.

    ``moved`` maps former addresses to contact ids, and ``left`` holds those of them that Postino knew. ``had`` are the
    addresses under which Postino must have known each profile, ``tried`` those under which it may; ``decided`` is what people
    have said about new addresses. ``erased`` are the profiles that Postino must know to be forgotten, ``perhaps_erased`` those
    that it may.
    """

    audience: Audience
    source: TinySource
    counts: Counter[str]
    tag_names: dict[str, str] = field(default_factory=dict)
    own: dict[int, str] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    changed_at: dict[str, float] = field(default_factory=dict)
    had: dict[str, set[str]] = field(default_factory=dict)
    tried: dict[str, set[str]] = field(default_factory=dict)
    decided: dict[str, bool] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    perhaps_erased: set[str] = field(default_factory=set)
    ignorance: float = 0.0
    run_began: float = 0.0
    writes: list[str] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)

    def remember(self) -> None:
        """A run has ended well: whoever was there when it began, and whom no lag could hide, is known to Postino."""
        if self.ignorance:
            return
        seen = {
            folded(shown.address)
            for contact, shown in look(self.audience).items()
            if self.changed_at.get(contact, 0.0) < self.run_began
        }
        self.known |= seen
        for address, wish in wishes(self.source, list(self.tag_names)).items():
            for profile in wish.profiles:
                if address in seen and address not in self.forgotten:
                    self.had.setdefault(profile, set()).add(address)

    def try_profiles(self) -> None:
        """A run begins: under these addresses Postino may know the profiles from now on."""
        for address, wish in wishes(self.source, list(self.tag_names)).items():
            for profile in wish.profiles:
                self.tried.setdefault(profile, set()).add(address)

    def forget(self, address: str) -> None:
        """Postino was asked to forget an address, and with it the profiles that have it now."""
        self.forgotten.add(address)
        self.decided.pop(address, None)
        for profile, customer in self.source.customers.items():
            self.had.get(profile, set()).discard(address)
            if folded(customer.email) == address:
                self.had.pop(profile, None)
                self.erased.add(profile)
            if folded(customer.email) == address or address in self.tried.get(profile, ()):
                self.perhaps_erased.add(profile)

    def may_wait(self, address: str, wish: Wish) -> bool:
        """Whether somebody at a new address may have left under another one, as the audience is now, or was forgotten."""
        if self.perhaps_erased.intersection(wish.profiles):
            return True
        former = {one for profile in wish.profiles for one in self.tried.get(profile, ())} - {address}
        return any(self._has_left(one) for one in former)

    def _has_left(self, address: str) -> bool:
        member = self.audience.find(address)
        if member is None:
            return digest_of(address) in self.audience.forgotten or address in self.moved
        return member.status in OUT

    def _check_decided(self, address: str, wish: Wish) -> None:
        if self.decided.get(address) is False:
            raise Broken(f"{address} was added, whom somebody decided to keep out")
        if self.erased.intersection(wish.profiles) and not self.decided.get(address):
            raise Broken(f"{address} was added, though its profile was forgotten under another address")
        former = {one for profile in wish.profiles for one in self.had.get(profile, ())} - {address}
        for contact, shown in self._before.items():
            out = folded(shown.address) in former and shown.status in OUT and not self._excused(contact)
            if out and not self.decided.get(address):
                raise Broken(f"{address} was added, though the same profile is {shown.status} as {shown.address}")

    def begin(self) -> None:
        """Look at everything again: people have just acted, or a call begins."""
        self._before = look(self.audience)
        self._tags_before = set(self.audience.tags)

    def end(self, entry: Entry) -> None:
        """Judge one call. Raises Broken."""
        for kind in entry.fault.split(","):
            if kind:
                self.counts[f"fault {kind}"] += 1
        if entry.method == "GET":
            if entry.path.endswith("/members") and self.audience._lagging:
                self.counts["page that lags behind"] += 1
            return
        self.writes.append(f"{entry.method} {entry.path}")
        self._forbidden(entry)
        for tag_id in set(self.audience.tags) - self._tags_before:
            self.own[tag_id] = self.audience.tags[tag_id].name
        after = look(self.audience)
        wanted = wishes(self.source, list(self.tag_names))
        for contact, shown in after.items():
            before = self._before.get(contact)
            if before is None:
                self._check_new(shown, wanted.get(folded(shown.address)))
            elif before != shown:
                self._check_changed(contact, before, shown, wanted.get(folded(shown.address)))
        for contact in self._before.keys() - after.keys():
            raise Broken(f"{self._before[contact].address} was deleted")

    def _forbidden(self, entry: Entry) -> None:
        """The calls that are never made, whatever they would do here."""
        body = entry.request if isinstance(entry.request, dict) else {}
        if body.get("update_existing") and any("status" in one for one in body.get("members", ())):
            raise Broken("a bulk call that may change a status")
        if body.get("sync_tags"):
            raise Broken("a bulk call with sync_tags")
        if entry.method in ("DELETE", "PUT") or (entry.method == "PATCH" and "/segments/" in entry.path):
            raise Broken(f"a {entry.method} of {entry.path}")
        if entry.path.endswith("delete-permanent"):
            raise Broken("somebody was permanently deleted")

    def segment_of(self, tag_id: int) -> str | None:
        """The segment that one of Postino's tags carries."""
        name = self.own.get(tag_id, "").casefold()
        return next((segment for segment, tag in self.tag_names.items() if tag.casefold() == name), None)

    def tag_of(self, segment: str) -> int | None:
        """The tag that carries a segment now; None if there is none."""
        found = [tag for tag in self.own if tag in self.audience.tags and self.segment_of(tag) == segment]
        return min(found, default=None)  # one that its old name made after others had renamed it is not the one

    def own_segments(self, shown: Shown) -> set[str]:
        """The segments whose tags somebody holds."""
        return {segment for tag in shown.tags if tag in self.own and (segment := self.segment_of(tag))}

    def strays(self, shown: Shown) -> set[int]:
        """Tags that Postino made and that carry no segment, because it follows another one."""
        carrying = {self.tag_of(segment) for segment in self.tag_names}
        return {tag for tag in shown.tags if tag in self.own and tag not in carrying}

    def _check_new(self, shown: Shown, wish: Wish | None) -> None:
        if wish is None or not wish.consents:
            raise Broken(f"{shown.address} was added, whom no segment wants")
        if folded(shown.address) in self.forgotten:
            raise Broken(f"{shown.address} was added after being forgotten")
        address = folded(shown.address)
        if address in self.left and self.moved[address] in self._before:
            raise Broken(f"{shown.address} was added, though the contact is there under another address")
        self._check_decided(address, wish)
        self._check_tags(Shown(shown.address, shown.status, {}, frozenset()), shown, wish)
        for tag in MAPPED:
            if shown.values[tag] != wish.values[tag]:
                raise Broken(f"{shown.address} was added with {tag} {shown.values[tag]!r}")

    def _check_changed(self, contact: str, before: Shown, shown: Shown, wish: Wish | None) -> None:
        who = shown.address
        if before.status != shown.status:
            raise Broken(f"{who} was {before.status} and is {shown.status} now")
        if before.address != shown.address:
            raise Broken(f"the address of {before.address} was changed")
        for tag, value in shown.values.items():
            if before.values.get(tag, "") != value:
                if tag not in MAPPED:
                    raise Broken(f"{who}: the unmapped field {tag} was changed")
                if not value or wish is None or wish.values[tag] != value:
                    raise Broken(f"{who}: {tag} became {value!r}")
                if not wish.consents or folded(who) in self.forgotten:
                    raise Broken(f"{who} was updated against their will")
        if shown.status != "subscribed" and not self._excused(contact):
            if before.values != shown.values:
                raise Broken(f"{who}, who is {shown.status}, was written to")
            if shown.tags - before.tags:
                raise Broken(f"{who}, who is {shown.status}, was tagged")
        self._check_tags(before, shown, wish)

    def _check_tags(self, before: Shown, shown: Shown, wish: Wish | None) -> None:
        for tag in before.tags ^ shown.tags:
            if tag not in self.own:
                raise Broken(f"{shown.address}: somebody else's tag {tag} was changed")
            segment = self.segment_of(tag)
            if tag in before.tags and tag in self.strays(before):
                continue
            wanted = wish is not None and wish.consents and segment in wish.segments
            if wanted is not (tag in shown.tags):
                raise Broken(f"{shown.address}: the tag of {segment} was {'taken off' if wanted else 'put on'}")

    def _excused(self, contact: str) -> bool:
        """Whether no page could tell yet how somebody stands: it changed in this run, or pages lag behind."""
        return self.changed_at.get(contact, 0.0) >= self.run_began - self.ignorance
