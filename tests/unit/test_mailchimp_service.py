import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from services import errors, mailing
from services.mailchimp import Mailchimp, Patience
from services.mailing import Reason, Status
from tests.unit.mailchimp_recorder import Recorder, Reply, Seen, recording

QUICK = Patience(first=0, longest=0, in_all=5)
JANE = {
    "email_address": "Jane@example.com",
    "id": "9e26471d35a78862c17e467d87cddedf",
    "contact_id": "c1",
    "status": "subscribed",
    "last_changed": "2015-10-21T15:41:36+00:00",
    "merge_fields": {
        "FNAME": "Jane",
        "LTV": 12.5,
        "VISITS": 3.0,
        "ADDRESS": "",
        "HOME": {"city": "Rome", "addr1": "x"},
    },
    "tags": [{"id": 7, "name": "VIP"}],
    "tags_count": 1,
}


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture
def mailchimp(recorder: Recorder) -> Iterator[mailing.MailingService]:
    with Mailchimp("key-us1", "us1", api_url=recorder.base, patience=QUICK) as service:
        yield service


def paged(name: str, everything: list[Any], page: int) -> Any:
    """Answers like Mailchimp, which gives ten items unless asked for more, but never more than ``page``."""

    def answer(seen: Seen) -> Reply:
        offset, count = int(seen.query.get("offset", 0)), min(page, int(seen.query.get("count", 10)))
        return Reply(body={name: everything[offset : offset + count], "total_items": len(everything)})

    return answer


@pytest.mark.parametrize(
    ("role", "can_write"), [("owner", True), ("admin", True), ("manager", True), ("author", False), ("Viewer", False)]
)
def test_the_account_says_whether_its_role_may_write(
    mailchimp: mailing.MailingService, recorder: Recorder, role: str, can_write: bool
) -> None:
    recorder.then(200, {"account_id": "a1", "account_name": "Contoso", "role": role, "pricing_plan_type": "monthly",
                        "total_subscribers": 12})  # fmt: skip
    assert mailchimp.account() == mailing.Account("a1", "Contoso", role, can_write, 12, "monthly", "us1")
    assert recorder.seen[0].path == "/3.0/"


