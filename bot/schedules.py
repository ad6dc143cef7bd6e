"""Schedules in Slack: when each destination is exported next; pause, resume, run all."""

from __future__ import annotations

from collections.abc import Callable

from slack_bolt import App

from bot.asked import Asked, on_click
from bot.people import People
from bot.views import schedules as views
from bot.views.destinations import none_yet
from bot.views.hub import PAGE, SCHEDULES, Place
from bot.views.run_facts import Message
from bot.wiring import Application
from services import access
from services.errors import PostinoError
from storage.models import Destination


class Timetable:
    """The list of schedules, answered to the asker alone, and its buttons."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def show(self, asked: Asked) -> None:
        """The first page."""
        self._show(asked, 0)

    def turn(self, asked: Asked) -> None:
        """The page a button names, as it is now, in place of the one shown."""
        self._show(asked, Place.model_validate_json(asked.text).page, replacing=True)

    def pause(self, asked: Asked) -> None:
        """Pause one schedule and show the list again."""
        place = Place.model_validate_json(asked.text)
        self._application.schedules.pause(asked.actor, place.destination or 0)
        self._show(asked, place.page, replacing=True)

    def resume(self, asked: Asked) -> None:
        """Resume one schedule and show the list again."""
        place = Place.model_validate_json(asked.text)
        self._application.schedules.resume(asked.actor, place.destination or 0)
        self._show(asked, place.page, replacing=True)

    def run_all(self, asked: Asked) -> None:
        """Export now whatever has an active schedule, and say what was started and what not."""
        outcomes = self._application.schedules.run_all(asked.actor, once=asked.once)
        refused = [(one.name, asked.t.error(end)) for one, end in outcomes if isinstance(end, PostinoError)]
        started = [one.name for one, end in outcomes if not isinstance(end, PostinoError)]
        asked.answer(views.run_all_said(asked.t, started, refused, may_run_all=asked.actor.is_administrator))

    def share(self, asked: Asked) -> None:
        """Show the page to everybody in the channel."""
        asked.share(self._page(asked, Place.model_validate_json(asked.text).page, shared=True), SCHEDULES)

    def _show(self, asked: Asked, page: int, *, replacing: bool = False) -> None:
        asked.answer(self._page(asked, page), replacing=replacing)

    def _page(self, asked: Asked, page: int, *, shared: bool = False) -> Message:
        visible = self._application.destinations.visible(asked.actor)
        if not visible:
            return none_yet(asked.t)
        scheduled = [one for one in visible if one.schedule != "manual"]
        rows = [self._row(asked, one, shared=shared) for one in scheduled[page * PAGE : (page + 1) * PAGE]]
        return views.schedules(asked.t, rows, len(scheduled), page, shared=shared)

    def _row(self, asked: Asked, destination: Destination, *, shared: bool) -> views.Row:
        return views.Row(
            destination_id=destination.id,
            name=destination.name,
            schedule=destination.schedule,
            zone=destination.time_zone,
            times=self._application.schedules.next_times(destination),
            reader_zone=None if shared else asked.person.time_zone,
            may_manage=access.may_manage(asked.actor, destination),
            paused_by=destination.paused_by,
            lapsed_of=destination.consent_by if self._application.rights.lapse(destination) is not None else None,
            paused_at=destination.paused_at,
            unreadable_since=destination.unreadable_since,
            refreshing_since=self._application.schedules.endless_since(destination),
        )


def register(app: App, application: Application, people: People) -> None:
    """The buttons of the list."""
    timetable = Timetable(application)
    buttons: dict[str, Callable[[Asked], None]] = {
        SCHEDULES: timetable.show,
        "schedule.refresh": timetable.turn,
        "schedule.previous": timetable.turn,
        "schedule.next": timetable.turn,
        "schedule.pause": timetable.pause,
        "schedule.resume": timetable.resume,
        "schedule.all": timetable.run_all,
        "schedule.share": timetable.share,
    }
    for action_id, act in buttons.items():
        on_click(app, people, action_id, act)
