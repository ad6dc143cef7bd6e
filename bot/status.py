"""The hub and the status: what there is and what goes on, for commands and buttons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bot.asked import Asked
from bot.people import People
from bot.telling import Telling
from bot.views import hub as views
from bot.views.run_facts import Message
from bot.wiring import Application
from services import access
from storage.models import FINAL, Destination, Run


class Status:
    """Lists answered to the asker alone."""

    def __init__(self, application: Application, people: People) -> None:
        self._application = application
        self._telling = Telling(application, people)

    def hub(self, asked: Asked, *, replacing: bool = False) -> None:
        """Destinations with their last result; the text of a button names the page."""
        page = views.Place.model_validate_json(asked.text).page if replacing else 0
        asked.answer(self._hub(asked, page), replacing=replacing)

    def share_hub(self, asked: Asked) -> None:
        """Show the destinations of one page to everybody in the channel."""
        page = views.Place.model_validate_json(asked.text).page
        asked.share(self._hub(asked, page, shared=True), "hub.open")

    def _hub(self, asked: Asked, page: int, *, shared: bool = False) -> Message:
        destinations = self._application.destinations.visible(asked.actor)
        shown = destinations[page * views.PAGE : (page + 1) * views.PAGE]
        rows = [self._row(asked, one) for one in shown]
        runs = self._application.runs
        waiting = [run for run in runs.unfinished(asked.actor) if runs.may_approve(asked.actor, run)]
        told = [self._telling.run(run) for run in waiting[: views.WAITING_SHOWN]]
        manages = asked.actor.is_administrator
        return views.hub(
            asked.t, rows, len(destinations), page, told, len(waiting), administrator=manages, shared=shared
        )

    def turn(self, asked: Asked) -> None:
        """Another page of the hub, in place of the one shown."""
        self.hub(asked, replacing=True)

    def status(self, asked: Asked, *, replacing: bool = False) -> None:
        """What is running, queued and waiting for approval, and the last runs."""
        asked.answer(self._status(asked), replacing=replacing)

    def _status(self, asked: Asked, *, shared: bool = False) -> Message:
        runs = self._application.runs
        unfinished = runs.unfinished(asked.actor)
        totals = Counter(str(run.status) for run in unfinished)
        # To tell a run takes several questions: of hundreds only those that are shown are told.
        going_on = [run for status in totals for run in _of(status, unfinished)[: views.GOING_ON_SHOWN]]
        manageable = frozenset(run.id for run in going_on if access.may_manage(asked.actor, run.destination))
        ended = [run for run in runs.history(asked.actor) if run.status in FINAL and run.verifies is None]
        return views.status(
            asked.t,
            [self._telling.run(run) for run in going_on],
            [self._telling.run(run) for run in ended[: views.ENDED_SHOWN]],
            totals=totals,
            manageable=manageable,
            approvable=frozenset(run.id for run in going_on if runs.may_approve(asked.actor, run)),
            shared=shared,
        )

    def refresh(self, asked: Asked) -> None:
        """The status as it is now, in place of the one shown."""
        self.status(asked, replacing=True)

    def share(self, asked: Asked) -> None:
        """Show the status to everybody in the channel."""
        asked.share(self._status(asked, shared=True), "hub.status")

    def _row(self, asked: Asked, destination: Destination) -> views.Row:
        going_on, ended = self._application.runs.now_and_last(asked.actor, destination.id)
        last = going_on or ended
        return views.Row(
            destination_id=destination.id,
            name=destination.name,
            audience=destination.audience_name,
            audience_link=destination.audience_web_link,
            segments=len(destination.segments),
            schedule=destination.schedule,
            time_zone=destination.time_zone,
            last=self._telling.run(last) if last is not None else None,
            permission=access.permission(asked.actor, destination),
            connected=destination.connection is not None,
        )


def _of(status: str, runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.status == status]
