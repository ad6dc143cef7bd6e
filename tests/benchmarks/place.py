"""A machine of its own for one case: the local Mailchimp as a process, a source folder, and Postino's home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks import source
from tests.benchmarks.accounting import Cost, Meanwhile, measure
from tests.benchmarks.traffic import BULK, Traffic

READ = 0.05  # seconds for every reading call, as the issue of these benchmarks has it
POSTINO = Path(sys.executable).with_name("postino")
LOG_PAGE = 10_000


@dataclass
class Place:
    """One case's local Mailchimp with its control API, and the folders beside it."""

    folder: Path
    url: str
    api_key: str
    audience: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The source folder."""
        return self.folder / "source"

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the local Mailchimp's control API."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self.url}/_control{path}", data, method=method)
        with urllib.request.urlopen(asked) as answer:
            return json.load(answer)

    def act(self, do: str, **arguments: Any) -> None:
        """What people and administrators do in Mailchimp itself."""
        self.control("POST", f"/audiences/{self.audience}/acts", {"do": do, "with": arguments})

    def members(self) -> Iterator[dict[str, Any]]:
        """The audience as it truly is."""
        seen = 0
        while page := self.control("GET", f"/audiences/{self.audience}/members?offset={seen}")["members"]:
            yield from page
            seen += len(page)

    def subscribers(self) -> int:
        """How many members are subscribed, as the server counts them."""
        (account,) = self.control("GET", "/accounts")
        return int(account["audiences"][0]["counts"].get("subscribed", 0))

    def bulk_calls(self) -> int:
        """How many bulk calls the server has answered so far."""
        totals = self.control("GET", "/log?limit=0")["totals"]
        return sum(each["calls"] for each in totals if (each["method"], each["path"]) == ("POST", BULK))

    def traffic(self) -> Traffic:
        """The calls since the log was last cleared, once the server has done with all of them."""
        logged = self._logged()
        while not all(call["ended"] for call in logged):
            time.sleep(0.02)  # a client that was killed leaves calls behind which are carried out all the same
            logged = self._logged()
        return Traffic(logged)

    def _logged(self) -> list[dict[str, Any]]:
        logged: list[dict[str, Any]] = []
        after = 0
        while page := self.control("GET", f"/log?limit={LOG_PAGE}&after={after}")["entries"]:
            logged += page
            after = page[-1]["sequence"]
        return logged

    def postino(self, *arguments: str) -> Cost:
        """One ``postino`` command as a person types it. Raises RuntimeError if it fails."""
        cost = measure([POSTINO, *arguments], self.environment)
        if cost.code:
            raise RuntimeError(f"postino {' '.join(arguments)} failed: {cost.err.strip()}")
        return cost

    def connect(self, *segments: str) -> None:
        """A connection, and a destination called Shop, by the shipped command line."""
        subprocess.run(
            [POSTINO, "connections", "add", "Main", "--api-key-stdin"],
            input=self.api_key.encode(), env=self.environment, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        chosen = [part for name in segments for part in ("--segment", name)]
        self.postino(
            *("destinations", "add", "Shop", "--connection", "Main", "--audience", self.audience, "--email", "EMail"),
            *("--first-name", "FirstName", "--last-name", "LastName", "--agree", "--schedule", "manual", *chosen),
        )

    def export(self, meanwhile: Meanwhile | None = None) -> tuple[Cost, Traffic]:
        """``postino export Shop --json`` from start to exit, and the calls it made."""
        self.control("DELETE", "/log")
        cost = measure([POSTINO, "export", "Shop", "--json"], self.environment, meanwhile=meanwhile)
        return cost, self.traffic()


@contextmanager
def open_place(*, bulk: float = 0.05, write: float = 0.05) -> Iterator[Place]:
    """A fresh place; ``bulk`` and ``write`` are seconds for a bulk call and for a single write."""
    with TemporaryDirectory(prefix="postino-bench-") as name:
        folder = Path(name)
        (folder / "source").mkdir()
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "sandbox.mailchimp", "--latency-read", str(READ)),
                *("--latency-bulk", str(bulk), "--latency-write", str(write)),
            ],
            stdout=subprocess.PIPE,
        )
        try:
            assert server.stdout is not None
            started = json.loads(server.stdout.readline())
            environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
                "POSTINO_HOME": str(folder / "home"),
                "POSTINO_SOURCE_URL": (folder / "source").as_uri(),
                "POSTINO_MAILCHIMP_API_URL": started["url"],
                "POSTINO_MAILCHIMP_LOGIN_URL": started["url"],
            }
            yield Place(folder, started["url"], started["api_key"], started["audience"], environment)
        finally:
            server.terminate()
            server.communicate(timeout=30)


def filled(place: Place, count: int) -> None:
    """Write one segment of ``count`` people and save a destination for it."""
    source.write_segment(place.source, count)
    place.connect(source.SEGMENT)
