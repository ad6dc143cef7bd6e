"""The local Mailchimp's OAuth pages and its control API, as a browser and another process use them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from sandbox import serving
from sandbox.mailchimp import acts, app, oauth
from sandbox.mailchimp.state import Account, World
from sandbox.mailchimp.switches import Switches

BACK = "http://127.0.0.1:8000/mailchimp/callback"


@dataclass
class Local:
    """A running local Mailchimp with one account."""

    url: str
    world: World
    account: Account

    def control(self, method: str, path: str, body: Any = None, status: int = 200, **query: Any) -> Any:
        """One call of the control API."""
        answer = requests.request(method, f"{self.url}/_control{path}", json=body, params=query, timeout=10)
        assert answer.status_code == status, answer.text
        return answer.json()

    def ping(self, key: str) -> int:
        return requests.get(f"{self.url}/3.0/ping", auth=("u", key), timeout=10).status_code


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[World, str]]:
    world = World()
    with serving.serve(app.create_app(world)) as url:
        yield world, url


@pytest.fixture
def local(served: tuple[World, str]) -> Local:
    world, url = served
    world.reset()
    return Local(url, world, world.add_account("Contoso <Coffee>", dc="us14"))


def authorize(local: Local, **changes: str) -> requests.Response:
    query = {"response_type": "code", "client_id": oauth.CLIENT_ID, "redirect_uri": BACK, "state": "s&1", **changes}
    return requests.get(f"{local.url}/oauth2/authorize", params=query, timeout=10, allow_redirects=False)


def exchange(local: Local, code: str, **changes: str) -> requests.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": oauth.CLIENT_ID,
        "client_secret": oauth.CLIENT_SECRET,
        "redirect_uri": BACK,
        "code": code,
        **changes,
    }
    return requests.post(f"{local.url}/oauth2/token", data=form, timeout=10)


def allow(local: Local) -> dict[str, list[str]]:
    """Press Allow on the page, as a browser does, and read where it leads."""
    page = authorize(local).text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page)) | {"decision": "allow"}
    fields["state"] = fields["state"].replace("&amp;", "&")
    answer = requests.post(f"{local.url}/oauth2/authorize", data=fields, timeout=10, allow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(BACK + "?")
    return parse_qs(urlsplit(answer.headers["Location"]).query)


def test_allow_leads_back_with_a_code_and_the_state_and_the_code_buys_one_token(local: Local) -> None:
    page = authorize(local).text
    assert "Contoso &lt;Coffee&gt;" in page
    assert "Allow" in page
    back = allow(local)
    assert back["state"] == ["s&1"]
    answer = exchange(local, back["code"][0])
    assert {"expires_in": 0, "scope": None}.items() <= answer.json().items()
    assert exchange(local, back["code"][0]).json()["error"] == "invalid_grant"
    token = answer.json()["access_token"]
    metadata = requests.get(
        f"{local.url}/oauth2/metadata", headers={"Authorization": f"OAuth {token}"}, timeout=10
    ).json()
    assert (metadata["dc"], metadata["role"], metadata["accountname"]) == ("us14", "owner", "Contoso <Coffee>")
    assert metadata["api_endpoint"] == local.url
    assert metadata["login"]["login_email"] == local.account.login_email
    bearer = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{local.url}/3.0/ping", headers=bearer, timeout=10).ok
    local.control("POST", "/revoke", {"credential": token})
    assert requests.get(f"{local.url}/3.0/ping", headers=bearer, timeout=10).status_code == 401


def test_metadata_of_a_bad_token_is_an_error_with_http_200(local: Local) -> None:
    answer = requests.get(f"{local.url}/oauth2/metadata", headers={"Authorization": "OAuth nonsense"}, timeout=10)
    assert (answer.status_code, answer.json()) == (200, {"error": "invalid_token"})


def test_deny_leads_back_with_access_denied(local: Local) -> None:
    answer = authorize(local, decision="deny")
    assert parse_qs(urlsplit(answer.headers["Location"]).query) == {"state": ["s&1"], "error": ["access_denied"]}


def test_an_unknown_application_address_or_secret_gets_nothing(local: Local) -> None:
    assert authorize(local, client_id="1").json()["error"] == "invalid_client"
    assert authorize(local, redirect_uri="https://evil.example.com/").json()["error"] == "redirect_uri_mismatch"
    code = allow(local)["code"][0]
    assert exchange(local, code, client_secret="wrong").status_code == 401
    assert exchange(local, code, redirect_uri=BACK + "/other").json()["error"] == "invalid_grant"
    body = {"client_id": "7", "secret": "x", "redirect_uris": ["https://postino.example.com/callback"]}
    local.control("POST", "/clients", body)
    assert authorize(local, client_id="7", redirect_uri="https://postino.example.com/callback").ok
    assert authorize(local, client_id="7").status_code == 400


def test_everything_can_be_set_up_and_read_over_the_control_api(local: Local) -> None:
    account = local.control("POST", "/accounts", {"name": "Fabrikam", "dc": "us2", "role": "admin"})
    assert local.ping(account["api_key"]) == 200
    audience = local.control("POST", f"/accounts/{account['id']}/audiences", {"name": "News"})
    base = f"/audiences/{audience['id']}"
    local.control("POST", f"{base}/merge-fields", {"tag": "PLAN", "name": "Plan", "type": "text"})
    for act in (
        {"do": "preload", "with": {"count": 30, "tags": ["gold"]}},
        {"do": "add", "with": {"address": "ann@example.com", "FNAME": "Ann"}},
        {"do": "tag", "with": {"address": "ann@example.com", "name": "vip"}},
        {"do": "rename_tag", "with": {"name": "vip", "new": "VIP people"}},
        {"do": "edit", "with": {"address": "ann@example.com", "PLAN": "A"}},
        {"do": "change_address", "with": {"address": "ann@example.com", "new": "anna@example.com"}},
        {"do": "unsubscribe", "with": {"address": "anna@example.com", "by": "self"}},
        {"do": "clean", "with": {"address": "person1@example.com"}},
        {"do": "archive", "with": {"address": "person2@example.com"}},
        {"do": "forget", "with": {"address": "person3@example.com"}},
        {"do": "untag", "with": {"address": "person4@example.com", "name": "gold"}},
    ):
        local.control("POST", f"{base}/acts", act)
    page = local.control("GET", f"{base}/members", offset=29, count=10)
    assert page["total_items"] == 30
    assert len(page["members"]) == 1
    anna = page["members"][0]
    assert (anna["email_address"], anna["status"], anna["left_by"]) == ("anna@example.com", "unsubscribed", "self")
    assert (anna["tags"], anna["merge_fields"]["PLAN"]) == (["VIP people"], "A")
    shown = next(each for each in local.control("GET", "/accounts") if each["id"] == account["id"])
    assert shown["audiences"][0]["counts"] == {"subscribed": 27, "unsubscribed": 1, "cleaned": 1, "archived": 1}
    assert [tag["holders"] for tag in shown["audiences"][0]["tags"]] == [28, 1]


def test_the_control_api_says_what_is_wrong(local: Local) -> None:
    audience = local.account.add_audience("News")
    assert "An act is one of" in local.control("POST", f"/audiences/{audience.id}/acts", {"do": "x"}, 400)["error"]
    local.control("POST", f"/audiences/{audience.id}/acts", {"do": "clean", "with": {"address": "a@example.com"}}, 404)
    local.control("POST", f"/audiences/{audience.id}/acts", {"do": "clean", "with": {"nonsense": 1}}, 400)
    local.control("POST", "/faults", {"kind": "nonsense"}, 400)
    for wrong in ({"nonsense": 1}, {"omitted_status": "maybe"}, {"connection_limit": "ten"}, {"epoch_since_hangs": 1}):
        local.control("PATCH", "/switches", {"bulk_tags": "ignored", **wrong}, 400)
    assert local.world.switches == Switches()


def test_switches_are_changed_at_run_time_and_each_names_its_fact(local: Local) -> None:
    assert local.control("PATCH", "/switches", {"omitted_status": "refused"})["omitted_status"] == "refused"
    assert local.world.switches.omitted_status == "refused"
    facts = {each["name"]: each for each in local.control("GET", "/switches/facts")}
    assert set(facts) == set(local.control("GET", "/switches"))
    assert facts["omitted_status"]["choices"] == ["kept", "subscribed", "refused"]
    assert "INVENTIONS" in facts["contact_limit_mode"]["fact"]
    assert all(each["fact"] for each in facts.values())


def test_time_passes_at_once(local: Local) -> None:
    before = local.world.now()
    local.control("POST", "/clock", {"seconds": 7200})
    assert 7200 <= local.world.now() - before < 7260
    local.control("POST", "/clock", {"seconds": -7200})


def test_faults_and_hooks_are_added_and_cleared_over_the_control_api(local: Local) -> None:
    key = local.account.api_key
    audience = local.account.add_audience("News")
    acts.add(audience, "ann@example.com")
    local.control("POST", "/faults", {"kind": "503", "path": "/ping"})
    assert local.ping(key) == 503
    assert local.control("GET", "/faults")[0]["hit"] == 1
    local.control("DELETE", "/faults")
    hook = {"call": 2, "path": "/ping", "audience": audience.id, "do": "clean", "with": {"address": "ann@example.com"}}
    local.control("POST", "/hooks", hook)
    assert local.ping(key) == 200
    assert audience.counts["cleaned"] == 0
    assert local.ping(key) == 200
    assert audience.counts["cleaned"] == 1


def test_the_log_is_read_in_parts_and_cleared(local: Local) -> None:
    for _ in range(3):
        local.ping(local.account.api_key)
    log = local.control("GET", "/log", after=1, limit=1)
    assert [entry["sequence"] for entry in log["entries"]] == [2]
    assert log["totals"] == [{"method": "GET", "path": "/ping", "status": 200, "calls": 3}]
    local.control("PATCH", "/log", {"record_bodies": True})
    local.ping(local.account.api_key)
    local.control("PATCH", "/log", {"record_bodies": False})
    assert local.control("GET", "/log", after=3)["entries"][0]["response"] == {"health_status": "Everything's Chimpy!"}
    local.control("DELETE", "/log")
    assert local.control("GET", "/log")["total"] == 0


def test_reset_forgets_everything(local: Local) -> None:
    local.control("PATCH", f"/accounts/{local.account.id}", {"role": "viewer", "disabled": True})
    assert local.control("GET", "/accounts")[0]["disabled"] is True
    local.control("POST", "/reset")
    assert local.control("GET", "/accounts") == []
    assert local.ping(local.account.api_key) == 401


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "sandbox.mailchimp", "--contacts", "25"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        try:
            assert process.stdout
            started = json.loads(process.stdout.readline())
            answer = requests.get(
                f"{started['url']}/3.0/lists/{started['audience']}/members",
                auth=("u", started["api_key"]),
                timeout=10,
            )
            assert answer.json()["total_items"] == 25
            assert len(answer.raw.headers.getlist("Date")) == 1
        finally:
            process.terminate()
