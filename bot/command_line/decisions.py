"""``postino decisions``: changed addresses of people who left an audience, and what is decided about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from bot.command_line.speaking import application, destination_called, say, show_json, show_table, texts
from bot.texts import Texts
from services.deciding import Waiting
from services.errors import InvalidInput

Name = Annotated[str, typer.Argument(help="The destination's name.")]


def decisions(
    name: Name,
    export: Annotated[bool, typer.Option("--export", help="Export them from the next run on.")] = False,
    agreed: Annotated[
        bool, typer.Option("--agreed", help="With --export: these people agreed to mail at their new address.")
    ] = False,
    keep_out: Annotated[bool, typer.Option("--keep-out", help="Keep them out.")] = False,
    ask_again: Annotated[bool, typer.Option("--ask-again", help="Ask again about those kept out before.")] = False,
    profile: Annotated[list[str] | None, typer.Option(help="Only this profile; repeat for several.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List people who left under another address and wait for a decision, or decide about them."""
    if export and keep_out:
        raise InvalidInput("Choose one of --export and --keep-out.", field="export")
    t, postino = texts(), application()
    actor = postino.command_line()
    destination = destination_called(postino, actor, name)
    deciding = postino.deciding
    asked = deciding.ask_again(actor, destination.id) if ask_again else 0
    waiting = [one for one in deciding.waiting(actor, destination.id) if profile is None or one.profile in profile]
    if not export and not keep_out:
        _show(waiting, asked, t, as_json=as_json)
        return
    decided = deciding.decide(actor, destination.id, [one.key for one in waiting], exported=export, agreed=agreed)
    if as_json:
        show_json({"exported": decided if export else 0, "kept_out": 0 if export else decided, "asked_again": asked})
    elif export:
        say(t.plural("{count} person is exported next time.", "{count} people are exported next time.", decided))
    else:
        say(t.plural("{count} person is kept out.", "{count} people are kept out.", decided))


def _show(waiting: Sequence[Waiting], asked: int, t: Texts, *, as_json: bool) -> None:
    rows = [(one.profile, one.masked_address, one.segments) for one in waiting]
    if as_json:
        show_json([dict(zip(("profile", "address", "segments"), row, strict=True)) for row in rows])
        return
    if asked:
        say(
            t.plural(
                "The next export asks again about {count} person.",
                "The next export asks again about {count} people.",
                asked,
            )
        )
    if not rows:
        say(t("Nobody waits for a decision."))
        return
    show_table([t("Profile"), t("Address"), t("Segments")], rows)
    say(t("Decide with --export --agreed or --keep-out; one profile at a time with --profile."))
