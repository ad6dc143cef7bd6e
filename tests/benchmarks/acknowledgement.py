"""The case of the crowd: how long Slack waits for Postino while everything else is slow."""

from __future__ import annotations

import statistics
import time
from itertools import cycle, islice
from typing import TYPE_CHECKING

from tests.benchmarks import source
from tests.benchmarks.figures import Bound, Figure, Result
from tests.benchmarks.office import open_office, slow_database, until
from tests.benchmarks.place import filled, open_place

if TYPE_CHECKING:
    from tests.benchmarks.cases import Size

COMMANDS = ("/postino", "/postino-connect", "/postino-segments", "/postino-export", "/postino-status")
AT_ONCE = 50
CROWDS = 6
PAUSE = 2.0  # seconds between two crowds
SLOW = 2.0  # seconds for every call to Mailchimp


def acknowledgement(size: Size) -> Result:
    """Fifty commands at once, again and again, with a slow Mailchimp, source and database and an export under way."""
    with open_place(bulk=SLOW, write=SLOW) as place:
        filled(place, size.small)
        with open_office(place) as office:
            office.launch("Shop")
            until(place.bulk_calls)
            place.control("PATCH", "/switches", {"latency_read": SLOW})
            before = place.bulk_calls()
            with slow_database(place):
                for crowd in range(CROWDS):
                    source.refresh(place.source)  # so that everything is to be counted again
                    office.type(list(islice(cycle(COMMANDS), AT_ONCE)), crowd=f"CROWD{crowd}N")
                    time.sleep(PAUSE)
            meanwhile = place.bulk_calls() - before
            requests = [one for one in office.requests() if one.kind == "slash_commands"][
                1:
            ]  # without the export's own
        place.traffic()  # ends the calls that were in flight
    milliseconds = [1000 * one.seconds for one in requests]
    late = sum(not one.acknowledged for one in requests)
    return Result(
        "acknowledgement",
        f"{AT_ONCE} commands at once, {CROWDS} times, while {size.small:,} contacts are exported; Mailchimp takes "
        f"{SLOW:g} s a call, the database is locked half of the time, the source is counted anew",
        (
            Figure("acknowledged after, median", statistics.median(milliseconds), "ms"),
            Figure("acknowledged after, 95th percentile", statistics.quantiles(milliseconds, n=20)[-1], "ms",
                   Bound("≤", 300), note=f"{len(requests)} commands; from the delivery on the socket, by the local Slack's log"),
            Figure("acknowledged after, slowest", max(milliseconds), "ms"),
            Figure("not acknowledged within 3 s", late, "", Bound("=", 0)),
            Figure("bulk calls of the export meanwhile", meanwhile),
        ),
    )  # fmt: skip
