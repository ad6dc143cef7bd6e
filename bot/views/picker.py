"""The modal in which a destination is chosen for an export, and what is said once it was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block, escape

CALLBACK = "export.destination"
DESTINATION = "export.destination"


class Metadata(BaseModel):
    """The language of the person, so that the modal answers at once; where it was asked for; the segment it is about."""

    language: str = "en"
    channel: str | None = None
    segment: str | None = None


class Destination(Protocol):
    """A destination as far as it is shown here."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def audience_name(self) -> str: ...


def picker(t: Texts, offered: Sequence[Destination], metadata: Metadata, chosen: Destination | None = None) -> Block:
    """Choose one of the destinations offered; says what to do if there is none."""
    if not offered:
        text = t(
            "There is no destination that you may export. Make one with /postino-connect, or ask an administrator."
        )
        return blocks.modal(t("Export"), [blocks.section(text)], callback_id=CALLBACK, close=t("Close"))
    initial = option(chosen) if chosen is not None else None
    menu = blocks.external_select(DESTINATION, t("Search destinations"), chosen=initial)
    intro = t("Postino computes what the export would change. Nothing is sent before you say so.")
    content = [blocks.section(intro), blocks.field(t("Destination"), menu, "destination")]
    if metadata.segment:
        about = t("Destinations with the segment {segment}", segment=escape(metadata.segment))
        content.insert(1, blocks.context(about))
    return blocks.modal(
        t("Export"),
        content,
        callback_id=CALLBACK,
        submit=t("Preview"),
        close=t("Cancel"),
        private_metadata=metadata.model_dump_json(),
    )


def options(offered: Sequence[Destination]) -> list[Block]:
    """The destinations as choices; Slack takes at most 100."""
    return [option(one) for one in offered[: blocks.OPTIONS]]


def option(destination: Destination) -> Block:
    """One destination with its audience."""
    return blocks.option(destination.name, str(destination.id), destination.audience_name or None)


def entered(view: Mapping[str, Any]) -> int:
    """The id of the destination chosen in a submitted view."""
    return int(view["state"]["values"]["destination"][DESTINATION]["selected_option"]["value"])


def working(t: Texts) -> Block:
    """What the modal shows while the preview is being asked for."""
    return blocks.modal(t("Export"), [blocks.section(t("One moment…"))], callback_id=CALLBACK, close=t("Close"))


def problem(t: Texts, text: str) -> Block:
    """Why nothing can be chosen."""
    return blocks.modal(t("Export"), [blocks.section(escape(text))], callback_id=CALLBACK, close=t("Close"))


def requested(t: Texts, destination: str, channel: str | None) -> Block:
    """What the modal shows once the preview was asked for."""
    content = [blocks.section(coming(t, destination, channel))]
    return blocks.modal(t("Export"), content, callback_id=CALLBACK, close=t("Close"))


def coming(t: Texts, destination: str, channel: str | None) -> str:
    """That a preview is being computed, and where it will appear."""
    return t(
        "The preview of {destination} is being computed. It will appear in {place}; nothing is sent before you say so.",
        destination=escape(destination),
        place=_place(t, channel),
    )


def started(t: Texts, destination: str, channel: str | None) -> str:
    """That an export is under way, and where to watch it."""
    return t(
        "The export of {destination} is under way. Watch it in {place}.",
        destination=escape(destination),
        place=_place(t, channel),
    )


def _place(t: Texts, channel: str | None) -> str:
    if channel is None or channel[0] == "D":
        return t("your direct messages with Postino")
    return f"<#{channel}>"
