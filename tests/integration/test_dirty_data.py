"""Dirty data: a value that does not fit is dropped and not the person, an empty one erases nothing, nobody is there twice."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from bot import texts
from bot.reject_list import file_of
from services import rereading
from services.errors import InvalidInput
from storage.models import RunStatus
from tests.integration.shop import Shop
from tests.integration.test_attempts import interrupted
from tests.integration.test_exporting import counts

FIELDS: dict[str, tuple[str, dict[str, Any], str, Any, str]] = {
    "SPENT": ("number", {}, " -12.50 ", -12.5, "1,234 EUR"),
    "SINCE": ("date", {"date_format": "DD/MM/YYYY"}, "31/12/2026", "2026-12-31", "2026-02-30"),
    "BDAY": ("birthday", {"date_format": "MM/DD"}, "1992-12-31", "12/31", "30 February"),
    "BDAYEU": ("birthday", {"date_format": "DD/MM"}, "1992-12-31", "31/12", "31/31"),
    "MOBILE": ("phone", {"phone_format": "US"}, "+1 (404) 555-0100", "(404) 555-0100", "+39 06 1234"),
    "ABROAD": ("phone", {"phone_format": "none"}, "+39 06 1234 567", "+39 06 1234 567", ""),
    "TIER": ("dropdown", {"choices": ["Gold", "Silver"]}, "gold", "Gold", "Bronze"),
    "MAIL": ("radio", {"choices": ["true", "false"]}, "True", "true", "perhaps"),
    "POSTCODE": ("zip", {}, "30308-1234", "30308", "SW1A 1AA"),
    "SITE": ("url", {}, "https://example.com/a", "https://example.com/a", "javascript:alert(1)"),
    "PHOTO": ("imageurl", {}, "http://example.com/a.png", "http://example.com/a.png", "a.png"),
}
"""Merge fields by tag: type, options, a good value in the source, how Mailchimp then shows it, and a bad value."""
BAD = {tag: bad for tag, (*_, bad) in FIELDS.items() if bad}


def with_fields(shop: Shop) -> dict[str, str]:
    """Give the audience a merge field of every type; the mapping that fills them."""
    for tag, (kind, options, *_) in FIELDS.items():
        shop.audience.add_field(tag, tag.title(), kind, options=options)
    return {"FNAME": "FirstName"} | {tag: tag for tag in FIELDS}


def shown(shop: Shop, address: str, tags: Any = FIELDS) -> dict[str, Any]:
    """What the audience shows of somebody in these fields."""
    fields = shop.members()[address]["merge_fields"]
    return {tag: fields[tag] for tag in tags}


def test_a_bad_value_is_dropped_and_told_and_the_person_arrives(shop: Shop) -> None:
    mapping = with_fields(shop)
    good = {tag: value for tag, (_, _, value, _, _) in FIELDS.items()}
    shop.customers(ann={"EMail": "ann@example.com", **good}, bob={"EMail": "bob@example.com", **BAD})
    shop.segment("VIP", ["ann", "bob"])
    run = shop.export(shop.destination("VIP", fields=mapping))
    assert run.status == RunStatus.SUCCESSFUL
    assert counts(run) == {"profiles": 2, "new": 2, "tags_added": 2}
    assert shown(shop, "ann@example.com") == {tag: kept for tag, (_, _, _, kept, _) in FIELDS.items()}
    assert shown(shop, "bob@example.com") == dict.fromkeys(FIELDS, "")
    assert run.plan["dropped_values"] == dict.fromkeys(BAD, 1)


@pytest.mark.parametrize("later", ["", "   ", "bad"])
def test_neither_an_empty_nor_a_bad_value_erases_what_mailchimp_has(shop: Shop, later: str) -> None:
    mapping = with_fields(shop)
    shop.customers(ann={"EMail": "ann@example.com", **{tag: value for tag, (_, _, value, _, _) in FIELDS.items()}})
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP", fields=mapping)
    shop.export(destination)
    before = shown(shop, "ann@example.com")
    shop.world.log.clear()
    worse = {tag: BAD.get(tag, "") if later == "bad" else later for tag in FIELDS}
    shop.customers(ann={"EMail": "ann@example.com", "FirstName": later if later != "bad" else "", **worse})
    assert counts(shop.export(destination)) == {"profiles": 1, "unchanged": 1}
    assert shop.writes() == []
    assert shown(shop, "ann@example.com") == before
    # Nor when something else of the same person is sent.
    shop.customers(ann={"EMail": "ann@example.com", "FirstName": "Anna", **worse})
    assert counts(shop.export(destination)) == {"profiles": 1, "updated": 1}
    assert shown(shop, "ann@example.com") == before
    assert shop.members()["ann@example.com"]["merge_fields"]["FNAME"] == "Anna"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Zoë 👩‍👩‍👧", "Zoë 👩‍👩‍👧"),
        ("x" * 300, "x" * 255),
        ("語" * 300, "語" * 85),
        ('Ann "The Boss", O\'Neil', 'Ann "The Boss", O\'Neil'),
        ("Ann\nMaria\r\n\tRossi", "Ann Maria Rossi"),
        ('=HYPERLINK("https://example.com")', '=HYPERLINK("https://example.com")'),
        ("@SUM(1)", "@SUM(1)"),
        ("+1", "+1"),
        ("*|FNAME|*", "*|FNAME|*"),
        ("NULL", "NULL"),
    ],
)
def test_every_name_arrives_as_it_is_but_for_its_length_and_its_line_breaks(shop: Shop, name: str, kept: str) -> None:
    shop.world.switches.set(long_merge_value="error")  # else Mailchimp itself would cut what we do not
    shop.customers(ann={"EMail": "ann@example.com", "FirstName": name})
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    assert counts(shop.export(destination)) == {"profiles": 1, "new": 1, "tags_added": 1}
    assert shop.members()["ann@example.com"]["merge_fields"]["FNAME"] == kept
    assert counts(shop.export(destination)) == {"profiles": 1, "unchanged": 1}


def test_a_field_of_several_parts_cannot_be_mapped_and_counts_as_not_filled(shop: Shop) -> None:
    shop.customers(ann={"EMail": "ann@example.com", "Street": "Via Roma 1"})
    shop.segment("VIP", ["ann"])
    shop.audience.add_field("HOME", "Home", "address", required=True)
    with pytest.raises(InvalidInput) as refused:
        shop.destination("VIP", fields={"HOME": "Street"})
    assert (refused.value.field, refused.value.values["tag"]) == ("fields", "HOME")
    with pytest.raises(InvalidInput) as required:
        shop.destination("VIP")
    assert "Home (HOME)" in str(required.value.values["names"])


def test_variants_of_one_address_across_and_inside_segments_are_one_contact(shop: Shop) -> None:
    shop.customers(
        a1="Ann@Example.com",
        a2="  ann@example.com ",
        a3="ANN@EXAMPLE.COM",
        b1="bob@münchen.example",
        b2="bob@xn--mnchen-3ya.example",
        b3="bob@MU\u0308NCHEN.example",  # the same letter, taken apart
    )
    shop.segment("VIP", ["a1", "a2", "a2", "b1", "a1", "b3"])
    shop.segment("Coffee", ["a3", "a2", "b2"])
    destination = shop.destination("VIP", "Coffee")
    run = shop.export(destination)
    assert counts(run) == {"profiles": 6, "new": 2, "duplicates": 4, "tags_added": 4}
    assert [sorted(member["tags"]) for member in shop.members().values()] == [["Coffee", "VIP"]] * 2
    assert counts(shop.export(destination)) == {"profiles": 6, "unchanged": 2, "duplicates": 4}


def test_of_several_profiles_the_lowest_id_gives_the_values_at_every_run(shop: Shop) -> None:
    shop.customers(
        b={"EMail": "ann@example.com", "FirstName": "Second"}, a={"EMail": "ANN@example.com", "FirstName": "First"}
    )
    shop.segment("VIP", ["b", "a"])
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.segment("VIP", ["a", "b"])
    assert counts(shop.export(destination)) == {"profiles": 2, "unchanged": 1, "duplicates": 1}
    (member,) = shop.members().values()
    assert member["merge_fields"]["FNAME"] == "First"


def test_a_required_field_that_nothing_fills_stops_the_export_unless_the_check_is_skipped(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    shop.audience.add_field("SHOE", "Shoe size", "number", required=True)
    run = shop.export(destination)
    assert (run.status, run.reason["kind"]) == (RunStatus.FAILED, "InvalidInput")
    assert "Shoe size (SHOE)" in run.reason["values"]["names"]
    assert shop.writes() == []
    with pytest.raises(InvalidInput) as refused:
        shop.destination("VIP", name="Second")
    assert refused.value.field == "fields"
    skipping = shop.destination("VIP", name="Third", skip_required_fields=True)
    assert counts(shop.export(skipping)) == {"profiles": 1, "new": 1, "tags_added": 1}


def test_a_required_field_that_is_empty_for_somebody_costs_them_alone_until_it_is_filled(shop: Shop) -> None:
    shop.audience.add_field("SHOE", "Shoe size", "number", required=True)
    shop.customers(
        ann={"EMail": "ann@example.com", "Shoe": "38"},
        bob={"EMail": "bob@example.com", "Shoe": ""},
        cat={"EMail": "cat@example.com", "Shoe": "large"},
    )
    shop.segment("VIP", ["ann", "bob", "cat"])
    destination = shop.destination("VIP", fields={"SHOE": "Shoe"})
    run = shop.export(destination)
    assert counts(run) == {"profiles": 3, "new": 1, "rejected": 2, "tags_added": 1}
    rejects = list(shop.postino.runs.rejects(shop.actor, run.id))
    assert {one.profile_id: one.reason for one in rejects} == {"bob": "merge_field", "cat": "merge_field"}
    assert all("SHOE" in one.detail or "Please enter" in one.detail for one in rejects)
    shop.world.log.clear()
    assert counts(shop.export(destination)) == {"profiles": 3, "unchanged": 1, "rejected": 2}
    assert shop.writes() == []
    shop.customers(bob={"EMail": "bob@example.com", "Shoe": "44"})
    assert counts(shop.export(destination)) == {
        "profiles": 3,
        "new": 1,
        "unchanged": 1,
        "rejected": 1,
        "tags_added": 1,
    }


def test_whoever_was_refused_for_want_of_a_required_field_arrives_once_none_is_required_of_them(shop: Shop) -> None:
    shop.customers(ann="ann@example.com", bob={"EMail": "bob@example.com", "FirstName": ""})
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP", fields={"FNAME": "FirstName"})
    fields = shop.audience.fields
    shop.audience.add_field("SHOE", "Shoe size", "number")

    def require(*tags: str) -> None:
        for tag, field in fields.items():
            field.required = tag in tags

    # Only once the export sends is either required: a field that is not mapped, or one in which somebody has no value.
    for required, left in (("SHOE", {"rejected": 2}), ("FNAME", {"rejected": 1, "new": 1, "tags_added": 1})):
        require()
        shop.world.faults.before_call(1, partial(require, required), method="POST", path="/lists/[^/]+")
        assert counts(shop.export(destination)) == {"profiles": 2, **left}
    assert counts(shop.export(destination)) == {"profiles": 2, "unchanged": 1, "rejected": 1}
    shop.world.log.clear()
    assert counts(shop.export(destination)) == {"profiles": 2, "unchanged": 1, "rejected": 1}
    assert shop.writes() == []
    skipping = shop.destination("VIP", edited=destination, fields={"FNAME": "FirstName"}, skip_required_fields=True)
    assert counts(shop.export(skipping)) == {"profiles": 2, "new": 1, "unchanged": 1, "tags_added": 1}


def test_a_value_that_mailchimp_itself_does_not_take_is_left_out_and_the_person_arrives(shop: Shop) -> None:
    shop.world.switches.set(refused_values="Not|Nope")
    shop.customers(
        ann={"EMail": "ann@example.com", "FirstName": "Ann", "Surname": "Allen"},
        bob={"EMail": "bob@example.com", "FirstName": "Not Bob", "Surname": "Brown"},
        cat={"EMail": "cat@example.com", "FirstName": "Nope", "Surname": "Not Cole"},
    )
    shop.segment("VIP", ["ann", "bob", "cat"])
    destination = shop.destination("VIP", fields={"FNAME": "FirstName", "LNAME": "Surname"})
    run = shop.export(destination)
    assert run.status == RunStatus.SUCCESSFUL
    assert counts(run) == {"profiles": 3, "new": 3, "tags_added": 3}
    assert run.plan["dropped_values"] == {"FNAME": 2, "LNAME": 1}
    assert all(member["tags"] == ["VIP"] for member in shop.members().values())
    assert shown(shop, "bob@example.com", ["FNAME", "LNAME"]) == {"FNAME": "", "LNAME": "Brown"}
    assert shown(shop, "cat@example.com", ["FNAME", "LNAME"]) == {"FNAME": "", "LNAME": ""}
    shop.world.log.clear()
    assert counts(shop.export(destination)) == {"profiles": 3, "unchanged": 3}
    assert shop.writes() == []


def test_of_an_update_only_the_value_is_left_out_that_mailchimp_does_not_take(shop: Shop) -> None:
    ann, bob = {"EMail": "ann@example.com"}, {"EMail": "bob@example.com"}
    shop.customers(
        ann=ann | {"FirstName": "Ann", "Surname": "Allen"}, bob=bob | {"FirstName": "Bob", "Surname": "Brown"}
    )
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP", fields={"FNAME": "FirstName", "LNAME": "Surname"})
    shop.export(destination)
    shop.world.switches.set(refused_values="Not")
    shop.customers(
        ann=ann | {"FirstName": "Not Ann", "Surname": "Adams"}, bob=bob | {"FirstName": "Not Bob", "Surname": "Brown"}
    )
    run = shop.export(destination)
    assert run.status == RunStatus.SUCCESSFUL
    assert counts(run) == {"profiles": 2, "updated": 1, "unchanged": 1}
    assert run.plan["dropped_values"] == {"FNAME": 2}
    assert shown(shop, "ann@example.com", ["FNAME", "LNAME"]) == {"FNAME": "Ann", "LNAME": "Adams"}
    assert shown(shop, "bob@example.com", ["FNAME", "LNAME"]) == {"FNAME": "Bob", "LNAME": "Brown"}
    shop.world.log.clear()
    assert counts(shop.export(destination)) == {"profiles": 2, "unchanged": 2}
    assert shop.writes() == []
    # Once the source has another value, that one is sent.
    shop.customers(
        ann=ann | {"FirstName": "Anna", "Surname": "Adams"}, bob=bob | {"FirstName": "Not Bob", "Surname": "Brown"}
    )
    assert counts(shop.export(destination)) == {"profiles": 2, "updated": 1, "unchanged": 1}
    assert shown(shop, "ann@example.com", ["FNAME", "LNAME"]) == {"FNAME": "Anna", "LNAME": "Adams"}


@pytest.mark.parametrize("later", [False, True], ids=["at once", "in the next attempt"])
def test_whoever_goes_without_a_value_and_gets_a_tag_is_counted_for_the_tag(shop: Shop, later: bool) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    shop.segment("Coffee", [])
    destination = shop.destination("VIP", "Coffee")
    shop.export(destination)
    shop.world.switches.set(refused_values="Not")
    shop.customers(ann={"EMail": "ann@example.com", "FirstName": "Not Ann"})
    shop.segment("Coffee", ["ann"])
    run = shop.postino.runs.request(shop.actor, destination)
    if later:
        before = interrupted(shop, run, method="POST", path="/lists/[^/]+/segments/[0-9]+")
        assert before.counters["unchanged"] == 1
        shop.clock.forward(minutes=10)
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert counts(ended) == {"profiles": 1, "tags_only": 1, "tags_added": 1}


def test_a_required_value_that_mailchimp_does_not_take_costs_its_person_alone(shop: Shop) -> None:
    shop.audience.add_field("SHOE", "Shoe", "text", required=True)
    shop.world.switches.set(refused_values="large")
    shop.customers(ann={"EMail": "ann@example.com", "Shoe": "38"}, bob={"EMail": "bob@example.com", "Shoe": "large"})
    shop.segment("VIP", ["ann", "bob"])
    run = shop.export(shop.destination("VIP", fields={"SHOE": "Shoe"}))
    assert counts(run) == {"profiles": 2, "new": 1, "rejected": 1, "tags_added": 1}
    (reject,) = shop.postino.runs.rejects(shop.actor, run.id)
    assert (reject.profile_id, reject.reason) == ("bob", "merge_field")
    assert "dropped_values" not in run.plan or not run.plan["dropped_values"]


def test_profile_ids_that_are_addresses_are_listed_masked_and_known_again(shop: Shop) -> None:
    ids = ["jane@example.com", "jack@example.com", "crm:jill@example.com"]
    shop.customers(**{profile: f"no address {number}" for number, profile in enumerate(ids)})
    shop.segment("VIP", ids)
    postino = shop.postino
    run = shop.export(shop.destination("VIP"))
    listed = list(postino.runs.rejects(shop.actor, run.id))
    assert len({one.profile_id for one in listed}) == 3
    # Two look alike but for the keyed hash.
    assert sorted(one.profile_id[:-17] for one in listed) == ["crm:j•••@e•••.com", "j•••@e•••.com", "j•••@e•••.com"]
    with postino.database.read() as session:
        stored = [str(row) for row in session.execute(text("SELECT * FROM run_rejects"))]
    assert not [row for row in stored if any(name in row for name in ("jane", "jack", "jill"))]

    home, tools = postino.settings.home, (postino.database, postino.vault, postino.source)
    with rereading.addresses(*tools, shop.actor, run, home) as find:
        found = find([one.profile_id for one in listed])
        assert sorted(found.values()) == sorted((profile, f"no address {number}") for number, profile in enumerate(ids))
        with file_of(home, texts.of("en"), listed, {}, find) as file:
            assert "jane@example.com,VIP,no address 0," in file.read().decode("utf-8-sig")

    receipt = postino.individuals.forget(shop.actor, "jane@example.com")
    assert receipt.removed["rejects"] == 1
    assert len(list(postino.runs.rejects(shop.actor, run.id))) == 2
