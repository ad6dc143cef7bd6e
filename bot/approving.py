"""Looking at what waits for approval and sending it, wherever somebody reads of it: a post, a list, Home."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import modals, texts
from bot.asked import Asked, on_click
from bot.exports import Exports
from bot.people import People, Person, acting
from bot.telling import Telling
from bot.views import approving as views
from bot.views import picker, runs
from bot.views.blocks import Block
from bot.views.run_facts import refusal
from bot.wiring import Application
from services.errors import PostinoError


class Previews:
    """The modal with a preview."""

    def __init__(self, application: Application, people: People) -> None:
        self._application = application
        self._exports = Exports(application, people)
        self._telling = Telling(application, people)

    def open(self, asked: Asked, *, home: bool = False) -> None:
        """All that the run would change, or as it is now if that was decided; *Send* for whoever may send it."""
        view_id = modals.opened(asked.client, asked.trigger, asked.opening(views.SEND))
        try:
            run = self._application.runs.get(asked.actor, int(asked.text))
            told = self._telling.run(run)
            metadata = views.Metadata(language=asked.t.language, run=run.id, home=home)
            sendable = self._application.runs.may_approve(asked.actor, run)
            view = views.preview(asked.t, told, runs.living(asked.t, told).blocks, metadata, sendable=sendable)
        except PostinoError as error:
            # Nobody looks beside a modal that is open.
            view = views.told(asked.t, refusal(asked.t, error))
        modals.Update(asked.client, view_id)(view)

    def send(self, person: Person, run_id: int) -> Block:
        """Send what was looked at; what the modal then says."""
        t = person.texts
        try:
            self._exports.send(person.actor, run_id)
            run = self._application.runs.get(person.actor, run_id)
        except PostinoError as error:
            return views.told(t, refusal(t, error))
        return views.told(t, picker.started(t, self._telling.run(run), run.channel))


def register(
    app: App, application: Application, people: People, publish: Callable[[WebClient, Person, Application], None]
) -> None:
    """The button that opens the modal, and *Send* in it; ``publish`` shows Home as it is then."""
    previews = Previews(application, people)
    on_click(app, people, views.LOOK, previews.open)

    @app.view(views.SEND)
    def submitted(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        view = body["view"]
        metadata = views.Metadata.model_validate_json(view["private_metadata"])
        t = texts.of(metadata.language)
        with modals.Submission(ack, client, view["id"], views.told(t, t("One moment…"))) as reply:
            person = acting(people, client, context)
            reply(previews.send(person, metadata.run))
            if metadata.home:
                publish(client, person, application)
