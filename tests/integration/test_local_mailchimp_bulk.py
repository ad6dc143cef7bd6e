"""What the local Mailchimp makes of bulk calls. Each name is the fact reproduced."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.mailchimp import acts
from tests.integration.local_mailchimp import Local


def contact(address: str, **more: Any) -> dict[str, Any]:
    return {"email_address": address, "status": "subscribed", **more}


def test_an_insert_leaves_an_existing_member_alone_and_says_that_it_exists(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", FNAME="Ann")
    answer = local.bulk(contact("Ann@example.com", merge_fields={"FNAME": "X"}, tags=["t"]), contact("bob@example.com"))
    assert (answer["total_created"], answer["total_updated"], answer["error_count"]) == (1, 0, 1)
    assert answer["errors"] == [
        {
            "email_address": "Ann@example.com",
            "error": "Ann@example.com is already a list member. Use PUT to insert or update list members.",
            "error_code": "ERROR_CONTACT_EXISTS",
            "field": "",
            "field_message": "",
        }
    ]
    assert local.true("ann@example.com")["merge_fields"]["FNAME"] == "Ann"
    assert local.true("ann@example.com")["tags"] == []


def test_http_is_200_even_when_every_member_failed(local: Local) -> None:
    answer = local.bulk(contact("nonsense"), contact("ann@example.invalid"))
    assert answer["error_count"] == 2
    assert {error["error_code"] for error in answer["errors"]} == {"ERROR_GENERIC"}


def test_501_members_are_refused_as_a_whole(local: Local) -> None:
    members = [contact(f"person{number}@example.com") for number in range(501)]
    assert local.call("POST", "", {"members": members}).status_code == 400
    assert acts.dump(local.audience) == []
    assert local.bulk(*members[:500])["total_created"] == 500


def test_one_member_against_the_schema_refuses_the_whole_call(local: Local) -> None:
    for wrong in ({"email_address": None}, {"status": "archived"}, {"merge_fields": {"FNAME": None}}, {"tags": [1]}):
        answer = local.call("POST", "", {"members": [contact("ann@example.com"), contact("bob@example.com") | wrong]})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"].startswith("members.item:1.")
    assert acts.dump(local.audience) == []


def test_duplicates_in_one_call_are_errors_unless_the_check_is_skipped_and_the_first_wins(local: Local) -> None:
    twice = (
        contact("ann@example.com", merge_fields={"FNAME": "First"}),
        contact("ANN@example.com", merge_fields={"FNAME": "Second"}),
    )
    assert (local.bulk(*twice)["total_created"], local.bulk(*twice)["error_count"]) == (0, 2)
    answer = local.bulk(*twice, skip_duplicate_check="true")
    assert (answer["total_created"], answer["error_count"]) == (1, 0)
    assert local.true("ann@example.com")["merge_fields"]["FNAME"] == "First"
    local.world.switches.set(duplicates="first_kept", duplicates_text="Twice: {address}")
    answer = local.bulk(contact("bob@example.com"), contact("bob@example.com"))
    assert (answer["total_created"], answer["errors"][0]["error"]) == (1, "Twice: bob@example.com")


def test_update_existing_with_subscribed_brings_back_whom_the_api_unsubscribed_and_the_archived(local: Local) -> None:
    for name in ("admin", "self", "bounce", "archived"):
        acts.add(local.audience, f"{name}@example.com")
    acts.unsubscribe(local.audience, "admin@example.com", by="admin")
    acts.unsubscribe(local.audience, "self@example.com")
    acts.clean(local.audience, "bounce@example.com")
    acts.archive(local.audience, "archived@example.com")
    answer = local.bulk(*(contact(each["email_address"]) for each in acts.dump(local.audience)), update=True)
    assert [each["email_address"] for each in answer["updated_members"]] == [
        "admin@example.com",
        "archived@example.com",
    ]
    assert [each["email_address"] for each in answer["errors"]] == ["self@example.com", "bounce@example.com"]
    assert "compliance state" in answer["errors"][0]["error"]


@pytest.mark.parametrize(
    ("reaction", "status"), [("kept", "unsubscribed"), ("subscribed", "subscribed"), ("refused", None)]
)
def test_what_an_omitted_status_does_to_an_existing_member_is_a_switch(
    local: Local, reaction: str, status: str | None
) -> None:
    acts.add(local.audience, "ann@example.com")
    acts.unsubscribe(local.audience, "ann@example.com", by="admin")
    local.world.switches.set(omitted_status=reaction)
    answer = local.bulk({"email_address": "ann@example.com", "merge_fields": {"FNAME": "Ann"}}, update=True)
    assert answer["error_count"] == (status is None)
    assert local.true("ann@example.com")["status"] == (status or "unsubscribed")
    assert local.true("ann@example.com")["merge_fields"]["FNAME"] == ("" if status is None else "Ann")


def test_an_omitted_status_never_touches_the_archived_by_default(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", "archived")
    local.bulk({"email_address": "ann@example.com"}, update=True)
    assert local.true("ann@example.com")["status"] == "archived"


@pytest.mark.parametrize(
    ("reaction", "code"), [("revived", None), ("exists", "ERROR_CONTACT_EXISTS"), ("compliance", "ERROR_GENERIC")]
)
def test_what_an_insert_does_to_an_archived_member_is_a_switch(local: Local, reaction: str, code: str | None) -> None:
    acts.add(local.audience, "ann@example.com", "archived")
    local.world.switches.set(archived_insert=reaction)
    answer = local.bulk(contact("ann@example.com"))
    assert [error["error_code"] for error in answer["errors"]] == ([code] if code else [])
    assert local.true("ann@example.com")["status"] == ("archived" if code else "subscribed")


def test_status_if_new_counts_for_new_members_only_and_is_a_switch(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", "unsubscribed")
    sent = [{"email_address": f"{name}@example.com", "status_if_new": "subscribed"} for name in ("ann", "bob")]
    local.bulk(*sent, update=True)
    assert local.true("ann@example.com")["status"] == "unsubscribed"
    assert local.true("bob@example.com")["status"] == "subscribed"
    acts.add(local.audience, "dan@example.com", "archived")
    assert local.bulk({"email_address": "dan@example.com", "merge_fields": {}})["error_count"] == 1
    local.world.switches.set(status_if_new_in_bulk=False)
    assert local.bulk({"email_address": "cem@example.com", "status_if_new": "subscribed"})["error_count"] == 1


def test_tags_in_bulk_are_honoured_ignored_or_for_new_members_only(local: Local) -> None:
    acts.add(local.audience, "old@example.com", tags=["theirs"])
    both = (contact("old@example.com", tags=["ours"]), contact("new@example.com", tags=["ours"]))
    local.world.switches.set(bulk_tags="ignored")
    assert [each["tags"] for each in local.bulk(*both, update=True)["new_members"]] == [[]]
    local.world.switches.set(bulk_tags="new_only")
    local.bulk(*both, contact("newer@example.com", tags=["ours"]), update=True)
    assert [local.true(f"{name}@example.com")["tags"] for name in ("old", "newer")] == [["theirs"], ["ours"]]
    local.world.switches.set(bulk_tags="honoured")
    shown = local.bulk(*both, update=True)["updated_members"]
    assert [[tag["name"] for tag in each["tags"]] for each in shown] == [["theirs", "ours"], ["ours"]]
    assert shown[0]["tags"][1]["id"] == local.call("GET", "tag-search", params={"name": "ours"}).json()["tags"][0]["id"]


def test_sync_tags_wipes_the_tags_of_other_tools(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", tags=["theirs"])
    local.bulk(contact("ann@example.com", tags=["ours"]), update=True, sync_tags=True)
    assert local.true("ann@example.com")["tags"] == ["ours"]


def test_a_refusal_can_be_laid_on_an_address(local: Local) -> None:
    text = "{address} has signed up to a lot of lists very recently; we're not allowing more signups for now"
    acts.refuse(local.audience, "ann@example.com", text)
    assert local.bulk(contact("ann@example.com"))["errors"][0]["error"] == text.format(address="ann@example.com")


@pytest.mark.parametrize("mode", ["none", "403", "error_generic"])
def test_the_contact_limit_is_silent_or_one_of_two_inventions(local: Local, mode: str) -> None:
    acts.preload(local.audience, 9)
    acts.preload(local.audience, 5, first=100, status="cleaned")
    local.world.switches.set(contact_limit=10, contact_limit_mode=mode)
    answer = local.call("POST", "", {"members": [contact("ann@example.com"), contact("bob@example.com")]})
    if mode == "403":
        assert answer.status_code == 403
        assert local.true("ann@example.com") is None
    else:
        assert answer.json()["total_created"] == (2 if mode == "none" else 1)
