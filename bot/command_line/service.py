"""``postino run``, ``worker``, ``demo``, ``migrate`` and ``manifest``: Postino as a service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.command_line.speaking import application, say, texts
from bot.settings import Settings

MANIFEST = Path(__file__).parent.parent.parent / "manifest.yml"


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


def manifest() -> None:
    """Print the manifest to create the Slack app from."""
    typer.echo(MANIFEST.read_text(encoding="utf-8"), nl=False)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the tour; exit 0 if all of it was true.")] = False,
    profiles: Annotated[int, typer.Option(help="How many profiles to generate.", min=1000)] = 60_000,
    page_port: Annotated[int, typer.Option(help="The page's port.")] = 8765,
) -> None:
    """Start a local Slack and Mailchimp, run Postino against them and show the main job."""
    from bot import demonstrating

    raise typer.Exit(demonstrating.demonstrate(once=once, profiles=profiles, page_port=page_port))
