"""Other ways to bring people into an audience, run on the same local Mailchimp.

Of what PyPI holds only clients can be run beside: there is no Singer target and no reverse-ETL tool for Mailchimp on it
(``target-mailchimp`` and hotglue's are on GitHub only).
"""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import source
from tests.benchmarks.accounting import Cost, Meanwhile, measure
from tests.benchmarks.place import Place
from tests.benchmarks.traffic import Traffic

LOOP = Path(__file__).with_name("rival_loop.py")


@dataclass(frozen=True)
class Rival:
    """A client's batch loop, and the Python that runs it."""

    name: str
    python: str

    def run(self, place: Place, meanwhile: Meanwhile | None = None) -> tuple[Cost, Traffic]:
        """Send the place's segment from start to exit; the calls it made."""
        place.control("DELETE", "/log")
        command: list[str | Path] = [
            *(self.python, LOOP, self.name, place.url, place.api_key, place.audience),
            *(place.source / f"{source.SEGMENT}.csv", source.SEGMENT),
        ]
        cost = measure(command, place.environment, meanwhile=meanwhile)
        return cost, place.traffic()


OFFICIAL = Rival("mailchimp-marketing", sys.executable)


def installed(folder: Path) -> list[Rival]:
    """The official client, and mailchimp3 in an environment of its own below ``folder`` where it can be installed."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "mailchimp3"], check=False, capture_output=True)
    usable = subprocess.run([python, "-c", "import mailchimp3"], check=False, capture_output=True).returncode == 0
    return [OFFICIAL, *([Rival("mailchimp3", str(python))] if usable else [])]
