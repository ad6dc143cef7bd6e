"""The modal with a destination's policies: who else approves, the brake, workflows, who is called, what is posted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from bot.texts import Texts, mark
from bot.views import blocks, wizard
from bot.views.blocks import Block, escape
from services.approving import Approval
from services.destinations import Policies
from services.nearest import NoSuchDestination

CALLBACK = "policies.save"
OPEN, NEAREST = "policies.open", "policies.nearest"
APPROVAL = "approval"
ABOVE = "above"
MENTIONS = "mentions"
MORE = "more"
WORKFLOWS = "workflows"
SUCCESSES = "successes"
BRAKE_PERCENT, BRAKE_PEOPLE = "brake_percent", "brake_people"
EACH, NONE = "each", "none"
"""What is posted of scheduled successes, if it is not an hour at which they are told together."""
WORDS = {
    Approval.NEVER: mark("Never"),
    Approval.FIRST: mark("The first export"),
    Approval.ALWAYS: mark("Every export"),
}
TOLD = {Approval.FIRST: mark("the first export"), Approval.ALWAYS: mark("every export")}


class Metadata(BaseModel):
    """What the modal is about, what it shows, and the language of the person, so that it answers at once.

    ``look`` counts how often it was filled anew, so that Slack forgets what was entered before.
    """

    language: str
    destination: int
    shown: Policies
    look: int = 0


def button(t: Texts, destination_id: int, name: str) -> Block:
    """Leads an administrator to a destination's policies."""
    return blocks.button(t("Policies"), OPEN, str(destination_id), label=t("Policies of {name}", name=name))


def working(t: Texts) -> Block:
    """What shows until the policies are there, and while they are saved."""
    return _outcome(t, t("One moment…"))


def form(t: Texts, destination: str, zone: str, metadata: Metadata, problem: str | None = None) -> Block:
    """The policies to change, with what went wrong, if anything did, on top; ``zone`` is the destination's."""
    policies = metadata.shown
    choices = [blocks.option(t(word), approval.value) for approval, word in WORDS.items()]
    approval = blocks.select(APPROVAL, choices, t("Choose"), chosen=policies.approval)
    above: Block = {"type": "number_input", "action_id": ABOVE, "is_decimal_allowed": False, "min_value": "0"}
    if policies.approval_above is not None:
        above["initial_value"] = str(policies.approval_above)
    mentions: Block = {
        "type": "multi_users_select",
        "action_id": MENTIONS,
        "placeholder": blocks.plain(t("Choose people"), blocks.PLACEHOLDER),
        "max_selected_items": 20,
    }
    if policies.mentions:
        mentions["initial_users"] = list(policies.mentions)
    more = blocks.checkboxes(
        MORE,
        [blocks.option(t("Workflows may export it"), WORKFLOWS, t("Whoever can start them can export it."))],
        [WORKFLOWS] if policies.in_workflows else [],
    )
    content = [
        *wizard.problem_blocks(problem),
        blocks.section(t("For {destination}", destination=f"*{escape(destination)}*")),
        blocks.field(
            t("Needs the approval of a second person"),
            approval,
            APPROVAL,
            hint=t("An administrator, or who made the destination, but not the person who asked for the export."),
        ),
        blocks.field(t("Also exports that add more contacts than"), above, ABOVE, optional=True),
        *brake(t, policies.brake.percent, policies.brake.people),
        blocks.field(t("Call these people where there is trouble"), mentions, MENTIONS, optional=True),
        blocks.field(
            t("Scheduled exports that went well"),
            _successes(t, policies),
            SUCCESSES,
            hint=t(
                "The hours are by the clock of {zone}. Changes of state, such as a failure and the success after it, are "
                "always told at once.",
                zone=zone.replace("_", " "),
            ),
        ),
        blocks.field(t("More"), more, MORE, optional=True),
    ]
    if metadata.look:
        content = [
            one | {"block_id": f"{one['block_id']}.{metadata.look}"} if one["type"] == "input" else one
            for one in content
        ]
    return blocks.modal(
        t("Policies"),
        content,
        callback_id=CALLBACK,
        submit=t("Save"),
        close=t("Cancel"),
        private_metadata=metadata.model_dump_json(),
    )


