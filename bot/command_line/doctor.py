"""``postino doctor``: names each missing or wrong setting, with what to do."""

from __future__ import annotations

import enum
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from bot.command_line.speaking import opened, out, show_json, texts
from bot.settings import Settings
from bot.texts import Texts
from bot.wiring import Application
from services.errors import PostinoError
from storage.vault import Vault

LEAST_SPACE = 2_000_000_000
"""Bytes of scratch paper that an export of 1,000,000 profiles may need."""


class Mark(enum.StrEnum):
    """How a finding is to be taken."""

    GOOD = "ok"
    HINT = "hint"
    BAD = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    mark: Mark
    about: str
    text: str


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    new_key: Annotated[bool, typer.Option("--new-key", help="Print a fresh POSTINO_SECRET_KEY and exit.")] = False,
) -> None:
    """Check settings, database, source and connections."""
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
    settings = Settings()
    yield from _slack(settings, t)
    yield from _sign_in(settings, t)
    yield from _space(settings, t)
    try:
        postino = opened(settings)
        postino.command_line()
    except PostinoError as error:
        yield Finding(Mark.BAD, t("Database"), t.error(error))
        return
    yield Finding(Mark.GOOD, t("Database"), postino.database.url.render_as_string(hide_password=True))
    yield from _source(postino, t)
    yield from _connections(postino, t)


def _slack(settings: Settings, t: Texts) -> Iterator[Finding]:
    missing = {
        "SLACK_BOT_TOKEN": (
            settings.slack_bot_token,
            t("It begins with xoxb- and is shown after installing the app in Slack."),
        ),
        "SLACK_APP_TOKEN": (
            settings.slack_app_token,
            t("Make an app-level token with the scope connections:write; it begins with xapp-."),
        ),
    }
    for name, (value, hint) in missing.items():
        if value is None:
            yield Finding(
                Mark.BAD, name, t("is not set, so the bot cannot run; the command line can. {hint}", hint=hint)
            )
        else:
            yield Finding(Mark.GOOD, name, t("is set."))


def _sign_in(settings: Settings, t: Texts) -> Iterator[Finding]:
    if settings.mailchimp_client_id and settings.mailchimp_client_secret and settings.public_url:
        yield Finding(Mark.GOOD, t("Mailchimp sign-in"), t("is set up."))
        return
    yield Finding(
        Mark.HINT,
        t("Mailchimp sign-in"),
        t(
            "is not set up, so connections need an API key. Set MAILCHIMP_CLIENT_ID, MAILCHIMP_CLIENT_SECRET and "
            "POSTINO_PUBLIC_URL to let people sign in."
        ),
    )


def _space(settings: Settings, t: Texts) -> Iterator[Finding]:
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = shutil.disk_usage(settings.home).free
    gigabytes = round(free / 1e9, 1)
    if free < LEAST_SPACE:
        text = t("has {free} GB free; an export of 1,000,000 profiles needs up to 2 GB for a while.", free=gigabytes)
        yield Finding(Mark.HINT, "POSTINO_HOME", text)
    else:
        yield Finding(
            Mark.GOOD, "POSTINO_HOME", t("{home} has {free} GB free.", home=str(settings.home), free=gigabytes)
        )


def _source(postino: Application, t: Texts) -> Iterator[Finding]:
    try:
        found = postino.source.segments()
        attributes = postino.source.attributes()
        hidden = postino.source.hidden()
    except PostinoError as error:
        yield Finding(Mark.BAD, "POSTINO_SOURCE_URL", t.error(error))
        return
    text = t.plural(
        "{source} has {count} segment.", "{source} has {count} segments.", len(found), source=postino.source.name
    )
    yield Finding(Mark.GOOD if found else Mark.BAD, "POSTINO_SOURCE_URL", text)
    if not any(attribute.semantic == "email" for attribute in attributes):
        yield Finding(Mark.HINT, "POSTINO_SOURCE_URL", t("No attribute of the profiles looks like an e-mail address."))
    for one in hidden:
        yield Finding(Mark.HINT, one.table, t(one.reason))


def _connections(postino: Application, t: Texts) -> Iterator[Finding]:
    found = postino.connections.visible(postino.command_line())
    if not found:
        hint = t(
            "There is none yet. Make one in Slack with /postino-connect, or with: postino connections add NAME --api-key-stdin"
        )
        yield Finding(Mark.HINT, t("Connections"), hint)
    for connection in found:
        problem = _problem(partial(postino.connections.account, connection), t)
        if problem is None:
            yield Finding(
                Mark.GOOD, connection.name, t("Connected to Mailchimp as {account}.", account=connection.account_name)
            )
        else:
            yield Finding(Mark.BAD, connection.name, problem)


def _problem(question: Callable[[], object], t: Texts) -> str | None:
    try:
        question()
    except PostinoError as error:
        return t.error(error)
    return None
