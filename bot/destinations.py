"""Destinations in Slack: listed with everything about each, searched, paged. What their buttons do is elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from slack_bolt import App

from bot import modals
from bot.asked import Asked, on_click
from bot.people import People
from bot.telling import Telling
from bot.views import destinations as views
from bot.views import statement, viewing
from bot.views.blocks import Block
from bot.views.run_facts import Message, refusal
from bot.wiring import Application
from services import access
from services.access import Actor
from services.destinations import policies_of
from services.errors import PostinoError
from services.nearest import NoSuchDestination
from storage.models import Destination, RunStatus

QUOTES = "\"'“”«»"
"""What people put around a name."""
URGENCY = (
    *(RunStatus.FAILED, RunStatus.SKIPPED, RunStatus.REJECTS, RunStatus.WAITING),
    *(RunStatus.PROCESSING, RunStatus.QUEUED, RunStatus.CANCELED, RunStatus.SUCCESSFUL),
)
"""The states of a run in the order of how much somebody must do about them."""


class Saved:
    """The list, for the command and its buttons."""

    def __init__(self, application: Application, people: People) -> None:
        self._application = application
        self._telling = Telling(application, people)

    def show(self, asked: Asked) -> None:
        """The first page of the destinations whose own, audience's or connection's name contains every word typed."""
        self._answer(asked, views.Place(search=asked.text))

    def turn(self, asked: Asked) -> None:
        """Another page, or the same as it is now, in place of the one shown."""
        self._answer(asked, views.Place.model_validate_json(asked.text), replacing=True)

    def share(self, asked: Asked) -> None:
        """Show the page to everybody in the channel."""
        place = views.Place.model_validate_json(asked.text)
        asked.share(self._page(asked, place, shared=True), views.OPEN, place.search or None)

    def pause(self, asked: Asked) -> None:
        """Pause one destination's schedule and show the list again."""
        place = views.Place.model_validate_json(asked.text)
        self._application.schedules.pause(asked.actor, place.destination or 0)
        self._answer(asked, place, replacing=True)

    def resume(self, asked: Asked) -> None:
        """Resume one destination's schedule and show the list again."""
        place = views.Place.model_validate_json(asked.text)
        self._application.schedules.resume(asked.actor, place.destination or 0)
        self._answer(asked, place, replacing=True)

    def statement(self, asked: Asked) -> None:
        """Open what was agreed to for one destination: the wording of that version, by whom and when."""
        view_id = modals.opened(asked.client, asked.trigger, asked.opening(statement.CALLBACK))
        t = asked.t
        try:
            one = self._application.destinations.get(asked.actor, int(asked.text))
            agreed = statement.agreement(t, one.consent_version, one.consent_by, one.consent_at)
            view = statement.agreed_to(t, one.name, self._application.source.name, one.consent_version, agreed)
        except PostinoError as error:
            view = statement.told(t, t.error(error))
        modals.Update(asked.client, view_id)(view)

    def view(self, asked: Asked) -> None:
        """Open what one destination is set to, to be read by every member."""
        view_id = modals.opened(asked.client, asked.trigger, asked.opening(viewing.CALLBACK))
        t = asked.t
        try:
            one = self._application.destinations.get(asked.actor, int(asked.text))
            view = viewing.settings(t, self._settings(one))
        except PostinoError as error:
            # Nobody looks beside a modal that is open.
            view = viewing.told(t, refusal(t, error))
        modals.Update(asked.client, view_id)(view)

    def _settings(self, one: Destination) -> viewing.Settings:
        names = self._application.segments.display_names()
        return viewing.Settings(
            name=one.name,
            audience=one.audience_name,
            audience_link=one.audience_web_link,
            connection=one.connection.name if one.connection else None,
            email=one.email_attribute,
            fields={tag: str(attribute) for tag, attribute in one.fields.items()},
            consent_attribute=one.consent_attribute,
            consent_values=one.consent_values,
            segments=[(names.get(chosen.segment, chosen.segment), chosen.tag_name) for chosen in one.segments],
            schedule=one.schedule,
            time_zone=one.time_zone,
            channel=one.channel,
            language=one.language,
            brake_share=one.brake_share,
            brake_people=one.brake_people,
            approval=one.approval,
            approval_above=one.approval_above,
            in_workflows=one.in_workflows,
            mentions=one.mentions,
            quiet=one.quiet,
            digest=one.digest_hour,
            consent_by=one.consent_by,
            consent_at=one.consent_at,
            consent_version=one.consent_version,
        )

    def row(self, actor: Actor, one: Destination) -> views.Row:
        """One destination with what goes on and what was."""
        going_on, last = self._application.runs.now_and_last(actor, one.id)
        return views.Row(
            id=one.id,
            name=one.name,
            audience=one.audience_name,
            audience_link=one.audience_web_link,
            segments=len(one.segments),
            schedule=one.schedule,
            time_zone=one.time_zone,
            connection=one.connection.name if one.connection else None,
            reconnect_needed=bool(one.connection and one.connection.reconnect_needed),
            duplicable=access.may_use(actor, one.connection),
            permission=access.permission(actor, one).value,
            updated_by=one.updated_by,
            updated_at=one.updated_at,
            created_by=one.created_by,
            created_at=one.created_at,
            consent_by=one.consent_by,
            consent_at=one.consent_at,
            consent_version=one.consent_version,
            next_run_at=next(iter(self._application.schedules.next_times(one, 1)), None),
            paused_by=one.paused_by,
            lapsed=self._application.rights.lapse(one) is not None,
            last=self._telling.run(last) if last is not None else None,
            going_on=self._telling.run(going_on) if going_on is not None else None,
            policies=policies_of(one),
        )

    def _answer(self, asked: Asked, place: views.Place, *, replacing: bool = False) -> None:
        asked.answer(self._page(asked, place), replacing=replacing)

    def _page(self, asked: Asked, place: views.Place, *, shared: bool = False) -> Message:
        words = place.search.casefold().split()
        found = [
            one
            for one in self._application.destinations.visible(asked.actor)
            if all(word in _searched(one) for word in words)
        ]
        self._sort(asked.actor, found, place.order)
        last_page = max(0, (len(found) - 1) // views.PAGE)
        place = place.model_copy(update={"page": min(place.page, last_page)})
        shown = found[place.page * views.PAGE : (place.page + 1) * views.PAGE]
        rows = [self.row(asked.actor, one) for one in shown]
        return views.listing(asked.t, rows, len(found), place, shared=shared)

    def _sort(self, actor: Actor, found: list[Destination], order: views.Order) -> None:
        """Sort what is in the order of its names; what is alike stays in it."""
        if order is views.Order.CONNECTION:
            found.sort(key=lambda one: one.connection.name.casefold() if one.connection else "")
        elif order is not views.Order.NAME:
            latest = self._application.runs.latest(actor)
            if order is views.Order.LAST:
                found.sort(key=lambda one: -latest[one.id].requested_at.timestamp() if one.id in latest else 0.0)
            else:
                found.sort(key=lambda one: URGENCY.index(latest[one.id].status) if one.id in latest else len(URGENCY))


def named(asked: Asked, application: Application, leading: Callable[[Destination], Block | None]) -> Destination | None:
    """The destination that the text behind a command names, with or without quotation marks.

    None if there is none: then the person was told which comes nearest, with the button of ``leading`` that does with it
    what they wanted.
    """
    try:
        return application.destinations.named(asked.actor, asked.text.strip(QUOTES))
    except NoSuchDestination as error:
        button = leading(error.nearest) if error.nearest is not None else None
        asked.answer(views.not_called(asked.t, error, button))
        return None


def _searched(one: Destination) -> str:
    return f"{one.name} {one.audience_name} {one.connection.name if one.connection else ''}".casefold()


def register(app: App, application: Application, people: People) -> None:
    """The list's buttons."""
    saved = Saved(application, people)
    for action_id in (views.PREVIOUS, views.NEXT, views.REFRESH, *(f"{views.SORT}{order}" for order in views.Order)):
        on_click(app, people, action_id, saved.turn)
    on_click(app, people, views.SHARE, saved.share)
    on_click(app, people, views.PAUSE, saved.pause)
    on_click(app, people, views.RESUME, saved.resume)
    on_click(app, people, statement.OPEN, saved.statement)
    on_click(app, people, viewing.OPEN, saved.view)
