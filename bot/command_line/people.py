"""``postino why`` and ``postino forget``: one person at a time."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from bot.command_line.speaking import application, say, show_json, show_table, texts
from services import rejects

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
        [t("Destination"), t("Segments"), t("In Mailchimp"), t("Exported"), t("Refused")],
        [
            [
                one.destination,
                ", ".join(one.segments) or t("in none of its segments"),
                one.status or t("not seen"),
                t("yes") if one.exported else t("no"),
                t(rejects.sentence(one.refused)) if one.refused else "",
            ]
            for one in standings
        ],
    )


def forget(email: Email, as_json: AsJson = False) -> None:
    """Remove every trace of somebody but one keyed tombstone, which keeps them from being exported again."""
    t = texts()
    postino = application()
    receipt = postino.individuals.forget(postino.command_line(), email)
    if as_json:
        show_json(asdict(receipt))
        return
    say(
        t(
            "Forgotten. {ledger} ledger entries, {refusals} refusals and {rejects} rejects were removed. The tombstone "
            "{tombstone} stays, so that they are not exported again. Mailchimp and the source were not touched: "
            "delete the person there too.",
            tombstone=receipt.tombstone,
            **receipt.removed,
        )
    )
