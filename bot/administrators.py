"""Administrators in Slack: a modal in which they name others. Who may is checked at the click and at the submission."""

from __future__ import annotations

from functools import partial
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import home, modals, texts
from bot.asked import Asked, on_click
from bot.people import People, Person, acting, candidate
from bot.views import administrators as views
from bot.views.blocks import Block
from bot.wiring import Application
from services.administrators import Overtaken
from services.errors import InvalidInput, PostinoError

Json = dict[str, Any]


def open_names(asked: Asked, application: Application) -> None:
    """Show who is named, to an administrator."""
    view_id = modals.opened(asked.client, asked.trigger, views.working(texts.of(None)))
    modals.Update(asked.client, view_id)(_form(asked.person, application))


def _form(person: Person, application: Application, problem: str | None = None) -> Block:
    try:
        return views.form(person.texts, application.administrators.named(person.actor), problem)
    except PostinoError as error:
        # Nobody looks beside a modal that is open.
        return views.problem(person.texts, person.texts.error(error))


def register(app: App, application: Application, people: People) -> None:
    """The button that opens the modal, and its submission."""
    on_click(app, people, views.OPEN, lambda asked: open_names(asked, application))

    @app.view(views.CALLBACK)
    def save(ack: Ack, body: Json, client: WebClient, context: BoltContext) -> None:
        view = body["view"]
        metadata = views.Metadata.model_validate_json(view["private_metadata"])
        waiting = views.working(texts.of(metadata.language))
        with modals.Submission(ack, client, view["id"], waiting) as reply:
            person = acting(people, client, context)
            t, chosen = person.texts, views.chosen(view, metadata.shown)
            look = partial(candidate, people, client, context.team_id or "")
            try:
                named = application.administrators.name(person.actor, chosen, metadata.shown, look)
            except InvalidInput as error:
                told = t.error(error)
                reply.refuse({views.block(metadata.shown): told}, views.form(t, metadata.shown, told, chosen))
            except Overtaken as error:
                reply(_form(person, application, t.error(error)))
            except PostinoError as error:
                reply(views.problem(t, t.error(error)))
            else:
                reply(views.saved(t, named))
                home.publish(client, acting(people, client, context), application)
