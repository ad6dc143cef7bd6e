"""Makes up the customers of a coffee shop and writes them as Customer Insights exports them to a lake.

One folder per table and refresh, ``{Table}/{yyyy}/{MM}/{dd}/{HHmm}/{Table}_{n}.csv``, and a ``model.json`` (CDM). The
same seed gives the same people. The data is as dirty as real data is: misspelt and over-long names, telephone numbers
in five formats, missing, invalid and shared addresses. All addresses that could work end in example.com or .test, which
nobody can own (RFC 2606).

    python -m sandbox.demo_data FOLDER --profiles 60000 --seed 7
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from sandbox import demo_people

ROWS_PER_FILE = 250_000
LAKE = "https://lake.example.com/customerinsights/CustomerInsights_6f1c0f6e-4312-4a4e-93dc-24f72f43e7d5/ContosoCoffee"

_FLUSH_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written: profiles, rows by segment, and the moment of the refresh (also in the folders' names)."""

    folder: Path
    profiles: int
    segments: dict[str, int]
    refreshed: datetime


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment to write: ``holds`` decides by profile; ``with_columns`` if it carries the profiles' columns."""

    name: str
    display_name: str
    description: str
    with_columns: bool
    holds: Callable[[demo_people.Person], bool]


SEGMENTS = (
    Segment("AllCustomers", "All customers", "Everybody we know.", True, lambda _: True),
    Segment(
        "CustomersFromCalifornia",
        "Customers from California",
        "Home address in California.",
        True,
        lambda person: person.state == "California",
    ),
    Segment(
        "HighValueCustomers",
        "High-value customers",
        "Spent more than 500 in twelve months.",
        True,
        lambda person: person.draws[20] < 0.146,
    ),
    Segment(
        "SummerPromotion",
        "Summer promotion",
        "Bought cold brew or ice coffee before.",
        False,
        lambda person: person.draws[21] < 0.707,
    ),
    Segment(
        "LoyaltyMembers",
        "Loyalty members",
        "Collect reward points.",
        False,
        lambda person: person.reward_points > 0,
    ),
    Segment(
        "NewCustomers",
        "New customers",
        "First purchase in the last 90 days.",
        True,
        lambda person: person.draws[22] < 0.06,
    ),
    Segment(
        "LapsedSubscribers",
        "Lapsed coffee subscribers",
        "Subscription ended, nothing bought since.",
        False,
        lambda person: person.draws[23] < 0.09,
    ),
    Segment(
        "BirthdayThisMonth",
        "Birthday this month",
        "For the free cup.",
        True,
        lambda person: person.birth_month == 6,
    ),
)


def generate(
    folder: Path,
    profiles: int = 60_000,
    seed: int = 7,
    refresh: datetime | None = None,
    *,
    segments: int = len(SEGMENTS),
) -> Summary:
    """Write a first refresh of ``profiles`` people into ``folder``, made if need be.

    ``refresh`` is when it pretends to have been written (default: a full hour, long enough ago for two more refreshes);
    the files' times say the same. More than eight ``segments`` are campaigns that overlap. Raises OSError if the folder
    cannot be written.
    """
    return _write(folder, _State(seed, profiles, [], segments), refresh)


def refresh_again(folder: Path, share: float = 0.01, refresh: datetime | None = None) -> Summary:
    """Write the next refresh: of all profiles about ``share`` changed, as many new ones, and as many left.

    Changed people move between segments, too. The earlier refresh stays. Raises ValueError if ``generate`` did not make
    the folder.
    """
    try:
        notes = {
            note["name"]: note["value"] for note in json.loads((folder / "model.json").read_bytes())["annotations"]
        }
        before = _State(int(notes["seed"]), int(notes["profiles"]), json.loads(notes["shares"]), int(notes["segments"]))
        earlier = datetime.fromisoformat(notes["refreshed"])
    except (FileNotFoundError, KeyError) as unknown:
        raise ValueError(f"{folder} holds no demo data.") from unknown
    joined = round(before.profiles * share)
    after = _State(before.seed, before.profiles + joined, [*before.shares, share], before.segments)
    return _write(folder, after, refresh or earlier + timedelta(hours=1))


def grow(folder: Path, segment: str, profiles: int) -> None:
    """Write the next refresh, in which a segment without columns holds so many profiles, most of them unknown to Customer.

    Raises ValueError if ``generate`` did not make the folder or the segment has columns of its own.
    """
    summary = refresh_again(folder, 0.0)
    if segment not in {one.name for one in SEGMENTS if not one.with_columns}:
        raise ValueError(f"{segment} is no segment without columns.")
    path = sorted((folder / segment).rglob("*.csv"))[-1]
    written = path.stat().st_mtime
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{number:032x}\n" for number in range(profiles - summary.segments[segment]))
    os.utime(path, (written, written))


@dataclass(frozen=True)
class _State:
    """What a refresh is computed from: ``profiles`` ever known, and the share of each later refresh."""

    seed: int
    profiles: int
    shares: list[float]
    segments: int

    def people(self) -> Iterator[demo_people.Person]:
        for index in range(self.profiles):
            version = self._version(index)
            if version is not None:
                yield demo_people.person(self.seed, index, version)

    def _version(self, index: int) -> int | None:
        """How often this person has changed; None for one who left."""
        version = 0
        for position, share in enumerate(self.shares):
            draw = demo_people.draws(f"{self.seed}:{index}:refresh {position}")[0]
            if draw < share:
                version += 1
            elif draw < 2 * share:
                return None
        return version


