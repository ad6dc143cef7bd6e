"""Segments in Slack: listed, searched, paged, shared, and exported from the list."""

from __future__ import annotations

from slack_bolt import App

from bot import pictures, wizard
from bot.asked import Asked, on_click
from bot.exports import Exports
from bot.people import People
from bot.views import segments as views
from bot.views.blocks import escape
from bot.views.run_facts import Message
from bot.wiring import Application
from services.segments import Order

ALT_TEXT = 1000
"""Slack: the longest description of a file for those who do not see it."""


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
        place = views.Place.model_validate_json(asked.text)
        asked.share(self._page(asked, place, shared=True), views.OPEN, place.search or None)

    def export(self, asked: Asked) -> None:
        """Choose among the destinations that export the segment; if there is none, make one with it."""
        segment = asked.text
        if self._exports.offered(asked.actor, segment=segment):
            self._exports.choose(asked, segment)
        else:
            wizard.open_wizard(
                asked.client, asked.trigger_id, lambda: asked.person, self._application, segments=(segment,)
            )

    def picture(self, asked: Asked) -> None:
        """Draw a segment's size over time and send the picture to the asker directly."""
        segment, sizes = self._application.segments.sizes(asked.actor, asked.text)
        t, zone, name = asked.t, asked.person.time_zone, segment.display_name
        if len(sizes) < 2:
            asked.answer(
                t(
                    "Postino has seen only one refresh of {segment} so far: there is no line to draw yet.",
                    segment=escape(name),
                )
            )
            return
        said = views.sizes_in_words(t, name, sizes, zone)
        opened = asked.client.chat_postMessage(channel=asked.actor.person, text=escape(said))
        asked.client.files_upload_v2(
            channel=str(opened["channel"]),
            content=pictures.line_chart(t, [(one.seen_at, one.profiles) for one in sizes], zone),
            filename="segment-size.png",
            title=t("Size of {segment} over time", segment=name),
            alt_txt=said[:ALT_TEXT],
        )
        asked.answer(t("The picture was sent to you directly."))

    def _answer(self, asked: Asked, place: views.Place, *, replacing: bool = False) -> None:
        asked.answer(self._page(asked, place), replacing=replacing)

    def _page(self, asked: Asked, place: views.Place, *, shared: bool = False) -> Message:
        found = self._application.segments.overview(asked.actor, place.search, place.order)
        source = self._application.source.name
        return views.listing(asked.t, source, found, place, shared=shared, pictures=pictures.possible())


def register(app: App, application: Application, people: People) -> None:
    """The listeners of the list's buttons."""
    listing = Listing(application, Exports(application, people))
    buttons = {
        "segments.previous": listing.turn,
        "segments.next": listing.turn,
        "segments.refresh": listing.turn,
        views.OPEN: listing.show,
        "segments.share": listing.share,
        "segments.export": listing.export,
        **{f"{views.SORT}{order}": listing.turn for order in Order},
        views.PICTURE: listing.picture,
    }
    for action_id, act in buttons.items():
        on_click(app, people, action_id, act)
