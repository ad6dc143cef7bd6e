"""``postino administrators``: who is an administrator besides Slack's admins and owners."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from bot.command_line.speaking import application, say, show_json, texts
from bot.wiring import Application
from services.access import Actor, Standing
from services.administrators import Candidate
from services.errors import InvalidInput
from storage.models import Workspace


def administrators(
    add: Annotated[list[str] | None, typer.Option(help="A Slack member ID to name; repeat for several.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A Slack member ID to name no longer.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List, name or no longer name administrators. Admins and owners of the Slack workspace are administrators anyway."""
    t, postino = texts(), application()
    actor = postino.command_line()
    named = postino.administrators.named(actor)
    if add or remove:
        wanted = [one for one in [*named, *(add or ())] if one not in (remove or ())]
        named = postino.administrators.name(actor, wanted, named, partial(_candidate, postino, actor))
    if as_json:
        show_json({"named": named})
    elif named:
        for person in named:
            say(person)
    else:
        say(t("Nobody is named. Admins and owners of the Slack workspace are administrators."))


def _candidate(postino: Application, actor: Actor, person: str) -> Candidate:
    """What Slack says of somebody; without a token for it, that they are a member: at every act Slack is asked again."""
    from bot.people import People, candidate, is_slack_user  # Slack takes a while to import

    if not is_slack_user(person):
        raise InvalidInput(
            "{id} is no Slack member ID. It begins with U, and the person's profile in Slack has it.",
            field="add",
            id=person,
        )
    with postino.database.read() as session:
        team = session.get_one(Workspace, actor.workspace_id).slack_team_id
    if postino.settings.slack_bot_token is None or team is None:
        return Candidate(Standing.MEMBER, person)
    from bot.app import web_client

    return candidate(People(postino.database), web_client(postino.settings), team, person)
