"""A Slack workspace as a process, Postino as a service in it, and a crowd that types all at once."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.place import POSTINO, Place

ADA = "U0ADA"
CHANNEL = "C0EXPORTS"
BUSY = 0.5  # seconds for which a slow database keeps everybody waiting, with as long a pause between
_READY = 300  # seconds in which what was asked for must have come

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One request to Postino as the local Slack logged it; ``seconds`` from its delivery to its acknowledgement."""

    kind: str
    acknowledged: bool
    seconds: float


@dataclass(frozen=True)
class Office:
    """Postino at work in a workspace, over Socket Mode."""

    url: str

    def type(self, commands: Sequence[str], crowd: str) -> None:
        """Each command by somebody else, all at the same moment; returns when Slack is done with every one."""
        people = [f"U0{crowd}{number}" for number in range(len(commands))]
        for person in people:
            self._call("/control/user", {"id": person, "name": person.lower(), "real_name": person, "role": "admin"})
        self._call("/control/channel", {"id": CHANNEL, "members": [ADA, *people]})
        with ThreadPoolExecutor(len(commands)) as hands:
            for _ in hands.map(lambda person, command: self._type(person, command), people, commands):
                pass

    def launch(self, destination: str) -> None:
        """Ask for a preview of a destination, wait for it, and send it."""
        self._type(ADA, f"/postino-export {destination}")
        card = until(self._to_send)
        self._call(f"/client/{ADA}/click", {"target": "Send", "channel": CHANNEL, "ts": card["ts"], "confirm": True})

    def requests(self) -> list[Request]:
        """Every request to Postino so far."""
        logged = self._call("/control/deliveries")["deliveries"]
        return [Request(one["kind"], one["outcome"] == "acked", one["latency"] or float("inf")) for one in logged]

    def connected(self) -> bool:
        """Whether Postino has opened its socket."""
        return bool(self._call("/control/state")["state"]["connections"])

    def _to_send(self) -> Json | None:
        shown = self._call(f"/client/{ADA}/messages?channel={CHANNEL}")["messages"]
        return next((one for one in shown if "Send" in [button["text"] for button in one["buttons"]]), None)

    def _type(self, person: str, command: str) -> None:
        self._call(f"/client/{person}/command", {"channel": CHANNEL, "text": command})

    def _call(self, path: str, body: Json | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}{path}", data)) as answer:
            return json.load(answer)


@contextmanager
def open_office(place: Place) -> Iterator[Office]:
    """A fresh workspace with ``postino run`` in it."""
    slack = subprocess.Popen([sys.executable, "-m", "sandbox.slack"], stdout=subprocess.PIPE, text=True)
    try:
        assert slack.stdout is not None
        api, bot_token, app_token = (slack.stdout.readline().split()[-1] for _ in range(3))
        environment = place.environment | {
            "POSTINO_SLACK_API_URL": api,
            "SLACK_BOT_TOKEN": bot_token,
            "SLACK_APP_TOKEN": app_token,
            "POSTINO_HTTP_PORT": "0",
        }
        with (place.folder / "postino.log").open("wb") as log:
            postino = subprocess.Popen([POSTINO, "run"], env=environment, stdout=log, stderr=log)
        try:
            office = Office(api.removesuffix("/api/"))
            until(office.connected)
            yield office
        finally:
            postino.kill()  # it exports, and nobody needs the calls in flight to be awaited
            postino.wait()
    finally:
        slack.terminate()
        slack.communicate(timeout=30)


@contextmanager
def slow_database(place: Place) -> Iterator[None]:
    """Somebody else writes to Postino's database all the time, half a second at a stretch."""
    ended = threading.Event()

    def write() -> None:
        connection = sqlite3.connect(place.folder / "home" / "postino.sqlite", timeout=60, isolation_level=None)
        while not ended.wait(BUSY):
            connection.execute("BEGIN IMMEDIATE")
            ended.wait(BUSY)
            connection.execute("COMMIT")
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


def until(seen: Callable[[], Any]) -> Any:
    """Wait until ``seen`` gives something true, and give it. Raises TimeoutError."""
    end = time.monotonic() + _READY
    while not (found := seen()):
        if time.monotonic() > end:
            raise TimeoutError(f"What was asked for did not come within {_READY} seconds.")
        time.sleep(0.05)
    return found
