"""``postino doctor``: names each missing or wrong setting, with what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from bot import examining
from bot.command_line.speaking import opened, out, show_json, texts
from bot.examining import Finding, Mark
from bot.settings import Settings
from bot.texts import Texts
from services.errors import InvalidInput, PostinoError
from storage.vault import Vault


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    new_key: Annotated[bool, typer.Option("--new-key", help="Print a fresh POSTINO_SECRET_KEY and exit.")] = False,
) -> None:
    """Check settings, database, source, connections and destinations."""
    if new_key:
        out.print(Vault.new_key(), markup=False)
        return
    findings = list(_examine(texts()))
    if as_json:
        show_json([{"mark": one.mark, "about": one.about, "text": one.text} for one in findings])
    else:
        signs = {Mark.GOOD: "✓", Mark.HINT: "·", Mark.BAD: "✗"}
        for one in findings:
            out.print(f"{signs[one.mark]} {one.about}: {one.text}", markup=False)
    if any(one.mark is Mark.BAD for one in findings):
        sys.exit(1)


def _examine(t: Texts) -> Iterator[Finding]:
    given = Settings()
    settings = list(examining.settings(given, t))
    yield from settings
    if not any(one.mark is Mark.BAD and one.about.startswith("SLACK_") for one in settings):
        yield from _slack(given, t)
    try:
        postino = opened(given)
        actor = postino.command_line()
    except PostinoError as error:
        about = error.field if isinstance(error, InvalidInput) else "POSTINO_DATABASE_URL"
        yield Finding(Mark.BAD, about, t.error(error))
        return
    yield from examining.application(postino, actor, t)


def _slack(given: Settings, t: Texts) -> Iterator[Finding]:
    """Whether Slack accepts the tokens; asked from here only, because in Slack the answer itself shows it."""
    from bot import slack_tokens
    from bot.app import web_client

    try:
        name = slack_tokens.workspace(web_client(given))
        if given.slack_app_token is not None:
            slack_tokens.try_app_token(web_client(given), given.slack_app_token.get_secret_value())
    except PostinoError as error:
        yield Finding(Mark.BAD, error.field if isinstance(error, InvalidInput) else "Slack", t.error(error))
    else:
        yield Finding(Mark.GOOD, "Slack", t("Connected to the workspace {name}.", name=name))
