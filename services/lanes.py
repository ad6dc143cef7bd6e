"""The lanes of a run: calls in flight at once, settled one after the other by the thread that drives them.

A chunk that is refused whole or too slow is divided and sent again; a stop lets the calls in flight finish.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TypeVar

from services import mailing
from services.attempts import Attempt

LANES = 8
"""Calls in flight at once, of the ten connections a Mailchimp account has."""
WORKERS = LANES + 2
"""Threads for them: while all calls are in flight, the next ones are written already and wait for their turn."""
TOO_SLOW_BELOW = 125
"""Chunks are halved after repeated time-outs down to this size."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Lanes:
    """Sends chunks for one attempt."""

    def __init__(self, executor: Executor, attempt: Attempt) -> None:
        self._executor = executor
        self._attempt = attempt
        self._refused_in_a_row: list[str] = []

    def drive(
        self,
        chunks: Iterator[Sequence[Item]],
        send: Callable[[Sequence[Item]], Answer],
        settle: Callable[[Sequence[Item], Answer], None],
        settle_refused: Callable[[Item, mailing.ContentRefused], None],
    ) -> None:
        """Keep the lanes busy with chunks and settle each answer in this thread.

        ``settle_refused`` hears of single items that are refused. Raises ``Stopped`` when the attempt was told to stop, and
        whatever ``send`` or ``settle`` raised first, both after the calls in flight were settled.
        """
        again: deque[Sequence[Item]] = deque()
        flying: dict[Future[Answer], Sequence[Item]] = {}
        failure: BaseException | None = None
        while True:
            while failure is None and not self._attempt.stop.is_set() and len(flying) < WORKERS:
                chunk = again.popleft() if again else next(chunks, None)
                if chunk is None:
                    break
                flying[self._executor.submit(send, chunk)] = chunk
            if not flying:
                break
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    again.extend(self._settle(flying.pop(future), future, settle, settle_refused))
                except BaseException as error:  # noqa: BLE001 - kept until the calls in flight are settled, then raised
                    failure = failure or error
        if failure is not None:
            raise failure
        if self._attempt.stop.is_set():
            raise mailing.Stopped

    def _settle(
        self,
        chunk: Sequence[Item],
        future: Future[Answer],
        settle: Callable[[Sequence[Item], Answer], None],
        settle_refused: Callable[[Item, mailing.ContentRefused], None],
    ) -> list[Sequence[Item]]:
        """Settle one answer; the parts that are to be sent again."""
        try:
            answer = future.result()
        except mailing.TimedOut:
            if len(chunk) <= TOO_SLOW_BELOW:
                raise
            return _halves(chunk)
        except mailing.ContentRefused as refused:
            if len(chunk) > 1:
                self._check_not_about_everybody(refused)
                return _halves(chunk)
            settle_refused(chunk[0], refused)
            return []
        self._refused_in_a_row.clear()
        settle(chunk, answer)
        return []

    def _check_not_about_everybody(self, refused: mailing.ContentRefused) -> None:
        """Two halves refused, and theirs again, all in the same words: dividing further would not help."""
        self._refused_in_a_row.append(refused.text)
        if len(self._refused_in_a_row) > 4 and len(set(self._refused_in_a_row)) == 1:
            raise refused


def _halves(chunk: Sequence[Item]) -> list[Sequence[Item]]:
    return [chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :]]
