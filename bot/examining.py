"""What is missing or wrong, and what to do about it: for ``postino doctor`` and ``/postino doctor``."""

from __future__ import annotations

import enum
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from bot.settings import Settings
from bot.texts import Texts
from bot.views import outcomes, wizard_segments
from bot.wiring import Application
from services import guarding
from services.access import Actor
from services.binding import SCHEDULE
from services.destinations import CONSENT_VERSION
from services.errors import (
    AccountLimit,
    LimitExceeded,
    NotAllowed,
    NotFound,
    PostinoError,
    ReconnectNeeded,
    Refused,
    Unavailable,
)
from services.mailing import MergeField
from services.rights import Lapse
from services.sources import Attribute, BeingRefreshed, Segment
from services.tagging import ForeignTag
from storage.models import Destination, Run, RunStatus

LEAST_SPACE = 2_000_000_000
"""Bytes of scratch paper that an export of 1,000,000 profiles may need."""
TO_EDIT = frozenset(one.__name__ for one in (LimitExceeded, AccountLimit, ForeignTag))
"""What an export fails of that an edit of its destination puts right: other segments, another tag."""


class Mark(enum.StrEnum):
    """How a finding is to be taken."""

    GOOD = "ok"
    HINT = "hint"
    BAD = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; its text says what to do.

    ``destination`` is the one whose edit puts it right, ``connection`` the one that is to be connected again, ``preview``
    the destination that is to be exported again and ``run`` the export that says more.
    """

    mark: Mark
    about: str
    text: str
    destination: int | None = None
    connection: int | None = None
    preview: int | None = None
    run: int | None = None


def settings(given: Settings, t: Texts) -> Iterator[Finding]:
    """What can be said before anything is opened."""
    yield from _slack(given, t)
    yield from _sign_in(given, t)
    yield from _space(given, t)
    for name in Settings.unknown():
        yield Finding(Mark.HINT, name, t("is no setting of Postino's and does nothing. Is it misspelt?"))


def application(postino: Application, actor: Actor, t: Texts) -> Iterator[Finding]:
    """Database, source, connections and destinations, as an administrator may see them."""
    yield Finding(Mark.GOOD, t("Database"), postino.database.url.render_as_string(hide_password=True))
    try:
        segments, attributes = postino.source.segments(), postino.source.attributes()
    except PostinoError as error:
        yield Finding(Mark.BAD, "POSTINO_SOURCE_URL", t.error(error))
        yield from _connections(postino, actor, t)
        return  # without the source every destination would look broken
    yield from _source(postino, segments, attributes, t)
    yield from _refresh(postino, actor, t)
    states = yield from _connections(postino, actor, t)
    yield from _destinations(postino, actor, segments, {one.name for one in attributes}, states, t)


def _slack(given: Settings, t: Texts) -> Iterator[Finding]:
    asked = {
        "SLACK_BOT_TOKEN": (
            given.slack_bot_token,
            "xoxb-",
            t("It begins with xoxb- and is shown after installing the app in Slack."),
        ),
        "SLACK_APP_TOKEN": (
            given.slack_app_token,
            "xapp-",
            t("Make an app-level token with the scope connections:write; it begins with xapp-."),
        ),
    }
    for name, (value, prefix, hint) in asked.items():
        if value is None and name == "SLACK_APP_TOKEN" and given.slack_signing_secret is not None:
            yield Finding(
                Mark.GOOD, name, t("is not set: Slack sends its requests by HTTP, as SLACK_SIGNING_SECRET says.")
            )
        elif value is None:
            yield Finding(
                Mark.BAD, name, t("is not set, so the bot cannot run; the command line can. {hint}", hint=hint)
            )
        elif not value.get_secret_value().startswith(prefix):
            yield Finding(
                Mark.BAD,
                name,
                t("begins with something else than {prefix}: it is another token. {hint}", prefix=prefix, hint=hint),
            )
        else:
            yield Finding(Mark.GOOD, name, t("is set."))


def _sign_in(given: Settings, t: Texts) -> Iterator[Finding]:
    needed = {
        "MAILCHIMP_CLIENT_ID": given.mailchimp_client_id,
        "MAILCHIMP_CLIENT_SECRET": given.mailchimp_client_secret,
        "POSTINO_PUBLIC_URL": given.public_url,
    }
    missing = [name for name, value in needed.items() if not value]
    if not missing:
        yield Finding(Mark.GOOD, t("Mailchimp sign-in"), t("is set up."))
        return
    if given.mailchimp_client_id or given.mailchimp_client_secret:
        text = t("is not set up completely: {names} is missing.", names=", ".join(missing))
        yield Finding(Mark.BAD, t("Mailchimp sign-in"), text)
        return
    yield Finding(
        Mark.HINT,
        t("Mailchimp sign-in"),
        t(
            "is not set up, so connections need an API key. Set MAILCHIMP_CLIENT_ID, MAILCHIMP_CLIENT_SECRET and "
            "POSTINO_PUBLIC_URL to let people sign in."
        ),
    )


def _space(given: Settings, t: Texts) -> Iterator[Finding]:
    try:
        given.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(given.home).free
    except OSError:
        return  # whatever opens the application says so
    if not os.access(given.home, os.W_OK | os.X_OK):
        return
    gigabytes = round(free / 1e9, 1)
    if free < LEAST_SPACE:
        text = t(
            "has {free} GB free; an export of 1,000,000 profiles needs up to 2 GB for a while. Make room, or move POSTINO_HOME.",
            free=gigabytes,
        )
        yield Finding(Mark.HINT, "POSTINO_HOME", text)
    else:
        yield Finding(Mark.GOOD, "POSTINO_HOME", t("{home} has {free} GB free.", home=str(given.home), free=gigabytes))


def _source(
    postino: Application, found: Sequence[Segment], attributes: Sequence[Attribute], t: Texts
) -> Iterator[Finding]:
    text = t.plural(
        "{source} has {count} segment.", "{source} has {count} segments.", len(found), source=postino.source.name
    )
    if not found:
        text += " " + t("Export one from your customer data platform into it, or look at POSTINO_SEGMENTS.")
    yield Finding(Mark.GOOD if found else Mark.BAD, "POSTINO_SOURCE_URL", text)
    given = postino.settings
    if given.source_mapping is not None and (given.source_url or "").startswith("file:"):
        text = t("is not used: it is for a source that is a database, and this one is a folder.")
        yield Finding(Mark.HINT, "POSTINO_SOURCE_MAPPING", text)
    if not any(attribute.semantic == "email" for attribute in attributes):
        text = t(
            "No attribute of the profiles looks like an e-mail address. Choose it by hand when you make a destination."
        )
        yield Finding(Mark.HINT, "POSTINO_SOURCE_URL", text)
    for one in postino.source.hidden():
        yield Finding(Mark.HINT, one.table, t(one.reason, **one.values))


def _refresh(postino: Application, actor: Actor, t: Texts) -> Iterator[Finding]:
    """Whether the source is being refreshed, and whether that has lasted so long that it looks as if it never ended."""
    try:
        postino.source.refresh_marker()
    except BeingRefreshed:
        waiting = map(postino.schedules.endless_since, postino.destinations.visible(actor))
        since = min((one for one in waiting if one is not None), default=None)
        if since is None:
            text = t("is being refreshed. Exports wait until none of its files changes any more.")
            yield Finding(Mark.HINT, "POSTINO_SOURCE_URL", text)
            return
        with postino.database.read() as session:
            seconds = (postino.database.now(session) - since).total_seconds()
        text = t(
            "has been in a refresh for {duration}, and schedules wait for its end. Find out what keeps writing there: a "
            "refresh has ended when no file changes any more.",
            duration=t.duration(seconds),
        )
        yield Finding(Mark.BAD, "POSTINO_SOURCE_URL", text)
    except PostinoError:
        return  # it could be read just now; who looks again is told


def _connections(postino: Application, actor: Actor, t: Texts) -> Generator[Finding, None, dict[int, Mark]]:
    """Finds out about each connection; returns how each is, by its id."""
    found = postino.connections.visible(actor)
    if not found:
        hint = t(
            "There is none yet. Make one in Slack with /postino-connect, or with: postino connections add NAME --api-key-stdin"
        )
        yield Finding(Mark.HINT, t("Connections"), hint)
    states = {}
    for one in found:
        try:
            guarding.check_role(postino.connections.account(one))
        except Unavailable as error:
            states[one.id] = Mark.HINT
            yield Finding(Mark.HINT, one.name, _not_looked_at(t, error))
            continue
        except PostinoError as error:
            states[one.id] = Mark.BAD
            yield Finding(Mark.BAD, one.name, t.error(error), connection=one.id)
            continue
        states[one.id] = Mark.GOOD
        yield Finding(Mark.GOOD, one.name, t("Connected to Mailchimp as {account}.", account=one.account_name))
    return states


def _not_looked_at(t: Texts, error: Unavailable) -> str:
    return t("could not be looked at now. {reason} Look again in a moment.", reason=t.error(error))


def _destinations(
    postino: Application,
    actor: Actor,
    segments: Sequence[Segment],
    attributes: set[str],
    states: Mapping[int, Mark],
    t: Texts,
) -> Iterator[Finding]:
    merge_fields = cache(postino.connections.merge_fields)
    names = {one.name for one in segments}
    for one in postino.destinations.visible(actor):
        problems = [*_wrong_with(one, names, attributes, t), *_lapsed(postino, one, t)]
        if lost := postino.runs.lost_channel(one):
            problems.append(_lost_channel(t, lost))
        found = [Finding(Mark.BAD, one.name, text, one.id) for text in problems]
        state = states.get(one.connection_id or 0)
        if one.connection is not None and state is Mark.GOOD:
            found += _in_mailchimp(one, partial(merge_fields, one.connection, one.audience_id), t)
        elif one.connection is not None and state is Mark.BAD:
            text = t("cannot be exported before its connection {name} works again.", name=one.connection.name)
            found.append(Finding(Mark.BAD, one.name, text))  # the connection has a finding of its own
        yield from found
        chosen = {each.segment for each in one.segments}
        for hint in wizard_segments.unready(t, (each for each in segments if each.name in chosen)):
            yield Finding(Mark.HINT, one.name, hint, one.id)
        wrong = any(finding.mark is Mark.BAD for finding in found)
        _, last = postino.runs.now_and_last(actor, one.id)
        if not wrong and last is not None and last.status == RunStatus.FAILED:
            yield _failed(one, last, t)
        elif not found and state is not Mark.HINT:
            yield Finding(Mark.GOOD, one.name, t("can be exported."))


def _failed(one: Destination, last: Run, t: Texts) -> Finding:
    """That the last export failed though nothing is wrong now, with what fits the reason."""
    why = t(str(last.reason.get("message", "")), **last.reason.get("values", {}))
    finding = Finding(Mark.HINT, one.name, t("Its last export failed: {reason}", reason=why))
    kind = last.reason.get("kind")
    if kind in TO_EDIT or (kind == NotAllowed.__name__ and last.trigger == SCHEDULE):
        return replace(finding, destination=one.id)
    # What was refused for a cause of its own has more to tell; anything else that was wrong is in order now.
    return replace(finding, run=last.id) if kind == Refused.__name__ else replace(finding, preview=one.id)


def _lapsed(postino: Application, one: Destination, t: Texts) -> Iterator[str]:
    """That nobody stands for its schedule any more."""
    connection = one.connection.name if one.connection is not None else ""
    match postino.rights.lapse(one):
        case Lapse.UNSHARED:
            yield t(
                "Its schedule is refused: whoever agreed to its statement may not use the connection {connection} any more. "
                "Share it with them again, or edit the destination and agree yourself.",
                connection=connection,
            )
        case Lapse.LEFT:
            yield t(
                "Its schedule is refused: whoever agreed to its statement is no member of this workspace any more. "
                "Edit it and agree yourself."
            )


def _in_mailchimp(one: Destination, merge_fields: Callable[[], Sequence[MergeField]], t: Texts) -> Iterator[Finding]:
    """What an export would stop at in Mailchimp, or that it could not be asked."""
    try:
        fields = merge_fields()
        guarding.check_mapped(fields, one.fields)
        guarding.check_required(fields, list(one.fields), skip=one.skip_required_fields)
    except NotFound:
        text = t("Mailchimp has no audience {name} any more. Edit it and choose another.", name=one.audience_name)
        yield Finding(Mark.BAD, one.name, text, one.id)
    except Unavailable as error:
        yield Finding(Mark.HINT, one.name, _not_looked_at(t, error))
    except ReconnectNeeded as error:
        yield Finding(Mark.BAD, one.name, t.error(error), connection=one.connection_id)
    except PostinoError as error:
        yield Finding(Mark.BAD, one.name, t.error(error), one.id)


def _lost_channel(t: Texts, error: str) -> str:
    """That the messages of a destination do not reach its channel, and what to do."""
    why = t(outcomes.CHANNEL_LOST.get(error, outcomes.CHANNEL_LOST["channel_not_found"]))
    return t("Its last export could not be reported to its channel: {reason}.", reason=why)


def _wrong_with(one: Destination, segments: set[str], attributes: set[str], t: Texts) -> Iterator[str]:
    if one.connection is None:
        yield t("It has no connection to Mailchimp any more. Edit it and choose one.")
    if one.consent_version < CONSENT_VERSION:
        yield t("The data privacy and compliance statement has changed. Edit it and agree again.")
    gone = [chosen.segment for chosen in one.segments if chosen.segment not in segments]
    if gone:
        yield t(
            "The source has no {names} any more. Edit it and choose other segments, or bring these back.",
            names=", ".join(gone),
        )
    asked = [
        one.email_attribute,
        *map(str, one.fields.values()),
        *([one.consent_attribute] if one.consent_attribute else []),
    ]
    missing = [name for name in asked if name not in attributes]
    if missing:
        yield t("The profiles have no attribute {names} any more. Edit its data matching.", names=", ".join(missing))
