"""The modal in which a destination is chosen for an export, and what is said once it was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.run_facts import Run, approvers, may_need_approval, needs_approval

CALLBACK = "export.destination"
AGAIN, CHOOSE = "export.again", "export.choose"
"""The buttons that preview a destination and that let one be chosen."""
DESTINATION = "export.destination"
ADD, NEW = "segments.add", "segments.new"
"""The menu and the button that lead to a destination which does not export the segment yet."""


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


def picker(
    t: Texts,
    offered: Sequence[Destination],
    metadata: Metadata,
    chosen: Destination | None = None,
    *,
    segment: str = "",
    addable: bool = False,
) -> Block:
    """Choose one of the destinations offered, which export ``segment`` if given; says what to do if there is none.

    A segment also goes to a new destination, and if it is ``addable`` to one that does not export it yet.
    """
    if not offered and not segment:
        text = t(
            "There is no destination that you may export. Make one with /postino-connect, or ask an administrator."
        )
        new = blocks.actions(blocks.button(t("New destination…"), NEW), block_id="elsewhere")
        return _outcome(t, [blocks.section(text), new], metadata)
    content: list[Block] = []
    if offered:
        initial = option(chosen) if chosen is not None else None
        menu = blocks.external_select(DESTINATION, t("Search destinations"), chosen=initial)
        intro = t("Postino computes what the export would change. Nothing is sent before you say so.")
        content = [blocks.section(intro), blocks.field(t("Destination"), menu, "destination")]
    if segment:
        about = (
            t("Destinations with the segment {segment}", segment=escape(segment))
            if offered
            else t("No destination of yours exports the segment {segment} yet.", segment=escape(segment))
        )
        content.insert(1, blocks.context(about))
        content += _elsewhere(t, bool(offered), addable)
    return blocks.modal(
        t("Export"),
        content,
        callback_id=CALLBACK,
        submit=t("Preview") if offered else None,
        close=t("Cancel"),
        private_metadata=metadata.model_dump_json(),
    )


def _elsewhere(t: Texts, exported: bool, addable: bool) -> list[Block]:
    """The ways of a segment to another destination."""
    ways = [blocks.button(t("New destination…"), NEW)]
    if addable:
        ways.insert(0, blocks.external_select(ADD, t("Add to a destination…")))
    note = blocks.section(t("To export it somewhere else, too:")) if exported else None
    return [*([blocks.divider(), note] if note else []), blocks.actions(*ways, block_id="elsewhere")]


def options(offered: Sequence[Destination]) -> list[Block]:
    """The destinations as choices; Slack takes at most 100."""
    return [option(one) for one in offered[: blocks.OPTIONS]]


def again(t: Texts, destination: Destination) -> Block:
    """The button that previews a destination; its name is written on it."""
    return blocks.button(t("Export {destination}", destination=destination.name), AGAIN, str(destination.id))


def option(destination: Destination) -> Block:
    """One destination with its audience."""
    return blocks.option(destination.name, str(destination.id), destination.audience_name or None)


def entered(view: Mapping[str, Any]) -> int:
    """The id of the destination chosen in a submitted view."""
    return int(view["state"]["values"]["destination"][DESTINATION]["selected_option"]["value"])


def working(t: Texts) -> Block:
    """What the modal shows while the preview is being asked for."""
    return _outcome(t, [blocks.section(t("One moment…"))])


def problem(t: Texts, text: str) -> Block:
    """Why nothing can be chosen, in markup."""
    return _outcome(t, [blocks.section(text)])


def _outcome(t: Texts, content: Sequence[Block], metadata: Metadata | None = None) -> Block:
    """A modal that asks nothing; ``metadata`` is for what its buttons lead to."""
    held = metadata.model_dump_json() if metadata is not None else ""
    return blocks.modal(t("Export"), content, callback_id=CALLBACK, close=t("Close"), private_metadata=held)


def requested(t: Texts, run: Run, channel: str | None) -> Block:
    """What the modal shows once the preview was asked for."""
    return _outcome(t, [blocks.section(coming(t, run, channel))])


def coming(t: Texts, run: Run, channel: str | None) -> str:
    """That a preview is being computed, where it will appear, and who must say that it is sent."""
    destination, place = escape(run.destination), _place(t, channel)
    if run.rule:
        appears = t(
            "The preview of {destination} is being computed. It will appear in {place}; nothing is sent before it is approved.",
            destination=destination,
            place=place,
        )
        return " ".join([appears, needs_approval(t, run), approvers(t, run)])
    return t(
        "The preview of {destination} is being computed. It will appear in {place}; nothing is sent before you say so.",
        destination=destination,
        place=place,
    )


def started(t: Texts, run: Run, channel: str | None) -> str:
    """That an export is under way, or what it will wait for first, and where to watch it."""
    destination, place = escape(run.destination), _place(t, channel)
    if run.rule:
        waits = t("The export of {destination} waits for approval before anything is sent.", destination=destination)
        look = t("Look at its preview in {place}.", place=place)
        return " ".join([waits, needs_approval(t, run), approvers(t, run), look])
    goes_on = t("The export of {destination} is under way. Watch it in {place}.", destination=destination, place=place)
    return " ".join(part for part in (goes_on, may_need_approval(t, run)) if part)


def _place(t: Texts, channel: str | None) -> str:
    if channel is None or channel[0] == "D":
        return t("your direct messages with Postino")
    return f"<#{channel}>"
