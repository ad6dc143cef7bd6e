"""The local Mailchimp with a crowd: millions of members that are numbers until somebody looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.mailchimp import acts, app
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.records import digest_of
from sandbox.mailchimp.state import World
from sandbox.serving import serve

COUNT = 3_030


class Local:
    """A served world with one audience that holds a crowd."""

    def __init__(self, url: str, audience: Audience) -> None:
        self.url = url
        self.audience = audience
        self.path = f"{url}/3.0/lists/{audience.id}"

    def get(self, path: str = "", **query: Any) -> Any:
        answer = requests.get(self.path + path, query, auth=("x", self.audience.account.api_key), timeout=20)
        assert answer.ok, answer.text
        return answer.json()

    def control(self, path: str, body: Any) -> requests.Response:
        return requests.post(f"{self.url}/_control/audiences/{self.audience.id}{path}", json=body, timeout=20)


@pytest.fixture
def local() -> Iterator[Local]:
    world = World()
    audience = world.add_account("Contoso").add_audience("Newsletter")
    with serve(app.create_app(world)) as url:
        served = Local(url, audience)
        assert served.control("/acts", {"do": "crowd", "with": {"count": COUNT}}).ok
        yield served


def hashed(number: int) -> str:
    return digest_of(f"person{number}@example.com").hex()


def test_a_crowd_is_counted(local: Local) -> None:
    assert local.get("/members", count=1, fields="total_items")["total_items"] == COUNT
    assert local.get("/members", count=1, status="archived")["total_items"] == 0
    assert local.get()["stats"]["member_count"] == COUNT


def test_every_page_of_a_crowd_can_be_read_in_the_order_of_change(local: Local) -> None:
    members = [
        member
        for offset in range(0, COUNT, 1000)
        for member in local.get("/members", offset=offset, count=1000)["members"]
    ]
    assert [member["email_address"] for member in members] == [
        f"person{number}@example.com" for number in range(1, 3031)
    ]
    times = [member["last_changed"] for member in members]
    assert times == sorted(times)
    since = local.get("/members", since_last_changed=times[-101], count=1000)
    assert (since["total_items"], len(since["members"])) == (100, 100)


def test_one_of_a_crowd_is_found_by_hash_address_and_contact_id(local: Local) -> None:
    found = local.get(f"/members/{hashed(2_000)}")
    assert (found["email_address"], found["status"]) == ("person2000@example.com", "subscribed")
    assert found["merge_fields"]["FNAME"] == "Jo"
    assert local.get("/members/PERSON2000@example.com") == found
    assert local.get(f"/members/{found['contact_id']}") == found
    other = acts.dump(local.audience)[7]["contact_id"]
    assert local.get(f"/members/{other}")["email_address"] == "person8@example.com"


def test_whoever_never_was_in_a_crowd_is_not_found(local: Local) -> None:
    for number in (0, COUNT + 1):
        answer = requests.get(
            f"{local.path}/members/{hashed(number)}", auth=("x", local.audience.account.api_key), timeout=20
        )
        assert answer.status_code == 404


def test_those_of_a_crowd_change_like_anybody(local: Local) -> None:
    acts.unsubscribe(local.audience, "person5@example.com")
    acts.change_address(local.audience, "person6@example.com", "six@example.com")
    acts.forget(local.audience, "person7@example.com")
    assert local.get("/members", count=1)["total_items"] == COUNT - 1
    assert local.get("/members", status="unsubscribed")["members"][0]["email_address"] == "person5@example.com"
    assert local.audience.find("person6@example.com") is None
    assert local.audience.find("person7@example.com") is None
    answer = requests.post(
        local.path,
        json={
            "members": [
                {"email_address": f"{name}@example.com", "status": "subscribed"}
                for name in ("person5", "person7", "person8", "new")
            ]
        },
        auth=("x", local.audience.account.api_key),
        timeout=20,
    ).json()
    assert (answer["total_created"], answer["error_count"]) == (1, 3)
    assert len(acts.dump(local.audience)) == COUNT


def test_few_of_a_crowd_come_to_life(local: Local) -> None:
    local.get("/members", count=10)
    local.get(f"/members/{hashed(3_000)}")
    assert len(local.audience._by_digest) <= 200


def test_a_crowd_comes_to_an_empty_audience_only(local: Local) -> None:
    refused = local.control("/acts", {"do": "crowd", "with": {"count": 5}})
    assert (refused.status_code, refused.json()["error"]) == (400, "A crowd comes to an audience without members.")
