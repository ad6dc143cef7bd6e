"""The list of segments, ten to a page."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from bot.texts import Texts, mark
from bot.views import blocks, sharing, sorting
from bot.views.blocks import Block, escape
from bot.views.run_facts import Message, moment
from services.errors import PostinoError
from services.segments import Kept, Order, Overview, Size

STATES = {
    "active": mark("Active"),
    "inactive": mark("Inactive"),
    "draft": mark("Draft"),
    "validating": mark("Being checked"),
    "validated": mark("Checked"),
    "invalid": mark("Invalid"),
    "validationerror": mark("Invalid"),
}
"""Customer Insights' words for a segment's state."""
PAGE = 10
SEARCH = 200
"""The longest search that is carried from page to page."""
NAMES_SHOWN = 3
BARS = "▁▂▃▄▅▆▇█"
OPEN, PICTURE = "hub.segments", "segments.picture"
SORT = "segments.by_"
"""What the actions of the buttons that sort begin with."""
NAME = 100
"""The longest name shown whole: ten rows must stay below the 12,000 characters that a message may have."""


class Place(BaseModel):
    """Which page of which search is shown: the value of the list's buttons."""

    search: str = ""
    page: int = 0
    order: Order = Order.NAME


def listing(
    t: Texts, source: str, found: Sequence[Overview], place: Place, *, shared: bool = False, pictures: bool = False
) -> Message:
    """One page of what was found; ``shared`` leaves out what is for the asker, ``pictures`` offers the charts."""
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
        content += [_buttons(t, place, page, pages), _orders(t, place)]
        if pictures:
            content += _picture_menu(t, shown)
    said = [f"{head}. {numbers}.", *(_said(t, one) for one in shown)]
    return Message("\n".join(said), content)


def _row(t: Texts, one: Overview, *, shared: bool) -> Block:
    segment = one.segment
    facts = [
        t.plural("{count} profile", "{count} profiles", segment.profile_count),
        _change(t, one.change),
        _trend(t, one.trend),
        _state(t, segment.state),
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
        _state(t, segment.state),
    ]
    if segment.last_refreshed is not None:
        facts.append(t("refreshed {time}", time=t.moment(segment.last_refreshed)))
    return f"{_name(segment.display_name)}: {', '.join(fact for fact in facts if fact)}"


def _state(t: Texts, state: str) -> str:
    """The source's word for a segment's state; one that is not known is shown as it is."""
    return t(STATES[state.casefold()]) if state.casefold() in STATES else escape(state)


def _change(t: Texts, change: int | None) -> str:
    if change is None:
        return ""
    if change == 0:
        return t("no change since the last refresh")
    sign = "▲ +" if change > 0 else "▼ −"
    return t("{change} since the last refresh", change=f"{sign}{t.number(abs(change))}")


def _trend(t: Texts, trend: Sequence[int]) -> str:
    """The last refreshes as little bars and in numbers; nothing before there are three, when the change says it all."""
    if len(trend) < 3:
        return ""
    least, most = min(trend), max(trend)
    bars = "".join(
        BARS[round((count - least) / (most - least) * (len(BARS) - 1)) if most > least else 0] for count in trend
    )
    over = t("from {first} over {count} refreshes", first=trend[0], count=len(trend))
    return f"{bars} {over}"


def _name(name: str) -> str:
    return escape(blocks.shorten(name, NAME))


def _names(t: Texts, names: Sequence[str]) -> str:
    listed = ", ".join(_name(name) for name in names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return t("{names} and {count} more", names=listed, count=more) if more > 0 else listed


def _buttons(t: Texts, place: Place, page: int, pages: int) -> Block:
    buttons = []
    if page > 0:
        buttons.append(blocks.button(t("Previous"), "segments.previous", _value(place, page=page - 1)))
    if page < pages - 1:
        buttons.append(blocks.button(t("Next"), "segments.next", _value(place, page=page + 1)))
    buttons.append(blocks.button(t("Refresh"), "segments.refresh", _value(place, page=page)))
    buttons.append(sharing.button(t, "segments.share", _value(place, page=page)))
    return blocks.actions(*buttons)


def _orders(t: Texts, place: Place) -> Block:
    words = {
        Order.NAME: t("By name"),
        Order.SIZE: t("By size"),
        Order.CHANGE: t("By change"),
        Order.STATE: t("By state"),
        Order.REFRESH: t("By last refresh"),
    }
    return sorting.buttons(t, words, place.order, SORT, lambda order: _value(place, page=0, order=order))


def _picture_menu(t: Texts, shown: Sequence[Overview]) -> list[Block]:
    """Slack: an option's value has at most 150 characters, and names that are longer are left out."""
    options = [
        blocks.option(one.segment.display_name, one.segment.name)
        for one in shown
        if len(one.segment.name) <= blocks.OPTION_VALUE
    ]
    return [blocks.actions(blocks.select(PICTURE, options, t("Size over time of…")))] if options else []


def _value(place: Place, *, page: int, order: Order | None = None) -> str:
    return Place(search=place.search[:SEARCH], page=page, order=order or place.order).model_dump_json()


def sizes_in_words(t: Texts, name: str, sizes: Sequence[Size], zone: str) -> str:
    """What a chart of a segment's size shows, for those who do not see it."""
    first, last = sizes[0], sizes[-1]
    least, most = min(one.profiles for one in sizes), max(one.profiles for one in sizes)
    return t(
        "Profiles in {segment} over {count} refreshes: {first} on {begin}, {last} on {end}; lowest {least}, highest {most}.",
        segment=blocks.shorten(name, NAME),
        count=len(sizes),
        first=first.profiles,
        begin=t.spoken_moment(first.at, zone),
        last=last.profiles,
        end=t.spoken_moment(last.at, zone),
        least=least,
        most=most,
    )


def being_refreshed(t: Texts, error: PostinoError, kept: Kept | None, place: Place) -> Message:
    """That the segments cannot be read before the refresh of the source has ended, with what was counted before, if it was."""
    text = escape(t.error(error))
    content, said = [blocks.section(text)], [text]
    if kept is not None and kept.counts:
        head = t("As counted {time}:", time=moment(t, kept.at))
        lines = [
            f"• *{_name(name)}*: {t.plural('{count} profile', '{count} profiles', profiles)}"
            for name, profiles in kept.counts[:PAGE]
        ]
        more = len(kept.counts) - PAGE
        if more > 0:
            lines.append(t.plural("{count} segment more.", "{count} segments more.", more))
        content.append(blocks.section("\n".join([head, *lines])))
        said += [head, *lines]
    content.append(blocks.actions(blocks.button(t("Refresh"), "segments.refresh", _value(place, page=place.page))))
    return Message("\n".join(said), content)


def _nothing(t: Texts, source: str, place: Place) -> Message:
    if place.search:
        text = t("No segment has {search} in its name. Type /postino-segments to see all.", search=escape(place.search))
        way = blocks.button(t("All segments"), OPEN)
    else:
        text = t(
            "{source} has no segments. Export one from your customer data platform into it, then try again.",
            source=escape(source),
        )
        way = blocks.button(t("Refresh"), "segments.refresh", _value(place, page=0))
    return Message(text, [blocks.section(text), blocks.actions(way)])
