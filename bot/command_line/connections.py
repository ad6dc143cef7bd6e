"""``postino connections``: Mailchimp accounts."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bot.command_line.speaking import application, say, show_json, show_table, texts
from services.errors import InvalidInput

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
                one.shared_with,
                t("reconnect needed") if one.reconnect_needed else t("connected"),
            ]
            for one in found
        ],
    )


@cli.command()
def remove(
    name: Annotated[str, typer.Argument(help="The connection's name.")],
    detach: Annotated[bool, typer.Option("--detach", help="Keep destinations that use it; they cannot run.")] = False,
) -> None:
    """Remove a connection. One that destinations use is refused unless they are detached."""
    postino = application()
    actor = postino.command_line()
    connection = postino.connections.named(actor, name)
    postino.connections.remove(actor, connection.id, detach=detach)
    say(texts()("The connection {name} was removed.", name=connection.name))
