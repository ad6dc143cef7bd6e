"""The ways into the wizard: a command, a button, a sign-in that came back, a draft that is resumed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import texts
from bot.modals import Trigger, Update
from bot.people import People, Person, acting
from bot.views import blocks, dropped_tags, wizard
from bot.wiring import Application
from bot.wizard.conversation import Conversation, Whoever
from bot.wizard.steps import choose
from services import access, drafts
from services.drafts import Answers, Step
from services.errors import NotFound
from services.runs import Order
from services.signing_in import Returned

Json = dict[str, Any]


def open_wizard(
    client: WebClient,
    trigger: Trigger,
    person: Whoever,
    application: Application,
    *,
    destination_id: int | None = None,
    segments: Sequence[str] = (),
) -> None:
    """Open the wizard for a new destination, on ``segments`` if given, or to edit one.

    ``person`` may be a function: it is called only when the modal is open. Raises Unavailable if Slack did not wait.
    """
    conversation = Conversation(application)

    def begin(who: Person) -> tuple[str, Answers]:
        if destination_id is None:
            answers = Answers(segments=list(segments), time_zone=who.time_zone)
        else:
            answers = _saved(application, who, destination_id)
        return conversation.drafts.begin(who.actor, answers), answers

    conversation.open(client, trigger, person, begin)


def with_segment(
    client: WebClient,
    view_id: str,
    person: Person,
    application: Application,
    segment: str | None,
    destination_id: int | None = None,
) -> None:
    """Make an open modal the wizard of a new destination on ``segment``, if given, or of one that gets it besides its others.

    That one is shown where its segments are chosen, or at the step before which has to be mended first, with the reason.
    Raises NotFound and NotAllowed.
    """
    conversation = Conversation(application)
    wanted = [segment] if segment else []

    def begin(who: Person) -> tuple[str, Answers]:
        if destination_id is None:
            answers = Answers(segments=wanted, time_zone=who.time_zone)
        else:
            answers = _saved(application, who, destination_id)
            answers.choose_segments([*answers.segments, *wanted])
            answers.touched = True
        return conversation.drafts.begin(who.actor, answers), answers

    up_to = Step.CONNECT if destination_id is None else Step.SEGMENTS
    conversation.fill(person, view_id, Update(client, view_id), begin, up_to=up_to)


def _saved(application: Application, person: Person, destination_id: int) -> Answers:
    """The answers of a destination that somebody edits. Raises NotFound and NotAllowed."""
    edited = application.destinations.get(person.actor, destination_id)
    access.require_manage(person.actor, edited)
    return drafts.of_destination(edited, person.actor.person)


def signed_in(client: WebClient, returned: Returned, draft_id: str, application: Application) -> None:
    """Show in the wizard what became of the sign-in to Mailchimp that was begun there.

    That is the green check, also told directly if the wizard is closed, or why there is none, with an address to sign in
    at again: the former one works only once.
    """
    conversation = Conversation(application)
    user, connection = returned.actor.person, returned.connection

    def came_back(answers: Answers) -> None:
        if connection is not None:
            choose(answers, connection.id)
        answers.turn += 1

    try:
        answers = conversation.drafts.change(user, draft_id, came_back)
    except NotFound:
        return
    t = texts.of(answers.language)
    person = Person(returned.actor, t, "", answers.time_zone)
    problem = t.error(returned.problem) if returned.problem is not None else None
    if answers.step is Step.CONNECT and answers.view_id is not None:
        reply = Update(client, answers.view_id)
        if conversation.draw(person, draft_id, answers, reply, problem=problem):
            return
    if connection is None:
        return  # the page in the browser has said it
    opening = t("Connected to Mailchimp as *{account}*.", account=blocks.escape(connection.account_name))
    text, content = wizard.resume_offer(t, answers, draft_id, opening)
    client.chat_postMessage(channel=user, text=text, blocks=content)


def register(app: App, application: Application, people: People, conversation: Conversation) -> None:
    """The buttons that open, resume or end a wizard."""

    @app.shortcut("connect")
    def shortcut(ack: Ack, client: WebClient, context: BoltContext, body: Json) -> None:
        ack()
        open_wizard(client, Trigger.of(body), lambda: acting(people, client, context), application)

    @app.action(wizard.NEW)
    def new(ack: Ack, client: WebClient, context: BoltContext, body: Json) -> None:
        ack()
        open_wizard(client, Trigger.of(body), lambda: acting(people, client, context), application)

    @app.action(wizard.EDIT)
    def edit(ack: Ack, client: WebClient, context: BoltContext, body: Json, action: Json) -> None:
        ack()
        who = lambda: acting(people, client, context)  # noqa: E731 - asked when the modal is open
        open_wizard(client, Trigger.of(body), who, application, destination_id=int(action["value"]))

    @app.action(wizard.RESUME)
    def resume(ack: Ack, client: WebClient, context: BoltContext, body: Json, action: Json) -> None:
        ack()
        draft_id = action["value"]

        def begin(person: Person) -> tuple[str, Answers]:
            return draft_id, conversation.drafts.get(person.actor.person, draft_id)

        shown = conversation.open(client, Trigger.of(body), lambda: acting(people, client, context), begin)
        t = acting(people, client, context).texts
        _replace(context, t("Resumed.") if shown else t("This draft does not exist any more."))

    @app.action(wizard.DISCARD)
    def discard(ack: Ack, client: WebClient, context: BoltContext, action: Json) -> None:
        ack()
        t = acting(people, client, context).texts
        try:
            conversation.drafts.discard(context.user_id or "", action["value"])
        except NotFound:
            _replace(context, t("This draft does not exist any more."))
        else:
            _replace(context, t("Discarded. Start again with `/postino-connect` whenever you like."))

    @app.action(wizard.PREVIEW)
    def preview(ack: Ack, client: WebClient, context: BoltContext, body: Json, action: Json) -> None:
        ack()
        person = acting(people, client, context)
        destination = application.destinations.get(person.actor, int(action["value"]))
        view_id = body["view"]["id"]
        application.runs.request(person.actor, destination, Order(preview=True), key=f"preview-{view_id}")
        Update(client, view_id)(wizard.previewing(person.texts, destination.name, destination.channel))

    @app.action(dropped_tags.DELETE)
    def delete_tags(ack: Ack, client: WebClient, context: BoltContext, body: Json, action: Json) -> None:
        ack()
        person = acting(people, client, context)
        named = dropped_tags.Named.model_validate_json(action["value"])
        view, reply = body["view"], Update(client, body["view"]["id"])
        reply(wizard.with_instead(view, dropped_tags.BLOCK, [dropped_tags.waiting(person.texts)]))
        deletion = application.dropped_tags.delete(person.actor, named.destination, named.tags)
        told = dropped_tags.outcome(person.texts, named.destination, deletion)
        reply(wizard.with_instead(view, dropped_tags.BLOCK, told))


def _replace(context: BoltContext, text: str) -> None:
    if context.respond is not None and context.response_url:
        context.respond(text, replace_original=True)
