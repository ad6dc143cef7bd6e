"""Step 4 of the wizard: segments with their running total, tags, schedule, channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from babel import Locale

from bot import texts
from bot.texts import Texts, mark
from bot.views import blocks, wizard, wizard_policies, wizard_reach
from bot.views.blocks import Block
from bot.views.segments import NAME, STATES
from services import timetable
from services.destinations import TakenTag
from services.drafts import Answers
from services.errors import InvalidInput
from services.segments import ACTIVE
from services.sources import Segment

SEGMENTS, SCHEDULE, ZONE, CRON = "wizard.segments", "wizard.schedule", "wizard.zone", "wizard.cron"

UNREADY_SHOWN = 5
"""How many chosen segments that are empty or not active are told one by one."""

SCHEDULES = {
    "refresh": mark("With every refresh of the source"),
    "daily": mark("Daily"),
    "weekly": mark("Weekly"),
    "cron": mark("At times of a cron expression"),
    "manual": mark("Only by hand"),
}
WEEKDAYS = {
    "mon": mark("Monday"),
    "tue": mark("Tuesday"),
    "wed": mark("Wednesday"),
    "thu": mark("Thursday"),
    "fri": mark("Friday"),
    "sat": mark("Saturday"),
    "sun": mark("Sunday"),
}


def segments(
    t: Texts,
    answers: Answers,
    draft_id: str,
    offered: Sequence[Segment],
    limit: int,
    source: str,
    problem: str | None = None,
    *,
    policies: bool = False,
    times: Sequence[datetime] = (),
) -> Block:
    """Step 4. ``limit`` is how many distinct profiles an export may have; ``policies`` shows what administrators decide;
    ``times`` are the schedule's next ones.
    """
    if not offered:
        sentence = t(
            "{source} has no segment. Create one there; /postino doctor lists tables that are no segments.",
            source=source,
        )
        return wizard.stuck(t, answers, draft_id, problem or sentence)
    content = [
        *_vanished(t, answers),
        blocks.field(t("Segments"), _menu(t, answers, offered), "segments", dispatch=True),
        *_unready(t, answers, offered),
        *_total(t, answers, limit),
        *_tags(t, answers),
        *_left_behind(t, answers),
        blocks.divider(),
        *_schedule(t, answers),
        *_when(t, answers, times),
        blocks.divider(),
        blocks.field(
            t("Channel for notifications"),
            _channels(t, answers),
            "channel",
            hint=t("Previews, progress and results are posted here."),
        ),
        blocks.field(t("Language of the messages in the channel"), _languages(t, answers), "language"),
        *(wizard_policies.policies(t, answers) if policies else []),
        blocks.divider(),
        blocks.field(
            t("After saving"),
            blocks.checkboxes(
                "wizard.after",
                [blocks.option(t("Save and preview"), "preview")],
                ["preview"] if answers.preview else [],
            ),
            "after",
            hint=t("Saving does not run the export. A preview shows what it would change and sends nothing."),
            optional=True,
        ),
        wizard.back_row(t),
    ]
    return wizard.frame(t, answers, draft_id, content, problem=problem, submit=t("Save"))


def _menu(t: Texts, answers: Answers, offered: Sequence[Segment]) -> Block:
    placeholder = t("Select segments")
    chosen = {wizard.value_of(name) for name in answers.segments}
    options = segment_options(t, offered)
    if len(offered) <= blocks.OPTIONS:
        return blocks.multi_select(SEGMENTS, options, placeholder, chosen=chosen)
    initial = [one for one in options if one["value"] in chosen]
    return blocks.multi_external_select(SEGMENTS, placeholder, chosen=initial)


def segment_options(t: Texts, offered: Iterable[Segment]) -> list[Block]:
    """Segments as options, ``VIP buyers - 1,204``, with the state of those that are not ready."""
    return [
        blocks.option(
            blocks.counted(one.display_name, t.number(one.profile_count)), wizard.value_of(one.name), _state(t, one)
        )
        for one in offered
    ]


def _state(t: Texts, segment: Segment) -> str | None:
    """What keeps a segment from being exported as it should be, as the list of segments says it; None if nothing does."""
    state = segment.state.casefold()
    if state != ACTIVE:
        return t(STATES[state]) if state in STATES else segment.state
    return t("Empty: nobody is in it now") if segment.profile_count == 0 else None


def _vanished(t: Texts, answers: Answers) -> list[Block]:
    if not answers.vanished:
        return []
    text = t.plural(
        ":warning: The source has no segment *{names}* any more. Saving leaves it out.",
        ":warning: The source has no segments *{names}* any more. Saving leaves them out.",
        len(answers.vanished),
        names=blocks.escape(", ".join(answers.vanished)),
    )
    return [blocks.section(text, block_id="vanished")]


def unready(t: Texts, chosen: Iterable[Segment]) -> list[str]:
    """A sentence on each segment that is exported although it is empty or not active in the source; no markup."""
    said = []
    for one in chosen:
        name, state = blocks.shorten(one.display_name, NAME), one.state.casefold()
        if state != ACTIVE:
            word = t(STATES[state]) if state in STATES else blocks.shorten(one.state, NAME)
            said.append(
                t(
                    "The source calls the segment {segment} “{state}”: it may not be kept up to date there. It is exported as it "
                    "is.",
                    segment=name,
                    state=word,
                )
            )
        elif one.profile_count == 0:
            said.append(t("The segment {segment} is empty: nobody is in it now.", segment=name))
    return said


def unready_text(t: Texts, chosen: Iterable[Segment]) -> str:
    """The same as lines of markup with a sign, those of the first few; empty if there is none."""
    said = unready(t, chosen)
    lines = [f":warning: {blocks.escape(one)}" for one in said[:UNREADY_SHOWN]]
    more = len(said) - UNREADY_SHOWN
    if more > 0:
        lines.append(t.plural("{count} segment more.", "{count} segments more.", more))
    return "\n".join(lines)


def _unready(t: Texts, answers: Answers, offered: Sequence[Segment]) -> list[Block]:
    text = unready_text(t, (one for one in offered if one.name in answers.segments))
    return [blocks.section(text, block_id="unready")] if text else []


def _total(t: Texts, answers: Answers, limit: int) -> list[Block]:
    if not answers.segments or answers.profiles is None:
        return [blocks.context(t("Nothing chosen yet. An export may have {limit} distinct profiles.", limit=limit))]
    text = t.plural(
        "*{count}* distinct profile of at most {limit}",
        "*{count}* distinct profiles of at most {limit}",
        answers.profiles,
        limit=limit,
    )
    total = blocks.section(text, block_id="total")
    if answers.profiles > limit:
        return [total, blocks.alert(over(t, answers.profiles, limit)) | {"block_id": "over"}]
    return (
        [total, blocks.context(wizard_reach.reachable(t, answers), block_id="reachable")]
        if answers.profiles
        else [total]
    )


def over(t: Texts, profiles: int, limit: int) -> str:
    """What to do about too many profiles, short enough for an alert."""
    return t.plural(
        "{count} profile more than the {limit} an export may have. Choose fewer or smaller segments, or split them over "
        "several destinations.",
        "{count} profiles more than the {limit} an export may have. Choose fewer or smaller segments, or split them over "
        "several destinations.",
        profiles - limit,
        limit=limit,
    )


def _tags(t: Texts, answers: Answers) -> list[Block]:
    note = t("Each segment becomes a tag in Mailchimp, named like the segment. You find its people there by that tag.")
    content = [blocks.context(note, block_id="tags")]
    taken = {name: answers.taken[name] for name in answers.segments if name in answers.taken}
    foreign = {name: tag for name, tag in taken.items() if not tag.ours}
    lines = [
        t(
            "• *{tag}* belongs to another destination: this one's tag is called *{own}*.",
            tag=blocks.escape(one.name),
            own=blocks.escape(one.instead),
        )
        if one.ours
        else t.plural(
            "• *{tag}* was there before Postino, with {count} member. Unless it is taken over, this one's tag is called "
            "*{own}*.",
            "• *{tag}* was there before Postino, with {count} members. Unless it is taken over, this one's tag is called "
            "*{own}*.",
            one.people,
            tag=blocks.escape(one.name),
            own=blocks.escape(one.instead),
        )
        for one in taken.values()
    ]
    if lines:
        heading = t(":information_source: The audience has tags with these names already:")
        content.append(blocks.section("\n".join([heading, *lines]), block_id="taken"))
    if foreign:
        content.append(_take_over(t, foreign, answers.take_over))
    return content


def _take_over(t: Texts, foreign: Mapping[str, TakenTag], chosen: Sequence[str]) -> Block:
    options = [
        blocks.option(blocks.counted(tag.name, t.number(tag.people)), wizard.value_of(segment))
        for segment, tag in foreign.items()
    ]
    values = {wizard.value_of(segment) for segment in chosen}
    menu = blocks.multi_select("wizard.take_over", options, t("None: use names of Postino's own"), chosen=values)
    hint = t("Whoever is not in the segment loses a tag that is taken over. The others stay untouched.")
    return blocks.field(t("Tags to take over"), menu, "take_over", hint=hint, optional=True)


def left_behind(t: Texts, tags: Sequence[str]) -> str:
    """That tags stay in Mailchimp and are looked after no longer, in markup; empty if there is none."""
    if not tags:
        return ""
    return t.plural(
        ":information_source: The tag *{tags}* stays in Mailchimp on everybody who has it, and Postino no longer keeps it "
        "up. Delete it if nobody needs it.",
        ":information_source: The tags *{tags}* stay in Mailchimp on everybody who has them, and Postino no longer keeps "
        "them up. Delete them if nobody needs them.",
        len(tags),
        tags=blocks.escape(", ".join(tags)),
    )


def _left_behind(t: Texts, answers: Answers) -> list[Block]:
    text = left_behind(t, answers.tags_left())
    return [blocks.section(text, block_id="left_behind")] if text else []


def _schedule(t: Texts, answers: Answers) -> list[Block]:
    options = [blocks.option(t(text), value) for value, text in SCHEDULES.items()]
    menu = blocks.select(SCHEDULE, options, t("Schedule"), chosen=answers.schedule)
    content = [blocks.field(t("Schedule"), menu, "schedule", dispatch=True)]
    if answers.schedule == "weekly":
        days = [blocks.option(t(text), day) for day, text in WEEKDAYS.items()]
        weekday = blocks.select("wizard.weekday", days, t("Weekday"), chosen=answers.weekday)
        content.append(blocks.field(t("Weekday"), weekday, "weekday", dispatch=True))
    if answers.schedule in ("daily", "weekly"):
        time: Block = {"type": "timepicker", "action_id": "wizard.time", "initial_time": answers.time}
        content.append(blocks.field(t("Time"), time, "time", dispatch=True))
    if answers.schedule == "cron":
        expression = blocks.text_input(CRON, value=answers.cron, longest=90, placeholder="0 6 * * mon-fri")
        hint = t(
            "Minute, hour, day, month, weekday: 0 8,12,18 * * * is three times a day. Press Enter to see the next times."
        )
        content.append(blocks.field(t("Cron expression"), expression, "cron", hint=hint, dispatch=True))
    if answers.schedule == "manual":
        return content
    zone = blocks.external_select(
        ZONE, t("Choose a time zone"), chosen=zone_option(answers.time_zone), min_query_length=1
    )
    content.append(blocks.field(t("Time zone"), zone, "zone", dispatch=True))
    return content


def wrong_schedule(t: Texts, answers: Answers) -> str:
    """Why the schedule typed cannot be saved; empty if it can."""
    try:
        timetable.crontab(answers.timetable())
    except timetable.NoSchedule:
        return t("This is no cron expression. It has five fields, such as 0 6 * * mon-fri.")
    except InvalidInput as error:
        return t.error(error)
    return ""


def _when(t: Texts, answers: Answers, times: Sequence[datetime]) -> list[Block]:
    if answers.schedule == "refresh":
        return [blocks.context(t("Segments are exported automatically when your data refreshes."), block_id="when")]
    wrong = wrong_schedule(t, answers) if answers.cron else ""
    if answers.schedule == "cron" and answers.cron and not times:
        wrong = wrong or t("These times never come. Choose others.")
    if wrong:
        return [blocks.alert(wrong) | {"block_id": "when"}]
    if not times:
        return []
    return [blocks.context(next_times(t, times, answers.time_zone), block_id="when")]


def next_times(t: Texts, times: Sequence[datetime], zone: str) -> str:
    """When a schedule comes next, by the clock of its own time zone, in markup."""
    written = " · ".join(t.weekday_moment(one, zone) for one in times)
    return t("Next, by the clock of {zone}: {times}", zone=blocks.escape(zone.replace("_", " ")), times=written)


def zone_option(zone: str) -> Block:
    """A time zone, as one would type it."""
    return blocks.option(zone.replace("_", " "), zone)


def schedule_text(t: Texts, schedule: str, zone: str) -> str:
    """A stored schedule in words, with its time zone where it goes by the clock."""
    kind, _, rest = schedule.partition(" ")
    text = t(SCHEDULES[kind]) if kind in SCHEDULES else kind
    if kind == "weekly":
        day, _, rest = rest.partition(" ")
        rest = f"{t.weekday(day[:3].lower())}, {rest}" if day[:3].lower() in WEEKDAYS else rest
    return f"{text} ({rest}), {zone.replace('_', ' ')}" if rest else text


def _channels(t: Texts, answers: Answers) -> Block:
    menu: Block = {
        "type": "conversations_select",
        "action_id": "wizard.channel",
        "placeholder": blocks.plain(t("Choose a channel"), blocks.PLACEHOLDER),
        "filter": {"include": ["public", "private"], "exclude_external_shared_channels": True},
    }
    return menu | (
        {"initial_conversation": answers.channel} if answers.channel else {"default_to_current_conversation": True}
    )


def _languages(t: Texts, answers: Answers) -> Block:
    names = {language: Locale.parse(language).get_display_name() or language for language in texts.languages()}
    options = [blocks.option(name[:1].upper() + name[1:], language) for language, name in names.items()]
    chosen = answers.channel_language or answers.language
    return blocks.select("wizard.language", options, t("Choose a language"), chosen=chosen)
