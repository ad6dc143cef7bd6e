"""``postino segments``."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.command_line.speaking import application, err, say, show_json, show_table, texts


def list_segments(
    search: Annotated[str, typer.Argument(help="Words the name must contain.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the source's segments with their profile counts."""
    t = texts()
    postino = application()
    with err.status(t("Reading {source} …", source=postino.source.name)):
        found = postino.segments.overview(postino.command_line(), search)
    if as_json:
        show_json(
            [
                {
                    "name": one.segment.name,
                    "display_name": one.segment.display_name,
                    "profiles": one.segment.profile_count,
                    "change": one.change,
                    "state": one.segment.state,
                    "last_refreshed": one.segment.last_refreshed,
                    "destinations": list(one.used_by),
                }
                for one in found
            ]
        )
        return
    if not found:
        say(
            t("No segment matches {search}.", search=search)
            if search
            else t("The source has no segments. What was left out, and why, says: postino doctor")
        )
        return
    show_table(
        [t("Segment"), t("Name"), t("Profiles"), t("Change"), t("Last refreshed (UTC)")],
        [
            [
                one.segment.display_name,
                one.segment.name,
                t.number(one.segment.profile_count),
                "" if one.change is None else f"{'+' if one.change > 0 else ''}{t.number(one.change)}",
                t.moment(one.segment.last_refreshed) if one.segment.last_refreshed else "",
            ]
            for one in found
        ],
        numbers=(2, 3),
    )
