"""A person's client over HTTP, for a tour or a test in another process: blocking calls to ``/client/{user_id}/…``."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from sandbox.slack.values import Json

T = TypeVar("T")


class RemotePerson:
    """What ``Person`` offers, by name: ``read`` what it shows, ``act`` as it does."""

    def __init__(self, address: str, user_id: str) -> None:
        self._http = httpx.Client(base_url=f"{address}/client/{user_id}/", timeout=70, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def read(self, what: str, **query: Any) -> Any:
        """GET commands, shortcuts, channels, dms, view, home or messages. Raises LookupError with the reason."""
        answer = self._http.get(what, params={key: value for key, value in query.items() if value is not None})
        if answer.status_code != 200:
            raise LookupError(answer.json()["text"])
        return answer.json()[what]

    def messages(self, channel: str, thread_ts: str | None = None) -> list[Json]:
        """The messages of a channel or thread as this person sees them."""
        found: list[Json] = self.read("messages", channel=channel, thread_ts=thread_ts)
        return found

    def view(self) -> Json | None:
        """The open modal."""
        found: Json | None = self.read("view")
        return found

    def act(self, act: str, **body: Any) -> Json:
        """POST an act; ``{ok, error, text}``, also for what is not there (``error`` is then ``not_there``)."""
        answer: Json = self._http.post(act, json=body).json()
        return answer

    def download(self, file_id: str) -> bytes:
        """The content of a file. Raises LookupError."""
        answer = self._http.get(f"files/{file_id}")
        if answer.status_code != 200:
            raise LookupError(answer.json()["text"])
        return answer.content

    def until(self, seen: Callable[[], T | None], seconds: float = 10.0) -> T:
        """Look at every change until ``seen`` gives something true. Raises TimeoutError."""
        end, version = time.monotonic() + seconds, 0
        while True:
            # Look first, with the version from before: what changes meanwhile ends the next wait at once.
            found = seen()
            if found:
                return found
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"It did not happen within {seconds:g} seconds.")
            changes = self._http.get("changes", params={"since": version, "timeout": min(left, 20)}).json()
            version = changes["version"]
