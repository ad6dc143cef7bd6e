"""Lists and modals within Slack's limits, with the longest names there can be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slackblocks._surfaces import validate_surface_blocks

from bot import pictures, texts
from bot.views import (
    blocks,
    connections,
    destinations,
    doctor,
    history,
    policies,
    removal,
    revocations,
    segments,
    why,
    wizard_segments,
)
from bot.views.blocks import Block
from bot.views.run_facts import Message
from sandbox.slack import rules
from services.individuals import Obstacle, Standing
from services.nearest import NoSuchDestination
from services.segments import Kept
from services.sources import BeingRefreshed, Segment
from storage.models import Destination

T = texts.of(None)
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG = ("R&D <!channel> *_~`👩‍🚀" * 30)[:200]
SENTENCE = "The source cannot be read, and here is a long reason why, with what to do about it. " * 12


@dataclass
class Found:
    mark: str
    about: str = LONG
    text: str = SENTENCE
    destination: int | None = 7
    connection: int | None = None
    preview: int | None = None
    run: int | None = None


def taken(message: Message) -> None:
    """Fails unless Slack takes the message."""
    assert [str(one) for one in rules.check_message({"text": message.text, "blocks": message.blocks})] == []
    assert not rules.blocks_too_long(message.blocks)
    validate_surface_blocks(message.blocks, "message")


def opens(view: Block) -> None:
    """Fails unless Slack takes the modal."""
    assert [str(one) for one in rules.check_view(view)] == []
    validate_surface_blocks(view["blocks"], "modal")


def row(number: int) -> connections.Row:
    return connections.Row(
        id=number,
        name=LONG,
        account=LONG,
        kind="oauth",
        shared_with="people",
        people=[f"U{each:010}" for each in range(40)],
        ceiling=5_000_000,
        reconnect_needed=True,
        created_by="U0ADA",
        created_at=NOW,
        users=[LONG] * 30,
        manageable=True,
    )


def test_a_chart_within_one_day_of_the_reader_shows_times_instead_of_the_same_date_twice() -> None:
    def span(language: str, zone: str, hours: float) -> list[str]:
        return pictures.span(texts.of(language), NOW, NOW + timedelta(hours=hours), zone)

    assert span("en", "UTC", 48) == ["Mar 2, 2026", "Mar 4, 2026"]
    assert span("it", "Europe/Rome", 3) == ["2 mar 2026, 10:00", "2 mar 2026, 13:00"]
    assert span("it", "Asia/Tokyo", 7) == ["2 mar 2026", "3 mar 2026"]
    assert span("it", "Europe/Rome", 0.001) == ["2 mar 2026, 10:00"]


def test_slack_takes_what_the_doctor_finds_however_much_it_is() -> None:
    for count in (0, 3, 80):
        taken(doctor.findings(T, [Found(mark) for mark in ("ok", "hint", "problem") for _ in range(count)]))
    left_out = doctor.findings(T, [Found("problem")] * 80)
    assert f"{80 - doctor.SHOWN} findings more." in str(left_out.blocks)


def test_slack_takes_how_a_person_stands_in_many_destinations() -> None:
    standings = [
        Standing(LONG, ("p",), (LONG,) * 50, "unsubscribed", True, "compliance", NOW, sender, obstacle)
        for obstacle in (*Obstacle, None)
        for sender in (LONG, f"{LONG}2") * 5
    ]
    taken(why.why(T, True, standings))
    taken(why.why(T, False, []))


def test_slack_takes_the_longest_list_of_connections_and_its_modals() -> None:
    taken(connections.listing(T, [row(number) for number in range(40)], administrator=True))
    taken(connections.listing(T, [], administrator=True))
    taken(connections.listing(T, [], administrator=False))
    for channel in ("C0EXPORTS", None):
        facts = {"connection": 1, "name": LONG, "account": LONG, "channel": channel}
        told = revocations.Told(**facts, destinations=[LONG] * 200, mentions=["U0MEMBER00001"] * 200)
        taken(revocations.revoked(T, told))
        taken(revocations.accepted(T, told))
    opens(connections.sharing(T, row(1)))
    opens(connections.reconnecting(T, row(1), "https://login.mailchimp.com/oauth2/authorize?state=" + "x" * 100))
    opens(connections.reconnecting(T, row(1), None))
    opens(connections.reconnecting(T, row(1), None, SENTENCE * 50))
    opens(connections.connected(T, LONG))


def test_slack_takes_what_is_said_where_there_is_nothing_to_list() -> None:
    error = BeingRefreshed("The source “{source}” is being refreshed.", source=LONG)
    for kept in (None, Kept(NOW, [(LONG, 1_000_000)] * 30)):
        taken(segments.being_refreshed(T, error, kept, segments.Place(search=LONG)))
    for several in ([LONG], [LONG, f"{LONG} 2"]):
        typed = NoSuchDestination(LONG[:40], [Destination(id=number, name=name) for number, name in enumerate(several)])
        taken(destinations.not_called(T, typed, history.of_one(T, 1, LONG)))
        opens(policies.not_called(T, typed))
    chosen = [Segment(LONG, LONG, 0, state=LONG)] * 8
    taken(Message(LONG, [blocks.section(wizard_segments.unready_text(T, chosen))]))


def test_slack_takes_the_modals_that_remove() -> None:
    opens(removal.destination(T, 1, LONG, [LONG[:100]] * 200))
    opens(removal.connection(T, 1, LONG, LONG, [LONG] * 200))
    opens(removal.connection(T, 1, LONG, LONG, []))
    opens(removal.told(T, SENTENCE * 5))
