"""``postino why`` and ``postino forget``: one person at a time."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from bot.command_line.speaking import application, say, show_json, show_table, texts
from bot.command_line.words import word
from bot.texts import Texts
from bot.views import forgetting
from bot.views import why as views
from services.individuals import Receipt, Standing

Email = Annotated[str, typer.Argument(help="The person's e-mail address.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def why(email: Email, as_json: AsJson = False) -> None:
    """Say in which segments somebody is, whether they were exported, and if not, why."""
    t = texts()
    postino = application()
    forgotten, standings = postino.individuals.why(postino.command_line(), email)
    if as_json:
        show_json({"forgotten": forgotten, "destinations": [asdict(one) for one in standings]})
        return
    if forgotten:
        say(t("This person was forgotten on request and is not exported."))
    show_table(
        [t("Destination"), t("Segments"), t("In Mailchimp"), t("Exported"), t("Why not")],
        [
            [
                one.destination,
                ", ".join(one.segments) or t("in none of its segments"),
                word(t, one.status) if one.status else t("not seen"),
                _exported(one, t),
                views.obstacle(t, one),
            ]
            for one in standings
        ],
    )


def _exported(one: Standing, t: Texts) -> str:
    """Whether Postino sent them; of whom nothing had to be sent it is said that they were there."""
    if one.exported:
        return t("yes")
    return t("was there already") if one.status == "subscribed" and one.obstacle is None else t("no")


def forget(email: Email, as_json: AsJson = False) -> None:
    """Remove every trace of somebody but a scrambled mark, which keeps them from being exported again."""
    t = texts()
    postino = application()
    receipt = postino.individuals.forget(postino.command_line(), email)
    if as_json:
        show_json(asdict(receipt))
        return
    _show_receipt(receipt, t)


def _show_receipt(receipt: Receipt, t: Texts) -> None:
    say(forgetting.verdict(t, receipt))
    show_table(
        [t("Removed"), t("Rows")],
        [[t(forgetting.REMOVED[kind]), t.number(count)] for kind, count in receipt.removed.items()],
        numbers=(1,),
    )
    for line in forgetting.what_stays(t, receipt):
        say(line)
