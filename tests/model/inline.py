"""An executor without threads: what is submitted is done at once, in the order of submission."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from itertools import count
from typing import Any

_numbers = count()


class _Numbered(Future[Any]):
    """A future with its place in line as hash, so that sets of futures have the same order in every run."""

    def __init__(self) -> None:
        super().__init__()
        self._number = next(_numbers)

    def __hash__(self) -> int:
        return self._number


class InlineExecutor(Executor):
    """In place of ``ThreadPoolExecutor``."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        future = _Numbered()
        try:
            future.set_result(function(*arguments, **options))
        except BaseException as error:  # noqa: BLE001 - as a thread would keep it, for whoever asks for the result
            future.set_exception(error)
        return future
