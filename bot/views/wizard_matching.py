"""Step 3 of the wizard: which attribute fills which field of the audience, and which one tells consent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.texts import Texts, mark
from bot.views import blocks, wizard
from bot.views.blocks import Block
from services.drafts import Answers
from services.fields import can_fill
from services.mailing import MergeField
from services.sources import Attribute

ATTRIBUTE, ADD_ROW, REMOVE_ROW = "wizard.attribute", "wizard.add_row", "wizard.remove_row"
CONSENT, NO_CONSENT = "wizard.consent", "wizard.no_consent"

MOST_ROWS = 40
"""Merge fields that get a row with its sample and *Remove*: more would not fit into Slack's 100 blocks of a view."""

MOST_OPTIONS = 1000
"""Options that the menus of a view may have together; with more they are searched. Slack: a view has at most 250 kB."""

WELL_KNOWN = {"FNAME": mark("First name"), "LNAME": mark("Last name")}


@dataclass(frozen=True, slots=True)
class Matching:
    """What step 3 shows. ``samples`` are masked values by attribute; ``seen`` the consent attribute's few distinct ones;
    ``menus`` how many menus of attributes the view has."""

    source: str
    attributes: Sequence[Attribute]
    samples: dict[str, str] = field(default_factory=dict)
    seen: Sequence[str] = ()
    menus: int = 4

    def named(self, name: str | None) -> Attribute | None:
        """The attribute called so."""
        return next((one for one in self.attributes if one.name == name), None)


def matching(t: Texts, answers: Answers, draft_id: str, shown: Matching, problem: str | None = None) -> Block:
    """Step 3: e-mail, names, further merge fields, consent."""
    if not shown.attributes:
        sentence = t(
            "The profiles in {source} have no attributes. Check the source with: postino doctor", source=shown.source
        )
        return wizard.stuck(t, answers, draft_id, problem or sentence)
    explanation = t(
        "Mailchimp identifies users by their e-mail address. You need to define which field in your unified profile should "
        "be used as the e-mail address. If you add additional profile fields they will be exported too."
    )
    content = [
        blocks.section(_audience(t, answers), block_id="audience"),
        blocks.section(f"*{t('Data matching')}*\n{explanation}"),
        *_no_address(t, shown),
        blocks.field(t("Email"), _menu(t, shown, answers.email_attribute), "email", dispatch=True),
        blocks.context(_about(t, shown, answers.email_attribute), block_id="about.email"),
    ]
    for tag in answers.rows:
        content += _row(t, answers, shown, tag)
    content += _add_row(t, answers)
    content += _missing(t, answers)
    content += _consent(t, answers, shown)
    content.append(wizard.back_row(t))
    return wizard.frame(t, answers, draft_id, content, problem=problem, submit=t("Next"))


def _audience(t: Texts, answers: Answers) -> str:
    return ":white_check_mark: " + t.plural(
        "Audience *{name}*, {count} member",
        "Audience *{name}*, {count} members",
        answers.audience_members,
        name=blocks.escape(answers.audience_name),
    )


def _no_address(t: Texts, shown: Matching) -> list[Block]:
    if any(one.semantic == "email" for one in shown.attributes) or "@" in "".join(shown.samples.values()):
        return []
    text = t(
        "No attribute of {source} looks like an e-mail address. Choose the one that holds it, or add it to the profiles "
        "first.",
        source=shown.source,
    )
    return wizard.problem_blocks(text, "no_address")


def _menu(t: Texts, shown: Matching, chosen: str | None, action_id: str = ATTRIBUTE) -> Block:
    placeholder = t("Choose an attribute")
    options = attribute_options(t, shown.attributes)
    value = wizard.value_of(chosen) if chosen else None
    if len(options) <= blocks.OPTIONS and len(options) * shown.menus <= MOST_OPTIONS:
        return blocks.select(action_id, options, placeholder, chosen=value)
    initial = next((one for one in options if one["value"] == value), None)
    return blocks.external_select(action_id, placeholder, chosen=initial)


def attribute_options(t: Texts, attributes: Sequence[Attribute]) -> list[Block]:
    """Attributes as options, each with how many profiles have it."""
    return [
        blocks.option(one.name, wizard.value_of(one.name), t("{share} filled", share=t.percent(one.fill_rate)))
        for one in attributes
    ]


