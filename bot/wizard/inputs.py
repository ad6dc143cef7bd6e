"""What happens while a person fills the wizard in: every input that tells at once, every button, every search."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import modals, texts
from bot.people import People, Person, acting
from bot.views import blocks, wizard, wizard_connect, wizard_matching, wizard_segments
from bot.views.blocks import Block
from bot.views.run_facts import refusal
from bot.wizard import checks, samples
from bot.wizard.conversation import Conversation
from bot.wizard.reading import Entered
from services import forms
from services.drafts import Answers, Step
from services.errors import InvalidInput, PostinoError

Json = dict[str, Any]


def register(app: App, people: People, conversation: Conversation) -> None:
    """The listeners of the open modal. Register them after the buttons that open it: they take every ``wizard.`` id."""

    @app.view(wizard.CALLBACK)
    def submit(ack: Ack, client: WebClient, context: BoltContext, view: Json) -> None:
        conversation.submit(ack, client, view, context.user_id or "", lambda: acting(people, client, context))

    @app.view_closed(wizard.CALLBACK)
    def closed(ack: Ack, client: WebClient, context: BoltContext, view: Json) -> None:
        ack()
        user = context.user_id or ""
        draft_id = conversation.note(user, view)
        if draft_id is None:
            return
        answers = conversation.drafts.get(user, draft_id)
        if not answers.touched:
            conversation.drafts.discard(user, draft_id)
            return
        person = acting(people, client, context)
        t = person.texts
        try:
            conversation.steps.require_current(person.actor, answers)
        except PostinoError as error:
            conversation.drafts.discard(user, draft_id)
            client.chat_postMessage(channel=user, text=refusal(t, error))
            return
        text, content = wizard.resume_offer(t, answers, draft_id)
        client.chat_postMessage(channel=user, text=text, blocks=content)

    @app.action(re.compile(r"^wizard\."))
    def acted(ack: Ack, client: WebClient, context: BoltContext, body: Json, action: Json) -> None:
        ack()
        if action["action_id"] == wizard_connect.SIGN_IN:
            user = context.user_id or ""
            draft_id = conversation.note(user, body["view"], leaving=True)
            if draft_id is not None:
                conversation.application.sign_ins.set_out(user, draft_id=draft_id)
        else:
            _act(conversation, client, acting(people, client, context), body["view"], action)

    @app.options(re.compile(r"^wizard\."))
    def options(ack: Ack, client: WebClient, context: BoltContext, body: Json) -> None:
        modals.suggest(ack, lambda: _options(conversation, body, lambda: acting(people, client, context)))


def _act(conversation: Conversation, client: WebClient, person: Person, view: Json, action: Json) -> None:
    name = action["action_id"]
    edit = _EDITS.get(name, _nothing)
    asks = name in (wizard.AGAIN, wizard_connect.ADD_KEY, wizard_connect.JUMP) or (
        name == wizard.BACK and _leads_to_mailchimp(view)
    )
    conversation.act(
        client,
        person,
        view,
        float(action["action_ts"]),
        lambda answers: edit(answers, action),
        work=_work(conversation, name, view),
        entering=name in (wizard.BACK, wizard.AGAIN, wizard_connect.JUMP),
        waiting=person.texts("Mailchimp is being asked…") if asks else None,
    )


def _leads_to_mailchimp(view: Json) -> bool:
    """Going back to the audiences asks for them again."""
    return wizard.Metadata.model_validate_json(view["private_metadata"]).step is Step.MATCHING


def _work(conversation: Conversation, name: str, view: Json) -> Callable[[Person, Answers], str | None]:
    def connect(person: Person, answers: Answers) -> None:
        key = Entered(view).api_key
        if key is None:
            raise InvalidInput("Paste the API key first.", field="key")
        conversation.steps.connect(person.actor, answers, key)

    def count(_person: Person, answers: Answers) -> None:
        # Also after another input: whoever uses one before the counting has ended gets its result with that.
        if answers.step is Step.SEGMENTS and answers.segments and answers.profiles is None:
            conversation.steps.count(answers)

    def propose(_person: Person, answers: Answers) -> None:
        samples.propose_consent(answers, conversation.application.source)

    def fill(_person: Person, answers: Answers) -> None:
        """Propose an attribute for the row that was just added."""
        tag = answers.rows[-1]
        field = next((one for one in answers.offered if one.tag == tag), None)
        found = forms.proposed_for(conversation.application.source.attributes(), field) if field else None
        if found is not None:
            answers.fields.setdefault(tag, found)

    def jump(person: Person, answers: Answers) -> str | None:
        """Leave every step before the last by its own rules; stay where one of them is not met, and say which."""
        entered = Entered(view)
        while answers.step < Step.SEGMENTS:
            problems = checks.check(person.texts, answers.step, answers, entered)
            if problems:
                return " ".join(problems.values())
            conversation.steps.leave(person, answers, entered.api_key)
            answers.step = Step(answers.step + 1)
            conversation.steps.enter(person, answers)
        return None

    works: dict[str, Callable[[Person, Answers], str | None]] = {
        wizard_connect.ADD_KEY: connect,
        wizard_connect.JUMP: jump,
        wizard_matching.ADD_ROW: fill,
        wizard_matching.CONSENT: propose,
    }
    return works.get(name, count)


def _nothing(_answers: Answers, _action: Json) -> None:
    """What was entered is in the view's state already."""


