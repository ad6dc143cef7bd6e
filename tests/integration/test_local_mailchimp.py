"""The local Mailchimp over real HTTP: credentials, reading, paging. Each test's name is the fact it reproduces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import mailchimp_marketing
import pytest
import requests

from sandbox import serving
from sandbox.mailchimp import acts, app
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.state import Account, World

NOON = datetime(2026, 1, 15, 12, 0, 0, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Local:
    """A running local Mailchimp with one account and one audience."""

    url: str
    clock: Clock
    world: World
    account: Account
    audience: Audience
    session: requests.Session

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """One call below the audience (a path that begins with "/" is below /3.0)."""
        where = f"/3.0{path}" if path.startswith("/") else f"/3.0/lists/{self.audience.id}/{path}".rstrip("/")
        return self.session.request(method, self.url + where, json=body, **options)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def addresses(self, path: str = "members", **query: Any) -> list[str]:
        return [member["email_address"] for member in self.get(path, count=1000, **query)["members"]]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[World, Clock, str]]:
    clock = Clock()
    world = World(clock)
    with serving.serve(app.create_app(world)) as url:
        yield world, clock, url


@pytest.fixture
def local(served: tuple[World, Clock, str]) -> Iterator[Local]:
    world, clock, url = served
    world.reset()
    clock.now = NOON
    account = world.add_account("Contoso Coffee")
    with requests.Session() as session:
        session.auth = ("anystring", account.api_key)
        yield Local(url, clock, world, account, account.add_audience("Newsletter"), session)


def subscriber_hash(address: str) -> str:
    return hashlib.md5(address.lower().encode()).hexdigest()


@pytest.mark.parametrize("scheme", ["Bearer", "OAuth", "apikey"])
def test_a_credential_is_taken_in_every_scheme_that_mailchimp_takes(local: Local, scheme: str) -> None:
    for credential in (local.account.api_key, local.account.add_token()):
        answer = requests.get(f"{local.url}/3.0/ping", headers={"Authorization": f"{scheme} {credential}"}, timeout=10)
        assert answer.json() == {"health_status": "Everything's Chimpy!"}
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_missing_key_a_wrong_key_and_a_wrong_data_centre_answer_401(local: Local) -> None:
    missing = requests.get(f"{local.url}/3.0/ping", timeout=10)
    assert (missing.status_code, missing.json()["title"]) == (401, "API Key Missing")
    for wrong in ("0" * 32 + "-us1", local.account.api_key.replace("-us1", "-us2")):
        answer = requests.get(f"{local.url}/3.0/ping", auth=("u", wrong), timeout=10)
        assert answer.status_code == 401
        assert answer.json()["detail"] == (
            "Your API key may be invalid, or you've attempted to access the wrong datacenter."
        )
    host = {"Host": "us2.api.mailchimp.com"}
    assert local.call("GET", "/ping", headers=host).status_code == 401
    local.world.switches.set(wrong_datacenter="403")
    assert local.call("GET", "/ping", headers=host).json()["title"] == "Wrong Datacenter"
    assert local.call("GET", "/ping", headers={"Host": "us1.api.mailchimp.com"}).ok


def test_a_problem_is_problem_json_whose_instance_is_the_request_id(local: Local) -> None:
    answer = local.call("GET", "/no/such/thing")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json; charset=utf-8"
    assert answer.json() == {
        "type": "https://mailchimp.com/developer/marketing/docs/errors/",
        "title": "Resource Not Found",
        "status": 404,
        "detail": "The requested resource could not be found.",
        "instance": answer.headers["X-Request-Id"],
    }
    assert not [name for name in answer.headers if "ratelimit" in name.lower() or name == "Retry-After"]


def test_another_accounts_audience_cannot_be_found(local: Local) -> None:
    foreign = local.world.add_account("Fabrikam").add_audience("Theirs")
    assert local.call("GET", f"/lists/{foreign.id}").status_code == 404


@pytest.mark.parametrize("role", ["viewer", "author"])
def test_a_role_without_the_right_to_write_reads_but_gets_403_on_writes(local: Local, role: str) -> None:
    local.account.role = role
    assert local.get("/")["role"] == role
    refused = local.call("POST", "", {"members": []})
    assert (refused.status_code, refused.json()["title"]) == (403, "Forbidden")


def test_a_disabled_account_answers_403_and_a_revoked_key_401(local: Local) -> None:
    local.account.disabled = True
    assert local.call("GET", "/ping").json()["detail"] == "This account has been disabled."
    local.account.disabled = False
    local.world.revoke(local.account.api_key)
    assert local.call("GET", "/ping").status_code == 401


def test_the_date_header_is_the_worlds_clock_and_comes_once(local: Local) -> None:
    local.clock.advance(90)
    assert local.call("GET", "/ping").headers["Date"] == "Thu, 15 Jan 2026 12:01:30 GMT"
    assert local.call("GET", "/nothing").headers["Date"] == "Thu, 15 Jan 2026 12:01:30 GMT"


def test_a_wrong_method_answers_405_with_allow_and_broken_json_400(local: Local) -> None:
    answer = local.call("PUT", "/ping")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    broken = local.session.post(f"{local.url}/3.0/lists/{local.audience.id}", data=b'{"members": [')
    assert (broken.status_code, broken.json()["title"]) == (400, "JSON Parse Error")


def test_the_official_client_works_unmodified_but_for_its_host(local: Local) -> None:
    client = mailchimp_marketing.Client()
    client.set_config({"api_key": local.account.api_key, "server": "us1"})
    client.api_client.host = f"{local.url}/3.0"  # the only change: it always says https://server.api.mailchimp.com
    list_id = local.audience.id
    assert client.ping.get() == {"health_status": "Everything's Chimpy!"}
    assert client.root.get_root()["account_id"] == local.account.id
    assert client.lists.get_all_lists()["lists"][0]["name"] == "Newsletter"
    assert client.lists.get_list_merge_fields(list_id)["total_items"] == 4
    answer = client.lists.batch_list_members(
        list_id, {"members": [{"email_address": "ann@example.com", "status": "subscribed"}], "update_existing": False}
    )
    assert answer["total_created"] == 1
    key = subscriber_hash("ann@example.com")
    client.lists.update_list_member(list_id, key, {"merge_fields": {"FNAME": "Ann"}})
    assert client.lists.get_list_member(list_id, key)["full_name"] == "Ann"
    client.lists.set_list_member(list_id, key, {"email_address": "ann@example.com", "status_if_new": "pending"})
    tag = client.lists.create_segment(list_id, {"name": "gold", "static_segment": []})
    assert (
        client.lists.batch_segment_members({"members_to_add": ["ann@example.com"]}, list_id, tag["id"])["total_added"]
        == 1
    )
    assert client.lists.get_segment_members_list(list_id, tag["id"])["total_items"] == 1
    client.lists.update_list_member_tags(list_id, key, {"tags": [{"name": "silver", "status": "active"}]})
    assert [each["name"] for each in client.lists.get_list_member_tags(list_id, key)["tags"]] == ["gold", "silver"]
    assert client.lists.tag_search(list_id, name="GO")["tags"] == [{"id": tag["id"], "name": "gold"}]
    assert client.lists.get_list_members_info(list_id, status="subscribed")["total_items"] == 1
    client.lists.remove_segment_member(list_id, tag["id"], key)
    client.lists.delete_list_member(list_id, key)
    assert client.lists.get_list_member(list_id, key)["status"] == "archived"
    client.lists.delete_list_member_permanent(list_id, key)
    with pytest.raises(mailchimp_marketing.api_client.ApiClientError) as gone:
        client.lists.get_list_member(list_id, key)
    assert gone.value.status_code == 404


def test_the_account_counts_subscribers_of_all_audiences_and_has_no_contact_limit(local: Local) -> None:
    acts.preload(local.audience, 3)
    acts.preload(local.account.add_audience("Second"), 2)
    root = local.get("/")
    assert (root["total_subscribers"], root["pricing_plan_type"]) == (5, "monthly")
    assert not [name for name in root if "limit" in name]


def test_audiences_show_total_contacts_only_when_asked_and_only_ten_at_a_time(local: Local) -> None:
    for number in range(11):
        local.account.add_audience(f"Audience {number}")
    acts.add(local.audience, "ann@example.com")
    acts.add(local.audience, "bob@example.com", "archived")
    first = local.get("/lists")
    assert (len(first["lists"]), first["total_items"]) == (10, 12)
    assert first["constraints"] == {"may_create": True, "max_instances": -1, "current_total_instances": 12}
    assert "total_contacts" not in first["lists"][0]["stats"]
    stats = local.get("", include_total_contacts="true")["stats"]
    assert (stats["member_count"], stats["total_contacts"], stats["merge_field_count"]) == (1, 2, 4)


def test_counts_of_an_audience_are_five_minutes_old(local: Local) -> None:
    assert local.get("")["stats"]["member_count"] == 0
    acts.add(local.audience, "ann@example.com")
    local.clock.advance(299)
    assert local.get("")["stats"]["member_count"] == 0
    local.clock.advance(1)
    assert local.get("")["stats"]["member_count"] == 1


def test_merge_fields_are_listed_added_and_refused_when_the_tag_is_taken(local: Local) -> None:
    assert [field["tag"] for field in local.get("merge-fields")["merge_fields"]] == [
        "FNAME",
        "LNAME",
        "ADDRESS",
        "PHONE",
    ]
    made = local.call("POST", "merge-fields", {"name": "Plan", "type": "dropdown", "options": {"choices": ["A", "B"]}})
    assert (made.json()["tag"], made.json()["options"]) == ("PLAN", {"choices": ["A", "B"]})
    again = local.call("POST", "merge-fields", {"name": "Plan", "type": "text", "tag": "plan"})
    assert again.json()["detail"] == 'A Merge Field with the tag "PLAN" already exists for this list.'
    assert local.call("POST", "merge-fields", {"name": "X", "type": "text", "tag": "ELEVENCHARS"}).status_code == 400
    assert local.get("merge-fields", type="dropdown")["total_items"] == 1
    assert local.get("merge-fields", required="true")["total_items"] == 0


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
    assert member["id"] == subscriber_hash("ann@example.com")
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
    assert "unsubscribe_reason" not in member


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
