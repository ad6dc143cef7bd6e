"""``postino migrate``: the database's upkeep."""

from __future__ import annotations

from bot.command_line.speaking import application, say, texts


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
