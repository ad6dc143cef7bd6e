"""The two functions that decide everything: what is true of a member, and what to do about a person."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.hashing import EMPTY, VALUE_BYTES
from services.mailing import Status
from services.observing import ABSENT
from services.rules import (
    Class,
    Rules,
    Seen,
    TagMap,
    acknowledge_fields,
    merge_got,
    pack,
    reconcile,
)
from services.snapshot import SEPARATOR, Person
from storage import ledger, refusals

KEY = b"k" * 16
TAGS = TagMap((0, 1), {0: 11, 1: 12})
OLD = 1_000
"""A moment whose acknowledgements are no longer trusted over a page."""


def hashed(value: str) -> bytes:
    """A stand-in for the ledger's keyed hash."""
    return hashlib.blake2b(value.encode(), digest_size=VALUE_BYTES).digest() if value else EMPTY


def person(*values: str, segments: int = 0b01, consents: bool = True) -> Person:
    return Person(
        KEY, "p1", "ann@example.com", SEPARATOR.join(values), b"".join(map(hashed, values)), segments, consents, ()
    )


def row(status: int = Status.SUBSCRIBED, tags: int = 0, got: tuple[str, ...] = (), acknowledged: int = 0) -> ledger.Row:
    return ledger.Row(KEY, status, 500, tags, pack(b"".join(map(hashed, got))), acknowledged, 0, 0)


def refusal_hash(hashes: bytes) -> bytes:
    return hashes[:8].ljust(8, b"\0")


def rules(slots: int = 1) -> Rules:
    return Rules(TAGS, range(slots), refusal_hash)


def known(
    before: ledger.Row | None, seen: Seen | None = None, held: int = 0, *, in_full: bool = False
) -> tuple[ledger.Row | None, bool]:
    return reconcile(before, seen, held, TAGS.read_mask, key=KEY, in_full=in_full, trusted_since=OLD)


def test_somebody_who_is_not_in_the_audience_is_new_and_gets_every_tag() -> None:
    decision = rules().decide(person("Ann", segments=0b11), None, None)
    assert (decision.outcome, decision.add) == (Class.NEW, 0b11)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.SUBSCRIBED])
@given(segments=st.integers(0, 3), held=st.integers(0, 3), consents=st.booleans())
def test_nobody_who_is_not_subscribed_is_given_anything(
    status: Status, segments: int, held: int, consents: bool
) -> None:
    decision = rules().decide(person("Ann", segments=segments, consents=consents), row(status, held), None)
    assert decision.outcome in (Class.SUPPRESSED, Class.NO_CONSENT)
    assert decision.add == 0
    assert decision.fields == ()
    assert decision.remove & ~held == 0


@given(segments=st.integers(0, 3), held=st.integers(0, 3))
def test_what_is_added_and_removed_makes_the_tags_equal_the_segments(segments: int, held: int) -> None:
    decision = rules(0).decide(person(segments=segments), row(tags=held), None)
    assert held & ~decision.remove | decision.add == segments


def test_tags_of_other_destinations_are_neither_seen_nor_removed() -> None:
    decision = rules(0).decide(None, row(tags=0b1100), None)
    assert decision.remove == 0


def test_a_value_mailchimp_shows_or_has_acknowledged_is_in_sync_and_any_other_is_sent() -> None:
    shown = row(got=("Ann",))
    assert rules().decide(person("Ann", segments=0), shown, None).outcome is Class.UNCHANGED
    reformatted = shown._replace(fields=acknowledge_fields(pack(hashed("ANN")), {0: hashed("Ann")}))
    assert rules().decide(person("Ann", segments=0), reformatted, None).outcome is Class.UNCHANGED
    assert rules().decide(person("Anna", segments=0), shown, None).outcome is Class.UPDATED


def test_only_the_fields_out_of_sync_are_sent_and_an_empty_value_never() -> None:
    decision = rules(3).decide(person("Ann", "", "X", segments=0), row(got=("Ann", "Keep", "Y")), None)
    assert decision.fields == ("", "", "X")


def test_a_hand_edit_clears_what_was_acknowledged_so_that_it_is_put_right() -> None:
    acknowledged = acknowledge_fields(pack(hashed("ANN")), {0: hashed("Ann")})
    edited = merge_got(acknowledged, hashed("Annabel"))
    decision = rules().decide(person("Ann", segments=0), row()._replace(fields=edited), None)
    assert decision.outcome is Class.UPDATED