def _back(answers: Answers, _action: Json) -> None:
    answers.step = Step(max(1, answers.step - 1))


def _copy(answers: Answers, _action: Json) -> None:
    name = texts.of(answers.language)("Copy of {name}", name=answers.name)
    answers.become_copy(name[:200])


def _ask_key(answers: Answers, _action: Json) -> None:
    answers.key_asked = True


def _by_id(answers: Answers, _action: Json) -> None:
    answers.audience_by_id = True


def _by_name(answers: Answers, _action: Json) -> None:
    answers.audience_by_id = False


def _add_row(answers: Answers, action: Json) -> None:
    tag = action["selected_option"]["value"]
    if tag not in answers.rows:
        answers.rows.append(tag)
    answers.revision += 1


def _remove_row(answers: Answers, action: Json) -> None:
    answers.rows = [tag for tag in answers.rows if tag != action["value"]]
    answers.fields.pop(action["value"], None)


def _no_consent(answers: Answers, _action: Json) -> None:
    answers.consent_attribute, answers.consent_values = None, []
    answers.revision += 1


_EDITS: dict[str, Callable[[Answers, Json], None]] = {
    wizard.BACK: _back,
    wizard_connect.COPY: _copy,
    wizard_connect.USE_KEY: _ask_key,
    wizard_connect.BY_ID: _by_id,
    wizard_connect.BY_NAME: _by_name,
    wizard_matching.ADD_ROW: _add_row,
    wizard_matching.REMOVE_ROW: _remove_row,
    wizard_matching.NO_CONSENT: _no_consent,
}


def _options(conversation: Conversation, body: Json, who: Callable[[], Person]) -> list[Block]:
    """What matches what was typed into a select with search, at most 100."""
    metadata = wizard.Metadata.model_validate_json(body["view"]["private_metadata"])
    answers = conversation.drafts.get(body["user"]["id"], metadata.draft)
    t = texts.of(answers.language)
    application, name = conversation.application, body["action_id"]
    if name == wizard_segments.ZONE:
        found = [wizard_segments.zone_option(zone) for zone in sorted(available_timezones())]
    elif name == wizard_segments.SEGMENTS:
        found = wizard_segments.segment_options(t, application.source.segments())
    elif name == wizard_connect.AUDIENCE:
        connection = application.connections.get(who().actor, answers.connection_id or 0)
        found = wizard_connect.audience_options(t, application.connections.audiences(connection, lately=True))
    else:
        found = wizard_matching.attribute_options(t, application.source.attributes())
    return _matching(found, str(body.get("value") or ""))


def _matching(options: list[Block], typed: str) -> list[Block]:
    """The options that contain every word typed, those that contain it as typed first; Slack takes at most 100."""
    wanted = typed.casefold().strip()
    labelled = [(one["text"]["text"].casefold(), one) for one in options]
    found = [(wanted not in label, one) for label, one in labelled if all(word in label for word in wanted.split())]
    return [one for _, one in sorted(found, key=lambda each: each[0])][: blocks.OPTIONS]
