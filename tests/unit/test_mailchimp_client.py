import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services import errors, mailing
from services.mailchimp import Mailchimp, Patience, client, pacing
from tests.unit.mailchimp_recorder import Recorder, Reply, recording

QUICK = Patience(first=0, longest=0, in_all=5, connecting=2, reading=2)
ACCOUNT = {"account_id": "a1", "account_name": "Contoso", "role": "owner", "total_subscribers": 3}
MEMBERS = [mailing.NewMember(f"{name}@example.com", {"FNAME": name.title()}) for name in ("jane", "john")]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        recorder.answer = lambda _: Reply(body=ACCOUNT)
        yield recorder


def connect(recorder: Recorder, **more: object) -> Mailchimp:
    settings = {"api_url": recorder.base, "patience": QUICK} | more
    return Mailchimp("key-us1", "us1", **settings)  # type: ignore[arg-type]


def test_a_call_says_who_asks_and_with_whose_right(recorder: Recorder) -> None:
    with connect(recorder) as mailchimp:
        mailchimp.account()
    headers = recorder.seen[0].headers
    assert headers["authorization"] == "Bearer key-us1"
    assert headers["user-agent"].startswith("Postino")


def test_a_netrc_never_replaces_the_credential(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login evil password evil\n")
    monkeypatch.setitem(os.environ, "NETRC", str(netrc))
    monkeypatch.setattr("services.mailchimp.hosts.is_loopback", lambda _: False)  # lets requests read the environment
    with connect(recorder, api_url=None) as mailchimp:
        mailchimp._client._base = recorder.base
        mailchimp.account()
    assert recorder.seen[0].headers["authorization"] == "Bearer key-us1"


def test_a_server_on_this_machine_is_reached_past_any_proxy(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with connect(recorder) as mailchimp:
        assert mailchimp.account().id == "a1"


@pytest.mark.parametrize(
    "obstacle",
    [Reply(429, {"title": "Too Many Requests"}), Reply(403, ""), Reply(403, "<html>"), Reply(500, {}),
     Reply(503, "busy"), Reply(502, "<html>"), Reply(504, "late"), Reply(200, "<html>"), Reply(dropped=True)],
    ids=lambda reply: f"{reply.status}{reply.body or ''}" if not reply.dropped else "dropped",
)  # fmt: skip
def test_what_passes_is_tried_again_and_counted(recorder: Recorder, obstacle: Reply) -> None:
    recorder.replies.extend([replace(obstacle), replace(obstacle)])
    meter = mailing.Meter()
    with connect(recorder, meter=meter) as mailchimp:
        assert mailchimp.account().id == "a1"
    assert (meter.calls, meter.retries) == (3, 2)
    assert meter.last_call is not None
    assert meter.last_call <= time.monotonic()


@pytest.mark.parametrize("status", [400, 401, 402, 404, 405, 422])
def test_what_cannot_pass_is_not_tried_again(recorder: Recorder, status: int) -> None:
    recorder.then(status, {"title": "x", "detail": "y"})
    meter = mailing.Meter()
    with connect(recorder, meter=meter) as mailchimp, pytest.raises(errors.PostinoError):
        mailchimp.account()
    assert (meter.calls, meter.retries) == (1, 0)


def test_compliance_related_is_not_tried_again_although_it_is_a_503(recorder: Recorder) -> None:
    recorder.then(503, {"title": "ComplianceRelated", "detail": "This method has been disabled"})
    with connect(recorder) as mailchimp, pytest.raises(errors.Refused):
        mailchimp.account()
    assert len(recorder.seen) == 1


def test_patience_ends(recorder: Recorder) -> None:
    recorder.answer = lambda _: Reply(503, "busy")
    with connect(recorder, patience=replace(QUICK, in_all=0.05)) as mailchimp, pytest.raises(errors.Unavailable):
        mailchimp.account()
    assert len(recorder.seen) > 1


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with recording() as recorder:
        pass
    pacer = pacing.AccountPacer()
    with (
        connect(recorder, patience=replace(QUICK, in_all=0), pacer=pacer) as mailchimp,
        pytest.raises(errors.Unavailable, match="cannot be reached"),
    ):
        mailchimp.account()
    assert pacer.throttled_since is None


def test_two_slow_answers_to_a_bulk_call_ask_for_a_smaller_one(recorder: Recorder) -> None:
    never = threading.Event()
    recorder.answer = lambda _: Reply(wait=never)
    with (
        connect(recorder, patience=replace(QUICK, reading=0.05)) as mailchimp,
        pytest.raises(mailing.TimedOut),
    ):
        mailchimp.insert("list1", MEMBERS)
    assert len(recorder.seen) == 2
    never.set()


def test_an_answer_that_stops_in_the_middle_counts_as_slow(recorder: Recorder) -> None:
    never = threading.Event()
    recorder.answer = lambda _: Reply(body={}, stalled=never)
    with connect(recorder, patience=replace(QUICK, reading=0.05)) as mailchimp, pytest.raises(mailing.TimedOut):
        mailchimp.insert("list1", MEMBERS)
    assert len(recorder.seen) == 2
    never.set()


@pytest.mark.parametrize("status", [502, 504])
def test_the_edge_giving_up_counts_as_slow(recorder: Recorder, status: int) -> None:
    recorder.then(status, "<html>").then(status, "<html>")
    with connect(recorder) as mailchimp, pytest.raises(mailing.TimedOut):
        mailchimp.change_tag("list1", 7, ["jane@example.com"], ["john@example.com"])
    assert len(recorder.seen) == 2


def test_a_call_that_cannot_be_divided_is_tried_on(recorder: Recorder) -> None:
    recorder.then(504, "").then(504, "").then(504, "").then(
        200, {"new_members": [], "updated_members": [], "errors": []}
    )
    with connect(recorder) as mailchimp:
        mailchimp.insert("list1", MEMBERS[:1])
    assert len(recorder.seen) == 4


def test_nothing_is_sent_after_a_stop(recorder: Recorder) -> None:
    stop = threading.Event()
    stop.set()
    with connect(recorder, stop=stop) as mailchimp, pytest.raises(mailing.Stopped):
        mailchimp.account()
    assert recorder.connections == 0


def test_a_stop_ends_the_wait_before_the_next_try(recorder: Recorder) -> None:
    stop = threading.Event()
    recorder.answer = lambda _: Reply(503, "busy")
    hours = Patience(first=3600, longest=7200, in_all=1e6)
    with connect(recorder, stop=stop, patience=hours) as mailchimp, ThreadPoolExecutor(1) as threads:
        call = threads.submit(mailchimp.account)
        while not recorder.seen:
            time.sleep(0.005)
        stop.set()
        with pytest.raises(mailing.Stopped):
            call.result(5)
    assert len(recorder.seen) == 1


def test_an_answer_in_flight_at_a_stop_is_still_given(recorder: Recorder) -> None:
    stop, go_on = threading.Event(), threading.Event()
    recorder.then(200, ACCOUNT, wait=go_on)
    with connect(recorder, stop=stop) as mailchimp, ThreadPoolExecutor(1) as threads:
        call = threads.submit(mailchimp.account)
        while not recorder.seen:
            time.sleep(0.005)
        stop.set()
        go_on.set()
        assert call.result(5).id == "a1"


def test_eight_threads_share_the_connections_and_never_more_than_eight_calls_are_open(recorder: Recorder) -> None:
    first_eight = threading.Barrier(8)
    recorder.answer = lambda seen: (first_eight.wait(5), Reply(body=ACCOUNT))[1]
    with connect(recorder) as mailchimp, ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: mailchimp.account(), range(32)))
    assert recorder.most_open == 8
    assert recorder.connections == 8
    assert {seen.headers["authorization"] for seen in recorder.seen} == {"Bearer key-us1"}


