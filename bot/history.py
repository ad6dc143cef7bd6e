"""What was exported, for everybody who may see it: lists of runs, and one run in full."""

from __future__ import annotations

from dataclasses import replace

from bot.asked import Asked
from bot.destinations import named
from bot.people import People
from bot.telling import Telling
from bot.views import history as views
from bot.views.run_facts import Message
from bot.wiring import Application
from services import access
from storage.models import Run


class History:
    """The history, for the command and its buttons. Answered to the asker alone."""

    def __init__(self, application: Application, people: People) -> None:
        self._application = application
        self._telling = Telling(application, people)

    def named(self, asked: Asked) -> None:
        """The last runs of all destinations, or of the one named."""
        if not asked.text:
            self._show(asked, views.Place())
        elif (
            found := named(asked, self._application, lambda one: views.of_one(asked.t, one.id, one.name))
        ) is not None:
            self._show(asked, views.Place(destination=found.id))

    def open(self, asked: Asked) -> None:
        """The history a button leads to."""
        self._show(asked, _place(asked))

    def back(self, asked: Asked) -> None:
        """From a run back to the history, or to another page of it, in place."""
        self._show(asked, _place(asked), replacing=True)

    def share(self, asked: Asked) -> None:
        """Show a history, or one run in full, to everybody in the channel."""
        place = _place(asked)
        if place.run is None:
            asked.share(self._page(asked, place, shared=True), "history.open", place.model_dump_json())
        else:
            run = self._application.runs.get(asked.actor, place.run)
            asked.share(self._in_full(asked, run, place, shared=True), "run.details", str(run.id))

    def details(self, asked: Asked) -> None:
        """One run in full, in place of the list."""
        place = _place(asked)
        run = self._application.runs.get(asked.actor, place.run or 0)
        asked.answer(self._in_full(asked, run, place), replacing=True)

    def of_run(self, asked: Asked) -> None:
        """One run in full, from a message about it that stays as it is for everybody."""
        run = self._application.runs.get(asked.actor, int(asked.text))
        asked.answer(self._in_full(asked, run, views.Place(destination=run.destination_id, run=run.id)))

    def _in_full(self, asked: Asked, run: Run, place: views.Place, *, shared: bool = False) -> Message:
        told = self._telling.run(run)
        named = replace(told, plan=told.plan.named(self._application.segments.display_names()))
        causes = self._application.runs.by_cause(run.id)
        manageable = access.may_manage(asked.actor, run.destination)
        return views.details(asked.t, named, causes, place, shared=shared, manageable=manageable)

    def _show(self, asked: Asked, place: views.Place, *, replacing: bool = False) -> None:
        asked.answer(self._page(asked, place), replacing=replacing)

    def _page(self, asked: Asked, place: views.Place, *, shared: bool = False) -> Message:
        name, exportable = None, True
        if place.destination is not None:
            one = self._application.destinations.get(asked.actor, place.destination)
            name, exportable = one.name, access.may_export(asked.actor, one)
        start, end = place.page * views.RUNS_SHOWN, (place.page + 1) * views.RUNS_SHOWN
        # Half of the runs may be verifications that nobody asked for.
        listed = self._application.runs.history(asked.actor, place.destination, 2 * (end + 1))
        found = [run for run in listed if run.verifies is None]
        shown = [self._telling.run(run) for run in found[start:end]]
        return views.history(asked.t, shown, name, place, more=len(found) > end, shared=shared, exportable=exportable)


def _place(asked: Asked) -> views.Place:
    return views.Place.model_validate_json(asked.text)
