"""Runs under real trouble: a killed process, a second worker, a cancelled run, Mailchimp that does not answer, verification."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import exc, select
from sqlalchemy.orm import Session

from bot import reject_list, texts
from sandbox.mailchimp import acts
from services import attempts, connections, reckoning, rereading
from services.approving import Approval
from services.attempts import Attempt, StopReason
from services.destinations import Policies
from services.errors import NotFound, Refused
from services.lanes import LANES
from services.mailchimp.client import Patience
from services.plans import Rejected
from services.reckoning import Reckoning
from services.runs import Order
from services.verifying import Verifying
from storage import runs
from storage.models import FINAL, PLAN, Destination, Run, RunStatus
from tests.integration.shop import Shop
from tests.integration.test_exporting import counts

ROOT = Path(__file__).parents[2]
NO_PATIENCE = Patience(first=0, longest=0, in_all=0)
"""Calls are not repeated: the first that fails lets the run go."""

EXPORT = """
import sys
from datetime import UTC, datetime
from bot.settings import Settings
from bot.wiring import build
postino = build(Settings())
postino.exporting.carry_out(int(sys.argv[1]))
"""


def begin_elsewhere(shop: Shop, run_id: int) -> subprocess.Popen[bytes]:
    """Carry a run out in a process of its own."""
    settings = shop.postino.settings
    environment = os.environ | {
        "POSTINO_HOME": str(settings.home),
        "POSTINO_DATABASE_URL": settings.database,
        "POSTINO_SOURCE_URL": settings.source_url or "",
        "POSTINO_MAILCHIMP_API_URL": settings.mailchimp_api_url or "",
    }
    return subprocess.Popen([sys.executable, "-c", EXPORT, str(run_id)], cwd=ROOT, env=environment)


def many(shop: Shop, number: int = 1600) -> list[str]:
    people = {f"p{at:05}": f"p{at}@example.com" for at in range(number)}
    shop.customers(**people)
    return list(people)


def test_a_killed_export_is_taken_over_and_counts_everybody_once(shop: Shop) -> None:
    shop.segment("VIP", many(shop))
    destination = shop.destination("VIP")
    run = shop.postino.runs.request(shop.actor, destination)
    second_bulk = threading.Event()
    shop.world.switches.set(latency_bulk=0.2)
    shop.world.faults.before_call(4, second_bulk.set, method="POST")
    process = begin_elsewhere(shop, run.id)
    assert second_bulk.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    shop.world.switches.set(latency_bulk=0.0)
    if not shop.postino.database.on_sqlite:
        # On one machine the file lock tells; on PostgreSQL the lease must run out, by the real clock of the killed worker.
        shop.clock.now = shop.clock.now.replace(year=2099)
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    result = counts(ended)
    assert ended.attempt == 2
    assert result["new"] + result.get("unchanged", 0) == 1600, result
    assert len(shop.members()) == 1600
    assert all(member["tags"] == ["VIP"] for member in shop.members().values())
    assert [path.name for path in shop.postino.settings.home.iterdir() if "scratch" in path.name] == []


def test_a_cancelled_export_stops_and_says_what_was_not_attempted(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 6000))
    destination = shop.destination("VIP")
    run = shop.postino.runs.request(shop.actor, destination)
    # Longer than the worker looks for a cancellation: no lane is free again before the worker knows.
    shop.world.switches.set(latency_bulk=1.5)
    shop.world.faults.before_call(3, lambda: shop.postino.runs.cancel(shop.actor, run.id), method="POST")
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert ended.status == RunStatus.CANCELED
    result = counts(ended)
    assert result["not_attempted"] > 0
    assert result["new"] == len(shop.members())


def test_after_a_cancellation_only_the_calls_in_flight_are_awaited_and_kept(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.segment("VIP", many(shop, 6000))
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"))
    known, halt = threading.Event(), Attempt._halt

    def halted(self: Attempt, reason: StopReason) -> None:
        halt(self, reason)
        known.set()

    def cancel() -> None:
        """Cancel, and let Mailchimp answer nothing more until the worker has heard of it."""
        shop.postino.runs.cancel(shop.actor, run.id)
        assert known.wait(30)

    monkeypatch.setattr(Attempt, "_halt", halted)
    shop.world.faults.before_call(3, cancel, method="POST", path="/lists/[^/]+")
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert (ended.status, ended.cancel_requested_by) == (RunStatus.CANCELED, shop.actor.person)
    inserts = shop.world.log.calls("POST", "/lists/{list_id}")
    assert len(inserts) <= 2 + LANES < 6000 / 500
    result = counts(ended)
    # Whatever was in flight was awaited: everybody it brought is counted.
    assert result["new"] == len(shop.members()) == sum(one.counts["created"] for one in inserts)
    assert result["new"] + result["not_attempted"] == 6000
    assert counts(shop.export(ended.destination))["new"] == result["not_attempted"]


def test_a_cancellation_outlives_the_worker_that_was_to_hear_of_it(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 3))
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"))
    with shop.postino.database.write() as session:
        assert runs.claim(session, run.id, "dead", shop.clock(), timedelta(0))
    shop.postino.runs.cancel(shop.actor, run.id)
    shop.clock.forward(minutes=1)
    shop.world.log.clear()
    assert shop.postino.exporting()
    ended = shop.postino.runs.get(shop.actor, run.id)
    assert (ended.status, ended.attempt) == (RunStatus.CANCELED, 2)
    assert list(shop.world.log.calls()) == []


def test_a_cancellation_is_not_put_off_because_mailchimp_does_not_answer(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.segment("VIP", many(shop, 3))
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"))
    monkeypatch.setattr(connections, "EXPORT", NO_PATIENCE)
    # The worker does not look again before the call has failed.
    monkeypatch.setattr(Attempt, "_keep", lambda self: self._ended.wait())
    shop.world.faults.before_call(1, lambda: shop.postino.runs.cancel(shop.actor, run.id), method="POST")
    shop.world.faults.add("503", method="POST")
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert ended.status == RunStatus.CANCELED


SESSION_ENDED = exc.InternalError(
    "UPDATE runs", {}, Exception("terminating connection due to idle-in-transaction timeout")
)
NO_CONNECTION_FREE = exc.TimeoutError("QueuePool limit of size 10 overflow 10 reached")


@pytest.mark.parametrize(
    "error", [SESSION_ENDED, NO_CONNECTION_FREE, ValueError()], ids=lambda error: type(error).__name__
)
def test_whatever_befalls_a_look_at_the_run_the_next_one_hears_of_a_cancellation(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    shop.segment("VIP", many(shop, 3))
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"))
    troubles, troubled, known = [error], threading.Event(), threading.Event()
    attempts: list[Attempt] = []
    look, halt = Attempt._look, Attempt._halt

    def looked(self: Attempt) -> None:
        if threading.current_thread() is self._thread and troubles:
            troubled.set()
            raise troubles.pop()
        attempts.append(self)
        look(self)

    def halted(self: Attempt, reason: StopReason) -> None:
        halt(self, reason)
        known.set()

    def cancel() -> None:
        troubled.wait(20)
        shop.postino.runs.cancel(shop.actor, run.id)
        if not known.wait(20):
            halt(attempts[0], StopReason.SHUTDOWN)  # or else nothing would ever end it

    monkeypatch.setattr(Attempt, "_look", looked)
    monkeypatch.setattr(Attempt, "_halt", halted)
    shop.world.faults.before_call(1, cancel, method="POST", path="/lists/[^/]+")
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert (ended.status, troubled.is_set()) == (RunStatus.CANCELED, True)


def test_a_source_that_thinks_for_longer_than_the_lease_has_nobody_take_the_run_over(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.segment("VIP", many(shop, 3))
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"))
    shop.postino.exporting.lease = timedelta(seconds=9)  # is renewed when a second of it has passed
    source = type(shop.postino.exporting.tools.source)
    answer, renewed, look = source.segments, threading.Event(), Attempt._look

    def looked(self: Attempt) -> None:
        look(self)
        until = shop.postino.runs.get(shop.actor, run.id).lease_until
        if until is not None and until > shop.clock():
            renewed.set()

    def slow(self: Any) -> Any:
        with monkeypatch.context() as meanwhile:
            # However short the longest call is, this one takes longer; the lease has run out when it is looked at.
            meanwhile.setattr(attempts, "LONGEST_CALL", 0.0)
            shop.clock.forward(minutes=10)
            meanwhile.setattr(Attempt, "_look", looked)
            renewed.wait(10)
        shop.postino.exporting.recover()
        return answer(self)

    monkeypatch.setattr(source, "segments", slow)
    ended = shop.postino.exporting.carry_out(run.id)
    assert ended is not None
    assert (ended.status, ended.attempt) == (RunStatus.SUCCESSFUL, 1)


@pytest.mark.parametrize("error", [SESSION_ENDED, NO_CONNECTION_FREE], ids=lambda error: type(error).__name__)
def test_a_run_whose_database_session_ended_is_taken_over_and_not_given_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    shop.segment("VIP", many(shop, 3))
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"))
    write, troubles = Attempt.write, [error]

    def wrote(self: Attempt, session: Session, **values: object) -> None:
        if "step" not in values and troubles:
            raise troubles.pop()
        write(self, session, **values)

    monkeypatch.setattr(Attempt, "write", wrote)
    with pytest.raises(type(error)):
        shop.postino.exporting.carry_out(run.id)
    shop.clock.forward(minutes=2)
    assert shop.postino.exporting()
    ended = shop.postino.runs.get(shop.actor, run.id)
    assert (ended.status, ended.attempt) == (RunStatus.SUCCESSFUL, 2)
    assert len(shop.members()) == 3


def test_a_worker_looks_for_a_cancellation_more_often_than_every_two_seconds() -> None:
    assert inspect.signature(Attempt).parameters["look_every"].default <= 1


def test_a_throttled_export_loses_nobody(shop: Shop) -> None:
    shop.segment("VIP", many(shop))
    destination = shop.destination("VIP")
    shop.world.faults.add("429", every=3, times=4)
    run = shop.export(destination)
    assert run.counters["retries"] >= 1
    assert counts(run) == {"profiles": 1600, "new": 1600, "tags_added": 1600}
    assert len(shop.members()) == 1600


def test_an_answer_that_is_lost_after_the_call_was_applied_neither_doubles_nor_loses(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 600))
    destination = shop.destination("VIP")
    shop.world.faults.add("drop_after", method="POST", path="/lists/[^/]+", skip=1, times=1)
    run = shop.export(destination)
    result = counts(run)
    assert result["new"] + result.get("unchanged", 0) == 600
    assert all(member["tags"] == ["VIP"] for member in shop.members().values())


def released(shop: Shop, run: Run, skip: int = 0) -> Run:
    """The run after an attempt that Mailchimp did not answer, but for the first ``skip`` inserts."""
    shop.world.faults.add("503", method="POST", path="/lists/[^/]+", skip=skip)
    ended = shop.postino.exporting.carry_out(run.id)
    shop.world.faults.clear()
    assert ended is not None
    return ended


def test_a_run_is_given_up_after_six_hours_in_which_nothing_was_acknowledged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "EXPORT", NO_PATIENCE)
    shop.segment("VIP", many(shop, 5))
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"))
    shop.clock.forward(hours=7)  # waiting for the account is no silence
    assert released(shop, run).status == RunStatus.QUEUED
    shop.clock.forward(hours=5)
    # One contact gets through, and everything counts from there.
    assert released(shop, run, skip=1).counters["new"] == 1
    shop.clock.forward(hours=5)
    assert released(shop, run).status == RunStatus.QUEUED
    shop.clock.forward(hours=2)
    ended = released(shop, run)
    assert (ended.status, ended.reason["kind"]) == (RunStatus.FAILED, "Unavailable")


def test_an_approval_is_not_wasted_on_a_short_outage_however_late_it_came(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "EXPORT", NO_PATIENCE)
    shop.segment("VIP", many(shop, 5))
    run = shop.postino.runs.request(shop.actor, shop.destination("VIP"), Order(preview=True))
    shop.world.faults.add("503", times=1)
    shop.postino.exporting.carry_out(run.id)
    shop.clock.forward(minutes=6)
    assert shop.postino.exporting()
    shop.clock.forward(hours=7)
    shop.postino.runs.approve(shop.actor, run.id)
    assert released(shop, run).status == RunStatus.QUEUED
    shop.clock.forward(minutes=6)
    assert shop.postino.exporting()
    assert shop.postino.runs.get(shop.actor, run.id).status == RunStatus.SUCCESSFUL


def test_however_an_interrupted_run_ends_everybody_is_counted_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "EXPORT", NO_PATIENCE)
    shop.segment("VIP", many(shop, 1600))
    destination = shop.destination("VIP")

    def interrupted() -> tuple[Run, int]:
        before = len(shop.members())
        run = released(shop, shop.postino.runs.request(shop.actor, destination), skip=2)
        assert run.status == RunStatus.QUEUED
        return run, len(shop.members()) - before

    run, sent = interrupted()
    assert sent > 0
    canceled = shop.postino.runs.cancel(shop.actor, run.id)
    assert counts(canceled) == {"profiles": 1600, "new": sent, "not_attempted": 1600 - sent, "tags_added": sent}

    run, more = interrupted()
    shop.world.revoke(shop.account.api_key)
    shop.clock.forward(minutes=6)
    assert shop.postino.exporting()
    failed = shop.postino.runs.get(shop.actor, run.id)
    assert (failed.status, failed.reason["kind"]) == (RunStatus.FAILED, "ReconnectNeeded")
    assert (failed.counters["new"], failed.counters["unchanged"]) == (more, sent)
    assert counts(failed)["not_attempted"] == 1600 - sent - more


def test_everybody_of_a_preview_that_was_not_sent_was_not_attempted(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 5))
    run = shop.export(shop.destination("VIP"), preview=True)
    assert counts(shop.postino.runs.cancel(shop.actor, run.id)) == {"profiles": 5, "not_attempted": 5}


def test_a_revoked_credential_ends_the_run_and_asks_to_reconnect(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 5))
    destination = shop.destination("VIP")
    shop.world.revoke(shop.account.api_key)
    run = shop.export(destination)
    assert (run.status, run.reason["kind"]) == (RunStatus.FAILED, "ReconnectNeeded")
    (connection,) = shop.postino.connections.visible(shop.actor)
    assert connection.reconnect_needed


def test_tags_lost_after_a_run_are_put_back_by_its_verification(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 5))
    destination = shop.destination("VIP")
    shop.export(destination)
    acts.untag(shop.audience, "p1@example.com", "VIP")
    verifying = Verifying(shop.postino.database, shop.postino.runs)
    assert not verifying()
    shop.clock.forward(minutes=11)
    assert shop.export(destination, preview=True, trigger=PLAN).status == RunStatus.SUCCESSFUL
    shop.postino.runs.cancel(shop.actor, shop.postino.runs.request(shop.actor, destination, Order(preview=True)).id)
    assert verifying()
    assert shop.postino.exporting()
    assert shop.members()["p1@example.com"]["tags"] == ["VIP"]
    shop.clock.forward(minutes=11)
    assert not verifying()


def test_what_waits_for_a_second_person_leaves_lost_tags_to_the_verification(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 5))
    destination = shop.destination("VIP")
    shop.export(destination)
    acts.untag(shop.audience, "p1@example.com", "VIP")
    set_policies = shop.postino.destinations.set_policies
    set_policies(shop.actor, destination.id, Policies(approval=Approval.ALWAYS))
    shop.clock.forward(hours=2)
    run = shop.export(destination)
    assert (run.status, run.plan["classes"]["tags_only"]) == (RunStatus.WAITING, 1)
    assert Verifying(shop.postino.database, shop.postino.runs)()
    assert shop.postino.exporting()
    assert shop.members()["p1@example.com"]["tags"] == ["VIP"]


def test_a_verification_puts_nothing_on_that_the_run_it_verifies_had_not(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 5))
    destination = shop.destination("VIP")
    shop.export(destination)
    acts.untag(shop.audience, "p1@example.com", "VIP")
    shop.segment("Coffee", ["p1", "p2"])
    shop.destination("VIP", "Coffee", edited=destination)
    shop.clock.forward(minutes=11)
    assert Verifying(shop.postino.database, shop.postino.runs)()
    # The first attempt ends when it has read the tags, before it puts any back.
    shop.world.faults.add("503", method="POST", path="/lists/[^/]+/segments/[0-9]+", times=1)
    with patch.object(connections, "EXPORT", Patience(first=0, longest=0, in_all=0)):
        assert shop.postino.exporting()
    assert shop.members()["p1@example.com"]["tags"] == []
    shop.clock.forward(minutes=10)
    assert shop.postino.exporting()
    assert all(member["tags"] == ["VIP"] for member in shop.members().values())


def verification(shop: Shop) -> tuple[Destination, Verifying]:
    """An exported destination whose verification is queued."""
    shop.segment("VIP", many(shop, 5))
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.clock.forward(minutes=11)
    verifying = Verifying(shop.postino.database, shop.postino.runs)
    assert verifying()
    return destination, verifying


def test_an_export_takes_the_place_of_a_verification_that_waits(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    destination, verifying = verification(shop)
    assert counts(shop.export(destination)) == {"profiles": 5, "unchanged": 5}
    assert not shop.postino.exporting()  # the verification is not in the queue any more
    assert not verifying()

    monkeypatch.setattr(connections, "EXPORT", NO_PATIENCE)
    shop.segment("VIP", many(shop, 6))
    shop.export(destination)
    shop.clock.forward(minutes=11)
    assert verifying()
    shop.world.faults.add("503")
    assert shop.postino.exporting()
    shop.world.faults.clear()
    shop.segment("VIP", many(shop, 7))
    preview = shop.export(destination, preview=True)
    assert preview.status == RunStatus.WAITING
    shop.clock.forward(minutes=6)
    assert not shop.postino.exporting()


def test_an_export_is_queued_behind_a_verification_that_goes_on(shop: Shop) -> None:
    destination, verifying = verification(shop)
    asked: list[Run] = []
    shop.world.faults.before_call(1, lambda: asked.append(shop.postino.runs.request(shop.actor, destination)))
    assert shop.postino.exporting()
    assert asked[0].status == RunStatus.QUEUED
    assert shop.postino.exporting()
    assert shop.postino.runs.get(shop.actor, asked[0].id).status == RunStatus.SUCCESSFUL
    with shop.postino.database.read() as session:
        verified = session.scalar(select(Run).where(Run.verifies.is_not(None)))
    assert verified is not None
    assert verified.status == RunStatus.SUCCESSFUL
    assert not verifying()


def test_the_last_run_that_sent_is_verified_whatever_was_asked_for_after_it(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 5))
    destination = shop.destination("VIP")
    shop.export(destination)
    acts.untag(shop.audience, "p1@example.com", "VIP")
    verifying = Verifying(shop.postino.database, shop.postino.runs)
    runs_ = shop.postino.runs
    runs_.skip(shop.actor, destination, Refused("It may not be exported."), key="skipped")
    shop.segment("VIP", many(shop, 6))
    preview = runs_.request(shop.actor, destination, Order(preview=True))
    shop.clock.forward(minutes=11)
    with shop.postino.database.write() as session:
        assert runs.claim(session, preview.id, "busy", shop.clock(), timedelta(0))
    assert not verifying()  # not while the destination is read
    shop.clock.forward(minutes=1)
    shop.postino.exporting()
    preview = runs_.get(shop.actor, preview.id)
    assert preview.status == RunStatus.WAITING
    assert verifying()
    assert shop.postino.exporting()
    assert shop.members()["p1@example.com"]["tags"] == ["VIP"]
    assert runs_.get(shop.actor, preview.id).status == RunStatus.WAITING


def test_what_is_sent_after_its_preview_takes_the_place_of_a_verification(shop: Shop) -> None:
    destination, verifying = verification(shop)
    shop.postino.exporting()
    shop.segment("VIP", many(shop, 6))
    preview = shop.export(destination, preview=True)
    shop.postino.runs.approve(shop.actor, preview.id)
    shop.postino.exporting()
    shop.segment("VIP", many(shop, 7))
    again = shop.export(destination, preview=True)
    shop.clock.forward(minutes=11)
    assert verifying()
    shop.postino.runs.approve(shop.actor, again.id)
    assert shop.postino.exporting()
    assert not shop.postino.exporting()


def test_a_preview_nobody_approved_expires(shop: Shop) -> None:
    from services.tidying import Tidying

    shop.segment("VIP", many(shop, 5))
    run = shop.export(shop.destination("VIP"), preview=True)
    shop.clock.forward(hours=25)
    Tidying(shop.postino.database)()
    expired = shop.postino.runs.get(shop.actor, run.id)
    assert (expired.status, counts(expired)) == (RunStatus.CANCELED, {"profiles": 5, "not_attempted": 5})


def test_rejects_are_listed_a_few_at_a_time_and_once_though_the_plan_is_drawn_up_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    drawn: list[None] = []
    reject, list_anew = Reckoning.reject, Reckoning.list_anew

    def listing(self: Reckoning, rejected: Rejected) -> None:
        reject(self, rejected)
        held.append(len(self._rejects))

    def anew(self: Reckoning, *arguments: Any) -> None:
        drawn.append(None)
        list_anew(self, *arguments)

    monkeypatch.setattr(reckoning, "REJECTS_AT_ONCE", 2)
    monkeypatch.setattr(Reckoning, "reject", listing)
    monkeypatch.setattr(Reckoning, "list_anew", anew)
    broken = [f"x{number}" for number in range(5)]
    shop.customers(**dict.fromkeys(broken, "no address"))
    shop.segment("VIP", [*many(shop, 3), *broken])
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.clock.forward(hours=2)
    # Fewer members than the ledger knows, which no page of changes tells: the audience is read in full.
    acts.forget(shop.audience, "p0@example.com")
    drawn.clear()
    run = shop.export(destination)
    assert len(drawn) == 2
    assert max(held) < 2
    assert [one.profile_id for one in shop.postino.runs.rejects(shop.actor, run.id)] == broken


def test_a_long_list_of_rejects_takes_no_more_memory_than_a_short_one(shop: Shop) -> None:
    shop.customers(ann="no address")
    shop.segment("VIP", ["ann"])
    run = shop.export(shop.destination("VIP"))
    postino, longest = shop.postino, "x" * 400
    reject = {"run_id": run.id, "segments": "VIP", "masked_address": "a•••", "reason": "unknown", "detail": longest}
    with postino.database.write() as session:
        for start in range(0, 20_000, 1000):
            runs.add_rejects(session, [reject | {"profile_id": f"p{start + at}"} for at in range(1000)])
    find = rereading.addresses(postino.database, postino.vault, postino.source, shop.actor, run, postino.settings.home)
    tracemalloc.start()
    try:
        with find as found:
            listed = postino.runs.rejects(shop.actor, run.id)
            with reject_list.file_of(postino.settings.home, texts.of("en"), listed, {}, found) as file:
                written = file.seek(0, os.SEEK_END)
            peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (written > 8_000_000, peak < written) == (True, True), (written, peak)  # all of them would be 37 MB
    assert [one.name for one in postino.settings.home.iterdir() if one.name.startswith(("tmp", "scratch"))] == []


def test_lists_of_rejects_are_kept_for_the_last_three_exports_and_for_ninety_days(shop: Shop) -> None:
    from services.tidying import Tidying

    def listed(run: Run) -> list[str]:
        Tidying(shop.postino.database)()
        return [one.profile_id for one in shop.postino.runs.rejects(shop.actor, run.id)]

    shop.customers(ann="no address", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    shop.segment("Coffee", ["ann"])
    other = shop.export(shop.destination("Coffee", name="Second"))
    destination = shop.destination("VIP")
    first, *later = [shop.export(destination) for _ in range(4)]
    assert [listed(run) for run in (*later, other)] == [["ann"]] * 4
    with pytest.raises(NotFound, match="not kept any more"):
        listed(first)
    assert shop.postino.runs.get(shop.actor, first.id).counters["rejected"] == 1
    shop.clock.forward(days=91)
    with pytest.raises(NotFound, match="not kept any more"):
        listed(later[-1])
    shop.customers(ann="ann@example.com")
    assert listed(shop.export(destination)) == []


def test_previews_plans_and_verifications_push_no_list_of_an_export_out(shop: Shop) -> None:
    from services.tidying import Tidying

    def listed(run: Run) -> list[str]:
        Tidying(shop.postino.database)()
        return [one.profile_id for one in shop.postino.runs.rejects(shop.actor, run.id)]

    shop.customers(ann="no address", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    export = shop.export(destination)
    shop.clock.forward(minutes=11)
    assert Verifying(shop.postino.database, shop.postino.runs)()
    assert shop.postino.exporting()
    with shop.postino.database.read() as session:
        verification = session.scalars(select(Run).where(Run.verifies == export.id)).one()
    assert (verification.status, verification.counters["rejected"]) == (RunStatus.REJECTS, 1)
    assert listed(verification) == []  # which the export has listed
    previews = [shop.export(destination, preview=True) for _ in range(2)]
    plans = [shop.export(destination, preview=True, trigger=PLAN) for _ in range(2)]
    assert [one.status in FINAL for one in (*previews, *plans)] == [True] * 4
    assert (listed(export), listed(plans[-1])) == (["ann"], ["ann"])
    for one in (*previews, plans[0]):
        with pytest.raises(NotFound, match="not kept any more"):
            listed(one)


def test_runs_of_one_account_queue_and_say_what_they_wait_for(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 5))
    shop.segment("Coffee", ["p00001"])
    first, second = shop.destination("VIP"), shop.destination("Coffee", name="Second")
    held = shop.postino.runs.request(shop.actor, first, Order())
    waiting = shop.postino.runs.request(shop.actor, second, Order())
    seen: list[object] = []
    shop.world.faults.before_call(
        1, lambda: seen.append(shop.postino.runs.waits_for(waiting)), method="POST", path="/lists/[^/]+"
    )
    assert shop.postino.exporting()
    (found,) = seen
    assert getattr(found, "id", None) == held.id
    assert shop.postino.exporting()
    assert not shop.postino.exporting()


def test_a_tag_put_back_by_hand_at_once_on_somebody_who_left_is_taken_off_again(shop: Shop) -> None:
    shop.segment("VIP", many(shop, 3))
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.segment("VIP", ["p00000", "p00001"])
    assert counts(shop.export(destination))["tags_removed"] == 1
    acts.tag(shop.audience, "p2@example.com", "VIP")
    assert counts(shop.export(destination))["tags_removed"] == 1
    assert shop.members()["p2@example.com"]["tags"] == []


def test_people_who_appear_while_the_audience_is_read_are_settled_in_the_same_run(shop: Shop) -> None:
    people = many(shop, 700)
    shop.segment("VIP", people)
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.segment("Coffee", people)
    second = shop.destination("Coffee", name="Second")
    shop.export(second)
    everybody = {f"p{number + 700:05}": f"new{number}@example.com" for number in range(700)}

    def arrive() -> None:
        for address in everybody.values():
            acts.add(shop.audience, address)
            acts.tag(shop.audience, address, "VIP")

    shop.customers(**everybody)
    shop.segment("VIP", [*people, *everybody])
    shop.world.faults.before_call(1, arrive, method="GET", path="/lists/[^/]+/segments/[0-9]+/members")
    result = counts(shop.export(destination))
    assert "suppressed" not in result
    assert result["profiles"] == 1400
    assert counts(shop.export(destination)) == {"profiles": 1400, "unchanged": 1400}
