"""Faults planted in the exporter, each with a short history in which it does harm.

A fault is a patch from outside: the product has no switch for any of them. A history drives a town and judges it like the
model does; played without its fault it passes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from sandbox.mailchimp import acts
from services import acknowledging, applying, guarding, mailing, moving, observing, planning, rules, tagging
from services.acknowledging import Acknowledging
from services.actions import Action, Target
from services.hashing import VALUE_BYTES
from services.mailchimp.client import Call, Client
from services.mailing import Status
from services.plans import positions
from services.reckoning import Reckoning
from storage import tombstones
from tests.model.quiet import check_audience, settle
from tests.model.town import Town

BULK = "/lists/[0-9a-f]+"
Patch = AbstractContextManager[Any]


@dataclass(frozen=True)
class Planted:
    """One fault: ``plant`` gives the patches, ``history`` is where it must show, as ``harm`` where it says what is to be seen."""

    name: str
    plant: Callable[[], Sequence[Patch]]
    history: Callable[[Town], None]
    harm: str = ""


# Histories


def _people(town: Town, *names: str, segment: str = "VIP") -> None:
    """Profiles called like their addresses, all in one segment."""
    for name in names:
        town.customer(name, f"{name}@example.com", name.title())
    town.source.members[segment] = list(names)


def plain(town: Town) -> None:
    """Three people are exported; the first run must already be right."""
    _people(town, "ann", "bob", "cat")
    town.open()
    town.export()
    check_audience(town)
    settle(town)


def without_bulk_tags(town: Town) -> None:
    """The same where Mailchimp ignores tags in the bulk call."""
    town.world.switches.set(bulk_tags="ignored")
    plain(town)


def unsubscribed_in_mid_run(town: Town) -> None:
    """An admin unsubscribes Ann just before her new name arrives."""
    _people(town, "ann")
    town.open()
    town.export()
    town.customer("ann", "ann@example.com", "Anna")
    town.world.faults.before_call(1, lambda: _unsubscribed_now(town), method="PATCH")
    town.export()
    settle(town)


def _unsubscribed_now(town: Town) -> None:
    member = town.audience.find("ann@example.com")
    assert member is not None
    town.watch.changed_at[town.audience.contact_id(member)] = town.world.now_exact()
    acts.unsubscribe(town.audience, "ann@example.com", by="admin")
    town.watch.begin()


def unsubscribed_before(town: Town) -> None:
    """Ann unsubscribed long ago and has another name in the source."""
    acts.add(town.audience, "ann@example.com", "unsubscribed", FNAME="Old")
    town.clock.forward(days=1)
    plain(town)


def archived_before(town: Town) -> None:
    """Ann was archived long ago."""
    acts.add(town.audience, "ann@example.com", "archived", FNAME="Old")
    town.clock.forward(days=1)
    plain(town)


def edited_while_pages_lag(town: Town) -> None:
    """A field is edited by hand, and no page shows it before the next run has looked."""
    _people(town, "ann")
    town.open()
    town.export()
    town.clock.forward(hours=3)
    town.export()
    town.world.switches.set(visibility_delay=600.0)
    acts.edit(town.audience, "ann@example.com", FNAME="Hand")
    town.clock.forward(minutes=1)
    town.export()
    settle(town)


def edited_by_hand(town: Town) -> None:
    """A field is edited by hand."""
    _people(town, "ann")
    town.open()
    town.export()
    town.clock.forward(minutes=5)
    acts.edit(town.audience, "ann@example.com", FNAME="Hand")
    settle(town)


def joined_in_mid_run(town: Town) -> None:
    """Bob signs up by himself just before he is inserted."""
    _people(town, "bob")
    town.open()
    town.world.faults.before_call(1, lambda: _joined_now(town), method="POST", path=BULK)
    town.export()
    check_audience(town)
    settle(town)


def _joined_now(town: Town) -> None:
    acts.add(town.audience, "bob@example.com", FNAME="Robert")
    town.watch.begin()


def torn_source(town: Town) -> None:
    """The source gives only the first row of a segment."""
    _people(town, "ann", "bob", "cat")
    town.open()
    town.export()
    town.source.torn.add("VIP")
    town.export()
    town.source.torn.clear()
    settle(town)


def death_between_inserts(town: Town) -> None:
    """The process dies when the second bulk call was committed; the next attempt goes on."""
    _people(town, "ann", "bob", "cat")
    town.open()
    town.world.faults.before_call(2, lambda: town.database.die(0, after=True), method="POST", path=BULK)
    town.export(dies_at=(10_000, True))
    town.export()
    settle(town)


def tag_made_by_others(town: Town) -> None:
    """Others make a tag of that name before the first run."""
    _people(town, "ann")
    town.open()
    acts.add(town.audience, "bob@example.com", tags=["VIP"])
    town.export()
    settle(town)


def forgotten_person(town: Town) -> None:
    """Ann asked to be forgotten, and comes with the next refresh as another profile."""
    _people(town, "ann", "bob")
    town.open()
    town.forget("ann@example.com")
    _people(town, "anna", "bob")
    town.customer("anna", "ann@example.com", "Ann")
    town.export()
    settle(town)


def forgotten_profile(town: Town) -> None:
    """Ann asked to be forgotten, and her profile comes with another address."""
    _people(town, "ann", "bob")
    town.open()
    town.forget("ann@example.com")
    town.customer("ann", "ann@new.example.com", "Ann")
    town.export()
    settle(town)


def withdrawn_consent(town: Town) -> None:
    """Ann shares her address with a profile that refuses mail."""
    _people(town, "ann", "bob")
    town.customer("cat", "ANN@example.com", "Cat", consents=False)
    town.source.members["Coffee"] = ["cat"]
    town.open()
    town.export()
    settle(town)


def emptied_value(town: Town) -> None:
    """A last name is empty now while the first has changed."""
    _people(town, "ann")
    town.open()
    town.export()
    town.customer("ann", "ann@example.com", "Anna", "")
    town.export()
    settle(town)


def tag_taken_off_by_hand(town: Town) -> None:
    """Our tag is taken off by hand."""
    _people(town, "ann", "bob")
    town.open()
    town.export()
    town.clock.forward(minutes=5)
    acts.untag(town.audience, "ann@example.com", "VIP")
    settle(town)


def changed_address_of_somebody_who_left(town: Town) -> None:
    """Ann unsubscribes and gets another address in the source before the next run."""
    _people(town, "ann", "bob")
    town.open()
    town.export()
    town.clock.forward(minutes=5)
    _unsubscribed_now(town)
    town.clock.forward(hours=2)
    town.customer("ann", "ann@new.example.com", "Ann")
    town.export()
    settle(town)


# Faults


def _on_the_wire(change: Callable[[Call], dict[str, Any]]) -> Sequence[Patch]:
    """Change the bodies of calls just before they are sent."""
    once = Client.once

    def changed(client: Client, call: Call, **options: Any) -> Any:
        more = change(call)
        if more and isinstance(call.body, dict):
            call = dataclasses.replace(call, body=call.body | more)
        return once(client, call, **options)

    return [patch.object(Client, "once", changed)]


def _bulk(call: Call) -> bool:
    return isinstance(call.body, dict) and "members" in call.body


def _update_with_a_status() -> Sequence[Patch]:
    return _on_the_wire(lambda call: {"status": "subscribed"} if call.method == "PATCH" else {})


def _sync_tags() -> Sequence[Patch]:
    return _on_the_wire(lambda call: {"sync_tags": True} if _bulk(call) else {})


def _update_existing() -> Sequence[Patch]:
    return _on_the_wire(lambda call: {"update_existing": True} if _bulk(call) else {})


def _tag_before_member() -> Sequence[Patch]:
    def send(self: applying.Applying, chunk: Sequence[Action]) -> mailing.BulkAnswer:
        for position, tag_id in self._tags.ids.items():
            wanted = [one.address for one in chunk if one.segments >> position & 1]
            self._service.change_tag(self._target.audience_id, tag_id, wanted, [])
        members = [mailing.NewMember(one.address, self._target.fields_of(one), ()) for one in chunk]
        answer = self._service.insert(self._target.audience_id, members)
        tags = tuple(self._tags.ids.values())
        shown = tuple(member._replace(tags=tags) for member in answer.members)
        return dataclasses.replace(answer, members=shown)

    return [patch.object(applying.Applying, "_send_inserts", send)]


def _no_overlap_of_windows() -> Sequence[Patch]:
    return [patch.object(observing, "SAFETY", timedelta(0))]


def _archived_pass_skipped() -> Sequence[Patch]:
    members = observing.Observer._pass

    def skip(self: observing.Observer, status: Status | None, *arguments: Any) -> Any:
        return members(self, None, *arguments) if status is None else None

    return [patch.object(observing.Observer, "_pass", skip)]


def _exists_taken_for_success() -> Sequence[Patch]:
    settle_inserts = applying.Applying._settle_inserts

    def trusting(self: applying.Applying, chunk: Sequence[Action], answer: mailing.BulkAnswer) -> None:
        sent = {one.address: one for one in chunk}
        members = [
            mailing.Member(
                error.address,
                Status.SUBSCRIBED,
                self._acknowledged.now(),
                self._target.fields_of(sent[error.address]),
                tuple(self._tags.ids[position] for position in positions(sent[error.address].segments)),
                "",
                "",
            )
            for error in answer.errors
            if error.reason is mailing.Reason.EXISTS
        ]
        settle_inserts(self, chunk, mailing.BulkAnswer((*answer.members, *members), ()))

    return [patch.object(applying.Applying, "_settle_inserts", trusting)]


def _partial_snapshot_removes() -> Sequence[Patch]:
    return [patch.object(guarding, "_why_held", lambda *_: None)]


def _attempt_counted_twice() -> Sequence[Patch]:
    start, begin = Reckoning.__init__, Reckoning.begin
    earlier: dict[str, int] = {}

    def remembering(self: Reckoning, run: Any, *arguments: Any) -> None:
        start(self, run, *arguments)
        earlier.clear()
        earlier.update(run.counters)

    def again(self: Reckoning, plan: Any) -> None:
        begin(self, plan)
        self.counters.classes[rules.Class.NEW] += earlier.get("new", 0)

    return [patch.object(Reckoning, "__init__", remembering), patch.object(Reckoning, "begin", again)]


def _want_not_cleared() -> Sequence[Patch]:
    merge_got = rules.merge_got

    def keeping(packed: bytes, got: bytes) -> bytes:
        merged, size = bytearray(merge_got(packed, got)), VALUE_BYTES
        for at in range(size, len(packed), 2 * size):
            merged[at : at + size] = packed[at : at + size]
        return bytes(merged)

    return [patch.object(rules, "merge_got", keeping), patch.object(acknowledging, "merge_got", keeping)]


def _bulk_tags_trusted() -> Sequence[Patch]:
    def everything(self: Acknowledging, _member: mailing.Member) -> int:
        return sum(1 << position for position in self._tags.ids)

    return [patch.object(Acknowledging, "shown", everything)]


def _foreign_tag_taken_over() -> Sequence[Patch]:
    settle_one: Callable[..., Any] = tagging._settle_one

    def taking(*arguments: Any) -> Any:
        return settle_one(*arguments[:-1], True)

    return [patch.object(tagging, "_settle_one", taking)]


def _deciding(change: Callable[[Any, Any], tuple[Any, Any]]) -> Sequence[Patch]:
    """Let the rules see somebody otherwise than they are."""
    decide = rules.Rules._decide

    def changed(self: rules.Rules, person: Any, row: Any, refusal: Any) -> rules.Decision:
        return decide(self, *change(person, row), refusal)

    return [patch.object(rules.Rules, "_decide", changed)]


def _unsubscribed_written_to() -> Sequence[Patch]:
    return _deciding(lambda person, row: (person, row and row._replace(status=Status.SUBSCRIBED)))


def _consent_ignored() -> Sequence[Patch]:
    return _deciding(lambda person, row: (person and _agreeing(person), row))


def _agreeing(person: Any) -> Any:
    return person._replace(consents=True) if hasattr(person, "_replace") else dataclasses.replace(person, consents=True)


def _tombstones_ignored() -> Sequence[Patch]:
    return [patch.object(tombstones, "keys", lambda *_: frozenset())]


def _profiles_of_the_forgotten_ignored() -> Sequence[Patch]:
    return [patch.object(tombstones, "profiles", lambda *_: b"")]


def _empty_values_erase() -> Sequence[Patch]:
    def every(self: Target, action: Action) -> dict[str, str]:
        return dict(zip(self.merge_tags, action.fields.split("\x1f"), strict=False))

    return [patch.object(Target, "fields_of", every)]


def _tags_never_read() -> Sequence[Patch]:
    reconcile = rules.reconcile

    def blind(row: Any, seen: Any, held: int, read_mask: int, **options: Any) -> Any:
        return reconcile(row, seen, row.tags & read_mask if row else held, read_mask, **options)

    return [patch("services.planning.reconcile", blind)]


def _changed_addresses_not_held() -> Sequence[Patch]:
    return [patch.object(moving, "moved", lambda *_, **__: iter(()))]


def _only_those_who_left_are_remembered() -> Sequence[Patch]:
    know_again, make = planning.Planner._know_again, Acknowledging.inserted

    def forgetful(self: planning.Planner, row: Any, profiles: bytes) -> Any:
        return know_again(self, row, profiles) if row.status in moving.LEFT else row

    def inserted(self: Acknowledging, *arguments: Any) -> Any:
        return make(self, *arguments)._replace(profiles=b"")

    return [
        patch.object(planning.Planner, "_know_again", forgetful),
        patch.object(Acknowledging, "inserted", inserted),
    ]


PLANTED = (
    Planted("an update carries a status", _update_with_a_status, unsubscribed_in_mid_run),
    Planted("inserts carry sync_tags", _sync_tags, plain),
    Planted("inserts carry update_existing", _update_existing, plain),
    Planted("tags are sent before the members", _tag_before_member, plain),
    Planted("windows do not overlap", _no_overlap_of_windows, edited_while_pages_lag),
    Planted("the archived are not read", _archived_pass_skipped, archived_before),
    Planted("'exists' is taken for success", _exists_taken_for_success, joined_in_mid_run),
    Planted("a partial snapshot removes", _partial_snapshot_removes, torn_source),
    Planted("an attempt is counted twice", _attempt_counted_twice, death_between_inserts),
    Planted("a hand edit does not clear what was acknowledged", _want_not_cleared, edited_by_hand),
    Planted("tags sent in bulk are trusted unseen", _bulk_tags_trusted, without_bulk_tags),
    Planted("a tag of others is taken over silently", _foreign_tag_taken_over, tag_made_by_others),
    Planted("the unsubscribed are written to", _unsubscribed_written_to, unsubscribed_before),
    Planted("a refusal of consent is ignored", _consent_ignored, withdrawn_consent),
    Planted("the forgotten are not remembered", _tombstones_ignored, forgotten_person, "ann@example.com was added"),
    Planted(
        "the profiles of the forgotten are not remembered",
        _profiles_of_the_forgotten_ignored,
        forgotten_profile,
        "ann@new.example.com was added",
    ),
    Planted("empty values erase", _empty_values_erase, emptied_value),
    Planted("a changed address is not held", _changed_addresses_not_held, changed_address_of_somebody_who_left),
    Planted(
        "only those who have left are remembered",
        _only_those_who_left_are_remembered,
        changed_address_of_somebody_who_left,
    ),
    Planted("the tags are never read", _tags_never_read, tag_taken_off_by_hand),
)
