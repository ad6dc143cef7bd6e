"""A real export that is killed, told to stop, or left without disk space, again and again."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.rules import Class
from storage.models import FINAL, OutboxMessage, Run
from tests.integration.processes import MOST_IN_FLIGHT, MailchimpProcess, Site, mailchimp_process, until

PEOPLE = 20_000
KILLS = 20
KILLS_AT_A_TIME = 5
LATENCY = 0.2
"""Seconds a bulk call takes: long enough that a kill lands in mid-run."""


@pytest.fixture(scope="module")
def mailchimp() -> Iterator[MailchimpProcess]:
    with mailchimp_process(LATENCY) as served:
        yield served


@pytest.fixture
def site(tmp_path: Path, mailchimp: MailchimpProcess) -> Site:
    mailchimp.forget_calls()
    made = Site(tmp_path, mailchimp)
    made.people(PEOPLE)
    return made


def kill_in_mid_run(site: Site, name: str, seed: int) -> dict[str, Any] | None:
    """Start the export and kill it at a point that ``seed`` chooses; what it printed if it ended before."""
    chances = random.Random(seed)
    calls, seconds = chances.randint(1, 5), chances.uniform(0, LATENCY)
    before = site.mailchimp.called()
    process = site.export(name)
    # Less than the lease of 60 seconds: the new process takes over at once.
    if not until(lambda: len(site.mailchimp.bulk_calls(before)) >= calls, process, seconds=40):
        return finish(process, site)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    print(f"seed {seed}: killed {seconds:.3f} s after its bulk call {calls}; {len(site.mailchimp.bulk_calls())} in all")
    return None


def finish(process: subprocess.Popen[str], site: Site) -> dict[str, Any]:
    """What the export printed when it had ended well."""
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, site.last_log()
    result: dict[str, Any] = json.loads(out)
    return result


def assert_complete(site: Site, audience_id: str, result: dict[str, Any]) -> None:
    """Everybody is there once, with the tag, and in exactly one class."""
    assert (result["status"], result["profiles"]) == ("Successful", PEOPLE)
    assert sum(result[one.word] for one in Class) == PEOPLE, result
    assert result["new"] + result["unchanged"] + result["tags_only"] == PEOPLE, result
    members = site.mailchimp.members(audience_id)
    assert len(members) == PEOPLE
    assert [one["email_address"] for one in members if one["tags"] != ["Everyone"]] == []


@pytest.mark.parametrize("first_seed", range(0, KILLS, KILLS_AT_A_TIME))
def test_an_export_killed_again_and_again_ends_complete(site: Site, first_seed: int) -> None:
    kills = exports = 0
    while kills < KILLS_AT_A_TIME:
        exports += 1
        name, killed_before = f"Shop {exports}", kills
        audience_id = site.destination(name)
        site.mailchimp.forget_calls()
        result = None
        while kills < KILLS_AT_A_TIME and (result := kill_in_mid_run(site, name, seed=first_seed + kills)) is None:
            kills += 1
            assert site.given_away() == []
        assert_complete(site, audience_id, result or finish(site.export(name), site))
        again = site.mailchimp.contacts_sent() - PEOPLE
        print(f"{name}: {kills - killed_before} kills, {again} contacts sent again")
        assert again <= (kills - killed_before) * MOST_IN_FLIGHT
    assert_every_run_ended(site)
    assert site.given_away() == []


def assert_every_run_ended(site: Site) -> None:
    """No run is left over; each told its end once, and has everybody in one class."""
    with site.application() as postino, postino.database.read() as session:
        for run in session.scalars(select(Run)):
            assert run.status in FINAL
            assert sum(run.counters[one.word] for one in Class) == run.counters["profiles"] == PEOPLE
            ends = select(OutboxMessage).where(OutboxMessage.run_id == run.id)
            assert [one.values["status"] for one in session.scalars(ends)].count(run.status) == 1


def test_an_export_told_to_stop_ends_soon_and_sends_nothing_twice(site: Site) -> None:
    audience_id = site.destination("Shop")
    process = site.export("Shop")
    assert until(lambda: len(site.mailchimp.bulk_calls()) >= 12, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 1
    assert "The export was interrupted. What was sent is kept" in site.last_log()
    assert 0 < site.mailchimp.contacts_sent() < PEOPLE
    assert_complete(site, audience_id, finish(site.export("Shop"), site))
    assert site.mailchimp.contacts_sent() == PEOPLE
    assert_every_run_ended(site)
    assert site.given_away() == []


@pytest.fixture
def own_disk(site: Site) -> Iterator[bool]:
    """Whether Postino's home has a small disk of its own, which only root can give it."""
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(site.home)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    yield mounted
    if mounted:
        subprocess.run(["umount", "-l", str(site.home)], check=True)


@contextmanager
def no_space_left(site: Site, process: subprocess.Popen[str], *, own_disk: bool) -> Iterator[None]:
    """Let the disk be full for the process: really, or at least so that none of its files can grow."""
    if not own_disk:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (65_536, resource.RLIM_INFINITY))
        yield
        return
    filler = site.home / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    yield
    filler.unlink()


def test_a_full_disk_in_mid_run_stops_all_lanes_and_loses_nothing(site: Site, own_disk: bool) -> None:
    audience_id = site.destination("Shop")
    site.environment["POSTINO_LOG_LEVEL"] = "INFO"  # what a person sees
    process = site.export("Shop")
    assert until(lambda: len(site.mailchimp.bulk_calls()) >= 6, process)
    with no_space_left(site, process, own_disk=own_disk):
        process.communicate(timeout=60)
    assert process.returncode == 1
    (sentence,) = site.last_log().splitlines()
    assert "no space left on its disk" in sentence
    assert "Nothing was lost" in sentence
    assert site.mailchimp.contacts_sent() < PEOPLE
    assert_complete(site, audience_id, finish(site.export("Shop"), site))
    assert site.mailchimp.contacts_sent() <= PEOPLE + MOST_IN_FLIGHT
    assert_every_run_ended(site)