def test_all_audiences_are_read_not_only_the_first_ten(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    stats = {"member_count": 5, "total_contacts": 9}
    lists = [
        {"id": f"l{n}", "name": f"List {n}", "web_id": n, "double_optin": False, "stats": stats} for n in range(1, 24)
    ]
    recorder.answer = paged("lists", lists, 10)
    audiences = mailchimp.audiences()
    assert [audience.id for audience in audiences] == [entry["id"] for entry in lists]
    assert (audiences[0].members, audiences[0].contacts) == (5, 9)
    assert audiences[0].web_link == "https://us1.admin.mailchimp.com/lists/members/?id=1"
    assert recorder.seen[0].query["include_total_contacts"] == "true"


def test_contacts_that_were_not_told_are_unknown(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(200, {"id": "l1", "name": "News", "stats": {"member_count": 5}})
    assert mailchimp.audience("l1").contacts is None


@pytest.mark.parametrize("typed", ["l9", "../../x", "", "l1/members", "l1?x"])
def test_an_unknown_audience_is_said_to_be_unknown(
    mailchimp: mailing.MailingService, recorder: Recorder, typed: str
) -> None:
    recorder.then(404, {"title": "Resource Not Found"})
    with pytest.raises(errors.NotFound, match=re.escape(f"no audience with the ID {typed} in")):
        mailchimp.audience(typed)
    assert all(seen.path == "/3.0/lists/l9" for seen in recorder.seen)


def test_all_merge_fields_are_read_with_their_options(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    fields: list[dict[str, Any]] = [{"tag": f"F{n}", "name": f"Field {n}", "type": "text"} for n in range(30)]
    fields[3] = {
        "tag": "SIZE", "name": "Size", "type": "dropdown", "required": True, "default_value": "M",
        "options": {"choices": ["S", "M"], "size": 25, "date_format": "DD/MM", "phone_format": "US"},
    }  # fmt: skip
    fields.append({"tag": "EMAIL", "name": "E-mail", "type": "email"})
    recorder.answer = paged("merge_fields", fields, 20)
    found = mailchimp.merge_fields("l1")
    assert len(found) == 30
    assert found[3] == mailing.MergeField("SIZE", "Size", "dropdown", True, "M", ("S", "M"), "DD/MM", "US", 25)


def test_all_tags_are_read_and_only_static_segments(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    segments = [{"id": n, "name": f"Tag {n}", "member_count": n, "type": "static"} for n in range(25)]
    recorder.answer = paged("segments", segments, 10)
    assert mailchimp.tags("l1")[24] == mailing.Tag(24, "Tag 24", 24, "static")
    assert {seen.query["type"] for seen in recorder.seen} == {"static"}


def test_a_tag_is_created_empty(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(200, {"id": 7, "name": "VIP", "member_count": 0, "type": "static"})
    assert mailchimp.create_tag("l1", "VIP").id == 7
    assert recorder.seen[0].body == {"name": "VIP", "static_segment": []}


def test_a_tag_whose_creation_was_not_answered_is_not_created_twice(
    mailchimp: mailing.MailingService, recorder: Recorder
) -> None:
    recorder.then(dropped=True)
    recorder.then(200, {"segments": [{"id": 7, "name": "vip", "type": "static"}], "total_items": 1})
    assert mailchimp.create_tag("l1", "VIP").id == 7
    assert [seen.method for seen in recorder.seen] == ["POST", "GET"]


def test_a_tag_that_was_not_created_is_tried_again(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(429, {"title": "Too Many Requests"}).then(200, {"segments": [], "total_items": 0})
    recorder.then(200, {"id": 8, "name": "VIP", "type": "static"})
    assert mailchimp.create_tag("l1", "VIP").id == 8


def test_after_a_lost_race_the_existing_tag_is_used(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(400, {"title": "Invalid Resource", "detail": "This name is taken."})
    recorder.then(200, {"segments": [{"id": 7, "name": "vip", "type": "static"}], "total_items": 1})
    assert mailchimp.create_tag("l1", "VIP").id == 7


def test_a_tag_mailchimp_will_not_have_is_refused(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(400, {"title": "Invalid Resource", "detail": "This name is too long."})
    recorder.then(200, {"segments": [], "total_items": 0})
    with pytest.raises(mailing.ContentRefused, match="too long"):
        mailchimp.create_tag("l1", "VIP")


def test_a_member_is_read_as_it_is_shown(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(200, JANE)
    member = mailchimp.member("l1", "JANE@example.com")
    assert member == mailing.Member(
        address="Jane@example.com",
        status=Status.SUBSCRIBED,
        last_changed=datetime(2015, 10, 21, 15, 41, 36, tzinfo=UTC),
        fields={"FNAME": "Jane", "LTV": "12.5", "VISITS": "3", "ADDRESS": "", "HOME": '{"addr1":"x","city":"Rome"}'},
        tags=(7,),
        member_id="9e26471d35a78862c17e467d87cddedf",
        contact_id="c1",
    )
    assert recorder.seen[0].path == "/3.0/lists/l1/members/9e26471d35a78862c17e467d87cddedf"


def test_a_member_nobody_has_seen_is_none(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(404, {"title": "Resource Not Found"})
    assert mailchimp.member("l1", "jane@example.com") is None


def test_all_tags_of_a_member_are_read_though_only_50_are_shown(
    mailchimp: mailing.MailingService, recorder: Recorder
) -> None:
    tags = [{"id": n, "name": f"Tag {n}"} for n in range(1, 72)]
    recorder.then(200, {**JANE, "tags": tags[:50], "tags_count": 71})
    recorder.answer = paged("tags", tags, 50)
    member = mailchimp.member("l1", "jane@example.com")
    assert member is not None
    assert member.tags == tuple(range(1, 72))
    assert not member.tags_cut


def test_a_member_in_a_page_tells_that_tags_were_cut(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(200, {"members": [{**JANE, "tags_count": 60}, {**JANE, "status": "teleported", "last_changed": ""}],
                        "total_items": 1204})  # fmt: skip
    page = mailchimp.members("l1")
    assert page.total == 1204
    assert [member.tags_cut for member in page.items] == [True, False]
    assert page.items[1].status is Status.UNKNOWN
    assert page.items[1].last_changed < page.items[0].last_changed


def test_a_window_of_members_asks_for_what_is_needed_in_the_order_of_changes(
    mailchimp: mailing.MailingService, recorder: Recorder
) -> None:
    recorder.then(200, {"members": [], "total_items": 0})
    rome = timezone(timedelta(hours=2))
    since, before = datetime(2026, 1, 1, 2, tzinfo=rome), datetime(2026, 1, 2, tzinfo=UTC)
    mailchimp.members("l1", status=Status.ARCHIVED, since=since, before=before, offset=2000, count=500)
    query = recorder.seen[0].query
    shown = query.pop("fields")
    assert query == {
        "status": "archived", "since_last_changed": "2026-01-01T00:00:00+00:00", "offset": "2000", "count": "500",
        "before_last_changed": "2026-01-02T00:00:00+00:00", "sort_field": "last_changed", "sort_dir": "ASC",
    }  # fmt: skip
    assert {"total_items", "members.email_address", "members.merge_fields", "members.tags"} < set(shown.split(","))
    assert "members.full_name" not in shown


def test_members_are_counted_without_reading_them(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(200, {"total_items": 321})
    assert mailchimp.count("l1", Status.CLEANED) == 321
    assert recorder.seen[0].query == {"status": "cleaned", "fields": "total_items", "count": "1"}


def test_holders_of_a_tag_are_read_whatever_their_status(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(200, {"members": [{"email_address": "a@example.com"}], "total_items": 1})
    holder = mailchimp.tag_members("l1", 7, offset=10, count=20).items[0]
    assert holder == "a@example.com"
    assert recorder.seen[0].path == "/3.0/lists/l1/segments/7/members"
    query = recorder.seen[0].query
    assert [query[f"include_{status}"] for status in ("cleaned", "transactional", "unsubscribed")] == ["true"] * 3


def test_an_insert_subscribes_new_members_and_leaves_existing_ones_alone(
    mailchimp: mailing.MailingService, recorder: Recorder
) -> None:
    recorder.then(200, {
        "new_members": [JANE], "updated_members": [], "errors": [
            {"email_address": "John@example.com", "error": "John may not be Rossi", "error_code": "ERROR_GENERIC",
             "field": "", "field_message": ""},
            {"email_address": "joe@example.com", "error": "exists", "error_code": "ERROR_CONTACT_EXISTS"},
            {"email_address": "", "error": "Rossi is odd"},
        ],
    })  # fmt: skip
    people = [
        mailing.NewMember("Jane@example.com", {"FNAME": "Jane"}),
        mailing.NewMember("john@example.com", {"FNAME": "John", "LNAME": "Rossi"}, ["VIP", "News"]),
        mailing.NewMember("joe@example.com", {}),
    ]
    answer = mailchimp.insert("l1", people)
    assert [member.address for member in answer.members] == ["Jane@example.com"]
    assert answer.errors == (
        mailing.MemberError("John@example.com", Reason.UNKNOWN, "••• may not be •••"),
        mailing.MemberError("joe@example.com", Reason.EXISTS, "exists"),
        mailing.MemberError("", Reason.UNKNOWN, "••• is odd"),
    )
    seen = recorder.seen[0]
    assert (seen.method, seen.path) == ("POST", "/3.0/lists/l1")
    assert seen.query == {"skip_duplicate_check": "false", "skip_merge_validation": "false"}
    assert seen.body["update_existing"] is False
    assert set(seen.body) == {"members", "update_existing"}
    assert "tags" not in seen.body["members"][0]
    assert seen.body["members"][1] == {
        "email_address": "john@example.com", "status": "subscribed",
        "merge_fields": {"FNAME": "John", "LNAME": "Rossi"}, "tags": ["VIP", "News"],
    }  # fmt: skip


def test_required_fields_may_be_skipped(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(200, {"new_members": [], "updated_members": [], "errors": []})
    mailchimp.insert("l1", [mailing.NewMember("a@example.com", {})], skip_merge_validation=True)
    assert recorder.seen[0].query["skip_merge_validation"] == "true"


def test_more_than_500_at_once_are_never_sent(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    addresses = [f"a{n}@example.com" for n in range(501)]
    with pytest.raises(ValueError, match="500"):
        mailchimp.insert("l1", [mailing.NewMember(address, {}) for address in addresses])
    with pytest.raises(ValueError, match="500"):
        mailchimp.change_tag("l1", 7, addresses, [])
    with pytest.raises(ValueError, match="500"):
        mailchimp.change_tag("l1", 7, [], addresses)
    assert recorder.seen == []


def test_nothing_to_send_is_no_call(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    assert mailchimp.insert("l1", []) == mailing.BulkAnswer((), ())
    assert mailchimp.change_tag("l1", 7, [], []) == mailing.TagAnswer((), (), ())
    assert recorder.seen == []


def test_a_tag_is_put_on_some_and_taken_off_others_in_one_call(
    mailchimp: mailing.MailingService, recorder: Recorder
) -> None:
    recorder.then(200, {
        "members_added": [{"email_address": "a@example.com"}], "members_removed": [{"email_address": "c@example.com"}],
        "errors": [{"email_addresses": ["b@example.com"], "error": "b@example.com is in a compliance state"}],
    })  # fmt: skip
    answer = mailchimp.change_tag("l1", 7, ["a@example.com", "b@example.com"], ["c@example.com"])
    assert (answer.added, answer.removed) == (("a@example.com",), ("c@example.com",))
    assert answer.errors == (
        mailing.MemberError("b@example.com", Reason.COMPLIANCE, "b•••@e•••.com is in a compliance state"),
    )
    assert (recorder.seen[0].method, recorder.seen[0].path) == ("POST", "/3.0/lists/l1/segments/7")
    assert recorder.seen[0].body == {
        "members_to_add": ["a@example.com", "b@example.com"], "members_to_remove": ["c@example.com"],
    }  # fmt: skip


def test_a_tag_that_is_gone_is_not_found(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(
        400, {"title": "Bad Request", "detail": "A Static Segment with an id of 7 does not exist for this list"}
    )
    with pytest.raises(errors.NotFound):
        mailchimp.change_tag("l1", 7, ["a@example.com"], [])


def test_an_update_sends_fields_by_the_id_that_was_shown_and_no_status(
    mailchimp: mailing.MailingService, recorder: Recorder
) -> None:
    recorder.then(200, JANE)
    assert mailchimp.update("l1", JANE["id"], {"FNAME": "Jane"}).member_id == JANE["id"]  # type: ignore[arg-type]
    seen = recorder.seen[0]
    assert (seen.method, seen.path) == ("PATCH", f"/3.0/lists/l1/members/{JANE['id']}")
    assert seen.body == {"merge_fields": {"FNAME": "Jane"}}


def test_a_member_id_stays_one_part_of_the_path(mailchimp: mailing.MailingService, recorder: Recorder) -> None:
    recorder.then(200, JANE)
    mailchimp.update("l1", "../../x", {"FNAME": "Jane"})
    assert recorder.seen[0].path == "/3.0/lists/l1/members/..%2F..%2Fx"


def test_nothing_it_can_do_deletes_archives_unsubscribes_or_replaces(
    mailchimp: mailing.MailingService, recorder: Recorder
) -> None:
    """Calls every public function and looks at all that was sent."""
    answers = {
        "/3.0/": {"account_id": "a1"}, "/3.0/lists": {"lists": [], "total_items": 0},
        "/3.0/lists/l1/segments": {"segments": [], "total_items": 0, "id": 7, "name": "VIP"},
        "/3.0/lists/l1/merge-fields": {"merge_fields": [], "total_items": 0},
        "/3.0/lists/l1": {"id": "l1", "new_members": [], "updated_members": [], "errors": []},
        "/3.0/lists/l1/segments/7": {"errors": []},
    }  # fmt: skip
    recorder.answer = lambda seen: Reply(body=answers.get(seen.path, {**JANE, "members": [], "total_items": 0}))
    people = [mailing.NewMember("a@example.com", {"FNAME": "A"}, ["VIP"])]
    calls: dict[str, tuple[object, ...]] = {
        "account": (), "audiences": (), "audience": ("l1",), "merge_fields": ("l1",), "tags": ("l1",),
        "create_tag": ("l1", "VIP"), "members": ("l1",), "count": ("l1", Status.SUBSCRIBED), "tag_members": ("l1", 7),
        "member": ("l1", "a@example.com"), "insert": ("l1", people), "update": ("l1", "hash", {"FNAME": "A"}),
        "change_tag": ("l1", 7, ["a@example.com"], ["b@example.com"]), "delete_tag": ("l1", 7),
    }  # fmt: skip
    own = {"close", "start_with", "throttled_since"}
    assert {name for name in vars(Mailchimp) if not name.startswith("_")} == calls.keys() | own
    for name, given in calls.items():
        getattr(mailchimp, name)(*given)

    assert {seen.method for seen in recorder.seen} == {"GET", "POST", "PATCH", "DELETE"}
    deleted = [seen.path for seen in recorder.seen if seen.method == "DELETE"]
    assert deleted == ["/3.0/lists/l1/segments/7"], "the tag itself, never somebody who holds it"
    for seen in recorder.seen:
        sent = seen.text
        assert "actions" not in seen.path
        assert "sync_tags" not in sent + str(seen.query)
        assert not re.search(r'"status":\s*"(?!subscribed")', sent)
        if seen.method == "PATCH":
            assert "/members/" in seen.path
            assert '"status"' not in sent
        if "static_segment" in sent:
            assert (seen.method, seen.path) == ("POST", "/3.0/lists/l1/segments")
