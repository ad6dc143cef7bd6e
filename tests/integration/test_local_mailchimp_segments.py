"""Tags and static segments at the local Mailchimp. Each name is the fact reproduced."""

from __future__ import annotations

import pytest

from sandbox.mailchimp import acts
from tests.integration.local_mailchimp import Local


def test_an_empty_segment_is_a_tag_and_a_name_in_any_case_is_taken_once(local: Local) -> None:
    made = local.call("POST", "segments", {"name": "Gold", "static_segment": []}).json()
    assert (made["type"], made["member_count"]) == ("static", 0)
    assert local.call("POST", "segments", {"name": "gold", "static_segment": []}).status_code == 400
    assert local.call("POST", "segments", {"name": "Both", "static_segment": [], "options": {}}).status_code == 400
    assert local.call("GET", "tag-search").json()["tags"] == [{"id": made["id"], "name": "Gold"}]


def test_a_saved_segment_is_no_tag(local: Local) -> None:
    saved = local.call("POST", "segments", {"name": "Gold", "options": {"match": "any"}}).json()
    assert saved["type"] == "saved"
    answer = local.call("POST", f"segments/{saved['id']}", {"members_to_add": []})
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"A Static Segment with an id of {saved['id']} does not exist for this list."
    acts.add_tag(local.audience, "Silver")
    for query in ({"type": "static"}, {"exclude_type": "saved"}):
        listed = local.call("GET", "segments", params=query).json()
        assert [each["name"] for each in listed["segments"]] == ["Silver"]


def test_a_segment_call_ignores_addresses_that_are_not_on_the_list(local: Local) -> None:
    acts.add(local.audience, "ann@example.com")
    acts.add(local.audience, "bob@example.com", tags=["gold"])
    tag = acts.add_tag(local.audience, "gold")
    body = {
        "members_to_add": ["ann@example.com", "nobody@example.com"],
        "members_to_remove": ["bob@example.com", "nobody@example.com"],
    }
    answer = local.call("POST", f"segments/{tag}", body).json()
    assert [each["email_address"] for each in answer["members_added"]] == ["ann@example.com"]
    assert [each["email_address"] for each in answer["members_removed"]] == ["bob@example.com"]
    assert (answer["total_added"], answer["total_removed"], answer["errors"]) == (1, 1, [])


def test_a_segment_call_takes_500_of_each_and_refuses_501_in_mailchimps_words(local: Local) -> None:
    acts.preload(local.audience, 501)
    tag = acts.add_tag(local.audience, "gold")
    addresses = [f"person{number}@example.com" for number in range(1, 502)]
    answer = local.call("POST", f"segments/{tag}", {"members_to_add": addresses})
    assert (answer.status_code, answer.json()["title"]) == (400, "Invalid Resource")
    assert answer.json()["detail"] == (
        "Maximum allowed member items exceeded, please provide at most 500 items in members_to_add field or "
        "members_to_remove field"
    )
    full = {"members_to_add": addresses[:500], "members_to_remove": addresses[1:]}
    assert local.call("POST", f"segments/{tag}", full).json()["total_added"] == 500


@pytest.mark.parametrize(("reaction", "errors", "added"), [("error", 1, 0), ("ignored", 0, 0), ("added", 0, 1)])
def test_adding_an_unsubscribed_member_is_an_error_ignored_or_done(
    local: Local, reaction: str, errors: int, added: int
) -> None:
    acts.add(local.audience, "ann@example.com", "unsubscribed")
    tag = acts.add_tag(local.audience, "gold")
    local.world.switches.set(segment_add_of_suppressed=reaction)
    answer = local.call("POST", f"segments/{tag}", {"members_to_add": ["ann@example.com"]}).json()
    assert (answer["error_count"], answer["total_added"]) == (errors, added)
    assert local.true("ann@example.com")["tags"] == ["gold"] * added


