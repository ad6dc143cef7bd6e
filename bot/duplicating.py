"""A new destination that begins as the copy of another: the wizard opens filled in."""

from __future__ import annotations

from functools import partial

from slack_bolt import App

from bot.asked import Asked, on_click
from bot.people import People, Person
from bot.views.destinations import DUPLICATE
from bot.wiring import Application
from bot.wizard.conversation import Conversation
from services import access, drafts
from services.drafts import Answers

LONGEST_NAME = 200
"""Of a destination, as the form takes it."""


def duplicate(application: Application, asked: Asked) -> None:
    """Open the wizard filled in like the destination a button names. The copy gets a name, tags and a consent of its own."""
    conversation = Conversation(application)

    def begin(person: Person) -> tuple[str, Answers]:
        found = application.destinations.get(person.actor, int(asked.text))
        if found.connection is not None:
            access.require_use(person.actor, found.connection)
        name = person.texts("Copy of {name}", name=found.name)[:LONGEST_NAME]
        answers = drafts.of_destination(found, person.actor.person)
        answers.destination_id = answers.destination_version = None
        answers.name, answers.agreed, answers.take_over = name, False, []
        return conversation.drafts.begin(person.actor, answers), answers

    conversation.open(asked.client, asked.trigger, lambda: asked.person, begin)


def register(app: App, application: Application, people: People) -> None:
    """The button of the list of destinations."""
    on_click(app, people, DUPLICATE, partial(duplicate, application))