def _write(folder: Path, state: _State, refresh: datetime | None) -> Summary:
    moment = (refresh or datetime.now(UTC).replace(minute=0) - timedelta(hours=3)).astimezone(UTC)
    moment = moment.replace(second=0, microsecond=0)
    segments = [*SEGMENTS[: state.segments], *(_campaign(number) for number in range(len(SEGMENTS), state.segments))]
    customers = _Table(folder, "Customer", moment, demo_people.HEADER)
    written = [
        (segment, _Table(folder, segment.name, moment, demo_people.HEADER if segment.with_columns else "CustomerId"))
        for segment in segments
    ]
    for person in state.people():
        row = person.row()
        customers.add(row)
        for segment, table in written:
            if segment.holds(person):
                table.add(row if segment.with_columns else person.customer_id)
    for table in (customers, *(table for _, table in written)):
        table.close()
    _write_model(folder, state, moment, customers, written)
    return Summary(folder, customers.rows, {segment.name: table.rows for segment, table in written}, moment)


def _campaign(number: int) -> Segment:
    share = 0.02 + (number * 7 % 29) / 100
    slot = 8 + number % 24
    start = (number * 13 % 70) / 100
    return Segment(
        f"CampaignWave{number + 1:02d}",
        f"Campaign wave {number + 1}",
        "Recipients of an earlier campaign.",
        number % 2 == 0,
        lambda person: start <= person.draws[slot] < start + share,
    )


class _Table:
    """The files of one table and refresh."""

    def __init__(self, folder: Path, name: str, moment: datetime, header: str) -> None:
        self.name = name
        self.header = header
        self.rows = 0
        self.files: list[Path] = []
        self._moment = moment
        self._folder = folder / name / moment.strftime("%Y/%m/%d/%H%M")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lines: list[str] = []
        self._file = self._open()

    def add(self, row: str) -> None:
        if self.rows and self.rows % ROWS_PER_FILE == 0:
            self._finish()
            self._file = self._open()
        self._lines.append(row)
        self.rows += 1
        if len(self._lines) >= _FLUSH_ROWS:
            self._flush()

    def close(self) -> None:
        self._finish()

    def _open(self) -> IO[str]:
        self.files.append(self._folder / f"{self.name}_{len(self.files) + 1}.csv")
        file = self.files[-1].open("w", encoding="utf-8", newline="")
        file.write(self.header + "\n")
        return file

    def _flush(self) -> None:
        if self._lines:
            self._file.write("\n".join(self._lines) + "\n")
            self._lines.clear()

    def _finish(self) -> None:
        self._flush()
        self._file.close()
        _set_time(self.files[-1], self._moment)


def _set_time(path: Path, moment: datetime) -> None:
    os.utime(path, (moment.timestamp(), moment.timestamp()))


def _write_model(
    folder: Path, state: _State, moment: datetime, customers: _Table, segments: list[tuple[Segment, _Table]]
) -> None:
    entities = [_entity(folder, customers, moment, "Customer", "Unified customer profiles.")]
    entities += [_entity(folder, table, moment, one.display_name, one.description) for one, table in segments]
    notes = {
        "seed": str(state.seed),
        "profiles": str(state.profiles),
        "shares": json.dumps(state.shares),
        "segments": str(state.segments),
        "refreshed": moment.isoformat(),
    }
    model = {
        "name": "ContosoCoffee",
        "version": "1.0",
        "annotations": [{"name": name, "value": value} for name, value in notes.items()],
        "entities": entities,
    }
    path = folder / "model.json"
    path.write_text(json.dumps(model, indent=2), encoding="utf-8")
    _set_time(path, moment)


def _entity(folder: Path, table: _Table, moment: datetime, display_name: str, description: str) -> dict[str, object]:
    return {
        "$type": "LocalEntity",
        "name": table.name,
        "description": description,
        "annotations": [{"name": "displayName", "value": display_name}],
        "attributes": [
            {"name": name, "dataType": demo_people.TYPES.get(name, "string")} for name in table.header.split(",")
        ],
        "partitions": [
            {
                "name": file.stem,
                "refreshTime": moment.isoformat(),
                "location": f"{LAKE}/{file.relative_to(folder).as_posix()}",
                "fileFormatSettings": {
                    "$type": "CsvFormatSettings",
                    "columnHeaders": True,
                    "delimiter": ",",
                    "quoteStyle": "QuoteStyle.Csv",
                    "csvStyle": "CsvStyle.QuoteAfterDelimiter",
                },
            }
            for file in table.files
        ],
    }


def main(arguments: list[str] | None = None) -> int:
    """The command line; prints what was written."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo_data", description="Write demo data.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--profiles", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--segments", type=int, default=len(SEGMENTS))
    parser.add_argument("--again", type=float, metavar="SHARE", help="write the next refresh, this share changed")
    given = parser.parse_args(arguments)
    if given.again is not None:
        summary = refresh_again(given.folder, given.again)
    else:
        summary = generate(given.folder, given.profiles, given.seed, segments=given.segments)
    sys.stdout.write(f"{summary.profiles:,} profiles, refreshed {summary.refreshed:%Y-%m-%d %H:%M} UTC\n")
    for name, rows in summary.segments.items():
        sys.stdout.write(f"{rows:>12,} {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