def test_segment_members_are_the_active_ones_and_the_flags_add_the_others(local: Local) -> None:
    for status in ("subscribed", "unsubscribed", "cleaned", "transactional", "archived", "pending"):
        acts.add(local.audience, f"{status}@example.com", status, tags=["gold"])
    tag = acts.add_tag(local.audience, "gold")

    def shown(*flags: str) -> set[str]:
        query = {f"include_{flag}": "true" for flag in flags}
        page = local.call("GET", f"segments/{tag}/members", params=query).json()
        assert page["total_items"] == len(page["members"])
        return {member["status"] for member in page["members"]}

    assert shown() == {"subscribed"}
    assert shown("cleaned") == {"subscribed", "cleaned"}
    assert shown("cleaned", "unsubscribed", "transactional") == {
        "subscribed",
        "unsubscribed",
        "cleaned",
        "transactional",
    }
    assert local.call("GET", f"segments/{tag}").json()["member_count"] == 1
    local.world.switches.set(archived_in_segment_members=True)
    assert shown() == {"subscribed", "archived"}


def test_a_member_that_leaves_keeps_its_tags_and_moves_between_the_flags(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", tags=["gold"])
    tag = acts.add_tag(local.audience, "gold")
    acts.unsubscribe(local.audience, "ann@example.com")
    assert local.call("GET", f"segments/{tag}/members").json()["members"] == []
    page = local.call("GET", f"segments/{tag}/members", params={"include_unsubscribed": "true"}).json()
    assert [member["status"] for member in page["members"]] == ["unsubscribed"]
    answer = local.call("POST", f"segments/{tag}", {"members_to_remove": ["ann@example.com"]}).json()
    assert answer["total_removed"] == 1


def test_one_member_leaves_a_segment_by_hash(local: Local) -> None:
    member = acts.add(local.audience, "ann@example.com", tags=["gold"])
    path = f"segments/{acts.add_tag(local.audience, 'gold')}/members/{member.digest.hex()}"
    assert local.call("DELETE", path).status_code == 204
    assert local.true("ann@example.com")["tags"] == []
    assert local.call("DELETE", path).status_code == 404


def test_patch_of_a_static_segment_replaces_everybody(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", tags=["gold"])
    acts.add(local.audience, "bob@example.com")
    tag = acts.add_tag(local.audience, "gold")
    body = {"name": "platinum", "static_segment": ["bob@example.com"]}
    assert local.call("PATCH", f"segments/{tag}", body).json()["name"] == "platinum"
    assert local.true("ann@example.com")["tags"] == []
    assert local.true("bob@example.com")["tags"] == ["platinum"]


def test_deleting_a_segment_takes_the_tag_off_everybody(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", tags=["gold", "silver"])
    tag = acts.add_tag(local.audience, "gold")
    assert local.call("DELETE", f"segments/{tag}").status_code == 204
    assert local.true("ann@example.com")["tags"] == ["silver"]
    assert local.call("GET", f"segments/{tag}").status_code == 404


@pytest.mark.parametrize(("reaction", "shown"), [("shown", 2), ("left_out", 1)])
def test_whether_the_answer_shows_one_that_had_the_tag_is_a_switch_and_nobody_is_shown_twice(
    local: Local, reaction: str, shown: int
) -> None:
    acts.add(local.audience, "ann@example.com", tags=["gold"])
    acts.add(local.audience, "bob@example.com")
    local.world.switches.set(segment_add_of_holder=reaction)
    body = {"members_to_add": ["ann@example.com", "bob@example.com", "BOB@example.com"]}
    answer = local.call("POST", f"segments/{acts.add_tag(local.audience, 'gold')}", body).json()
    assert answer["total_added"] == len(answer["members_added"]) == shown


def test_a_tag_name_has_a_limit(local: Local) -> None:
    local.world.switches.set(tag_name_limit=50)
    assert local.call("POST", "segments", {"name": "x" * 51, "static_segment": []}).status_code == 400
    assert local.call("POST", "segments", {"name": "x" * 50, "static_segment": []}).ok
