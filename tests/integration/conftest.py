"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.shop import Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Iterator[Shop]:
    """A shop on each kind of database."""
    with open_shop(tmp_path, database_url) as opened:
        yield opened
