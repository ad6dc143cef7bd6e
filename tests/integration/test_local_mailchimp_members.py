"""What the local Mailchimp makes of single members and their merge fields. Each name is the fact reproduced."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.mailchimp import acts
from tests.integration.local_mailchimp import NOON, Local, subscriber_hash


def contact(address: str, **more: Any) -> dict[str, Any]:
    return {"email_address": address, "status": "subscribed", **more}


def test_an_api_unsubscribe_is_undone_by_put_but_put_without_status_keeps_it(local: Local) -> None:
    acts.add(local.audience, "ann@example.com")
    body = {"email_address": "ann@example.com", "status_if_new": "subscribed", "merge_fields": {"FNAME": "Ann"}}
    assert (
        local.call("PUT", "members/ann@example.com", {**body, "status": "unsubscribed"}).json()["status"]
        == "unsubscribed"
    )
    assert local.call("PUT", "members/ann@example.com", body).json()["status"] == "unsubscribed"
    assert (
        local.call("PUT", "members/ann@example.com", {**body, "status": "subscribed"}).json()["status"] == "subscribed"
    )


@pytest.mark.parametrize("left", ["self", "bounce"])
def test_only_the_person_can_undo_an_unsubscribe_of_their_own_or_a_bounce(local: Local, left: str) -> None:
    acts.add(local.audience, "ann@example.com")
    if left == "self":
        acts.unsubscribe(local.audience, "ann@example.com")
    else:
        acts.clean(local.audience, "ann@example.com")
    answer = local.call("PATCH", "members/ann@example.com", {"status": "subscribed"})
    assert (answer.status_code, answer.json()["title"]) == (400, "Member In Compliance State")
    assert "type" not in answer.json()
    assert answer.json()["detail"] == (
        "ann@example.com is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be "
        "subscribed."
    )
    acts.resubscribe(local.audience, "ann@example.com")
    assert local.true("ann@example.com")["status"] == "subscribed"


def test_post_of_an_existing_member_is_member_exists_without_a_type(local: Local) -> None:
    acts.add(local.audience, "ann@example.com")
    answer = local.call("POST", "members", contact("ANN@example.com"))
    assert (answer.status_code, answer.json()["title"]) == (400, "Member Exists")
    assert "type" not in answer.json()
    assert answer.json()["detail"] == (
        "ANN@example.com is already a list member. Use PUT to insert or update list members."
    )


def test_post_takes_tags_and_revives_an_archived_member_with_its_old_tags_and_contact_id(local: Local) -> None:
    made = local.call(
        "POST", "members", contact("ann@example.com", tags=["gold"], merge_fields={"FNAME": "Ann"})
    ).json()
    assert [tag["name"] for tag in made["tags"]] == ["gold"]
    assert local.call("DELETE", "members/ann@example.com").status_code == 204
    assert local.true("ann@example.com")["status"] == "archived"
    back = local.call("POST", "members", contact("ann@example.com", tags=["new"])).json()
    assert (back["status"], back["contact_id"], back["web_id"]) == ("subscribed", made["contact_id"], made["web_id"])
    assert [tag["name"] for tag in back["tags"]] == ["gold", "new"]
    assert back["merge_fields"]["FNAME"] == "Ann"


def test_delete_archives_and_refuses_cleaned_pending_and_archived_members_with_405(local: Local) -> None:
    for status in ("cleaned", "pending", "archived"):
        acts.add(local.audience, f"{status}@example.com", status)
        answer = local.call("DELETE", f"members/{status}@example.com")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, PUT")
        assert answer.json()["detail"].startswith("This list member cannot be removed.")


def test_a_204_has_a_content_type_and_no_body(local: Local) -> None:
    acts.add(local.audience, "ann@example.com")
    answer = local.call("DELETE", "members/ann@example.com")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_forgotten_address_is_404_on_read_and_400_on_write_for_ever(local: Local) -> None:
    acts.add(local.audience, "ann@example.com")
    path = f"members/{subscriber_hash('ann@example.com')}"
    assert local.call("POST", f"{path}/actions/delete-permanent").status_code == 204
    assert local.call("GET", path).status_code == 404
    assert local.call("PATCH", path, {"merge_fields": {}}).status_code == 404
    for answer in (
        local.call("POST", "members", contact("ann@example.com")),
        local.call("PUT", path, {"email_address": "ann@example.com", "status_if_new": "subscribed"}),
    ):
        assert (answer.status_code, answer.json()["title"]) == (400, "Forgotten Email Not Subscribed")
        assert "type" not in answer.json()
    assert local.bulk(contact("ann@example.com"))["errors"][0]["error_code"] == "ERROR_GENERIC"
    acts.resubscribe(local.audience, "ann@example.com")
    assert local.call("GET", path).json()["status"] == "subscribed"
    assert local.bulk(contact("ann@example.com"), update=True)["total_updated"] == 1


def test_an_address_change_keeps_contact_id_and_tags_and_the_old_hash_is_gone(local: Local) -> None:
    acts.add(local.audience, "old@example.com", tags=["gold"])
    before = local.call("GET", "members/old@example.com").json()
    body = {"email_address": "new@example.com", "status_if_new": "subscribed"}
    after = local.call("PUT", f"members/{before['id']}", body).json()
    for name in ("contact_id", "web_id", "tags"):
        assert after[name] == before[name]
    assert after["id"] == subscriber_hash("new@example.com")
    assert after["unique_email_id"] != before["unique_email_id"]
    assert local.call("GET", f"members/{before['id']}").status_code == 404


def test_writing_an_address_in_another_case_is_no_change_of_address(local: Local) -> None:
    acts.add(local.audience, "ann@example.com")
    answer = local.call("PATCH", "members/ann@example.com", {"email_address": "Ann@Example.com"})
    assert (answer.json()["email_address"], answer.json()["id"]) == (
        "Ann@Example.com",
        subscriber_hash("ann@example.com"),
    )


def test_put_on_an_unknown_hash_creates_the_bodys_address_or_says_that_it_exists(local: Local) -> None:
    path = f"members/{subscriber_hash('nobody@example.com')}"
    body = {"email_address": "ann@example.com", "status_if_new": "pending"}
    assert local.call("PUT", path, body).json()["status"] == "pending"
    assert local.call("PUT", path, body).json()["title"] == "Member Exists"


@pytest.mark.parametrize(
    ("status", "shown"), [("subscribed", "subscribed"), ("cleaned", "Non-Subscribed"), ("archived", "Deleted")]
)
def test_an_address_change_to_one_that_is_taken_tells_its_status(local: Local, status: str, shown: str) -> None:
    acts.add(local.audience, "ann@example.com")
    acts.add(local.audience, "bob@example.com", status)
    answer = local.call("PATCH", "members/ann@example.com", {"email_address": "bob@example.com"})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f'"bob@example.com" is already in this list with a status of "{shown}"')


def test_a_cleaned_member_cannot_change_its_address(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", "cleaned")
    answer = local.call("PATCH", "members/ann@example.com", {"email_address": "bob@example.com"})
    assert answer.json()["detail"] == (
        'This member\'s status is "cleaned." You can only update email addresses for members with a status of '
        '"subscribed."'
    )


def test_patch_cannot_make_a_member_transactional_and_put_ignores_tags(local: Local) -> None:
    acts.add(local.audience, "ann@example.com")
    assert local.call("PATCH", "members/ann@example.com", {"status": "transactional"}).status_code == 400
    body = {"email_address": "ann@example.com", "status_if_new": "subscribed", "tags": ["gold"]}
    assert local.call("PUT", "members/ann@example.com", body).json()["tags"] == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@example",
        "a nn@example.com",
        "a..b@example.com",
        ".a@example.com",
        "a.@example.com",
        "a@-x.com",
    ],
)
def test_an_address_that_is_none_is_refused(local: Local, address: str) -> None:
    answer = local.call("POST", "members", contact(address))
    assert (answer.status_code, answer.json()["detail"]) == (400, "Please provide a valid email address.")


def test_some_addresses_look_fake(local: Local) -> None:
    answer = local.call("POST", "members", contact("ann@example.invalid"))
    assert answer.json()["detail"] == ("ann@example.invalid looks fake or invalid, please enter a real email address.")


def test_an_empty_value_erases_an_omitted_one_keeps_and_an_unknown_field_is_dropped(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", FNAME="Ann", LNAME="Lee")
    answer = local.call("PATCH", "members/ann@example.com", {"merge_fields": {"LNAME": "", "NOSUCH": "x"}})
    assert answer.json()["merge_fields"] == {"FNAME": "Ann", "LNAME": "", "ADDRESS": "", "PHONE": ""}


def test_null_and_booleans_are_no_merge_field_values(local: Local) -> None:
    for value in (None, True):
        answer = local.call("POST", "members", contact("ann@example.com", merge_fields={"FNAME": value}))
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "merge_fields.FNAME"


@pytest.mark.parametrize(
    ("kind", "options", "value", "kept"),
    [
        ("number", {}, "12.50", 12.5),
        ("number", {}, "twelve", None),
        ("date", {"date_format": "MM/DD/YYYY"}, "12/31/2025", "2025-12-31"),
        ("date", {"date_format": "DD/MM/YYYY"}, "31/12/2025", "2025-12-31"),
        ("date", {"date_format": "MM/DD/YYYY"}, "31/12/2025", None),
        ("date", {}, "2025-12-31", "2025-12-31"),
        ("birthday", {"date_format": "MM/DD"}, "2/29", "02/29"),
        ("birthday", {"date_format": "MM/DD"}, "31/12", None),
        ("phone", {"phone_format": "US"}, "425-555-0100", "(425) 555-0100"),
        ("phone", {"phone_format": "US"}, "+39 055 555", None),
        ("phone", {"phone_format": "none"}, "+39 055 555", "+39 055 555"),
        ("zip", {}, "98052", "98052"),
        ("zip", {}, "50123 FI", None),
        ("dropdown", {"choices": ["Gold", "Silver"]}, "Gold", "Gold"),
        ("radio", {"choices": ["Gold", "Silver"]}, "gold", None),
        ("url", {}, "https://example.com/a", "https://example.com/a"),
        ("imageurl", {}, "example", None),
        ("address", {}, "1 Main Street", None),
        ("text", {}, 5, "5"),
    ],
)  # fmt: skip
def test_a_merge_field_takes_what_its_type_allows(
    local: Local, kind: str, options: dict[str, Any], value: Any, kept: Any
) -> None:
    local.audience.add_field("FIELD", "Field", kind, options=options)
    answer = local.call("POST", "members", contact("ann@example.com", merge_fields={"FIELD": value}))
    if kept is None:
        assert answer.json()["detail"] == "Your merge fields were invalid."
        assert answer.json()["type"] == "https://mailchimp.com/developer/marketing/docs/errors/"
        assert [error["field"] for error in answer.json()["errors"]] == ["FIELD"]
        if kind == "number":
            assert answer.json()["errors"][0]["message"] == "Please enter a number"
    else:
        assert answer.json()["merge_fields"]["FIELD"] == kept


def test_a_complete_address_is_kept_as_an_object(local: Local) -> None:
    address = {"addr1": "1 Main Street", "city": "Redmond", "state": "WA", "zip": "98052"}
    answer = local.call("POST", "members", contact("ann@example.com", merge_fields={"ADDRESS": address}))
    assert answer.json()["merge_fields"]["ADDRESS"] == {**address, "addr2": "", "country": ""}


def test_a_required_field_fails_every_contact_unless_validation_is_skipped(local: Local) -> None:
    local.audience.add_field("PLAN", "Plan", required=True)
    refused = local.call("POST", "members", contact("ann@example.com"))
    assert refused.json()["errors"][0]["field"] == "PLAN"
    error = local.bulk(contact("ann@example.com"))["errors"][0]
    assert (error["error"], error["field"]) == ("Your merge fields were invalid.", "PLAN")
    assert error["field_message"]
    assert local.bulk(contact("ann@example.com"), skip_merge_validation="true")["total_created"] == 1
    assert local.call("PATCH", "members/ann@example.com", {"merge_fields": {"FNAME": "A"}}).status_code == 400
    assert local.call("PATCH", "members/ann@example.com", {"merge_fields": {"PLAN": "B"}}).ok


def test_a_value_over_255_bytes_is_cut_between_characters_or_refused_by_switch(local: Local) -> None:
    answer = local.call("POST", "members", contact("ann@example.com", merge_fields={"FNAME": "é" * 200}))
    assert answer.json()["merge_fields"]["FNAME"] == "é" * 127
    local.world.switches.set(long_merge_value="error")
    assert local.call("PATCH", "members/ann@example.com", {"merge_fields": {"LNAME": "x" * 256}}).status_code == 400
    assert local.call("PATCH", "members/ann@example.com", {"merge_fields": {"LNAME": "x" * 255}}).ok


def test_the_tags_call_creates_tags_takes_an_empty_list_and_works_on_archived_members(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", "archived")
    path = f"members/{subscriber_hash('ann@example.com')}/tags"
    assert local.call("POST", path, {"tags": []}).status_code == 204
    assert local.call("POST", path, {"tags": [{"name": "gold", "status": "active"}]}).status_code == 204
    assert local.true("ann@example.com")["tags"] == ["gold"]
    assert (
        local.call("POST", path, {"tags": [{"name": "GOLD", "status": "inactive"}], "is_syncing": True}).status_code
        == 204
    )
    assert local.true("ann@example.com")["tags"] == []
    absent = f"members/{subscriber_hash('nobody@example.com')}/tags"
    assert local.call("POST", absent, {"tags": []}).status_code == 404
    assert local.call("POST", "members/ann@example.com/tags", {"tags": []}).status_code == 404


def test_whether_a_tag_moves_last_changed_and_a_tag_names_case_are_switches(local: Local) -> None:
    acts.preload(local.audience, 1, days=2)
    before = local.true("person1@example.com")["last_changed"]
    acts.tag(local.audience, "person1@example.com", "gold")
    assert local.true("person1@example.com")["last_changed"] == before
    local.world.switches.set(tag_change_moves_last_changed=True, tag_name_case="changed")
    body = {"tags": [{"name": "very loyal", "status": "active"}]}
    local.call("POST", f"members/{subscriber_hash('person1@example.com')}/tags", body)
    member = local.true("person1@example.com")
    assert (member["last_changed"], member["tags"]) == (int(NOON.timestamp()), ["gold", "Very Loyal"])
