"""The lanes of a run: calls in flight at once, settled one after the other by the thread that drives them.

A chunk that is refused whole or too slow is divided and sent again; a stop lets the calls in flight finish.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from services import mailing
from services.attempts import Attempt

LANES = 8
"""Calls in flight at once, of the ten connections a Mailchimp account has."""
WORKERS = LANES + 2
"""Threads for them: while all calls are in flight, the next ones are written already and wait for their turn."""
TOO_SLOW_BELOW = 125
"""Chunks are halved after repeated time-outs down to this size."""
PROBES = 3
"""How many are sent alone to tell a refusal that is about everybody from one about a few in every part of a chunk."""
_KNOWN = -1  # no number of accepted calls: nothing waits to be known any more

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Refused(Generic[Item]):
    """A chunk that was refused whole, divided in ``parts``: how many of these were refused in the same words.

    ``accepted`` is how much of anything had been accepted by then, ``within`` the chunk that it was a part of. Probes wait in
    ``held`` until it is known whether the refusal is about them.
    """

    text: str
    parts: int
    accepted: int
    within: _Refused[Item] | None = None
    refused: int = 0
    held: list[tuple[Item, mailing.ContentRefused]] | None = None

    def refused_since(self, text: str) -> int | None:
        """Count a part that was refused. If all were by now, and all of the whole before, in these words: since when."""
        self.refused += text == self.text
        before = self.within
        return before.accepted if before is not None and self._all_in(text) and before._all_in(text) else None

    def let_go(self) -> list[tuple[Item, mailing.ContentRefused]]:
        """The probes that have waited: it is known by now that their refusals are about themselves."""
        held, self.held, self.accepted = self.held or [], [], _KNOWN
        return held

    def _all_in(self, text: str) -> bool:
        return self.refused == self.parts and self.text == text


@dataclass(eq=False)
class _Part(Generic[Item]):
    """Items to send in one call, and the refused chunk that they are a part of."""

    items: Sequence[Item]
    of: _Refused[Item] | None = None


class Lanes:
    """Sends chunks for one attempt."""

    def __init__(self, executor: Executor, attempt: Attempt) -> None:
        self._executor = executor
        self._attempt = attempt
        self._accepted = 0

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
        again: deque[_Part[Item]] = deque()
        flying: dict[Future[Answer], _Part[Item]] = {}
        failure: BaseException | None = None
        while True:
            while failure is None and not self._attempt.stop.is_set() and len(flying) < WORKERS:
                part = again.popleft() if again else _next(chunks)
                if part is None:
                    break
                flying[self._executor.submit(send, part.items)] = part
            if not flying:
                break
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    self._settle(flying.pop(future), future, again, settle, settle_refused)
                except BaseException as error:  # noqa: BLE001 - kept until the calls in flight are settled, then raised
                    failure = failure or error
        if failure is not None:
            raise failure
        if self._attempt.stop.is_set():
            raise mailing.Stopped

    def _settle(
        self,
        part: _Part[Item],
        future: Future[Answer],
        again: deque[_Part[Item]],
        settle: Callable[[Sequence[Item], Answer], None],
        settle_refused: Callable[[Item, mailing.ContentRefused], None],
    ) -> None:
        """Settle one answer, and put down what is to be sent again."""
        try:
            answer = future.result()
        except mailing.TimedOut:
            if len(part.items) <= TOO_SLOW_BELOW:
                raise
            again.extend(map(_Part, _halves(part.items)))
        except mailing.ContentRefused as refused:
            if part.of is not None and part.of.held is not None:
                _settle_each(self._probed(part.of, part.items[0], refused), settle_refused)
            elif len(part.items) > 1:
                self._divide(part, refused.text, again)
            else:
                settle_refused(part.items[0], refused)
        else:
            self._accepted += 1
            settle(part.items, answer)
            if part.of is not None and part.of.held:
                _settle_each(part.of.let_go(), settle_refused)

    def _divide(self, part: _Part[Item], text: str, again: deque[_Part[Item]]) -> None:
        """Halve a refused chunk; or, if halves were refused twice running in the same words, ask of a few whether it is them."""
        since = None if part.of is None else part.of.refused_since(text)
        if since == self._accepted:
            alone, rest = part.items[:PROBES], part.items[PROBES:]
            probed = _Refused[Item](text, len(alone), self._accepted, held=[])
            again.extendleft(_Part([item], probed) for item in alone)
            again.extend([_Part(rest)] if rest else [])
        else:
            divided = _Refused(text, 2, self._accepted, within=part.of)
            again.extend(_Part(half, divided) for half in _halves(part.items))

    def _probed(
        self, probed: _Refused[Item], item: Item, refused: mailing.ContentRefused
    ) -> list[tuple[Item, mailing.ContentRefused]]:
        """Whose refusals are known to be about themselves, now that this one was refused. Raises it if it is about everybody."""
        assert probed.held is not None
        probed.held.append((item, refused))
        if refused.text != probed.text or self._accepted != probed.accepted:
            return probed.let_go()
        if len(probed.held) == probed.parts:
            raise refused
        return []


def _settle_each(
    refused: Sequence[tuple[Item, mailing.ContentRefused]],
    settle_refused: Callable[[Item, mailing.ContentRefused], None],
) -> None:
    for item, why in refused:
        settle_refused(item, why)


def _next(chunks: Iterator[Sequence[Item]]) -> _Part[Item] | None:
    chunk = next(chunks, None)
    return None if chunk is None else _Part(chunk)


def _halves(chunk: Sequence[Item]) -> list[Sequence[Item]]:
    return [chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :]]