def _about(t: Texts, shown: Matching, name: str | None) -> str:
    attribute = shown.named(name)
    if attribute is None:
        return t("Nothing chosen yet.")
    text = t("{share} of the profiles have it", share=t.percent(attribute.fill_rate))
    sample = shown.samples.get(attribute.name)
    return text + (" · " + t("for example {sample}", sample=blocks.escape(sample)) if sample else "")


def _row(t: Texts, answers: Answers, shown: Matching, tag: str) -> list[Block]:
    offered = _field(answers, tag)
    label = t(WELL_KNOWN[tag]) if tag in WELL_KNOWN else f"{offered.name} ({tag})" if offered else tag
    required = offered is not None and offered.required and not answers.skip_required_fields
    chosen = answers.fields.get(tag)
    row = blocks.field(label, _menu(t, shown, chosen), f"field.{tag}", optional=not required, dispatch=True)
    if len(answers.rows) > MOST_ROWS:
        return [row]
    remove = blocks.button(t("Remove"), REMOVE_ROW, tag, label=t("Remove {field}", field=label))
    return [row, blocks.section(_about(t, shown, chosen), remove, block_id=f"about.{tag}")]


def _field(answers: Answers, tag: str) -> MergeField | None:
    return next((one for one in answers.offered if one.tag == tag), None)


def _add_row(t: Texts, answers: Answers) -> list[Block]:
    left = [one for one in answers.offered if one.tag not in answers.rows and can_fill(one)]
    if not left or len(answers.rows) >= MOST_ROWS:
        return []
    options = [
        blocks.option(f"{one.name} ({one.tag})", one.tag, t("required by the audience") if one.required else None)
        for one in left
    ]
    menu = blocks.select(ADD_ROW, options, t("Add attribute"))
    return [blocks.section(f"*{t('Add attribute')}*", menu, block_id=f"add.{answers.revision}")]


def _missing(t: Texts, answers: Answers) -> list[Block]:
    missing = answers.missing_fields()
    if not missing:
        return []
    names = ", ".join(f"{one.name} ({one.tag})" for one in missing)
    text = t(
        ":warning: The audience requires these fields and nothing fills them: *{fields}*. Add them, or skip the check.",
        fields=blocks.escape(names),
    )
    box = blocks.option(t("Skip Mailchimp's check of required fields"), "skip")
    ticked = ["skip"] if answers.skip_required_fields else []
    return [
        blocks.section(text, block_id="missing"),
        blocks.field(t("Required fields"), blocks.checkboxes("wizard.skip", [box], ticked), "skip", dispatch=True),
    ]


def _consent(t: Texts, answers: Answers, shown: Matching) -> list[Block]:
    hint = t("For example Email Subscriber or doNotEmail. Profiles without consent are counted and not exported.")
    menu = _menu(t, shown, answers.consent_attribute, CONSENT)
    content = [
        blocks.divider(),
        blocks.field(
            t("Consent attribute"), menu, f"consent.{answers.revision}", hint=hint, optional=True, dispatch=True
        ),
    ]
    if answers.consent_attribute is None:
        return content
    if shown.seen:
        options = [blocks.option(value, wizard.value_of(value)) for value in shown.seen]
        ticked = [wizard.value_of(value) for value in shown.seen if _allows(answers, value)]
        boxes = blocks.checkboxes("wizard.consent_values", options, ticked)
        heading = f"*{t('Values that allow mailing')}*"
        content.append(blocks.section(heading, boxes, f"consent_seen.{answers.revision}"))
    others = ", ".join(value for value in answers.consent_values if not _among(value, shown.seen))
    label = t("Other values that allow mailing") if shown.seen else t("Values that allow mailing")
    typed = blocks.text_input("wizard.consent_typed", value=others, longest=300)
    content.append(
        blocks.field(
            label,
            typed,
            f"consent_typed.{answers.revision}",
            hint=t("Separated by commas. Case does not count."),
            optional=bool(shown.seen),
        )
    )
    remove = blocks.button(t("No consent attribute"), NO_CONSENT)
    content.append(blocks.actions(remove, block_id="no_consent"))
    return content


def _allows(answers: Answers, value: str) -> bool:
    return _among(value, answers.consent_values)


def _among(value: str, values: Sequence[str]) -> bool:
    return value.casefold() in {other.casefold() for other in values}
