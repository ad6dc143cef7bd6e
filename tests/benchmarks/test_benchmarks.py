"""The benchmarks in a small form: figures come out, and agree with the server's own log. Times are not judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import report, rivals, source
from tests.benchmarks.cases import CASES, Size
from tests.benchmarks.figures import Bound, Figure, Result, number
from tests.benchmarks.place import filled, open_place
from tests.benchmarks.traffic import covered

SMALL = Size(people=5_000, small=1_000, faulty=5_000, rivals=[rivals.OFFICIAL])
QUICK = replace(SMALL, people=100_000)
"""The main case in the size of ``make bench QUICK=1``: some 35 s of processor time, Mailchimp and rival included."""


def measured(name: str, size: Size = SMALL) -> Result:
    return CASES[name](size)


def test_a_run_is_measured_by_the_servers_log_and_the_operating_system() -> None:
    with open_place() as place:
        filled(place, 5_000)
        cost, traffic = place.export()
        assert cost.code == 0, cost.err
        assert traffic.members_sent == place.subscribers() == 5_000
        assert len(traffic.bulk_calls) >= 10
        assert 0 < traffic.sending < cost.wall
        assert 0 < traffic.reading < cost.wall
        assert cost.processor > 0
        assert cost.peak > 30_000_000
        assert all(cost.started <= call.started <= call.ended <= cost.ended for call in traffic.calls)


def test_the_speed_case_writes_nothing_when_nothing_changed_and_the_least_when_little_did() -> None:
    result = measured("speed", QUICK)
    assert result.value("contacts lost") == 0
    assert result.value("nothing changed: writing calls") == 0
    assert result.value("nothing changed: profiles told as unchanged") == 100_000
    assert result.value("1 % changed: told as new, updated and tags taken off but not so") == 0
    assert result.value("whole run", "mailchimp-marketing") > 0
    ours, theirs = result.value("sending phase"), result.value("sending phase", "mailchimp-marketing")
    assert result.value("sending phase beside mailchimp-marketing") == pytest.approx(ours / theirs)


def test_new_contacts_take_few_calls() -> None:
    result = measured("calls")
    assert 11 <= result.value("writing calls") <= 13
    assert result.value("calls in all") <= 33


def test_segments_are_counted_right_at_every_look() -> None:
    result = measured("segments")
    assert result.value("wrong counts") == 0
    assert result.value("first look") > 0


def test_every_command_of_a_crowd_is_acknowledged_while_an_export_runs() -> None:
    result = measured("acknowledgement")
    assert result.value("not acknowledged within 3 s") == 0
    assert 0 < result.value("acknowledged after, median") <= result.value("acknowledged after, 95th percentile")
    assert result.value("bulk calls of the export meanwhile") > 0


def test_a_throttled_run_loses_nobody_and_the_official_loop_does() -> None:
    result = measured("throttled")
    assert result.value("contacts lost") == 0
    assert result.value("calls answered 429") > 0
    assert result.value("contacts lost", "mailchimp-marketing") == 500


def test_nobody_is_resubscribed_and_the_official_loop_does_it() -> None:
    result = measured("unsubscribed")
    assert result.value("resubscribed") == 0
    assert result.value("resubscribed", "mailchimp-marketing") == 200


def test_a_killed_run_goes_on_and_the_official_loop_begins_again() -> None:
    result = measured("killed", Size(people=0, small=0, faulty=10_000, rivals=[rivals.OFFICIAL]))
    assert result.value("contacts lost") == 0
    assert result.value("sent twice") <= 4_000
    assert result.value("bulk calls after it", "mailchimp-marketing") == 20


def test_a_cancelled_run_leaves_calls_out_and_keeps_what_was_sent() -> None:
    result = measured("cancelled", replace(SMALL, faulty=20_000))
    assert result.value("bulk calls left out") > 0
    assert result.value("contacts sent and not kept") == 0


def test_the_source_is_the_same_every_time_and_changes_as_told(tmp_path: Path) -> None:
    source.write_segment(tmp_path, 1_000)
    path = tmp_path / f"{source.SEGMENT}.csv"
    before = path.read_text().splitlines()
    source.write_segment(tmp_path, 1_000)
    assert path.read_text().splitlines() == before
    changes = source.write_segment(tmp_path, 1_000, changed=0.01)
    after = path.read_text().splitlines()
    assert changes == (4, 3, 3)
    assert len(set(before) - set(after)) == changes.renamed + changes.left
    assert len(set(after) - set(before)) == changes.renamed + changes.came


def test_intervals_in_flight_count_once() -> None:
    assert covered([(0, 2), (1, 3), (5, 6), (5.5, 5.6)]) == 4


def test_the_document_keeps_the_last_result_of_every_case(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    for value, name in ((70.0, "speed"), (1.0, "calls"), (20.0, "speed")):
        figures = (Figure("processor time", value, "s", Bound("≤", 60), Bound("≤", 30)),)
        report.keep(Result(name, "a title", figures), document)
    text = document.read_text()
    assert text.count("## speed: a title") == text.count("## calls: a title") == 1
    assert "| Postino | processor time | 20 s | ≤ 60 | ≤ 30 | aim |  |" in text


def test_a_figure_that_misses_what_it_must_is_told() -> None:
    assert Figure("x", 61, must=Bound("≤", 60), aim=Bound("≤", 30)).verdict == "missed"
    assert Figure("x", 60, must=Bound("≤", 60), aim=Bound("≤", 30)).verdict == "reached"
    assert Figure("x", 1).verdict == ""
    assert [number(each) for each in (1234.5, 12.34, 1.0204, 0)] == ["1,234", "12.3", "1.02", "0"]
