"""The Mailchimp client against the local Mailchimp, which answers as the real one does."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from sandbox import serving
from sandbox.mailchimp import acts
from sandbox.mailchimp import oauth as local_oauth
from sandbox.mailchimp.app import create_app
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.state import Account, World
from services import errors, mailing
from services.mailchimp import Mailchimp, Patience, oauth, pacing
from services.mailing import NewMember, Reason, Status

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUICK = Patience(first=0, longest=0, in_all=10, connecting=2, reading=5)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[World, str]]:
    world = World(lambda: NOW, record_bodies=True)
    with serving.serve(create_app(world)) as base:
        yield world, base


@pytest.fixture
def world(server: tuple[World, str]) -> World:
    server[0].reset()
    return server[0]


@pytest.fixture
def account(world: World) -> Account:
    return world.add_account("Contoso", "us6")


@pytest.fixture
def audience(account: Account) -> Audience:
    return account.add_audience("Newsletter")


@pytest.fixture
def base(server: tuple[World, str]) -> str:
    return server[1]


@pytest.fixture
def mailchimp(account: Account, base: str) -> Iterator[Mailchimp]:
    with Mailchimp(account.api_key, "us6", api_url=base, patience=QUICK) as service:
        yield service


def new(*names: str, tags: tuple[str, ...] = ()) -> list[NewMember]:
    return [NewMember(f"{name}@example.com", {"FNAME": name.title()}, tags) for name in names]


def test_it_fulfils_what_the_exporter_asks_of_a_mailing_service(mailchimp: Mailchimp) -> None:
    service: mailing.MailingService = mailchimp
    assert service.throttled_since is None


def test_the_account_and_its_audiences(mailchimp: Mailchimp, account: Account) -> None:
    for number in range(12):
        account.add_audience(f"List {number}")
    seen = mailchimp.account()
    assert (seen.id, seen.name, seen.role, seen.can_write, seen.data_centre) == (
        account.id,
        "Contoso",
        "owner",
        True,
        "us6",
    )
    audiences = mailchimp.audiences()
    assert {audience.name for audience in audiences} == {f"List {number}" for number in range(12)}
    assert all(audience.contacts == 0 for audience in audiences)


def test_one_audience_and_its_fields(mailchimp: Mailchimp, audience: Audience) -> None:
    acts.preload(audience, 3)
    seen = mailchimp.audience(audience.id)
    assert (seen.name, seen.members, seen.contacts) == ("Newsletter", 3, 3)
    fields = {field.tag: field for field in mailchimp.merge_fields(audience.id)}
    assert fields.keys() == {"FNAME", "LNAME", "ADDRESS", "PHONE"}
    assert fields["PHONE"].phone_format == "none"
    with pytest.raises(errors.NotFound, match="nope"):
        mailchimp.audience("nope")


def test_a_new_member_arrives_subscribed_with_fields_and_tag(mailchimp: Mailchimp, audience: Audience) -> None:
    tag = mailchimp.create_tag(audience.id, "VIP")
    answer = mailchimp.insert(audience.id, new("ada", "bob", tags=("VIP",)))
    assert answer.errors == ()
    assert [(member.address, member.status, member.tags) for member in answer.members] == [
        ("ada@example.com", Status.SUBSCRIBED, (tag.id,)),
        ("bob@example.com", Status.SUBSCRIBED, (tag.id,)),
    ]
    read = mailchimp.member(audience.id, "ADA@example.com")
    assert read is not None
    assert (read.fields["FNAME"], read.tags, read.member_id) == ("Ada", (tag.id,), answer.members[0].member_id)
    assert read.last_changed == NOW


def test_nobody_is_brought_back_by_an_insert(mailchimp: Mailchimp, audience: Audience, world: World) -> None:
    world.switches.set(archived_insert="exists")
    acts.add(audience, "left@example.com", "unsubscribed")
    acts.add(audience, "bounced@example.com", "cleaned")
    acts.add(audience, "old@example.com")
    acts.archive(audience, "old@example.com")
    acts.forget(audience, "gone@example.com")
    acts.refuse(audience, "busy@example.com", "{address} has signed up to a lot of lists very recently; we're not …")
    people = new("left", "bounced", "old", "gone", "busy", "fresh")
    people.append(NewMember("fake@example.invalid", {}))
    answer = mailchimp.insert(audience.id, people)
    assert [member.address for member in answer.members] == ["fresh@example.com"]
    reasons = {error.address.partition("@")[0]: error.reason for error in answer.errors}
    assert reasons == {
        "left": Reason.EXISTS,
        "bounced": Reason.EXISTS,
        "old": Reason.EXISTS,
        "gone": Reason.FORGOTTEN,
        "busy": Reason.TOO_MANY_LISTS,
        "fake": Reason.INVALID,
    }
    assert all("@example.com" not in error.text for error in answer.errors)
    standing = {entry["email_address"]: entry["status"] for entry in acts.dump(audience)}
    assert standing == {
        "left@example.com": "unsubscribed",
        "bounced@example.com": "cleaned",
        "old@example.com": "archived",
        "fresh@example.com": "subscribed",
    }


def test_a_duplicate_within_a_call_is_told(mailchimp: Mailchimp, audience: Audience) -> None:
    answer = mailchimp.insert(audience.id, new("ada", "ada"))
    assert {error.reason for error in answer.errors} == {Reason.DUPLICATE}


def test_a_required_field_can_be_asked_for_or_skipped(mailchimp: Mailchimp, audience: Audience) -> None:
    audience.add_field("CITY", "City", "text").required = True
    refused = mailchimp.insert(audience.id, new("ada"))
    assert [error.reason for error in refused.errors] == [Reason.MERGE_FIELD]
    assert [field.tag for field in mailchimp.merge_fields(audience.id) if field.required] == ["CITY"]
    taken = mailchimp.insert(audience.id, new("ada"), skip_merge_validation=True)
    assert len(taken.members) == 1


def test_the_plan_limit_stops_the_run_in_either_form(mailchimp: Mailchimp, audience: Audience, world: World) -> None:
    world.switches.set(contact_limit=0, contact_limit_mode="403")
    with pytest.raises(errors.AccountLimit):
        mailchimp.insert(audience.id, new("ada"))
    world.switches.set(contact_limit_mode="error_generic")
    assert [error.reason for error in mailchimp.insert(audience.id, new("ada")).errors] == [Reason.ACCOUNT]


def test_an_update_changes_fields_and_nothing_else(mailchimp: Mailchimp, audience: Audience) -> None:
    acts.add(audience, "ada@example.com", "unsubscribed", FNAME="Ada", LNAME="Abbot")
    member = mailchimp.member(audience.id, "ada@example.com")
    assert member is not None
    updated = mailchimp.update(audience.id, member.member_id, {"FNAME": "Adele"})
    assert (updated.status, updated.fields["FNAME"], updated.fields["LNAME"]) == (
        Status.UNSUBSCRIBED,
        "Adele",
        "Abbot",
    )
    with pytest.raises(errors.NotFound):
        mailchimp.update(audience.id, "0" * 32, {"FNAME": "Nobody"})


def test_a_value_the_field_does_not_take_is_named(mailchimp: Mailchimp, audience: Audience) -> None:
    audience.add_field("LTV", "Lifetime value", "number")
    acts.add(audience, "ada@example.com")
    member = mailchimp.member(audience.id, "ada@example.com")
    assert member is not None
    with pytest.raises(mailing.ContentRefused) as refused:
        mailchimp.update(audience.id, member.member_id, {"LTV": "plenty"})
    assert (refused.value.reason, refused.value.merge_field) == (Reason.MERGE_FIELD, "LTV")
    assert "plenty" not in refused.value.text


@pytest.mark.parametrize("unanswered", [False, True])
def test_a_tag_that_is_refused_says_whether_an_earlier_call_may_have_made_it(
    mailchimp: Mailchimp, audience: Audience, world: World, unanswered: bool
) -> None:
    if unanswered:
        world.faults.add("drop_before", method="POST", path="/lists/[^/]+/segments", times=1)
    world.faults.add("refuse", method="POST", path="/lists/[^/]+/segments", times=1)
    with pytest.raises(mailing.ContentRefused) as refused:
        mailchimp.create_tag(audience.id, "VIP")
    assert refused.value.repeated is unanswered


def test_tags_are_made_found_put_on_and_taken_off(mailchimp: Mailchimp, audience: Audience) -> None:
    tag = mailchimp.create_tag(audience.id, "VIP")
    assert mailchimp.tags(audience.id) == (tag,)
    assert mailchimp.create_tag(audience.id, "vip").id == tag.id
    for name in ("ada", "bob", "left"):
        acts.add(audience, f"{name}@example.com", "unsubscribed" if name == "left" else "subscribed")
    put = mailchimp.change_tag(
        audience.id, tag.id, ["ada@example.com", "bob@example.com", "left@example.com", "nobody@example.com"], []
    )
    assert set(put.added) == {"ada@example.com", "bob@example.com"}
    assert [error.address for error in put.errors] == ["left@example.com"]
    acts.unsubscribe(audience, "bob@example.com")
    holders = mailchimp.tag_members(audience.id, tag.id)
    assert set(holders.items) == {"ada@example.com", "bob@example.com"}
    taken = mailchimp.change_tag(audience.id, tag.id, [], ["ada@example.com", "bob@example.com"])
    assert set(taken.removed) == {"ada@example.com", "bob@example.com"}
    assert mailchimp.tag_members(audience.id, tag.id).total == 0


def test_a_deleted_tag_is_not_found(mailchimp: Mailchimp, audience: Audience) -> None:
    tag = mailchimp.create_tag(audience.id, "VIP")
    acts.add(audience, "ada@example.com")
    acts.delete_tag(audience, "VIP")
    with pytest.raises(errors.NotFound):
        mailchimp.change_tag(audience.id, tag.id, ["ada@example.com"], [])
    with pytest.raises(errors.NotFound):
        mailchimp.tag_members(audience.id, tag.id)


def test_a_tag_whose_creation_was_applied_but_not_answered_exists_once(
    mailchimp: Mailchimp, audience: Audience, world: World
) -> None:
    world.faults.add("drop_after", method="POST", times=1)
    tag = mailchimp.create_tag(audience.id, "VIP")
    assert [known.id for known in mailchimp.tags(audience.id)] == [tag.id]


def test_all_members_are_read_page_by_page_with_mailchimps_time(mailchimp: Mailchimp, audience: Audience) -> None:
    acts.preload(audience, 25)
    seen: list[str] = []
    while True:
        page = mailchimp.members(audience.id, offset=len(seen), count=10)
        assert (page.total, page.served_at) == (25, NOW)
        seen += [member.address for member in page.items]
        if len(seen) >= page.total:
            break
    assert len(set(seen)) == 25


def test_members_are_read_by_status_and_window(mailchimp: Mailchimp, audience: Audience) -> None:
    acts.preload(audience, 10, days=10)
    acts.add(audience, "left@example.com", "unsubscribed")
    assert mailchimp.count(audience.id, Status.SUBSCRIBED) == 10
    assert mailchimp.count(audience.id, Status.UNSUBSCRIBED) == 1
    left = mailchimp.members(audience.id, status=Status.UNSUBSCRIBED)
    assert [member.address for member in left.items] == ["left@example.com"]
    window = mailchimp.members(audience.id, since=NOW - timedelta(days=4.5), before=NOW - timedelta(days=1.5))
    assert [(NOW - member.last_changed).days for member in window.items] == [4, 3, 2]


@pytest.mark.parametrize(
    "kind", ["429", "429_bare", "403_bare", "500", "502", "503", "504", "drop_before", "drop_after", "cut"]
)
def test_what_passes_is_overcome(mailchimp: Mailchimp, audience: Audience, world: World, kind: str) -> None:
    world.faults.add(kind, method="POST", times=1)
    mailchimp.insert(audience.id, new("ada", "bob"))
    assert [entry["email_address"] for entry in acts.dump(audience)] == ["ada@example.com", "bob@example.com"]


def test_an_insert_whose_answer_was_lost_is_told_to_exist_already(
    mailchimp: Mailchimp, audience: Audience, world: World
) -> None:
    world.faults.add("drop_after", method="POST", times=1)
    answer = mailchimp.insert(audience.id, new("ada"))
    assert [error.reason for error in answer.errors] == [Reason.EXISTS]


def test_a_whole_call_that_is_refused_can_be_divided(mailchimp: Mailchimp, audience: Audience, world: World) -> None:
    world.faults.add("refuse", containing="bob@example.com", text="bob@example.com is beyond me.")
    with pytest.raises(mailing.ContentRefused) as refused:
        mailchimp.insert(audience.id, new("ada", "bob"))
    assert refused.value.text == "b•••@e•••.com is beyond me."
    assert len(mailchimp.insert(audience.id, new("ada")).members) == 1


def test_a_credential_that_was_revoked_asks_to_connect_again(
    mailchimp: Mailchimp, account: Account, world: World
) -> None:
    world.revoke(account.api_key)
    with pytest.raises(errors.ReconnectNeeded):
        mailchimp.account()


def test_a_disabled_account_asks_to_connect_again(mailchimp: Mailchimp, account: Account) -> None:
    account.disabled = True
    with pytest.raises(errors.ReconnectNeeded):
        mailchimp.account()


def test_a_role_that_only_reads_is_seen_before_and_refused_after(world: World, base: str) -> None:
    reader = world.add_account("Readers", "us6", role="viewer")
    audience = reader.add_audience("News")
    with Mailchimp(reader.api_key, "us6", api_url=base, patience=QUICK) as mailchimp:
        assert not mailchimp.account().can_write
        with pytest.raises(errors.Refused, match="manager"):
            mailchimp.insert(audience.id, new("ada"))


def test_compliance_is_final(mailchimp: Mailchimp, audience: Audience, world: World) -> None:
    world.faults.add("compliance", method="POST")
    with pytest.raises(errors.Refused, match="compliance"):
        mailchimp.insert(audience.id, new("ada"))
    assert len(world.log.calls("POST")) == 1


def test_sixteen_threads_stay_within_the_accounts_connections(
    account: Account, audience: Audience, world: World, base: str
) -> None:
    world.switches.set(latency_bulk=0.03)
    meter, pacer = mailing.Meter(), pacing.AccountPacer()
    chunks = [[NewMember(f"p{number}x{part}@example.com", {}) for part in range(5)] for number in range(40)]
    with (
        Mailchimp(account.api_key, "us6", api_url=base, patience=QUICK, meter=meter, pacer=pacer) as mailchimp,
        ThreadPoolExecutor(16) as threads,
    ):
        list(threads.map(lambda chunk: mailchimp.insert(audience.id, chunk), chunks))
    assert account.connections.highest == 8
    assert (meter.calls, meter.retries, account.connections.refused) == (40, 0, 0)
    assert len(acts.dump(audience)) == 200


def test_a_neighbour_on_the_same_account_slows_us_down_and_loses_nothing(
    account: Account, audience: Audience, world: World, base: str
) -> None:
    world.switches.set(latency_bulk=0.02, connection_limit=3)
    meter, pacer = mailing.Meter(), pacing.AccountPacer()
    with (
        Mailchimp(account.api_key, "us6", api_url=base, patience=QUICK, meter=meter, pacer=pacer) as mailchimp,
        ThreadPoolExecutor(8) as threads,
    ):
        list(threads.map(lambda number: mailchimp.insert(audience.id, new(f"p{number}")), range(30)))
        assert mailchimp.throttled_since is not None
    assert meter.retries == meter.calls - 30 > 0
    assert pacer.limit < 8
    assert len(acts.dump(audience)) == 30


def test_a_stop_in_the_middle_sends_nothing_more(account: Account, audience: Audience, world: World, base: str) -> None:
    stop = threading.Event()
    world.faults.before_call(3, stop.set, method="POST")
    with Mailchimp(account.api_key, "us6", api_url=base, patience=QUICK, stop=stop) as mailchimp:
        for number in range(3):
            mailchimp.insert(audience.id, new(f"p{number}"))
        with pytest.raises(mailing.Stopped):
            mailchimp.insert(audience.id, new("late"))
    assert len(acts.dump(audience)) == len(world.log.calls()) == 3


def test_a_person_signs_in(world: World, account: Account, base: str) -> None:
    app = oauth.App(local_oauth.CLIENT_ID, local_oauth.CLIENT_SECRET, "http://127.0.0.1:9/mailchimp/callback", base)
    allowed = requests.get(f"{oauth.authorize_url(app, 'st4te')}&decision=allow", allow_redirects=False, timeout=5)
    back = parse_qs(urlsplit(allowed.headers["Location"]).query)
    assert back["state"] == ["st4te"]
    grant = oauth.authorise(app, back["code"][0])
    assert (grant.data_centre, grant.account_name, grant.role) == ("us6", "Contoso", "owner")
    with Mailchimp(grant.token, grant.data_centre, api_url=base, patience=QUICK) as mailchimp:
        assert mailchimp.account().id == account.id
    with pytest.raises(errors.ReconnectNeeded):
        oauth.authorise(app, back["code"][0])


def test_a_key_that_lost_its_ending_is_still_placed(account: Account, world: World, base: str) -> None:
    bare = account.api_key.partition("-")[0]
    with pytest.raises(errors.InvalidInput):
        oauth.data_centre_of(bare, base)
    world.credentials[bare] = account
    assert oauth.data_centre_of(bare, base) == "us6"


def test_nothing_was_ever_deleted_archived_replaced_or_given_a_status(
    mailchimp: Mailchimp, audience: Audience, world: World
) -> None:
    tag = mailchimp.create_tag(audience.id, "VIP")
    mailchimp.insert(audience.id, new("ada", tags=("VIP",)))
    member = mailchimp.member(audience.id, "ada@example.com")
    assert member is not None
    mailchimp.update(audience.id, member.member_id, {"FNAME": "Adele"})
    mailchimp.change_tag(audience.id, tag.id, ["ada@example.com"], [])
    mailchimp.change_tag(audience.id, tag.id, [], ["ada@example.com"])
    for entry in world.log.calls():
        sent = str(entry.request)
        assert entry.method in {"GET", "POST", "PATCH"}
        assert "actions" not in entry.path
        assert "sync_tags" not in sent
        assert not (entry.method == "PATCH" and ("segments" in entry.path or "status" in sent))
    assert len([entry for entry in world.log.calls("PATCH") if entry.request]) == 1
