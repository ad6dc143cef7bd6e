"""Whatever happens, in whatever order: after a quiet run the audience is as the segments want it, and nobody was harmed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.happenings import TO_ALL, TO_ONE
from tests.model.machine import FAULTS, UNCONFIRMED, AnyHistory, setting
from tests.model.town import Template, a_world_without_waiting

EXAMPLES = 240
OFTEN = 20
TRANSITIONS = (
    *(one.name for one in TO_ONE),
    *(one.name for one in TO_ALL),
    *(f"fault {kind}" for kind in FAULTS),
    "page that lags behind",
    "death before a commit",
    "death after a commit",
    "a profile gets another address",
    "a profile gets another name",
    "a value becomes empty",
    "consent is withdrawn",
    "a profile joins a segment",
    "a profile leaves a segment",
    "somebody who left gets another address",
    "a changed address waits for a person",
    "a changed address is let in",
    "a changed address is kept out",
    "Postino is asked to forget somebody",
    "a calm export left everything right",
    *(setting(name, choice) for name, choices in UNCONFIRMED.items() for choice in choices),
)


def budget(examples: int, *phases: Phase) -> settings:
    """So many examples, the same ones in every run."""
    return settings(
        max_examples=examples,
        stateful_step_count=14,
        derandomize=True,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.timeout(1200)  # about two minutes of work, several where much else goes on
def test_whatever_happens_the_audience_comes_right_and_nobody_is_harmed(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    with a_world_without_waiting():
        AnyHistory.template, AnyHistory.counts = Template(tmp_path), counts
        run_state_machine_as_test(AnyHistory, settings=budget(EXAMPLES, Phase.generate))
    for name in sorted(counts):
        print(f"{counts[name]:6} × {name}")
    assert [name for name in TRANSITIONS if counts[name] < OFTEN] == []
