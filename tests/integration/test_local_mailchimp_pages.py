"""How the local Mailchimp shows members: pages, windows, filters, trimming. Each name is the fact reproduced."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sandbox.mailchimp import acts
from tests.integration.local_mailchimp import NOON, Local


def test_a_page_has_ten_members_unless_asked_and_a_thousand_at_most(local: Local) -> None:
    acts.preload(local.audience, 1005)
    page = local.get("members")
    assert (len(page["members"]), page["total_items"]) == (10, 1005)
    assert len(local.addresses()) == 1000
    assert len(local.addresses(offset=1000)) == 5
    assert local.call("GET", "members", params={"count": 1001}).status_code == 400
    assert local.call("GET", "members", params={"offset": -1}).status_code == 400


def test_pages_by_last_change_show_everybody_once_in_either_direction(local: Local) -> None:
    acts.preload(local.audience, 500, days=3)
    acts.preload(local.audience, 50, first=501, days=2, status="unsubscribed")
    for direction in ("ASC", "DESC"):
        seen = []
        for offset in range(0, 550, 60):
            page = local.get("members", count=60, offset=offset, sort_field="last_changed", sort_dir=direction)
            assert page["total_items"] == 550
            seen += [(member["last_changed"], member["email_address"]) for member in page["members"]]
        assert len({address for _, address in seen}) == 550
        assert [time for time, _ in seen] == sorted((time for time, _ in seen), reverse=direction == "DESC")


def test_a_window_of_last_changed_holds_what_changed_within_and_the_edges_are_a_switch(local: Local) -> None:
    for minute, name in enumerate(("ann", "bob", "cem")):
        local.clock.now = NOON + timedelta(minutes=minute)
        acts.add(local.audience, f"{name}@example.com")
    window = {"since_last_changed": NOON.isoformat(), "before_last_changed": (NOON + timedelta(minutes=2)).isoformat()}
    assert local.addresses(**window) == ["bob@example.com"]
    local.world.switches.set(window_edges="inclusive")
    assert local.addresses(**window) == ["ann@example.com", "bob@example.com", "cem@example.com"]
    local.clock.advance(60)
    acts.edit(local.audience, "ann@example.com", FNAME="Ann")
    assert local.addresses(**window) == ["bob@example.com", "cem@example.com"]
    assert local.addresses(since_last_changed=(NOON + timedelta(minutes=3)).isoformat()) == ["ann@example.com"]


def test_a_plus_sign_that_was_not_encoded_makes_a_time_invalid(local: Local) -> None:
    where = f"{local.url}/3.0/lists/{local.audience.id}/members?since_last_changed="
    assert local.session.get(where + "2026-01-15T12:00:00%2B00:00").ok
    assert local.session.get(where + "2026-01-15T12:00:00+00:00").status_code == 400


def test_members_are_filtered_by_status_and_a_plain_list_leaves_the_archived_out(local: Local) -> None:
    for status in ("subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived"):
        acts.add(local.audience, f"{status}@example.com", status)
    for status in ("subscribed", "archived", "cleaned"):
        assert local.addresses(status=status) == [f"{status}@example.com"]
    assert len(local.addresses()) == 5
    local.world.switches.set(archived_in_plain_list=True)
    assert len(local.addresses()) == 6
    assert local.call("GET", "members", params={"status": "deleted"}).status_code == 400


def test_some_filters_need_a_status(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", "unsubscribed")
    since = (NOON - timedelta(days=1)).isoformat()
    assert local.call("GET", "members", params={"unsubscribed_since": since}).status_code == 400
    assert local.addresses(unsubscribed_since=since, status="unsubscribed") == ["ann@example.com"]
    for query in ({"since_last_campaign": "true"}, {"interest_ids": "a1b2"}):
        assert local.call("GET", "members", params=query).status_code == 400


def test_fields_and_exclude_fields_trim_with_dots_and_an_unknown_field_is_422(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", FNAME="Ann")
    only = local.get("members", fields="members.email_address,members.merge_fields.FNAME,total_items")
    assert only == {
        "members": [{"email_address": "ann@example.com", "merge_fields": {"FNAME": "Ann"}}],
        "total_items": 1,
    }
    less = local.get("members", exclude_fields="members.merge_fields,members.stats.avg_open_rate,_links")
    assert "_links" not in less
    assert "merge_fields" not in less["members"][0]
    assert less["members"][0]["stats"] == {"avg_click_rate": 0}
    assert local.get("members/ann@example.com", fields="status") == {"status": "subscribed"}
    assert local.call("GET", "members", params={"fields": "members.emial"}).status_code == 422


def test_a_member_is_found_by_hash_plain_address_and_contact_id_but_not_by_an_unlowered_hash(local: Local) -> None:
    acts.add(local.audience, "Ann@Example.com")
    member = local.get("members/ann@EXAMPLE.com")
    assert member["id"] == hashlib.md5(b"ann@example.com").hexdigest()
    assert member["email_address"] == "Ann@Example.com"
    assert local.get(f"members/{member['id']}") == member
    assert local.get(f"members/{member['contact_id']}") == member
    unlowered = hashlib.md5(b"Ann@Example.com").hexdigest()
    assert local.call("GET", f"members/{unlowered}").status_code == 404


def test_what_is_not_known_of_a_member_is_an_empty_string_and_all_merge_fields_show(local: Local) -> None:
    local.call("POST", "members", {"email_address": "ann@example.com", "status": "subscribed"})
    member = local.get("members/ann@example.com")
    assert {member[name] for name in ("timestamp_signup", "ip_signup", "language", "email_client")} == {""}
    assert member["merge_fields"] == {"FNAME": "", "LNAME": "", "ADDRESS": "", "PHONE": ""}
    assert (member["ip_opt"], member["source"]) == ("127.0.0.1", "API - Generic")
    assert member["timestamp_opt"] == "2026-01-15T12:00:00+00:00"


def test_a_member_shows_fifty_tags_at_most_and_the_tags_call_shows_all_in_pages(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", tags=[f"tag {number}" for number in range(60)])
    member = local.get("members/ann@example.com")
    assert (member["tags_count"], len(member["tags"])) == (60, 50)
    page = local.get("members/ann@example.com/tags", count=100, offset=50)
    assert (len(page["tags"]), page["total_items"]) == (10, 60)
    assert page["tags"][0]["date_added"] == "2026-01-15T12:00:00+00:00"


def test_pages_lag_behind_while_a_single_member_is_read_as_it_is(local: Local) -> None:
    acts.add(local.audience, "old@example.com", FNAME="Old")
    tag = acts.add_tag(local.audience, "gold")
    local.world.switches.set(visibility_delay=60.0)
    local.call("POST", "", {"members": [{"email_address": "new@example.com", "status": "subscribed"}]})
    local.call("PATCH", "members/old@example.com", {"merge_fields": {"FNAME": "Older"}})
    local.call("POST", f"segments/{tag}", {"members_to_add": ["old@example.com"]})
    page = local.get("members")["members"]
    assert [(member["email_address"], member["merge_fields"]["FNAME"]) for member in page] == [
        ("old@example.com", "Old")
    ]
    assert local.get(f"segments/{tag}/members")["total_items"] == 0
    assert local.get(f"segments/{tag}")["member_count"] == 0
    assert local.get("members/old@example.com")["merge_fields"]["FNAME"] == "Older"
    local.clock.advance(60)
    assert sorted(local.addresses()) == ["new@example.com", "old@example.com"]
    assert local.addresses(f"segments/{tag}/members") == ["old@example.com"]
    assert local.get(f"segments/{tag}")["member_count"] == 1


def test_pages_are_in_order_although_the_clock_was_set_back(local: Local) -> None:
    for seconds, name in ((30, "cem"), (10, "ann"), (20, "bob")):
        local.clock.now = NOON + timedelta(seconds=seconds)
        acts.add(local.audience, f"{name}@example.com")
    assert local.addresses() == ["ann@example.com", "bob@example.com", "cem@example.com"]
    since = (NOON + timedelta(seconds=15)).isoformat()
    assert local.addresses(since_last_changed=since) == ["bob@example.com", "cem@example.com"]


def test_a_page_read_twice_shows_what_changed_in_between(local: Local) -> None:
    acts.add(local.audience, "ann@example.com", tags=["gold"])
    acts.add(local.audience, "bob@example.com", tags=["gold"])
    tag = acts.add_tag(local.audience, "gold")
    assert len(local.addresses(f"segments/{tag}/members")) == len(local.addresses()) == 2
    acts.untag(local.audience, "ann@example.com", "gold")
    acts.forget(local.audience, "ann@example.com")
    assert local.addresses(f"segments/{tag}/members") == local.addresses() == ["bob@example.com"]
