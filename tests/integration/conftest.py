"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.shop import Shop, open_shop
from tests.integration.slack_world import Served, SlackWorld, open_slack_world, serve_world


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
