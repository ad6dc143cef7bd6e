"""The local Mailchimp over real HTTP: credentials, problems, the account and its audiences.

Each test's name is the fact it reproduces.
"""

from __future__ import annotations

import mailchimp_marketing
import pytest
import requests

from sandbox.mailchimp import acts
from tests.integration.local_mailchimp import Local, subscriber_hash


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
    local.world.switches.set(merge_field_limit=5)
    assert local.call("POST", "merge-fields", {"name": "Sixth", "type": "text"}).status_code == 400
