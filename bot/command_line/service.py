"""``postino run``, ``worker``, ``demo``, ``migrate`` and ``manifest``: Postino as a service."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bot.command_line.speaking import application, say, texts
from bot.settings import Settings


def run() -> None:
    """Run the bot, its HTTP server and the runner in this process until it is told to stop."""
    from bot import running

    running.run(Settings(), with_slack=True)


def worker() -> None:
    """Run only the runner: exports, schedules and verification, without Slack."""
    from bot import running

    running.run(Settings(), with_slack=False)


def migrate() -> None:
    """Bring the database to the newest revision and seal every secret under the newest key."""
    postino = application()
    with postino.database.write() as session:
        count = postino.vault.reseal_all(session)
    say(
        texts().plural(
            "The database is up to date; {count} secret was sealed again.",
            "The database is up to date; {count} secrets were sealed again.",
            count,
        )
    )


def manifest(
    with_workflow_step: Annotated[
        bool,
        typer.Option("--with-workflow-step", help="With the Workflow Builder step, which needs a paid Slack plan."),
    ] = False,
) -> None:
    """Print the manifest to create the Slack app from."""
    from bot import manifest as manifests

    if with_workflow_step:
        typer.echo(json.dumps(manifests.with_workflow_step(), indent=2, ensure_ascii=False))
    else:
        typer.echo(manifests.PATH.read_text(encoding="utf-8"), nl=False)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the tour; exit 0 if all of it was true.")] = False,
    profiles: Annotated[int, typer.Option(help="How many profiles to generate.", min=1000)] = 60_000,
    page_port: Annotated[int, typer.Option(help="The page's port.")] = 8765,
) -> None:
    """Start a local Slack and Mailchimp, run Postino against them and show the main job."""
    from bot import demonstrating

    raise typer.Exit(demonstrating.demonstrate(once=once, profiles=profiles, page_port=page_port))
