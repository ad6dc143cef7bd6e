"""The destination wizard's frame: what all steps share, loading, dead ends, and what is said at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from pydantic import BaseModel

from bot.texts import Texts, mark
from bot.views import blocks, dropped_tags
from bot.views.blocks import Block
from services.drafts import Answers, Step
from services.dropped_tags import DroppedTag

CALLBACK = "wizard"
OUTCOME_CALLBACK = "wizard.outcome"
BACK, AGAIN, RESUME, DISCARD, PREVIEW = (
    "wizard.back",
    "wizard.again",
    "wizard.resume",
    "wizard.discard",
    "wizard.preview",
)
NEW, EDIT = "wizard.new", "wizard.edit"
"""Buttons that open the wizard, on any message or in App Home; the value of ``EDIT`` is a destination's id."""
PROBLEM = "problem"
"""The block_id of the error on top."""

STEP_NAMES = {
    Step.CONNECT: mark("Connect"),
    Step.AUDIENCE: mark("Audience"),
    Step.MATCHING: mark("Data matching"),
    Step.SEGMENTS: mark("Segments and schedule"),
}
LONG = "#"


class Metadata(BaseModel):
    """All that a view of the wizard carries: which draft it shows and which step of it, in which language."""

    draft: str
    step: Step
    language: str = "en"


class Named(Protocol):
    """Something chosen by name: an attribute or a segment."""

    @property
    def name(self) -> str: ...


def value_of(name: str) -> str:
    """A name as an option's value. Slack: at most 150 code points, so a longer one is replaced by its hash."""
    if len(name) <= blocks.OPTION_VALUE and not name.startswith(LONG):
        return name
    return LONG + blake2b(name.encode(), digest_size=16).hexdigest()


def name_of(value: str, among: Iterable[Named]) -> str:
    """The name behind an option's value."""
    if not value.startswith(LONG):
        return value
    return next((one.name for one in among if value_of(one.name) == value), value)


def frame(
    t: Texts,
    answers: Answers,
    draft_id: str,
    content: Sequence[Block],
    *,
    problem: str | None = None,
    submit: str | None = None,
) -> Block:
    """A view of the wizard around a step's blocks, with the error, if any, on top."""
    title = t("Set up destination") if answers.destination_id is None else t("Edit destination")
    step = t(
        "Step {step} of {steps} · {name}", step=answers.step.value, steps=len(Step), name=t(STEP_NAMES[answers.step])
    )
    return blocks.modal(
        title,
        [blocks.context(step, block_id="step"), *problem_blocks(problem), *content],
        callback_id=CALLBACK,
        submit=submit,
        close=t("Cancel"),
        private_metadata=Metadata(draft=draft_id, step=answers.step, language=t.language).model_dump_json(),
        notify_on_close=True,
    )


def problem_blocks(text: str | None, block_id: str = PROBLEM) -> list[Block]:
    """An error on top of a view: an alert, or a paragraph where it is too long for one."""
    if not text:
        return []
    if len(text) <= blocks.ALERT:
        return [blocks.alert(text) | {"block_id": block_id}]
    return [blocks.section(":warning: " + blocks.escape(text), block_id=block_id)]


def back_row(t: Texts, *more: Block) -> Block:
    """The row of buttons at the end of a step."""
    return blocks.actions(blocks.button(t("Back"), BACK), *more, block_id="way")


def new_row(t: Texts) -> Block:
    """The button that begins a new destination, below a message that there is none."""
    return blocks.actions(blocks.button(t("New destination"), NEW, style="primary"))


def loading(view: Block, text: str) -> Block:
    """What shows in the place of an open modal, as a payload shows that, while Mailchimp or the source is asked."""
    step = [block for block in view["blocks"] if block.get("block_id") == "step"]
    waiting = {name: part for name, part in _frame_of(view).items() if name != "submit"}
    return waiting | {"blocks": [*step, blocks.section(f":hourglass_flowing_sand: {text}")]}


def stuck(t: Texts, answers: Answers, draft_id: str, problem: str) -> Block:
    """A step that cannot be shown now: why, and the ways on."""
    again = blocks.button(t("Try again"), AGAIN, style="primary")
    back = [blocks.button(t("Back"), BACK)] if answers.step is not Step.CONNECT else []
    return frame(t, answers, draft_id, [blocks.actions(*back, again, block_id="way")], problem=problem)


def dead_end(t: Texts, sentence: str, more: str = "") -> Block:
    """Nothing can be set up: why, and what to do about it; ``more`` is in markup."""
    content = [*problem_blocks(sentence), *([blocks.section(more)] if more else [])]
    return blocks.modal(t("Set up destination"), content, callback_id=OUTCOME_CALLBACK, close=t("Close"))


@dataclass(frozen=True, slots=True)
class Saved:
    """What the confirmation tells. ``profiles`` is None where it was not counted; ``problem`` is what went wrong beside saving;
    ``unready`` says which of its segments are empty or not active, ``tags_left`` which tags stay in Mailchimp without theirs,
    ``times`` when the schedule comes next, in markup; ``deletable`` are those of the tags that can be deleted."""

    destination_id: int
    name: str
    audience: str
    segments: int
    profiles: int | None
    schedule: str
    channel: str | None
    edited: bool
    previewing: bool
    problem: str | None = None
    tags_left: str = ""
    unready: str = ""
    times: str = ""
    deletable: tuple[DroppedTag, ...] = ()


