"""``postino destinations``: saved exports."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import ValidationError

from bot.command_line.editing import check_channel, edit, require_agreement, tell_saved
from bot.command_line.speaking import application, destination_called, say, show_json, show_table, texts
from bot.command_line.words import word
from bot.views.policies import WORDS as APPROVALS
from bot.views.removal import ended
from bot.views.wizard_segments import schedule_text
from services.access import COMMAND_LINE
from services.approving import Approval
from services.destinations import Form, Policies, policies_of
from services.errors import InvalidInput
from services.removing import Tags
from storage.models import Destination, Json

ApprovalOption = Annotated[
    Approval, typer.Option(help="Which exports somebody other than the asker must approve: never, first or always.")
]
AboveOption = Annotated[
    int | None, typer.Option(help="Also those that add more contacts than this.", min=0, show_default=False)
]

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
    approval: ApprovalOption = Approval.NEVER,
    approval_above: AboveOption = None,
) -> None:
    """Save a destination. Saving does not run."""
    postino = application()
    actor = postino.command_line()
    require_agreement(agree, postino.source.name)
    check_channel(channel)
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
        language=texts().language,
        take_over=take_over,
        skip_required_fields=skip_required,
    )
    saved = postino.destinations.save(actor, form)
    postino.destinations.set_policies(actor, saved.id, Policies(approval=approval, approval_above=approval_above))
    tell_saved(texts(), saved.name)


cli.command()(edit)


@cli.command()
def policies(
    name: Annotated[str, typer.Argument(help="The destination's name.")],
    approval: ApprovalOption = Approval.NEVER,
    approval_above: AboveOption = None,
    in_workflows: Annotated[
        bool, typer.Option("--in-workflows", help="Let every workflow of the Slack workspace export it.")
    ] = False,
    mention: Annotated[
        list[str] | None, typer.Option(help="A Slack user's ID to call when there is trouble; repeat.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Post nothing about scheduled successes.")] = False,
    digest: Annotated[
        int | None,
        typer.Option(
            help="Tell scheduled successes together, daily at this hour of its time zone.",
            min=0,
            max=23,
            show_default=False,
        ),
    ] = None,
    brake_percent: Annotated[
        int | None,
        typer.Option(
            help="Removals of a tag from more than this percentage of its holders wait for a person.",
            min=0,
            max=100,
            show_default=False,
        ),
    ] = None,
    brake_people: Annotated[
        int | None, typer.Option(help="And from at least so many people.", min=0, show_default=False)
    ] = None,
) -> None:
    """Decide what waits for a person and who is told.

    What is not given goes back to its default, but for the brake, which stays.
    """
    postino = application()
    actor = postino.command_line()
    destination = destination_called(postino, actor, name)
    brake = policies_of(destination).brake
    try:
        chosen = Policies(
            approval=approval,
            approval_above=approval_above,
            in_workflows=in_workflows,
            mentions=mention or [],
            quiet=quiet,
            digest=digest,
            brake=brake.entered(
                brake.percent if brake_percent is None else brake_percent,
                brake.people if brake_people is None else brake_people,
            ),
        )
    except ValidationError:
        raise InvalidInput(
            "A Slack user's ID looks like U012AB3CD: in their profile, choose Copy member ID.", field="mention"
        ) from None
    saved = postino.destinations.set_policies(actor, destination.id, chosen)
    say(texts()("The policies of {name} are saved.", name=saved.name))


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
                schedule_text(t, one.schedule, one.time_zone),
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
    t = texts()
    postino = application()
    destination = destination_called(postino, postino.command_line(), name)
    found = _as_json(destination)
    if as_json:
        show_json(found)
        return
    tags = found.pop("tags")
    fields = found.pop("fields")
    found |= {
        "schedule": schedule_text(t, destination.schedule, destination.time_zone),
        "mentions": ", ".join(destination.mentions),
        "agreed_by": t("the command line") if destination.consent_by == COMMAND_LINE else destination.consent_by,
        "approval": t(APPROVALS[Approval(destination.approval)]),
        "agreed_at": f"{t.moment(destination.consent_at)} UTC",
        "in_workflows": t("yes") if destination.in_workflows else t("no"),
        "quiet": t("yes") if destination.quiet else t("no"),
    }
    rows = [(word(t, key), str(value)) for key, value in found.items() if value not in (None, "")]
    rows += [(t("field {tag}", tag=tag), attribute) for tag, attribute in fields.items()]
    rows += [(t("segment {segment}", segment=segment), f"→ {tag}") for segment, tag in tags.items()]
    show_table(["", ""], rows)


@cli.command()
def remove(
    name: Annotated[str, typer.Argument(help="The destination's name.")],
    delete_tags: Annotated[bool, typer.Option("--delete-tags", help="Delete its tags in Mailchimp, too.")] = False,
) -> None:
    """Remove a destination. Its contacts stay in Mailchimp, and its tags too unless they are to be deleted."""
    postino = application()
    actor = postino.command_line()
    destination = destination_called(postino, actor, name)
    tags = Tags.DELETE if delete_tags else Tags.KEEP
    say(ended(texts(), destination.name, postino.removals.destination(actor, destination.id, tags), tags))


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
        "approval": one.approval,
        "approval_above": one.approval_above,
        "brake_percent": policies_of(one).brake.percent,
        "brake_people": one.brake_people,
        "in_workflows": one.in_workflows,
        "mentions": one.mentions,
        "quiet": one.quiet,
        "digest": one.digest_hour,
        "agreed_by": one.consent_by,
        "agreed_at": one.consent_at,
        "consent_version": one.consent_version,
        "tags": {chosen.segment: chosen.tag_name for chosen in one.segments},
    }
