"""The hub, status and history: what there is, what goes on and what was, for commands and buttons."""

from __future__ import annotations

from bot.asked import Asked
from bot.people import People
from bot.telling import Telling
from bot.views import hub as views
from bot.wiring import Application
from services import access
from storage.models import FINAL, Destination


class Status:
    """Lists answered to the asker alone."""

    def __init__(self, application: Application, people: People) -> None:
        self._application = application
        self._telling = Telling(application, people)

    def hub(self, asked: Asked, *, replacing: bool = False) -> None:
        """Destinations with their last result; the text of a button names the page."""
        page = views.Place.model_validate_json(asked.text).page if replacing else 0
        destinations = self._application.destinations.visible(asked.actor)
        shown = destinations[page * views.PAGE : (page + 1) * views.PAGE]
        rows = [self._row(asked, one) for one in shown]
        asked.answer(views.hub(asked.t, rows, len(destinations), page), replacing=replacing)

    def turn(self, asked: Asked) -> None:
        """Another page of the hub, in place of the one shown."""
        self.hub(asked, replacing=True)

    def status(self, asked: Asked, *, replacing: bool = False, shared: bool = False) -> None:
        """What is running, queued and waiting for approval, and the last runs."""
        runs = self._application.runs
        going_on = [self._telling.run(run) for run in runs.unfinished(asked.actor)]
        ended = [
            self._telling.run(run) for run in runs.history(asked.actor) if run.status in FINAL and run.verifies is None
        ]
        asked.answer(views.status(asked.t, going_on, ended, shared=shared), replacing=replacing, shared=shared)

    def refresh(self, asked: Asked) -> None:
        """The status as it is now, in place of the one shown."""
        self.status(asked, replacing=True)

    def share(self, asked: Asked) -> None:
        """Show the status to everybody in the channel."""
        self.status(asked, shared=True)

    def history(self, asked: Asked) -> None:
        """The last runs of all destinations, or of the one named."""
        named = self._application.destinations.named(asked.actor, asked.text) if asked.text else None
        self._history(asked, views.Place(destination=named.id if named else None))

    def open_history(self, asked: Asked) -> None:
        """The history a button leads to."""
        self._history(asked, views.Place.model_validate_json(asked.text))

    def share_history(self, asked: Asked) -> None:
        """Show a history to everybody in the channel."""
        self._history(asked, views.Place.model_validate_json(asked.text), shared=True)

    def _history(self, asked: Asked, place: views.Place, *, shared: bool = False) -> None:
        name = None
        if place.destination is not None:
            name = self._application.destinations.get(asked.actor, place.destination).name
        listed = self._application.runs.history(asked.actor, place.destination, views.RUNS_SHOWN)
        shown = [self._telling.run(run) for run in listed if run.verifies is None]
        asked.answer(views.history(asked.t, shown, name, place, shared=shared), shared=shared)

    def _row(self, asked: Asked, destination: Destination) -> views.Row:
        last = [run for run in self._application.runs.history(asked.actor, destination.id, 3) if run.verifies is None]
        return views.Row(
            destination_id=destination.id,
            name=destination.name,
            audience=destination.audience_name,
            audience_link=destination.audience_web_link,
            segments=len(destination.segments),
            schedule=destination.schedule,
            last=self._telling.run(last[0]) if last else None,
            may_manage=access.may_manage(asked.actor, destination),
        )
