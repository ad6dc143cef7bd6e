"""The guided tour of ``make demo``: it ends well with Postino, and cannot end well without it."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from bot.demonstrating import COMMAND, postino
from sandbox import demo_data, tour
from sandbox.mailchimp import acts
from sandbox.slack.remote import RemotePerson
from sandbox.town import Town


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    demo_data.generate(folder, profiles=3_000)
    return folder


def test_the_tour_shows_the_main_job_and_checks_what_arrived(town: Town, source: Path) -> None:
    shown = io.StringIO()
    with postino(town.addresses(), source.parent):
        contacts = tour.Tour(town.addresses(), source, Console(file=shown, width=100)).perform()
        # What the demo tells to type in another terminal.
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("POSTINO_", "SLACK_"))}
        listed = subprocess.run([COMMAND, "history"], cwd=source.parent, env=mine, capture_output=True, text=True)
    assert "Coffee letter" in listed.stdout, listed.stderr
    assert contacts == town.audience.counts["subscribed"]
    for words in (
        "Step 1 of 4",
        "Destination saved",
        "8 segments",
        "Preview of Coffee letter",
        "was exported",
        "1,000,000",
    ):
        assert words in shown.getvalue()
    assert town.account.api_key not in shown.getvalue()


def test_the_tour_fails_when_postino_does_not_run(town: Town, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tour, "PATIENCE", 1.0)
    with pytest.raises(tour.TourFailedError):
        tour.Tour(town.addresses(), source, Console(file=io.StringIO())).perform()


def test_the_tour_fails_when_the_audience_is_not_what_the_files_say(
    town: Town, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = RemotePerson.messages

    def meddle(self: RemotePerson, channel: str, thread_ts: str | None = None) -> list[dict[str, object]]:
        messages = arrived(self, channel, thread_ts)
        exported = any("was exported" in "".join(one["lines"]) for one in messages)
        if exported and town.audience.find("nobody.knows@example.com") is None:
            acts.add(town.audience, "nobody.knows@example.com")
        return messages

    monkeypatch.setattr(RemotePerson, "messages", meddle)
    with postino(town.addresses(), source.parent), pytest.raises(tour.TourFailedError, match="not what the files say"):
        tour.Tour(town.addresses(), source, Console(file=io.StringIO())).perform()
