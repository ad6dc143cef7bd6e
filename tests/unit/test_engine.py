"""The engine that rings the duties, when what they need is not there."""

from __future__ import annotations

import threading

from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from bot.engines.embedded import Engine


def test_a_duty_without_its_database_is_rung_again_and_told_in_one_line() -> None:
    rung: list[None] = []
    again = threading.Event()

    def duty() -> bool:
        rung.append(None)
        if len(rung) == 1:
            raise OperationalError("SELECT 1", {}, ConnectionError("connection refused"))
        again.set()
        return False

    with capture_logs() as lines:
        engine = Engine({"notify": (duty, 0.05)})
        engine.start()
        assert again.wait(30)
        engine.stop()
    told = [one for one in lines if one["event"].startswith("duty.")]
    assert [one["event"] for one in told] == ["duty.without_database"]
    assert "does not answer" in told[0]["problem"]
    assert "exc_info" not in told[0]
