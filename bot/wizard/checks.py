"""What can be said about a step without asking anybody: told beside the input, before the step is left."""

from __future__ import annotations

from bot.texts import Texts
from bot.views import wizard_segments
from bot.wizard.reading import Entered
from services import guarding
from services.drafts import Answers, Step
from services.errors import InvalidInput
from services.mailchimp import hosts


def check(t: Texts, step: Step, answers: Answers, entered: Entered) -> dict[str, str]:
    """What is missing or wrong, by block as ``Entered`` names it; empty if the step may be left."""
    match step:
        case Step.CONNECT:
            return _connect(t, answers, entered)
        case Step.AUDIENCE:
            return _audience(t, answers)
        case Step.MATCHING:
            return _matching(t, answers)
        case Step.SEGMENTS:
            return _segments(t, answers)


def _connect(t: Texts, answers: Answers, entered: Entered) -> dict[str, str]:
    problems = {}
    if not answers.name:
        problems["name"] = t("Give the destination a name.")
    if answers.connection_id is None and entered.api_key is None:
        problems["key" if "key" in entered else "connection"] = t(
            "Choose a connection first, or connect Mailchimp with the buttons below."
        )
    elif entered.api_key is not None:
        try:
            hosts.data_centre_of(entered.api_key)
        except InvalidInput as error:
            problems["key"] = t.error(error)
    if not answers.agreed:
        problems["agreed"] = t("Agree to the data privacy and compliance statement first.")
    return problems


def _audience(t: Texts, answers: Answers) -> dict[str, str]:
    if answers.audience_by_id and not answers.audience_typed:
        return {"audience_typed": t("Type the audience's ID, or choose one from the list.")}
    if not answers.audience_by_id and not answers.audience_id:
        return {"audience": t("Choose an audience, or type its ID.")}
    return {}


def _matching(t: Texts, answers: Answers) -> dict[str, str]:
    problems = {}
    if not answers.email_attribute:
        problems["email"] = t("Choose the attribute that holds the e-mail address.")
    if answers.missing_fields() and not answers.skip_required_fields:
        names = ", ".join(field.name for field in answers.missing_fields())
        problems["skip"] = t("The audience requires {fields}. Fill them, or tick this box.", fields=names)
    if answers.consent_attribute and not answers.consent_values:
        problems["consent_typed"] = t("Say which values of the consent attribute allow mailing.")
    return problems


def _segments(t: Texts, answers: Answers) -> dict[str, str]:
    problems = {}
    if not answers.segments:
        problems["segments"] = t("Choose at least one segment.")
    elif answers.profiles is not None and answers.profiles > guarding.PROFILES:
        problems["segments"] = wizard_segments.over(t, answers.profiles, guarding.PROFILES)
    if wrong := wizard_segments.wrong_schedule(t, answers):
        problems["cron"] = wrong
    return problems
