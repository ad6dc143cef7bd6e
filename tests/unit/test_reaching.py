"""Whoever is told to be reachable before an export is whom the export's own snapshot finds, whatever the source holds."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services import snapshot
from services.forms import Form
from services.hashing import Hasher
from services.reaching import Reaching
from services.rejects import Problem
from services.scratch import Scratch
from services.sources import Membership, ProfileSource, RefreshMarker, Segment
from storage.database import Database
from storage.vault import Vault

CONSENT = {"consent_attribute": "Consent", "consent_values": [" Yes"]}
ADDRESSES = [
    "a@example.com",
    "A@Example.com ",
    "<ä@example.com>",
    "a\u0308@example.com",
    "b@example.com",
    "n/a",
    " ",
    None,
]
VALUES = st.tuples(st.booleans(), st.sampled_from(ADDRESSES), st.sampled_from(["yes", "YES ", "no", None]))
ROWS = st.dictionaries(st.sampled_from(["p1", "p2", "p3", "p4"]), VALUES).map(
    lambda found: [(profile, *values) for profile, values in [*found.items(), *list(found.items())[:1]]]
)
"""A segment's rows, the first of them twice."""


class _Rows(list[Membership]):
    """A segment's reader."""

    broken = 0
    unreadable_profiles = None

    def __iter__(self) -> Iterator[Any]:
        rows = list(super().__iter__())
        yield from (rows[at : at + 2] for at in range(0, len(rows), 2))


@dataclass
class _Source:
    """Segments whose rows say themselves what each profile's values are, so that two may disagree."""

    rows: dict[str, list[Membership]]

    def segments(self) -> list[Segment]:
        return [Segment(name, name, len({row[0] for row in rows})) for name, rows in self.rows.items()]

    def refresh_marker(self) -> RefreshMarker:
        return RefreshMarker("1", None)

    def read(self, segment: str, attributes: Sequence[str]) -> _Rows:
        found = _Rows()
        for profile, is_known, *values in self.rows[segment]:
            asked = values[: len(attributes)] if is_known else [None] * len(attributes)
            found.append((profile, is_known, *asked))
        return found


@pytest.fixture(scope="module")
def reaching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reaching]:
    folder = tmp_path_factory.mktemp("reaching")
    database = Database(f"sqlite:///{folder / 'postino.sqlite'}")
    database.migrate()
    yield Reaching(database, Vault([Vault.new_key()]), cast("ProfileSource", None), folder)
    database.dispose()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, min_size=1, max_size=3), st.booleans())
def test_everybody_has_the_fate_that_an_export_gives_them(
    reaching: Reaching, tmp_path: Path, rows: list[list[Membership]], asked: bool
) -> None:
    source = cast("ProfileSource", _Source({f"segment {at}": some for at, some in enumerate(rows)}))
    segments = [one.name for one in source.segments()]
    form = Form(
        **{"name": "Letter", "connection_id": 1, "audience_id": "x", "email_attribute": "EMail", "segments": segments}
        | (CONSENT if asked else {})
    )
    found = Reaching(reaching.database, reaching.vault, source, tmp_path).look(1, "account", form, lambda: True)
    assert found is not None
    expected: Counter[str] = Counter()
    with Scratch(tmp_path) as scratch:
        consent = snapshot.consent(form.consent_attribute, form.consent_values)
        hasher = Hasher(b"s" * 32)
        taken = snapshot.take(scratch, source, segments, "EMail", [], consent, hasher, threading.Event(), lambda: None)
        scratch.index_rows()
        for person in snapshot.people(scratch):
            expected += Counter({"reachable" if person.consents else "no_consent": 1, "sharing": len(person.others)})
        names = {Problem.NO_ADDRESS: "no_address", Problem.INVALID_ADDRESS: "invalid_address"}
        for _, consents, _, problem, _ in snapshot.problems(scratch):
            expected += Counter({names.get(Problem(problem), "unknown") if consents else "no_consent": 1})
    assert found.model_dump(exclude_defaults=True) == expected
    assert found.profiles == taken.profiles


def test_counting_ends_when_it_is_not_wanted_any_more(reaching: Reaching, tmp_path: Path) -> None:
    source = cast("ProfileSource", _Source({"VIP": [("p1", True, "a@example.com", "yes")]}))
    form = Form(name="Letter", connection_id=1, audience_id="x", email_attribute="EMail", segments=["VIP"])
    assert Reaching(reaching.database, reaching.vault, source, tmp_path).look(1, "account", form, lambda: False) is None
