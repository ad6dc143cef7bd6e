"""Segments in Slack: listed, searched, paged, shared, and exported from the list."""

from __future__ import annotations

from slack_bolt import App

from bot import wizard
from bot.asked import Asked, on_click
from bot.exports import Exports
from bot.people import People
from bot.views import segments as views
from bot.wiring import Application


class Listing:
    """The list of segments, for the command and its buttons."""

    def __init__(self, application: Application, exports: Exports) -> None:
        self._application = application
        self._exports = exports

    def show(self, asked: Asked) -> None:
        """The first page of what matches the words typed."""
        self._answer(asked, views.Place(search=asked.text))

    def turn(self, asked: Asked) -> None:
        """Another page, in place of the one shown."""
        self._answer(asked, views.Place.model_validate_json(asked.text), replacing=True)

    def share(self, asked: Asked) -> None:
        """Show the page to everybody in the channel."""
        self._answer(asked, views.Place.model_validate_json(asked.text), shared=True)

    def export(self, asked: Asked) -> None:
        """Choose among the destinations that export the segment; if there is none, make one with it."""
        segment = asked.text
        if self._exports.offered(asked.actor, segment=segment):
            self._exports.choose(asked, segment)
        else:
            wizard.open_wizard(
                asked.client, asked.trigger_id, lambda: asked.person, self._application, segments=(segment,)
            )

    def _answer(self, asked: Asked, place: views.Place, *, replacing: bool = False, shared: bool = False) -> None:
        found = self._application.segments.overview(asked.actor, place.search)
        message = views.listing(asked.t, self._application.source.name, found, place, shared=shared)
        asked.answer(message, replacing=replacing, shared=shared)


def register(app: App, application: Application, people: People) -> None:
    """The listeners of the list's buttons."""
    listing = Listing(application, Exports(application, people))
    buttons = {
        "segments.previous": listing.turn,
        "segments.next": listing.turn,
        "segments.refresh": listing.turn,
        "segments.share": listing.share,
        "segments.export": listing.export,
    }
    for action_id, act in buttons.items():
        on_click(app, people, action_id, act)