def brake(t: Texts, percent: int, people: int, action: str = "", at: str = "") -> list[Block]:
    """The inputs of the brake; ``action`` is what their actions begin with, ``at`` what their blocks end with."""
    text = t(
        "*Brake* · Taking a tag off more people than this waits until a person says so. Administrators alone can change it."
    )
    share = blocks.number_input(f"{action}{BRAKE_PERCENT}", value=percent, least=0, most=100)
    least = blocks.number_input(f"{action}{BRAKE_PEOPLE}", value=people, least=0)
    return [
        blocks.section(text, block_id="brake"),
        blocks.field(t("More than this percentage of a tag's holders"), share, f"{BRAKE_PERCENT}{at}"),
        blocks.field(t("And at least so many people"), least, f"{BRAKE_PEOPLE}{at}"),
    ]


def told(t: Texts, held: Policies) -> str:
    """What waits for a person, in one line, for whoever may look at the destination."""
    approvals = [t(TOLD[held.approval])] if held.approval in TOLD else []
    if held.approval_above is not None:
        approvals.append(t("exports that add more than {count} contacts", count=held.approval_above))
    braked = t(
        "Brake: from {count} people, if that is more than {share} of a tag's holders",
        share=t.percent(held.brake.share),
        count=held.brake.people,
    )
    by_two = t("approved by a second person: {exports}", exports=", ".join(approvals)) if approvals else ""
    return " · ".join(part for part in (braked, by_two) if part)


def _successes(t: Texts, policies: Policies) -> Block:
    options = [blocks.option(t("Post each"), EACH), blocks.option(t("Post none"), NONE)]
    options += [blocks.option(t("Tell them together daily at {time}", time=f"{at:02}:00"), str(at)) for at in range(24)]
    quiet = NONE if policies.quiet else EACH
    chosen = str(policies.digest) if policies.digest is not None else quiet
    return blocks.select(SUCCESSES, options, t("Choose"), chosen=chosen)


def entered(view: Mapping[str, Any], shown: Policies) -> Policies:
    """The policies of a submitted view that showed others before."""
    values = {block_id.partition(".")[0]: held for block_id, held in view["state"]["values"].items()}
    above = values[ABOVE][ABOVE].get("value")
    ticked = {one["value"] for one in values[MORE][MORE].get("selected_options") or ()}
    held = shown.brake
    if BRAKE_PERCENT in values and BRAKE_PEOPLE in values:  # a modal from before they were in it has none
        percent, people = (int(values[name][name]["value"]) for name in (BRAKE_PERCENT, BRAKE_PEOPLE))
        held = held.entered(percent, people)
    successes = values[SUCCESSES][SUCCESSES]["selected_option"]["value"]
    return Policies(
        approval=Approval(values[APPROVAL][APPROVAL]["selected_option"]["value"]),
        approval_above=int(above) if above else None,
        in_workflows=WORKFLOWS in ticked,
        mentions=values[MENTIONS][MENTIONS].get("selected_users") or [],
        quiet=successes == NONE,
        digest=int(successes) if successes.isdecimal() else None,
        brake=held,
    )


def saved(t: Texts, destination: str) -> Block:
    """That the policies hold from now on."""
    return _outcome(t, t("The policies of {destination} are saved.", destination=escape(destination)))


def unchanged(t: Texts, destination: str) -> Block:
    """That nothing was saved, because nothing was changed."""
    return _outcome(
        t, t("Nothing was changed: the policies of {destination} stay as they are.", destination=escape(destination))
    )


def problem(t: Texts, text: str) -> Block:
    """Why the policies cannot be changed."""
    return _outcome(t, escape(text))


def not_called(t: Texts, error: NoSuchDestination) -> Block:
    """That no destination has the name typed, with the button that shows the policies of the nearest in the same modal."""
    view = problem(t, t.error(error))
    if error.nearest is not None:
        label = t("Policies of {name}", name=error.nearest.name)
        view["blocks"].append(blocks.actions(blocks.button(label, NEAREST, str(error.nearest.id))))
    return view


def _outcome(t: Texts, text: str) -> Block:
    return blocks.modal(t("Policies"), [blocks.section(text)], callback_id=CALLBACK, close=t("Close"))
