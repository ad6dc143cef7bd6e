"""What goes wrong at the local Mailchimp, when asked to: limits, faults, time-outs. Each name is the fact reproduced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from sandbox import serving
from sandbox.mailchimp import acts, app
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.state import Account, World


@dataclass
class Local:
    """A running local Mailchimp with one account and one audience."""

    url: str
    world: World
    account: Account
    audience: Audience

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """One call below the audience (a path that begins with "/" is below /3.0), on a connection of its own."""
        where = f"/3.0{path}" if path.startswith("/") else f"/3.0/lists/{self.audience.id}/{path}".rstrip("/")
        options = {"timeout": 20, **options}
        return requests.request(method, self.url + where, json=body, auth=("u", self.account.api_key), **options)

    def insert(self, address: str = "ann@example.com", **options: Any) -> requests.Response:
        return self.call("POST", "", {"members": [{"email_address": address, "status": "subscribed"}]}, **options)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[World, str]]:
    world = World()
    with serving.serve(app.create_app(world)) as url:
        yield world, url


@pytest.fixture
def local(served: tuple[World, str]) -> Local:
    world, url = served
    world.reset()
    account = world.add_account("Contoso Coffee")
    return Local(url, world, account, account.add_audience("Newsletter"))


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_eleventh_connection_of_an_account_is_refused_with_429_whatever_its_key(local: Local) -> None:
    other_key = local.account.add_api_key()
    local.world.switches.set(latency_read=1.0)
    start = threading.Barrier(11)

    def ping(number: int) -> requests.Response:
        start.wait()
        key = other_key if number % 2 else local.account.api_key
        return requests.get(f"{local.url}/3.0/ping", auth=("u", key), timeout=20)

    with ThreadPoolExecutor(11) as lanes:
        answers = list(lanes.map(ping, range(11)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 1
    assert refused[0].json()["title"] == "Too Many Requests"
    assert refused[0].json()["detail"] == "You have exceeded the limit of 10 simultaneous connections."
    assert local.account.connections.highest == 10
    assert local.world.log.highest == 11


def test_another_account_has_connections_of_its_own(local: Local) -> None:
    local.world.switches.set(connection_limit=1)
    local.account.connections.enter(1)
    assert local.call("GET", "/ping").status_code == 429
    other = local.world.add_account("Fabrikam")
    assert requests.get(f"{local.url}/3.0/ping", auth=("u", other.api_key), timeout=10).ok


@pytest.mark.parametrize(("switch", "status"), [("429_bare", 429), ("403_bare", 403), ("502_html", 502)])
def test_over_the_limit_the_answer_may_have_no_json(local: Local, switch: str, status: int) -> None:
    local.world.switches.set(connection_limit=0, over_limit_answer=switch)
    answer = local.call("GET", "/ping")
    assert answer.status_code == status
    assert "json" not in answer.headers["Content-Type"]


def test_a_call_the_client_gave_up_on_is_applied_and_goes_on_counting_as_a_ghost(local: Local) -> None:
    local.world.switches.set(connection_limit=1, latency_bulk=0.2, ghost_seconds=3600.0)
    with pytest.raises(requests.ReadTimeout):
        local.insert(timeout=0.05)
    wait_until(lambda: local.account.connections.ghosts == 1)
    assert local.call("GET", "/ping").status_code == 429
    assert local.audience.find("ann@example.com")
    assert local.world.log.calls("POST", "/lists/{list_id}")[0].outcome == "gone"
    local.account.connections.forget_ghosts()
    assert local.call("GET", "/ping").ok


def test_a_ghost_is_let_go_after_its_time(local: Local) -> None:
    local.world.switches.set(connection_limit=1, latency_read=0.1, ghost_seconds=0.1)
    with pytest.raises(requests.ReadTimeout):
        local.call("GET", "/ping", timeout=0.05)
    wait_until(lambda: local.call("GET", "/ping").ok)


@pytest.mark.parametrize(
    ("kind", "status", "title"),
    [
        ("429", 429, "Too Many Requests"),
        ("500", 500, "Internal Server Error"),
        ("503", 503, "Service Unavailable"),
        ("compliance", 503, "Compliance Related"),
        ("refuse", 400, "Invalid Resource"),
        ("429_bare", 429, None),
        ("403_bare", 403, None),
        ("502", 502, None),
        ("504", 504, None),
    ],
)
def test_a_fault_answers_in_mailchimps_stead_and_applies_nothing(
    local: Local, kind: str, status: int, title: str | None
) -> None:
    local.world.faults.add(kind, times=1)
    answer = local.insert()
    assert answer.status_code == status
    if title is None:
        assert "json" not in answer.headers["Content-Type"]
    else:
        assert answer.json()["title"] == title
    assert local.audience.find("ann@example.com") is None
    assert local.insert().ok


@pytest.mark.parametrize(("kind", "applied"), [("drop_before", False), ("drop_after", True), ("cut", True)])
def test_a_connection_is_cut_before_or_after_the_call_was_applied(local: Local, kind: str, applied: bool) -> None:
    local.world.faults.add(kind, times=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        local.insert()
    assert (local.audience.find("ann@example.com") is not None) is applied
    entry = local.world.log.calls()[0]
    assert (entry.outcome, entry.applied, entry.fault) == ("dropped", applied, kind)


def test_a_500_may_come_although_the_call_was_applied(local: Local) -> None:
    local.world.faults.add("500_after", times=1)
    assert local.insert().status_code == 500
    assert local.audience.find("ann@example.com")


@pytest.mark.parametrize("applied", [True, False])
def test_a_call_that_takes_too_long_gets_502_with_html_applied_or_not(local: Local, applied: bool) -> None:
    local.world.switches.set(server_timeout=0.05)
    local.world.faults.add("timeout", times=1, applied=applied)
    answer = local.insert()
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert (local.audience.find("ann@example.com") is not None) is applied


def test_a_window_since_1970_hangs(local: Local) -> None:
    local.world.switches.set(server_timeout=0.05)
    query = {"since_last_changed": "1970-01-01T00:00:00+00:00"}
    assert local.call("GET", "members", params=query).status_code == 502
    local.world.switches.set(epoch_since_hangs=False)
    assert local.call("GET", "members", params=query).ok


def test_latency_counts_the_call_and_its_members_and_deep_offsets_are_slower(local: Local) -> None:
    local.world.switches.set(latency_bulk=0.02, latency_member=0.05, deep_offset_slowdown=0.1)
    assert local.insert().ok
    assert local.call("GET", "members", params={"offset": 100_000}).ok
    assert local.call("GET", "members").ok
    bulk, deep, shallow = (entry.ended - entry.started for entry in local.world.log.calls())
    assert bulk >= 0.06  # a timer may go off a little early
    assert deep >= 0.09
    assert shallow < deep


def test_a_fault_strikes_the_calls_it_is_meant_for(local: Local) -> None:
    local.world.faults.add("500", method="POST", path=r"/lists/[^/]+", skip=1, every=2, times=2)
    assert [local.insert().status_code for _ in range(7)] == [200, 200, 500, 200, 500, 200, 200]
    assert local.call("GET", "").ok
    local.world.faults.clear()
    local.world.faults.add("refuse", containing="BAD@example.com")
    assert local.insert("bad@example.com").status_code == 400
    assert local.insert("good@example.com").ok
    local.world.faults.clear()
    local.world.faults.add("503", chance=0.5)
    assert {local.call("GET", "/ping").status_code for _ in range(30)} == {200, 503}


def test_a_slow_answer_is_slow_and_right(local: Local) -> None:
    local.world.faults.add("slow", seconds=0.1, times=1)
    assert local.call("GET", "/ping").ok
    entry = local.world.log.calls()[0]
    assert entry.ended - entry.started >= 0.09  # a timer may go off a little early


def test_a_token_is_revoked_or_an_account_disabled_in_mid_run(local: Local) -> None:
    local.world.faults.add("disable", skip=1, times=1)
    assert [local.insert(f"a{number}@example.com").status_code for number in range(3)] == [200, 403, 403]
    local.account.disabled = False
    local.world.faults.add("revoke", times=1)
    assert [local.insert(f"b{number}@example.com").status_code for number in range(2)] == [401, 401]
    assert local.audience.counts["subscribed"] == 1


def test_somebody_unsubscribes_just_before_a_call(local: Local) -> None:
    acts.add(local.audience, "ann@example.com")
    local.world.faults.before_call(
        2, lambda: acts.unsubscribe(local.audience, "ann@example.com"), method="GET", path=r"/lists/[^/]+/members/.*"
    )
    statuses = [local.call("GET", "members/ann@example.com").json()["status"] for _ in range(3)]
    assert statuses == ["subscribed", "unsubscribed", "unsubscribed"]


def test_the_log_tells_what_was_asked_without_addresses_unless_bodies_are_wanted(local: Local) -> None:
    local.insert()
    local.call("GET", "members/ann@example.com")
    bulk, one = local.world.log.calls()
    assert (bulk.method, bulk.path, bulk.status, bulk.account) == ("POST", "/lists/{list_id}", 200, local.account.id)
    assert bulk.counts == {"members": 1, "created": 1, "updated": 0, "errors": 0}
    assert one.path == "/lists/{list_id}/members/{member}"
    assert "ann@example.com" not in repr(local.world.log.as_json())
    local.world.log.record_bodies = True
    local.insert("bob@example.com")
    local.world.log.record_bodies = False
    entry = local.world.log.calls()[-1]
    assert entry.request["members"][0]["email_address"] == "bob@example.com"
    assert entry.response["total_created"] == 1
