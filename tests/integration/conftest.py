"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import collecting
from bot.texts import Texts
from services.errors import Value
from tests.integration.local_mailchimp import Local, LocalServer, open_local, serve_local
from tests.integration.machine import machine
from tests.integration.shop import Shop, open_shop
from tests.integration.slack_office import Office, open_office
from tests.integration.slack_world import Served, SlackWorld, open_slack_world, serve_world

__all__ = ["machine"]


@pytest.fixture(scope="session")
def collected() -> set[str]:
    """Every text that a catalog has a translation for."""
    return {text for one in collecting.collect() for text in collecting.forms(one.id)}


@pytest.fixture(autouse=True)
def everything_shown_can_be_translated(monkeypatch: pytest.MonkeyPatch, collected: set[str]) -> Iterator[None]:
    """Whatever text a test makes Postino show is one of those that are collected for translation."""
    shown: set[str] = set()
    show = Texts.__call__

    def watched(t: Texts, message: str, /, **values: Value) -> str:
        shown.add(message)
        return show(t, message, **values)

    monkeypatch.setattr(Texts, "__call__", watched)
    yield
    assert shown - collected <= {""}


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Iterator[Shop]:
    """A shop on each kind of database."""
    with open_shop(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A local Slack and a local Mailchimp, with one socket between Slack and whatever Postino a test makes."""
    with serve_world() as opened:
        yield opened


@pytest.fixture
def slack_world(served: Served, tmp_path: Path) -> Iterator[SlackWorld]:
    """Postino as it runs; fails if the local Slack refused anything that Postino sent."""
    with open_slack_world(served, tmp_path) as opened:
        yield opened
        assert opened.refused_by_slack() == []


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Iterator[Office]:
    """People at work in that Slack; fails if it refused anything that Postino sent."""
    with open_office(served, tmp_path) as opened:
        yield opened
        assert opened.world.refused_by_slack() == []


@pytest.fixture(scope="module")
def local_server() -> Iterator[LocalServer]:
    """A local Mailchimp for the tests of its own rules."""
    with serve_local() as server:
        yield server


@pytest.fixture
def local(local_server: LocalServer) -> Iterator[Local]:
    """The same, empty but for an account and an audience."""
    with open_local(local_server) as opened:
        yield opened
