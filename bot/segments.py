"""Segments in Slack: listed, searched, paged, shared, and exported from the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import modals, pictures, texts, wizard
from bot.asked import Asked, asked, on_click
from bot.exports import Exports
from bot.people import People, acting
from bot.views import picker
from bot.views import segments as views
from bot.views.blocks import Block, escape
from bot.views.run_facts import Message
from bot.wiring import Application
from services.segments import Order
from services.sources import BeingRefreshed

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
        """Choose a destination that exports the segment or is to; who has none at all makes one with it."""
        segment = asked.text
        if self._exports.offered(asked.actor):
            self._exports.choose(asked, segment)
        else:
            wizard.open_wizard(
                asked.client, asked.trigger, lambda: asked.person, self._application, segments=(segment,)
            )

    def add(self, asked: Asked, view: Block) -> None:
        """Edit the destination chosen in the open modal, with the segment that the modal is about."""
        self._enter(asked, view, int(asked.text))

    def new(self, asked: Asked, view: Block) -> None:
        """Set up a new destination, with the segment that the open modal is about."""
        self._enter(asked, view, None)

    def _enter(self, asked: Asked, view: Block, destination_id: int | None) -> None:
        metadata = picker.Metadata.model_validate_json(view["private_metadata"])
        modals.Update(asked.client, view["id"])(picker.working(texts.of(metadata.language)))
        wizard.with_segment(asked.client, view["id"], asked.person, self._application, metadata.segment, destination_id)

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
            content=pictures.line_chart(t, [(one.at, one.profiles) for one in sizes], zone),
            filename="segment-size.png",
            title=t("Size of {segment} over time", segment=name),
            alt_txt=said[:ALT_TEXT],
        )
        asked.answer(t("The picture was sent to you directly."))

    def _answer(self, asked: Asked, place: views.Place, *, replacing: bool = False) -> None:
        try:
            message = self._page(asked, place)
        except BeingRefreshed as error:
            kept = self._application.segments.kept(asked.actor, place.search)
            message = views.being_refreshed(asked.t, error, kept, place)
        asked.answer(message, replacing=replacing)

    def _page(self, asked: Asked, place: views.Place, *, shared: bool = False) -> Message:
        found = self._application.segments.overview(asked.actor, place.search, place.order)
        source = self._application.source.name
        return views.listing(asked.t, source, found, place, shared=shared, pictures=pictures.possible())


def register(app: App, application: Application, people: People) -> None:
    """The listeners of the list's buttons."""
    exports = Exports(application, people)
    listing = Listing(application, exports)
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
    _in_modal(app, people, picker.ADD, listing.add)
    _in_modal(app, people, picker.NEW, listing.new)

    @app.options(picker.ADD)
    def lacking(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        metadata = picker.Metadata.model_validate_json(body["view"]["private_metadata"])

        def found() -> list[Block]:
            actor = acting(people, client, context).actor
            return picker.options(exports.lacking(actor, metadata.segment or "", str(body.get("value") or "")))

        modals.suggest(ack, found)


def _in_modal(app: App, people: People, action_id: str, act: Callable[[Asked, Block], None]) -> None:
    @app.action(action_id)
    def clicked(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        ack()
        act(asked(people, client, context, body), body["view"])
