"""App Home, published when somebody opens it and when something they did has changed it; and the app's going away."""

from __future__ import annotations

from typing import Any

import structlog
from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.people import People, Person, acting
from bot.telling import Telling
from bot.views import home as views
from bot.views import wizard_segments
from bot.views.blocks import Block
from bot.wiring import Application
from services import access
from services.access import Standing
from services.errors import PostinoError
from storage import workspaces
from storage.models import FINAL, Destination

LOOKED_AT = 50
"""How many of the latest runs are looked at for those under way and for the history."""

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
    actor, telling = person.actor, Telling(application, People(application.database))  # it resolves nobody here
    destinations = application.destinations.visible(actor)
    latest = application.runs.history(actor, limit=LOOKED_AT)
    running = [run for run in latest if run.status not in FINAL]
    ended = [run for run in latest if run.status in FINAL]

    def row(one: Destination) -> views.Destination:
        last = application.runs.history(actor, one.id, 1)
        return views.Destination(
            id=one.id,
            name=one.name,
            audience=one.audience_name,
            segments=len(one.segments),
            schedule=wizard_segments.schedule_text(person.texts, one.schedule),
            connected=one.connection is not None,
            manageable=access.may_manage(actor, one),
            last=telling.run(last[0]) if last else None,
        )

    return views.Shown(
        destinations=[row(one) for one in destinations[: views.DESTINATIONS]],
        destinations_in_all=len(destinations),
        running=[telling.run(run) for run in running[: views.RUNNING]],
        history=[telling.run(run) for run in ended[: views.HISTORY]],
        cancelable=frozenset(run.id for run in running if access.may_manage(actor, run.destination)),
    )


def register(app: App, application: Application, people: People) -> None:
    """The listeners of App Home, and of the events that end the app's stay in a workspace."""

    @app.event("app_home_opened")
    def opened(client: WebClient, context: BoltContext, event: dict[str, Any]) -> None:
        if event.get("tab") == "home":
            publish(client, acting(people, client, context), application)

    @app.action(views.REFRESH)
    def refresh(ack: Ack, client: WebClient, context: BoltContext) -> None:
        ack()
        publish(client, acting(people, client, context), application)

    @app.action(views.REMOVE)
    def remove(ack: Ack, client: WebClient, context: BoltContext, action: dict[str, Any]) -> None:
        ack()
        person = acting(people, client, context)
        try:
            application.destinations.remove(person.actor, int(action["value"]))
        finally:
            publish(client, person, application)

    @app.event("app_uninstalled")
    def uninstalled(context: BoltContext) -> None:
        """Uninstalling deletes the workspace's data."""
        with application.database.write() as session:
            known = workspaces.remove(session, context.team_id or "")
        log.warning("slack.uninstalled", team=context.team_id, data_deleted=known)

    @app.event("tokens_revoked")
    def revoked(event: dict[str, Any]) -> None:
        """Slack says so before it says that the app was uninstalled, and also for a token that is only replaced."""
        log.warning("slack.tokens_revoked", bot=len(event.get("tokens", {}).get("bot", [])))
