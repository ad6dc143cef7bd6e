"""What Postino may ask of Mailchimp, proved over the calls of every test by ``tests.mailchimp_manners``."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.mailchimp import acts
from services import errors
from services.mailchimp import client, pacing
from services.mailing import Meter
from services.removing import Tags
from tests.conftest import leave_out
from tests.integration.shop import Shop, open_shop
from tests.mailchimp_manners import AUDIENCE, DEVIATIONS, MEMBER, TAG, WRITES, OpenApi, Sent, Witness, forbidden
from tests.mailchimp_manners import the_document as mailchimps_document


@pytest.fixture
def document() -> OpenApi:
    found = mailchimps_document()
    if found is None:
        leave_out("Calls are not held against Mailchimp's document: MAILCHIMP_OPENAPI does not name it.")
    assert found is not None
    return found


@pytest.fixture
def little_shop(tmp_path: Any) -> Iterator[Shop]:
    with open_shop(tmp_path, f"sqlite:///{tmp_path / 'postino.sqlite'}") as opened:
        yield opened


def a_working_week(shop: Shop) -> None:
    """Everything Postino ever writes: inserts, tags made, put on, taken off and deleted, changed fields."""
    shop.customers(ann="ann@example.com", bob="bob@example.com", cat="cat@example.com")
    acts.add(shop.audience, "cat@example.com", "unsubscribed")
    shop.segment("VIP", ["ann", "bob", "cat"])
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.customers(ann={"EMail": "ann@example.com", "FirstName": "Anna"})
    shop.segment("VIP", ["ann"])
    shop.export(destination, accept_removals=True)
    assert shop.members()["ann@example.com"]["merge_fields"]["FNAME"] == "Anna"
    assert shop.members()["bob@example.com"]["tags"] == []
    shop.postino.removals.destination(shop.actor, destination.id, Tags.DELETE)


def test_every_kind_of_write_was_seen_and_none_is_forbidden(little_shop: Shop, mailchimp_witness: Witness) -> None:
    mailchimp_witness.seen.clear()
    a_working_week(little_shop)
    seen = {called for called in mailchimp_witness.seen if not called.startswith("GET")}
    assert seen == {f"{method} {path}" for method, path in WRITES}
    assert mailchimp_witness.complaints == []


def test_every_call_is_as_mailchimps_own_document_has_it(
    little_shop: Shop, mailchimp_witness: Witness, document: OpenApi
) -> None:
    mailchimp_witness.deviations.clear()
    a_working_week(little_shop)
    assert mailchimp_witness.document is document
    assert mailchimp_witness.complaints == []
    assert set(mailchimp_witness.deviations) == set(DEVIATIONS), "a deviation that no longer occurs is to be struck off"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"{MEMBER}/actions/delete-permanent", None),
        ("DELETE", MEMBER, None),
        ("DELETE", f"{TAG}/members/{{member}}", None),
        ("PATCH", TAG, {"static_segment": ["ann@example.com"]}),
        ("PUT", MEMBER, {"email_address": "ann@example.com", "status_if_new": "subscribed"}),
        ("PATCH", MEMBER, {"status": "subscribed"}),
        ("POST", AUDIENCE, {"members": [], "update_existing": True}),
        ("POST", AUDIENCE, {"members": [], "update_existing": False, "sync_tags": False}),
        ("POST", AUDIENCE, {"members": [{"email_address": "ann@example.com", "status": "unsubscribed"}]}),
        ("POST", AUDIENCE, {"members": [{"email_address": "ann@example.com"}], "update_existing": False}),
    ],
)
def test_a_forbidden_call_is_recognised(method: str, path: str, body: Any) -> None:
    assert forbidden(Sent(method, path, {}, body))


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (Sent("GET", AUDIENCE, {"fields": "id", "colour": "red"}, None), "?colour is not documented"),
        (Sent("GET", f"{AUDIENCE}/members", {"count": "many"}, None), "?count fails type"),
        (Sent("GET", f"{AUDIENCE}/members", {"count": "1001"}, None), "?count fails maximum"),
        (Sent("POST", AUDIENCE, {}, {"update_existing": False}), "body fails required"),
        (Sent("POST", AUDIENCE, {}, {"members": [{"email_address": 5}]}), "body.members[].email_address fails type"),
        (Sent("POST", AUDIENCE, {}, {"members": [{"mail": "x"}]}), "body.members[].mail is not documented"),
        (Sent("POST", f"{AUDIENCE}/nowhere", {}, {}), "is not documented"),
    ],
)
def test_a_call_that_the_document_does_not_know_is_recognised(sent: Sent, problem: str, document: OpenApi) -> None:
    assert document.problems(sent) == [f"{sent} {problem}"]


def test_a_forbidden_call_is_noticed_on_its_way(little_shop: Shop, mailchimp_witness: Witness) -> None:
    acts.add(little_shop.audience, "ann@example.com")
    url = little_shop.postino.settings.mailchimp_api_url
    rogue = client.Client(
        little_shop.account.api_key,
        "us1",
        api_url=url,
        pacer=pacing.AccountPacer(),
        meter=Meter(),
        stop=little_shop.postino.shutdown,
        patience=client.INTERACTIVE,
    )
    path = f"/3.0/lists/{little_shop.audience.id}/members/{{member}}"
    rogue.once(client.Call("PATCH", path, body={"status": "unsubscribed"}, member="ann@example.com"))
    with pytest.raises(errors.NotFound):
        rogue.once(client.Call("DELETE", path, member="nobody@example.com"))
    rogue.close()
    heard = mailchimp_witness.hear_out()
    assert [one.split(":")[0] for one in heard] == [f"PATCH {MEMBER}", f"DELETE {MEMBER}"]


def test_people_who_look_at_once_have_one_connection_between_them_beside_an_export(little_shop: Shop) -> None:
    connections = little_shop.postino.connections
    (connection,) = connections.visible(little_shop.actor)
    little_shop.world.switches.set(latency_read=0.1)
    with ThreadPoolExecutor(6) as people:
        looked = [people.submit(connections.audiences, connection) for _ in range(6)]
        assert all(len(one.result()) == 1 for one in looked)
    assert little_shop.account.connections.highest == 1
