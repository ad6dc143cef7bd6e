"""Step 4 of the wizard: segments with their running total, tags, schedule, channel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.texts import Texts, mark
from bot.views import blocks, wizard
from bot.views.blocks import Block
from services.drafts import Answers
from services.sources import Segment

SEGMENTS, SCHEDULE, ZONE = "wizard.segments", "wizard.schedule", "wizard.zone"

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
) -> Block:
    """Step 4. ``limit`` is how many distinct profiles an export may have."""
    if not offered:
        sentence = t(
            "{source} has no segment. Create one there; tables that are no segments are listed by: postino doctor",
            source=source,
        )
        return wizard.stuck(t, answers, draft_id, problem or sentence)
    content = [
        *_vanished(t, answers),
        blocks.field(t("Segments"), _menu(t, answers, offered), "segments", dispatch=True),
        *_total(t, answers, limit),
        *_tags(t, answers),
        blocks.divider(),
        *_schedule(t, answers),
        blocks.field(
            t("Channel for notifications"),
            _channels(t, answers),
            "channel",
            hint=t("Previews, progress and results are posted here."),
        ),
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
    """Segments as options, ``VIP buyers - 1,204``."""
    return [
        blocks.option(blocks.counted(one.display_name, t.number(one.profile_count)), wizard.value_of(one.name))
        for one in offered
    ]


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
    if answers.profiles <= limit:
        return [total]
    return [total, blocks.alert(over(t, answers.profiles, limit)) | {"block_id": "over"}]


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
    taken = [answers.taken[name] for name in answers.segments if name in answers.taken]
    foreign = [one for one in taken if not one.ours]
    lines = [
        t(
            "• *{tag}* belongs to another destination: this one gets a tag of its own name.",
            tag=blocks.escape(one.name),
        )
        if one.ours
        else t.plural(
            "• *{tag}* was there before Postino, with {count} member.",
            "• *{tag}* was there before Postino, with {count} members.",
            one.people,
            tag=blocks.escape(one.name),
        )
        for one in taken
    ]
    if lines:
        heading = t(":information_source: The audience has tags with these names already:")
        content.append(blocks.section("\n".join([heading, *lines]), block_id="taken"))
    if foreign:
        content.append(_take_over(t, answers))
    return content


def _take_over(t: Texts, answers: Answers) -> Block:
    options = [
        blocks.option(t("Use names of Postino's own"), "own", t("The tags that were there stay untouched.")),
        blocks.option(t("Take the tags over"), "take", t("Whoever is not in the segment loses the tag.")),
    ]
    radio: Block = {"type": "radio_buttons", "action_id": "wizard.take_over", "options": options}
    radio["initial_option"] = options[1] if answers.take_over else options[0]
    return blocks.field(t("Tags that were there before"), radio, "take_over")


def _schedule(t: Texts, answers: Answers) -> list[Block]:
    options = [blocks.option(t(text), value) for value, text in SCHEDULES.items()]
    menu = blocks.select(SCHEDULE, options, t("Schedule"), chosen=answers.schedule)
    content = [blocks.field(t("Schedule"), menu, "schedule", dispatch=True)]
    if answers.schedule == "weekly":
        days = [blocks.option(t(text), day) for day, text in WEEKDAYS.items()]
        weekday = blocks.select("wizard.weekday", days, t("Weekday"), chosen=answers.weekday)
        content.append(blocks.field(t("Weekday"), weekday, "weekday"))
    if answers.schedule in ("daily", "weekly"):
        time: Block = {"type": "timepicker", "action_id": "wizard.time", "initial_time": answers.time}
        content.append(blocks.field(t("Time"), time, "time"))
    if answers.schedule == "cron":
        expression = blocks.text_input("wizard.cron", value=answers.cron, longest=90, placeholder="0 6 * * mon-fri")
        hint = t("Minute, hour, day, month, weekday.")
        content.append(blocks.field(t("Cron expression"), expression, "cron", hint=hint))
    zone = blocks.external_select(
        ZONE, t("Choose a time zone"), chosen=zone_option(answers.time_zone), min_query_length=1
    )
    content.append(blocks.field(t("Time zone"), zone, "zone"))
    return content


def zone_option(zone: str) -> Block:
    """A time zone, as one would type it."""
    return blocks.option(zone.replace("_", " "), zone)


def schedule_text(t: Texts, schedule: str) -> str:
    """A stored schedule in words."""
    kind, _, rest = schedule.partition(" ")
    text = t(SCHEDULES[kind]) if kind in SCHEDULES else kind
    if kind == "weekly":
        day, _, rest = rest.partition(" ")
        rest = f"{t(WEEKDAYS[day[:3].lower()])}, {rest}" if day[:3].lower() in WEEKDAYS else rest
    return f"{text} ({rest})" if rest else text


def _channels(t: Texts, answers: Answers) -> Block:
    menu: Block = {
        "type": "conversations_select",
        "action_id": "wizard.channel",
        "placeholder": blocks.plain(t("Choose a channel"), blocks.PLACEHOLDER),
        "filter": {"include": ["public", "private"], "exclude_external_shared_channels": False},
    }
    return menu | (
        {"initial_conversation": answers.channel} if answers.channel else {"default_to_current_conversation": True}
    )