def test_whoever_was_refused_is_left_alone_until_the_value_changes() -> None:
    refused = refusals.Row(KEY, refusal_hash(person("Ann").hashes), "merge_field", None)
    assert rules().decide(person("Ann"), None, refused).outcome is Class.REJECTED
    assert rules().decide(person("Anna"), None, refused).outcome is Class.NEW
    twice = refused._replace(value_hash=refusal_hash(person("Eve").hashes) + refused.value_hash)
    assert rules().decide(person("Ann"), None, twice).outcome is Class.REJECTED
    assert rules().decide(person("Anna"), None, twice).outcome is Class.NEW


@pytest.mark.parametrize("reason", ["compliance", "forgotten", "invalid", "too_many_lists"])
def test_whose_address_was_refused_is_left_alone_whatever_the_values_until_they_are_a_member(reason: str) -> None:
    refused = refusals.Row(KEY, bytes(8), reason, None)
    for name in ("Ann", "Anna"):
        assert rules().decide(person(name), None, refused).outcome is Class.REJECTED
        assert rules().decide(person(name), row(got=("Old",)), refused).outcome is Class.UPDATED


def test_a_verification_only_puts_back_tags_of_the_run_it_verifies() -> None:
    verifying = Rules(TAGS, (), refusal_hash, verifies=7)
    lacking = row(tags=0b01)
    assert verifying.decide(person(segments=0b11), lacking._replace(run_id=7), None, had=0b11).add == 0b10
    assert verifying.decide(person(segments=0b11), lacking._replace(run_id=7), None, had=0b01).add == 0
    assert verifying.decide(person(segments=0b11), lacking._replace(run_id=6), None, had=0b11).add == 0
    assert verifying.decide(person(segments=0b11), None, None).outcome is Class.NOT_ATTEMPTED
    assert verifying.decide(None, row(tags=0b11)._replace(run_id=7), None).remove == 0


def test_a_page_that_is_older_than_what_is_known_changes_nothing() -> None:
    before = row(got=("Ann",))
    assert known(before, Seen(Status.UNSUBSCRIBED, 400, hashed("Old"), None)) == (before, False)


def test_a_newer_page_changes_status_and_fields() -> None:
    after, _ = known(row(got=("Ann",)), Seen(Status.UNSUBSCRIBED, 600, hashed("Anna"), None))
    assert after is not None
    assert (after.status, after.fields) == (Status.UNSUBSCRIBED, pack(hashed("Anna")))


def test_the_tag_pages_say_who_holds_a_tag() -> None:
    after, disputed = known(row(tags=0b01), held=0b10)
    assert after is not None
    assert (after.tags, disputed) == (0b10, False)


def test_a_fresh_acknowledgement_beats_a_page_and_is_disputed() -> None:
    fresh = row(tags=0b01, acknowledged=OLD + 1)
    assert known(fresh, held=0) == (fresh, True)


def test_a_lookup_settles_the_dispute() -> None:
    fresh = row(tags=0b01, acknowledged=OLD + 1)
    after, disputed = known(fresh, Seen(Status.SUBSCRIBED, 600, b"", 0b10))
    assert after is not None
    assert (after.tags, disputed) == (0b10, False)


def test_whoever_a_full_reading_does_not_show_is_gone_unless_a_write_is_fresh() -> None:
    assert known(row(tags=0b01), in_full=True) == (row(Status.GONE), False)
    assert rules().decide(person("Ann"), row(Status.GONE), None).reason == "gone"
    fresh = row(acknowledged=OLD + 1)
    assert known(fresh, in_full=True) == (fresh, True)


def test_the_forgotten_stay_remembered_when_mailchimp_does_not_know_them() -> None:
    tombstone = row(Status.FORGOTTEN)
    assert known(tombstone, in_full=True) == (tombstone, False)
    assert known(tombstone, Seen(ABSENT, 0, b"", None)) == (tombstone, False)


def test_a_forgotten_person_who_came_back_by_themselves_is_a_member_again() -> None:
    after, _ = known(row(Status.FORGOTTEN), Seen(Status.SUBSCRIBED, 600, b"", None))
    assert after is not None
    assert after.status == Status.SUBSCRIBED


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=1, max_size=4))
def test_what_was_just_seen_and_acknowledged_is_always_in_sync(values: list[str]) -> None:
    packed = acknowledge_fields(pack(b""), {at: hashed(value) for at, value in enumerate(values)})
    decision = rules(len(values)).decide(person(*values, segments=0), row()._replace(fields=packed), None)
    assert decision.outcome is Class.UNCHANGED
