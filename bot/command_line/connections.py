"""``postino connections``: Mailchimp accounts."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bot.command_line.speaking import application, say, show_json, show_table, texts
from bot.views.wizard_connect import SHARED_WITH
from services.access import Sharing
from services.errors import InvalidInput
from services.removing import Users

cli = typer.Typer(help="Mailchimp accounts that destinations use.", no_args_is_help=True)


@cli.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call the connection.")],
    api_key_stdin: Annotated[
        bool, typer.Option("--api-key-stdin", help="Read the API key from standard input.")
    ] = False,
) -> None:
    """Connect a Mailchimp account by its API key, which is stored encrypted."""
    t = texts()
    if api_key_stdin:
        key = sys.stdin.readline().strip()
    elif sys.stdin.isatty():
        key = typer.prompt(t("API key"), hide_input=True)
    else:
        raise InvalidInput("Give the API key on standard input with --api-key-stdin.", field="api_key")
    postino = application()
    connection = postino.connections.add_with_key(postino.command_line(), name, key)
    say(
        t(
            "Connected to Mailchimp as {account}. The connection is called {name}.",
            account=connection.account_name,
            name=connection.name,
        )
    )


@cli.command("list")
def list_connections(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the connections and who may use them."""
    t = texts()
    postino = application()
    found = postino.connections.visible(postino.command_line())
    if as_json:
        show_json(
            [
                {
                    "name": one.name,
                    "account": one.account_name,
                    "kind": one.kind,
                    "shared_with": one.shared_with,
                    "reconnect_needed": one.reconnect_needed,
                    "contact_ceiling": one.contact_ceiling,
                }
                for one in found
            ]
        )
        return
    if not found:
        say(t("There is no connection yet. Make one with: postino connections add NAME --api-key-stdin"))
        return
    show_table(
        [t("Connection"), t("Mailchimp account"), t("Shared with"), t("State")],
        [
            [
                one.name,
                one.account_name,
                t(SHARED_WITH[Sharing(one.shared_with)]),
                t("reconnect needed") if one.reconnect_needed else t("connected"),
            ]
            for one in found
        ],
    )


@cli.command()
def audiences(
    name: Annotated[str, typer.Argument(help="The connection's name.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the account's audiences with their IDs and merge fields, which destinations need."""
    t = texts()
    postino = application()
    connection = postino.connections.named(postino.command_line(), name)
    found = [
        (one, [field.tag for field in postino.connections.merge_fields(connection, one.id)])
        for one in postino.connections.audiences(connection)
    ]
    if as_json:
        show_json([{"id": one.id, "name": one.name, "members": one.members, "fields": tags} for one, tags in found])
        return
    if not found:
        say(t("This account has no audience yet. Create one in Mailchimp."))
        return
    show_table(
        [t("Audience ID"), t("Name"), t("Members"), t("Merge fields")],
        [[one.id, one.name, t.number(one.members), ", ".join(tags)] for one, tags in found],
        numbers=(2,),
    )


@cli.command()
def remove(
    name: Annotated[str, typer.Argument(help="The connection's name.")],
    detach: Annotated[bool, typer.Option("--detach", help="Keep destinations that use it; they cannot run.")] = False,
    with_destinations: Annotated[
        bool, typer.Option("--with-destinations", help="Remove the destinations that use it, too; their tags stay.")
    ] = False,
) -> None:
    """Remove a connection. One that destinations use is refused unless they are detached or removed."""
    postino = application()
    actor = postino.command_line()
    connection = postino.connections.named(actor, name)
    users = Users.REMOVE if with_destinations else Users.DETACH if detach else Users.REFUSE
    postino.removals.connection(actor, connection.id, users)
    say(texts()("The connection {name} was removed.", name=connection.name))
