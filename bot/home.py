"""App Home, published when somebody opens it and when something they did has changed it; and the app's going away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot import approving
from bot.asked import Asked, on_click
from bot.destinations import Saved
from bot.exports import Exports
from bot.people import People, Person, acting
from bot.telling import Telling
from bot.views import home as views
from bot.views.blocks import Block
from bot.wiring import Application
from services import access
from services.access import Standing
from services.errors import PostinoError
from storage import workspaces
from storage.models import FINAL, RunStatus

LOOKED_AT = 50
"""How many of the latest runs are looked at for the history."""

DEAD_TOKEN = frozenset({"token_revoked", "invalid_auth", "account_inactive"})

log = structlog.get_logger()


def publish(client: WebClient, person: Person, application: Application) -> None:
    """Show somebody's Home tab as things are now. A Slack that refuses is logged: nothing depends on this tab."""
    try:
        client.views_publish(user_id=person.actor.person, view=_view(person, application))
    except SlackApiError as error:
        log.info("home.not_published", error=error.response.get("error"))


def _view(person: Person, application: Application) -> Block:
    if person.actor.standing is Standing.STRANGER:
        return views.stranger(person.texts)
    try:
        return views.home(person.texts, _shown(person, application))
    except PostinoError as error:
        return views.trouble(person.texts, person.texts.error(error))


def _shown(person: Person, application: Application) -> views.Shown:
    actor, people = person.actor, People(application.database)  # it resolves nobody here
    telling, saved = Telling(application, people), Saved(application, people)
    destinations = application.destinations.visible(actor)
    unfinished = application.runs.unfinished(actor)
    manageable = {run.id for run in unfinished if access.may_manage(actor, run.destination)}
    waiting = [run for run in unfinished if application.runs.may_approve(actor, run)]
    for_others = [run for run in unfinished if run.status == RunStatus.WAITING and run not in waiting]
    held = [run for run in application.runs.held(actor) if access.may_manage(actor, run.destination)]
    running = [run for run in unfinished if run.status != RunStatus.WAITING]
    ended = [
        run for run in application.runs.history(actor, limit=LOOKED_AT) if run.status in FINAL and run.verifies is None
    ]
    with application.database.read() as session:
        now = application.database.now(session)
    return views.Shown(
        destinations=[saved.row(actor, one) for one in destinations[: views.DESTINATIONS]],
        destinations_in_all=len(destinations),
        waiting=[telling.run(run) for run in waiting[: views.WAITING]],
        held=[telling.run(run) for run in held[: views.HELD]],
        for_others=[telling.run(run) for run in for_others[: views.FOR_OTHERS]],
        running=[telling.run(run) for run in running[: views.RUNNING]],
        history=[telling.run(run) for run in ended[: views.HISTORY]],
        cancelable=frozenset(manageable),
        as_of=now,
        administrator=actor.is_administrator,
    )


def register(app: App, application: Application, people: People) -> None:
    """The listeners of App Home, and of the events that end the app's stay in a workspace."""

    @app.event("app_home_opened")
    def opened(client: WebClient, context: BoltContext, event: dict[str, Any]) -> None:
        # Slack tells of the Messages tab, too, and each time where that is.
        if channel := event.get("channel"):
            people.note_direct(context.team_id or "", context.user_id or "", str(channel))
        if event.get("tab") == "home":
            publish(client, acting(people, client, context), application)

    @app.action(views.REFRESH)
    def refresh(ack: Ack, client: WebClient, context: BoltContext) -> None:
        ack()
        publish(client, acting(people, client, context), application)

    exports = Exports(application, people)
    _on_click(app, application, people, views.SEND, exports.approve)
    _on_click(app, application, people, views.CANCEL, exports.cancel)
    _on_click(app, application, people, views.TAKE_OFF, exports.accept_removals)
    previews = approving.Previews(application, people)
    on_click(app, people, views.PREVIEW, lambda asked: previews.open(asked, home=True))
    approving.register(app, application, people, publish)

    @app.event("app_uninstalled")
    def uninstalled(context: BoltContext) -> None:
        _delete(application, people, context)

    @app.event("tokens_revoked")
    def revoked(client: WebClient, context: BoltContext, event: dict[str, Any]) -> None:
        if event.get("tokens", {}).get("bot") and _is_dead(client):
            _delete(application, people, context)


def _delete(application: Application, people: People, context: BoltContext) -> None:
    """The app has left the workspace: its data goes, and whoever is remembered as somebody of it."""
    with application.database.write() as session:
        known = workspaces.remove(session, context.team_id or "")
        people.forget(context.team_id or "")
    log.warning("slack.uninstalled", team=context.team_id, data_deleted=known)


def _is_dead(client: WebClient) -> bool:
    """Whether the bot's own token was revoked. Slack says the same of one that was only replaced by another."""
    try:
        client.auth_test()
    except SlackApiError as error:
        return error.response.get("error") in DEAD_TOKEN
    return False


def _on_click(app: App, application: Application, people: People, action_id: str, act: Callable[[Asked], None]) -> None:
    """A button of this tab: act, then show the tab as it is now, also if the act was refused."""

    def acted(asked: Asked) -> None:
        try:
            act(asked)
        finally:
            publish(asked.client, asked.person, application)

    on_click(app, people, action_id, acted)
