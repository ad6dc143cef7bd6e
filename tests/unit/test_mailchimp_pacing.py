import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from services import mailing
from services.mailchimp import pacing

GO_ON = threading.Event()


def answer(pacer: pacing.AccountPacer, times: int) -> None:
    for _ in range(times):
        with pacer.slot(GO_ON) as slot:
            slot.answered()


def fail(pacer: pacing.AccountPacer) -> None:
    with pacer.slot(GO_ON):
        raise ConnectionError


def throttle(pacer: pacing.AccountPacer) -> None:
    with pacer.slot(GO_ON) as slot:
        slot.throttled()


def test_never_more_calls_are_open_than_the_limit() -> None:
    pacer = pacing.AccountPacer(3)
    lock = threading.Lock()
    most = now = 0
    together = threading.Barrier(3)

    def call(_: int) -> None:
        nonlocal most, now
        with pacer.slot(GO_ON):
            with lock:
                now += 1
                most = max(most, now)
            together.wait(5)
            with lock:
                now -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(call, range(9)))
    assert most == 3


def test_throttling_halves_down_to_one() -> None:
    pacer = pacing.AccountPacer()
    limits = []
    for _ in range(5):
        throttle(pacer)
        limits.append(pacer.limit)
    assert limits == [4, 2, 1, 1, 1]


def test_calls_that_were_open_together_halve_only_once() -> None:
    pacer = pacing.AccountPacer()
    with ExitStack() as calls:
        slots = [calls.enter_context(pacer.slot(GO_ON)) for _ in range(8)]
        for slot in slots:
            slot.throttled()
    assert pacer.limit == 4


def test_good_answers_let_it_grow_by_one() -> None:
    pacer = pacing.AccountPacer()
    throttle(pacer)
    answer(pacer, pacing.GROW_AFTER - 1)
    assert pacer.limit == 4
    answer(pacer, 1)
    assert pacer.limit == 5


def test_it_never_grows_beyond_the_most() -> None:
    pacer = pacing.AccountPacer()
    answer(pacer, 5 * pacing.GROW_AFTER)
    assert pacer.limit == pacing.MOST == 8


def test_throttled_since_lasts_until_the_full_pace_is_back() -> None:
    pacer = pacing.AccountPacer()
    at_first = pacer.throttled_since
    assert at_first is None
    throttle(pacer)
    first = pacer.throttled_since
    assert first is not None
    throttle(pacer)
    answer(pacer, pacing.GROW_AFTER)
    assert pacer.throttled_since == first
    answer(pacer, 8 * pacing.GROW_AFTER)
    assert pacer.throttled_since is None


def test_a_resumed_run_starts_with_few_lanes_and_grows() -> None:
    pacer = pacing.AccountPacer()
    pacer.start_with(2)
    assert (pacer.limit, pacer.throttled_since) == (2, None)
    answer(pacer, pacing.GROW_AFTER)
    assert pacer.limit == 3


def test_a_start_does_not_undo_throttling() -> None:
    pacer = pacing.AccountPacer()
    for _ in range(3):
        throttle(pacer)
    pacer.start_with(8)
    assert pacer.limit == 1


def test_waiting_for_a_slot_ends_at_a_stop() -> None:
    pacer, stop = pacing.AccountPacer(1), threading.Event()

    def wait() -> None:
        with pacer.slot(stop):
            pass

    with ThreadPoolExecutor(1) as threads, pacer.slot(GO_ON):
        waiting = threads.submit(wait)
        stop.set()
        with pytest.raises(mailing.Stopped):
            waiting.result(5)


def test_a_call_that_fails_gives_its_slot_back() -> None:
    pacer = pacing.AccountPacer(1)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            fail(pacer)
    answer(pacer, 1)


def test_all_clients_of_an_account_share_one_pacer() -> None:
    pacers = pacing.Pacers()
    assert pacers.of("account-1", holds_run=True) is pacers.of("account-1", holds_run=True)
    assert pacers.of("account-1", holds_run=True) is not pacers.of("account-2", holds_run=True)


def test_whoever_holds_no_run_has_one_call_open_at_a_time() -> None:
    pacers = pacing.Pacers()
    assert pacers.of("account-1", holds_run=True).limit == 8
    beside = pacers.of("account-1", holds_run=False)
    assert beside is pacers.of("account-1", holds_run=False)
    answer(beside, 3 * pacing.GROW_AFTER)
    assert beside.limit == 1
