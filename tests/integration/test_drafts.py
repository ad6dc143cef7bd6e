"""What was typed into a wizard is kept for its person alone, and an older turn never overwrites a newer one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from services import drafts
from services.access import Actor, Standing
from services.drafts import Answers, Drafts, Step
from services.errors import NotFound
from storage import workspaces
from storage.database import Database
from tests.integration.shop import Shop


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(database_url: str, clock: Clock) -> Iterator[Database]:
    opened = Database(database_url, clock)
    opened.migrate()
    yield opened
    opened.dispose()


@pytest.fixture
def ada(database: Database, clock: Clock) -> Actor:
    with database.write() as session:
        workspace = workspaces.home(session, clock.now)
        return Actor(workspace.id, "U0ADA", Standing.MEMBER)


def test_a_draft_is_kept_for_its_person_alone(database: Database, ada: Actor) -> None:
    kept = Drafts(database)
    draft_id = kept.begin(ada, Answers(name="Spring letter"))
    assert kept.get("U0ADA", draft_id).name == "Spring letter"
    with pytest.raises(NotFound):
        kept.get("U0BEN", draft_id)
    with pytest.raises(NotFound):
        kept.change("U0BEN", draft_id, lambda answers: None)
    with pytest.raises(NotFound):
        kept.discard("U0BEN", draft_id)
    kept.discard("U0ADA", draft_id)
    with pytest.raises(NotFound):
        kept.get("U0ADA", draft_id)


def test_slow_work_of_an_earlier_turn_is_dropped(database: Database, ada: Actor) -> None:
    kept = Drafts(database)
    draft_id = kept.begin(ada, Answers())

    def choose(*segments: str) -> Answers:
        def turn(answers: Answers) -> None:
            answers.segments, answers.profiles = list(segments), None
            answers.turn += 1

        return kept.change("U0ADA", draft_id, turn)

    first, second = choose("VIP"), choose("VIP", "Bergamo")
    second.profiles = 6
    assert kept.store("U0ADA", draft_id, second)
    first.profiles = 3
    assert not kept.store("U0ADA", draft_id, first)
    now = kept.get("U0ADA", draft_id)
    assert (now.segments, now.profiles) == (["VIP", "Bergamo"], 6)
    kept.discard("U0ADA", draft_id)
    assert not kept.store("U0ADA", draft_id, second)


def test_a_draft_nobody_touches_for_a_week_is_forgotten(database: Database, ada: Actor, clock: Clock) -> None:
    kept = Drafts(database)
    old = kept.begin(ada, Answers())
    clock.now += timedelta(days=5)
    young = kept.begin(ada, Answers(step=Step.MATCHING))
    clock.now += timedelta(days=3)
    kept.begin(ada, Answers())
    with pytest.raises(NotFound):
        kept.get("U0ADA", old)
    assert kept.get("U0ADA", young).step is Step.MATCHING


@pytest.mark.parametrize("schedule", ["refresh", "manual", "daily 07:30", "weekly fri 18:05", "cron 0 6 * * mon-fri"])
def test_a_destination_becomes_a_form_again_unchanged(shop: Shop, schedule: str) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    saved = shop.destination(
        "VIP",
        schedule=schedule,
        consent_attribute="Email Subscriber",
        consent_values=["true"],
        channel="C0EXPORTS",
        language="it",
        time_zone="Europe/Rome",
    )
    answers = drafts.of_destination(saved, saved.created_by)
    form = answers.form()
    assert (form.schedule, form.channel, form.language, form.time_zone) == (schedule, "C0EXPORTS", "it", "Europe/Rome")
    again = shop.postino.destinations.save(shop.actor, form, edited=saved)
    assert (again.fields, again.consent_values, again.segments[0].tag_name) == (
        saved.fields,
        ["true"],
        saved.segments[0].tag_name,
    )


def test_consent_counts_as_given_only_by_whoever_gave_it(shop: Shop) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    saved = shop.destination("VIP")
    assert drafts.of_destination(saved, saved.consent_by).agreed
    assert not drafts.of_destination(saved, "U0BEN").agreed
    saved.consent_version = 0
    assert not drafts.of_destination(saved, saved.consent_by).agreed
