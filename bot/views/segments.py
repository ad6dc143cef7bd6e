"""The list of segments, ten to a page."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from bot.texts import Texts
from bot.views import blocks
from bot.views.blocks import Block, escape
from bot.views.run_facts import Message, moment
from services.segments import Overview

PAGE = 10
SEARCH = 200
"""The longest search that is carried from page to page."""
NAMES_SHOWN = 3
NAME = 100
"""The longest name shown whole: ten rows must stay below the 12,000 characters that a message may have."""


class Place(BaseModel):
    """Which page of which search is shown: the value of the list's buttons."""

    search: str = ""
    page: int = 0


def listing(t: Texts, source: str, found: Sequence[Overview], place: Place, *, shared: bool = False) -> Message:
    """One page of what was found; ``shared`` leaves out the buttons that are for the asker."""
    if not found:
        return _nothing(t, source, place)
    pages = (len(found) + PAGE - 1) // PAGE
    page = max(0, min(place.page, pages - 1))
    shown = found[page * PAGE : (page + 1) * PAGE]
    head = t.plural("{count} segment in {source}", "{count} segments in {source}", len(found), source=escape(source))
    if place.search:
        head += f" · {t('search: {search}', search=escape(place.search))}"
    numbers = t("{first} to {last} of {total}", first=page * PAGE + 1, last=page * PAGE + len(shown), total=len(found))
    content = [blocks.section(f"*{head}*")]
    content += [_row(t, one, shared=shared) for one in shown]
    if pages > 1:
        content.append(blocks.context(numbers))
    if not shared:
        content.append(_buttons(t, place.search, page, pages))
    said = [f"{head}. {numbers}.", *(_said(t, one) for one in shown)]
    return Message("\n".join(said), content)


def _row(t: Texts, one: Overview, *, shared: bool) -> Block:
    segment = one.segment
    facts = [
        t.plural("{count} profile", "{count} profiles", segment.profile_count),
        _change(t, one.change),
        escape(segment.state),
    ]
    if segment.last_refreshed is not None:
        facts.append(t("refreshed {time}", time=moment(t, segment.last_refreshed)))
    lines = [f"*{_name(segment.display_name)}*", " · ".join(fact for fact in facts if fact)]
    if segment.description:
        lines.append(escape(blocks.shorten(segment.description, 200)))
    if one.used_by:
        lines.append(t("Exported by {destinations}", destinations=_names(t, one.used_by)))
    label = t("Export the segment {segment}", segment=segment.display_name)
    export = blocks.button(t("Export…"), "segments.export", segment.name, label=label)
    return blocks.section("\n".join(lines), None if shared else export)


def _said(t: Texts, one: Overview) -> str:
    """A row for those who hear it."""
    segment = one.segment
    facts = [
        t.plural("{count} profile", "{count} profiles", segment.profile_count),
        _change(t, one.change),
        escape(segment.state),
    ]
    if segment.last_refreshed is not None:
        facts.append(t("refreshed {time}", time=t.moment(segment.last_refreshed)))
    return f"{_name(segment.display_name)}: {', '.join(fact for fact in facts if fact)}"


def _change(t: Texts, change: int | None) -> str:
    if change is None:
        return ""
    if change == 0:
        return t("no change since the last refresh")
    sign = "▲ +" if change > 0 else "▼ −"
    return t("{change} since the last refresh", change=f"{sign}{t.number(abs(change))}")


def _name(name: str) -> str:
    return escape(blocks.shorten(name, NAME))


def _names(t: Texts, names: Sequence[str]) -> str:
    listed = ", ".join(_name(name) for name in names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return t("{names} and {count} more", names=listed, count=more) if more > 0 else listed


def _buttons(t: Texts, search: str, page: int, pages: int) -> Block:
    search = search[:SEARCH]
    buttons = []
    if page > 0:
        buttons.append(blocks.button(t("Previous"), "segments.previous", _value(search, page - 1)))
    if page < pages - 1:
        buttons.append(blocks.button(t("Next"), "segments.next", _value(search, page + 1)))
    buttons.append(blocks.button(t("Refresh"), "segments.refresh", _value(search, page)))
    buttons.append(blocks.button(t("Share"), "segments.share", _value(search, page)))
    return blocks.actions(*buttons)


def _value(search: str, page: int) -> str:
    return Place(search=search, page=page).model_dump_json()


def _nothing(t: Texts, source: str, place: Place) -> Message:
    if place.search:
        text = t("No segment has {search} in its name. Type /postino-segments to see all.", search=escape(place.search))
    else:
        text = t(
            "{source} has no segments. Export one from your customer data platform into it, then try again.",
            source=escape(source),
        )
    return Message(text, [blocks.section(text)])