def test_throttling_slows_the_whole_account_down(recorder: Recorder) -> None:
    pacer = pacing.AccountPacer()
    recorder.then(429, {"title": "Too Many Requests"})
    with connect(recorder, pacer=pacer) as mailchimp:
        mailchimp.account()
        assert mailchimp.throttled_since is not None
    assert pacer.limit == 4


def test_redirects_are_not_followed(recorder: Recorder) -> None:
    with recording() as elsewhere:
        recorder.then(302, "", headers={"Location": f"{elsewhere.base}/3.0/"})
        with connect(recorder) as mailchimp, pytest.raises(errors.Refused):
            mailchimp.account()
        assert elsewhere.connections == 0


def test_cookies_are_not_kept(recorder: Recorder) -> None:
    recorder.then(200, ACCOUNT, headers={"Set-Cookie": "ak=1; Path=/"})
    with connect(recorder) as mailchimp:
        mailchimp.account()
        mailchimp.account()
    assert "cookie" not in recorder.seen[1].headers


def test_a_page_tells_mailchimps_own_time(recorder: Recorder) -> None:
    recorder.then(200, {"members": [], "total_items": 0})
    with connect(recorder) as mailchimp:
        assert mailchimp.members("list1").served_at == datetime(2021, 4, 15, 0, 6, 45, tzinfo=UTC)


def test_a_page_without_a_readable_date_is_dated_before_the_call(recorder: Recorder) -> None:
    recorder.then(200, {"members": [], "total_items": 0}, headers={"Date": "yesterday"})
    before = datetime.now(UTC)
    with connect(recorder) as mailchimp:
        assert before <= mailchimp.members("list1").served_at <= datetime.now(UTC)


@pytest.mark.parametrize("body", [[], {"members": "x"}, {"members": [{}], "total_items": 1}, {"total_items": 1}, None])
def test_an_answer_of_another_shape_is_said_to_be_unreadable(recorder: Recorder, body: object) -> None:
    recorder.then(200, body)
    with connect(recorder) as mailchimp, pytest.raises(errors.Unavailable, match="form"):
        mailchimp.members("list1")


def test_logs_name_the_request_but_no_person_value_or_credential(recorder: Recorder) -> None:
    recorder.then(
        200, {"email_address": "jane@example.com", "status": "subscribed", "id": "0bc83cb571cd1c50ba6f3e8a78ef1346"}
    )
    recorder.then(400, {"title": "Invalid Resource", "detail": "jane@example.com may not be called Jane"})
    recorder.then(dropped=True)
    with connect(recorder, patience=replace(QUICK, in_all=0)) as mailchimp, capture_logs() as logs:
        mailchimp.member("list1", "jane@example.com")
        with pytest.raises(mailing.ContentRefused, match="may not be called •••"):
            mailchimp.insert("list1", MEMBERS)
        with pytest.raises(errors.Unavailable):
            mailchimp.member("list1", "jane@example.com")
    assert logs[0]["path"] == "/3.0/lists/list1/members/{member}"
    assert logs[0]["request_id"] == "14c40d88"
    written = str(logs)
    for secret in ("jane@example.com", "Jane", "key-us1", "9e26471d35a78862c17e467d87cddedf"):
        assert secret not in written


def test_no_repr_shows_the_credential(recorder: Recorder) -> None:
    with connect(recorder) as mailchimp:
        parts = [mailchimp, mailchimp._client, mailchimp._client._session.auth]
        assert "key-us1" not in repr(parts)


def test_the_export_waits_longer_than_mailchimp_works() -> None:
    assert client.EXPORT.reading > 120
    assert (client.EXPORT.first, client.EXPORT.longest, client.EXPORT.in_all) == (2, 120, 900)
