"""``postino destinations edit``: what a saved destination exports, when, and where it tells of it."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from bot.command_line.speaking import application, complain, destination_called, say, texts
from bot.texts import Texts
from bot.views import statement
from services.destinations import Form
from services.drafts import of_destination
from services.errors import InvalidInput

CHANNEL = re.compile("[CG][A-Z0-9]{6,}")
"""A Slack channel's ID, public or private."""


def edit(
    name: Annotated[str, typer.Argument(help="The destination's name.")],
    rename: Annotated[str | None, typer.Option(help="Another display name.")] = None,
    connection: Annotated[str | None, typer.Option(help="Another connection's name.")] = None,
    segment: Annotated[
        list[str] | None, typer.Option(help="A segment's name; repeat for several. They replace those it has.")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="refresh, daily HH:MM, weekly DAY HH:MM, cron …, or manual.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="The schedule's time zone, such as Europe/Rome.")] = None,
    channel: Annotated[str | None, typer.Option(help="The Slack channel's ID for notifications.")] = None,
    agree: Annotated[
        bool, typer.Option("--agree", help="Agree to the statement, where somebody else has or its text has changed.")
    ] = False,
) -> None:
    """Change a destination; what is not given stays as it is. Saving does not run."""
    t, postino = texts(), application()
    actor = postino.command_line()
    edited = destination_called(postino, actor, name)
    answers = of_destination(edited, actor.person)
    check_channel(channel)
    asked_for = {
        "name": rename,
        "connection_id": postino.connections.named(actor, connection).id if connection else None,
        "segments": segment or None,
        "schedule": schedule,
        "time_zone": time_zone,
        "channel": channel,
    }
    changes = {key: value for key, value in asked_for.items() if value is not None}
    if not changes:
        raise InvalidInput("Nothing was changed. Say what is to change, such as --segment or --schedule.", field="name")
    require_agreement(agree or answers.agreed, postino.source.name)
    form = Form.model_validate(answers.form().model_dump() | changes | {"agreed": True})
    saved = postino.destinations.save(actor, form, edited=edited)
    answers.segments, answers.connection_id = form.segments, form.connection_id
    tell_saved(t, saved.name)
    if left := answers.tags_left():
        say(_left_behind(t, left))


def check_channel(channel: str | None) -> None:
    """Raises InvalidInput for what is no channel's ID."""
    if channel is not None and not CHANNEL.fullmatch(channel):
        raise InvalidInput(
            "A Slack channel's ID looks like C012AB3CD: it stands at the end of the channel's details.", field="channel"
        )


def require_agreement(agreed: bool, source: str) -> None:
    """Raises InvalidInput without it, and shows the statement that is to be agreed to, on stderr."""
    if agreed:
        return
    t = texts()
    for part in statement.CURRENT:
        complain(t(part, source=source), leave=False)
    raise InvalidInput("Nothing was saved. Agree to this statement with --agree.", field="agreed")


def tell_saved(t: Texts, name: str) -> None:
    """Say that a destination is saved, and how to see what it would do."""
    say(t("{name} is saved. See what it would do with: postino plan {quoted}", name=name, quoted=f'"{name}"'))


def _left_behind(t: Texts, tags: list[str]) -> str:
    return t.plural(
        "The tag {tags} stays in Mailchimp on everybody who has it, and Postino no longer keeps it up. "
        "Delete it there if nobody needs it.",
        "The tags {tags} stay in Mailchimp on everybody who has them, and Postino no longer keeps them up. "
        "Delete them there if nobody needs them.",
        len(tags),
        tags=", ".join(tags),
    )
