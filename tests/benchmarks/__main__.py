"""``python -m tests.benchmarks``: what ``make bench`` runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from tests.benchmarks import report, rivals
from tests.benchmarks.cases import CASES, LONG, Size

WIDTH = 150  # so that notes stay on their line where nothing tells how wide the screen is
RIVALS = Path(__file__).parents[2] / ".venv" / "rivals"


def main() -> int:
    """Measure, print and keep; 1 if a figure does not reach what it must."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--case", choices=CASES, help="only this one")
    parser.add_argument("--quick", action="store_true", help="100,000 contacts, no slow case, nothing kept")
    parser.add_argument("--rivals", action="store_true", help="also those that are installed for it")
    options = parser.parse_args()
    beside = rivals.installed(RIVALS) if options.rivals else [rivals.OFFICIAL]
    people, small = (100_000, 10_000) if options.quick else (1_000_000, 100_000)
    size = Size(people, small, 20_000, beside)
    chosen = [options.case] if options.case else [name for name in CASES if not (options.quick and name in LONG)]
    console = Console(width=max(WIDTH, Console().width))
    missed = 0
    for name in chosen:
        with console.status(f"Measuring {name} …"):
            result = CASES[name](size)
        report.show(result, console)
        if not options.quick:
            report.keep(result)
        missed += sum(not figure.kept for figure in result.figures)
    console.print(f"{missed} figures did not reach what they must." if missed else "Every figure reached what it must.")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
