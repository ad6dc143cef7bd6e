"""How many of the people in the chosen segments can be reached, as the wizard's last step tells it."""

from __future__ import annotations

from bot.texts import Texts
from bot.views import blocks
from bot.views.run_facts import moment
from services.drafts import Answers
from services.reaching import Reach


def reachable(t: Texts, answers: Answers) -> str:
    """How many can be reached, and why the others cannot, in markup; before it is known, that it is being counted."""
    reach = answers.reach
    if reach is None and answers.reach_problem is not None:
        problem = blocks.escape(answers.reach_problem)
        return t("How many of them can be reached cannot be counted now. {problem}", problem=problem)
    if reach is None:
        return t("Counting how many of them can be reached…")
    share = t.percent(reach.reachable * 100 // max(reach.profiles, 1) / 100)  # rounded down: 100% are all of them
    said = t.plural(
        "{count} of them can be reached ({share})",
        "{count} of them can be reached ({share})",
        reach.reachable,
        share=share,
    )
    reasons = [reason for people, reason in _reasons(t, reach) if people]
    said += f": {', '.join(reasons)}." if reasons else "."
    if reach.seen_at is not None or reach.suppressed:
        return said
    return f"{said} {t('The preview also leaves out those who unsubscribed.')}"


def _reasons(t: Texts, reach: Reach) -> list[tuple[int, str]]:
    """Why people are not reached, with how many they are."""
    return [
        (
            reach.no_address,
            t.plural("{count} has no e-mail address", "{count} have no e-mail address", reach.no_address),
        ),
        (
            reach.invalid_address,
            t.plural(
                "{count} has an address that cannot be valid",
                "{count} have an address that cannot be valid",
                reach.invalid_address,
            ),
        ),
        (
            reach.unknown,
            t.plural(
                "{count} is missing from the profile table", "{count} are missing from the profile table", reach.unknown
            ),
        ),
        (
            reach.no_consent,
            t.plural("{count} does not allow mailing", "{count} do not allow mailing", reach.no_consent),
        ),
        (
            reach.sharing,
            t.plural("{count} shares the address of another", "{count} share the address of another", reach.sharing),
        ),
        (
            reach.kept_out,
            t.plural(
                "{count} was forgotten on request or is kept out",
                "{count} were forgotten on request or are kept out",
                reach.kept_out,
            ),
        ),
        (
            reach.refused,
            t.plural(
                "{count} was refused by Mailchimp before",
                "{count} were refused by Mailchimp before",
                reach.refused,
            ),
        ),
        (
            reach.moved,
            t.plural(
                "{count} left under another address and waits for a decision",
                "{count} left under another address and wait for a decision",
                reach.moved,
            ),
        ),
        (reach.suppressed, _suppressed(t, reach)),
    ]


def _suppressed(t: Texts, reach: Reach) -> str:
    if reach.seen_at is None:
        return t.plural(
            "at least {count} has unsubscribed, bounced or been archived in the audience",
            "at least {count} have unsubscribed, bounced or been archived in the audience",
            reach.suppressed,
        )
    return t.plural(
        "{count} had unsubscribed, bounced or been archived in the audience when it was last read, {time}",
        "{count} had unsubscribed, bounced or been archived in the audience when it was last read, {time}",
        reach.suppressed,
        time=moment(t, reach.seen_at),
    )