def saved(t: Texts, what: Saved) -> Block:
    """The confirmation after saving: what was saved, and how to export it."""
    content = [
        dropped_tags.offer(t, text, what.destination_id, what.deletable)
        if text == what.tags_left
        else blocks.section(text)
        for text in saved_texts(t, what)
    ]
    more = [] if what.previewing else [_preview_button(t, what.destination_id)]
    return blocks.modal(
        t("Destination saved"),
        [*problem_blocks(what.problem), *content, *more],
        callback_id=OUTCOME_CALLBACK,
        close=t("Done"),
    )


def saved_texts(t: Texts, what: Saved) -> list[str]:
    """The confirmation's paragraphs, as markup."""
    name, audience = blocks.escape(what.name), blocks.escape(what.audience)
    opening = (
        t(":white_check_mark: The changes to *{name}* are saved.", name=name)
        if what.edited
        else t(":white_check_mark: *{name}* is saved.", name=name)
    )
    exports = t.plural(
        "It exports {count} segment to the audience *{audience}*.",
        "It exports {count} segments to the audience *{audience}*.",
        what.segments,
        audience=audience,
    )
    if what.profiles is not None:
        exports += " " + t.plural(
            "Together {count} distinct profile.", "Together {count} distinct profiles.", what.profiles
        )
    where = [t("Schedule: {schedule}.", schedule=blocks.escape(what.schedule))]
    if what.times:
        where.append(f"{what.times}.")
    if what.channel:
        where.append(
            t(
                "Postino reports to {channel}. If it is not a member there, invite it with `/invite @Postino`.",
                channel=f"<#{what.channel}>",
            )
        )
    next_step = (
        t("A preview is being computed: nothing is sent before somebody presses *Send*.") + _appears(t, what.channel)
        if what.previewing
        else t(
            "Saving does not run the export. Preview it here, or with {command}.",
            command=blocks.code(f"/postino-export {what.name}"),
        )
    )
    return [text for text in (f"{opening} {exports}", what.unready, what.tags_left, " ".join(where), next_step) if text]


def previewing(t: Texts, name: str, channel: str | None) -> Block:
    """What the confirmation turns into when a preview was asked for from it; ``channel`` is where it will appear."""
    text = t(
        ":white_check_mark: The preview of *{name}* is being computed. Nothing is sent before somebody presses *Send*.",
        name=blocks.escape(name),
    )
    return blocks.modal(
        t("Destination saved"),
        [blocks.section(text + _appears(t, channel))],
        callback_id=OUTCOME_CALLBACK,
        close=t("Done"),
    )


def _appears(t: Texts, channel: str | None) -> str:
    return " " + t("It will appear in {channel}.", channel=f"<#{channel}>") if channel else ""


def _preview_button(t: Texts, destination_id: int) -> Block:
    return blocks.actions(blocks.button(t("Preview now"), PREVIEW, str(destination_id), style="primary"))


def resume_offer(t: Texts, answers: Answers, draft_id: str, opening: str | None = None) -> tuple[str, list[Block]]:
    """The message after the wizard was closed: its text for those who hear it, and its blocks."""
    name = blocks.escape(answers.name.strip()) or t("a destination")
    text = opening or t("You closed the setup of *{name}* before saving. What you typed is kept for a week.", name=name)
    row = blocks.actions(
        blocks.button(t("Resume"), RESUME, draft_id, style="primary"), blocks.button(t("Discard"), DISCARD, draft_id)
    )
    return text, [blocks.section(text), row]


def with_problem(view: Block, text: str) -> Block:
    """An open modal, as a payload shows it, once more: with an error on top and everything typed still in it.

    What was typed is taken from the payload's state, except into blocks whose id begins with ``key``: a credential is
    never shown again.
    """
    state = view.get("state", {}).get("values", {})
    content = [_refilled(block, state) for block in view["blocks"] if block.get("block_id") != PROBLEM]
    at = 1 if content and content[0].get("block_id") == "step" else 0
    return _frame_of(view) | {"blocks": [*content[:at], *problem_blocks(text), *content[at:]][: blocks.MODAL_BLOCKS]}


def with_instead(view: Block, block_id: str, content: Sequence[Block]) -> Block:
    """An open modal, as a payload shows it, with other blocks in the place of one, and without an error."""
    shown: list[Block] = []
    for block in view["blocks"]:
        if block.get("block_id") == block_id:
            shown += content
        elif block.get("block_id") != PROBLEM:
            shown.append(block)
    return _frame_of(view) | {"blocks": shown}


_FRAME = ("type", "callback_id", "title", "submit", "close", "private_metadata", "notify_on_close", "clear_on_close")


def _frame_of(view: Block) -> Block:
    """The parts of a view in a payload that may be sent back, without its blocks."""
    return {name: view[name] for name in _FRAME if view.get(name) is not None}


_INITIAL = {
    "value": "initial_value",
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_conversation": "initial_conversation",
    "selected_users": "initial_users",
    "selected_time": "initial_time",
}


def _refilled(block: Block, state: Block) -> Block:
    if block.get("type") != "input" or str(block.get("block_id", "")).startswith("key"):
        return block
    element = dict(block["element"])
    held = state.get(block["block_id"], {}).get(element["action_id"], {})
    for name, initial in _INITIAL.items():
        if name in held:
            element.pop(initial, None)
            if held[name]:
                element[initial] = held[name]
    return block | {"element": element}
