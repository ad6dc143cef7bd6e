"""What an error of Postino's own database means for the people who run it."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

from services.errors import InvalidInput, PostinoError, Unavailable

SETTING = "POSTINO_DATABASE_URL"


def meaning(error: SQLAlchemyError) -> PostinoError:
    """The error as a sentence that says what to do; it holds neither the password nor a value."""
    # A connection that fails has no SQLSTATE, only words. https://www.postgresql.org/docs/current/errcodes-appendix.html
    cause = getattr(error, "orig", None)  # what the driver raised, if it was the driver
    state = str(getattr(cause, "sqlstate", None) or "")
    words = str(cause).casefold()
    missing = "does not exist" in words
    if state.startswith("28") or "password" in words or ("role" in words and missing):
        return InvalidInput(
            "The database refuses the user name or the password in POSTINO_DATABASE_URL.", field=SETTING
        )
    if state == "3D000" or ("database" in words and missing):
        return InvalidInput(
            "The server has no database of the name in POSTINO_DATABASE_URL. Create it, or correct the name.",
            field=SETTING,
        )
    if state == "42501" or "permission denied" in words:
        return InvalidInput(
            "The account in POSTINO_DATABASE_URL may not create or change tables. Make it the database's owner.",
            field=SETTING,
        )
    if "not a database" in words or "malformed" in words:
        return InvalidInput(
            "The database file is damaged, or something else than a database. Restore it, or name another one in "
            "POSTINO_DATABASE_URL.",
            field=SETTING,
        )
    if "readonly" in words or "unable to open" in words:
        return InvalidInput(
            "The database file may not be written by this account. Give it the right to write the file and its folder.",
            field=SETTING,
        )
    if state == "53100" or "disk is full" in words or "no space left" in words:
        return Unavailable("The database has no space left on its disk. Nothing was lost. Make room, then try again.")
    if "disk i/o" in words:
        # What SQLite also says when the disk is so full that it cannot even begin: its file of shared memory does not fit.
        return Unavailable(
            "The database's disk is full, or does not work. Nothing was lost. Make room on it, or have it looked at, then "
            "try again."
        )
    if "locked" in words:
        return Unavailable("Another process keeps the database locked. Nothing was lost. Try again in a moment.")
    return Unavailable("The database does not answer. Nothing was lost. Check POSTINO_DATABASE_URL, then try again.")
