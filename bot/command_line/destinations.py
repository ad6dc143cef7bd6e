"""``postino destinations``: saved exports."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.command_line.speaking import application, say, show_json, show_table, texts
from services.destinations import Form
from services.errors import InvalidInput
from storage.models import Destination, Json

cli = typer.Typer(help="Saved exports.", no_args_is_help=True)


@cli.command()
def add(
    name: Annotated[str, typer.Argument(help="The display name. It can be changed later.")],
    connection: Annotated[str, typer.Option(help="The connection's name.")],
    audience: Annotated[str, typer.Option(help="The audience's ID.")],
    email: Annotated[str, typer.Option(help="The attribute that holds the e-mail address.")],
    segment: Annotated[list[str], typer.Option(help="A segment's name; repeat for several.")],
    agree: Annotated[bool, typer.Option("--agree", help="Agree to the data privacy and compliance statement.")] = False,
    first_name: Annotated[str | None, typer.Option(help="The attribute that fills FNAME.")] = None,
    last_name: Annotated[str | None, typer.Option(help="The attribute that fills LNAME.")] = None,
    field: Annotated[list[str] | None, typer.Option(help="TAG=ATTRIBUTE for another merge field; repeat.")] = None,
    consent: Annotated[
        str | None, typer.Option(help="ATTRIBUTE=VALUE[,VALUE…]: only these values allow mailing.")
    ] = None,
    schedule: Annotated[
        str, typer.Option(help="refresh, daily HH:MM, weekly DAY HH:MM, cron …, or manual.")
    ] = "refresh",
    time_zone: Annotated[str, typer.Option(help="The schedule's time zone, such as Europe/Rome.")] = "UTC",
    channel: Annotated[str | None, typer.Option(help="The Slack channel's ID for notifications.")] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take over tags that are named like the segments.")
    ] = False,
    skip_required: Annotated[
        bool, typer.Option("--skip-required", help="Allow required fields to stay empty.")
    ] = False,
) -> None:
    """Save a destination. Saving does not run."""
    postino = application()
    actor = postino.command_line()
    attribute, values = _consent(consent)
    form = Form(
        name=name,
        connection_id=postino.connections.named(actor, connection).id,
        audience_id=audience,
        email_attribute=email,
        fields=_fields(first_name, last_name, field or []),
        consent_attribute=attribute,
        consent_values=values,
        segments=segment,
        agreed=agree,
        schedule=schedule,
        time_zone=time_zone,
        channel=channel,
        take_over=take_over,
        skip_required_fields=skip_required,
    )
    saved = postino.destinations.save(actor, form)
    say(
        texts()(
            "{name} is saved. See what it would do with: postino plan {quoted}",
            name=saved.name,
            quoted=f'"{saved.name}"',
        )
    )


@cli.command("list")
def list_destinations(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the destinations."""
    t = texts()
    postino = application()
    found = postino.destinations.visible(postino.command_line())
    if as_json:
        show_json([_as_json(one) for one in found])
        return
    if not found:
        say(t("There is no destination yet. Make one with: postino destinations add NAME …"))
        return
    show_table(
        [t("Destination"), t("Audience"), t("Segments"), t("Schedule"), t("Connection")],
        [
            [
                one.name,
                one.audience_name,
                ", ".join(chosen.segment for chosen in one.segments),
                one.schedule,
                one.connection.name if one.connection else t("no connection"),
            ]
            for one in found
        ],
    )


@cli.command()
def show(
    name: Annotated[str, typer.Argument(help="The destination's name.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show one destination with its mapping and tags."""
    postino = application()
    found = _as_json(postino.destinations.named(postino.command_line(), name))
    if as_json:
        show_json(found)
        return
    tags = found.pop("tags")
    fields = found.pop("fields")
    rows = [(key.replace("_", " "), "" if value is None else str(value)) for key, value in found.items()]
    rows += [(f"field {tag}", attribute) for tag, attribute in fields.items()]
    rows += [(f"segment {segment}", f"→ {tag}") for segment, tag in tags.items()]
    show_table(["", ""], rows)


@cli.command()
def remove(name: Annotated[str, typer.Argument(help="The destination's name.")]) -> None:
    """Remove a destination. Its tags stay in Mailchimp and are no longer Postino's."""
    postino = application()
    actor = postino.command_line()
    destination = postino.destinations.named(actor, name)
    postino.destinations.remove(actor, destination.id)
    say(texts()("{name} was removed. Its contacts and tags stay in Mailchimp.", name=destination.name))


def _fields(first_name: str | None, last_name: str | None, others: list[str]) -> dict[str, str]:
    fields = {tag: attribute for tag, attribute in (("FNAME", first_name), ("LNAME", last_name)) if attribute}
    for one in others:
        tag, equals, attribute = one.partition("=")
        if not equals or not tag.strip() or not attribute.strip():
            raise InvalidInput("{given} is not of the form TAG=ATTRIBUTE.", field="field", given=one)
        fields[tag.strip().upper()] = attribute.strip()
    return fields


def _consent(given: str | None) -> tuple[str | None, list[str]]:
    if given is None:
        return None, []
    attribute, _, values = given.partition("=")
    return attribute.strip(), [value.strip() for value in values.split(",") if value.strip()]


def _as_json(one: Destination) -> Json:
    return {
        "name": one.name,
        "connection": one.connection.name if one.connection else None,
        "audience": one.audience_id,
        "audience_name": one.audience_name,
        "email": one.email_attribute,
        "fields": one.fields,
        "consent_attribute": one.consent_attribute,
        "schedule": one.schedule,
        "time_zone": one.time_zone,
        "channel": one.channel,
        "agreed_by": one.consent_by,
        "agreed_at": one.consent_at,
        "consent_version": one.consent_version,
        "tags": {chosen.segment: chosen.tag_name for chosen in one.segments},
    }
