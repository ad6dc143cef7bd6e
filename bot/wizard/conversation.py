"""One wizard and its person: opened, drawn again, submitted, closed, resumed.

Every act is a turn. Slow work of an earlier turn that ends after a later one has begun shows nothing: the later one will.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from slack_sdk import WebClient

from bot import home, modals, texts
from bot.modals import Reply
from bot.people import Person
from bot.texts import Texts
from bot.views import blocks, wizard
from bot.views.blocks import Block
from bot.views.run_facts import whom_to_ask
from bot.views.wizard import Metadata
from bot.wiring import Application
from bot.wizard import checks, reading
from bot.wizard.reading import Entered
from bot.wizard.steps import Steps
from services import access
from services.drafts import Answers, Drafts, Step
from services.errors import NotFound, PostinoError

Whoever = Person | Callable[[], Person]
"""The person who acts, or how to find out: asked only when the loading view is open, because that may take a while."""


TWICE = 10.0
"""Seconds in which a view that is submitted again was delivered twice. Later its first submission has failed."""


class Conversation:
    """All wizards of one application."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.steps = Steps(application)
        self.drafts = Drafts(application.database)

    # Opening

    def open(
        self,
        client: WebClient,
        trigger: modals.Trigger,
        whoever: Whoever,
        begin: Callable[[Person], tuple[str, Answers]],
    ) -> bool:
        """Open the modal at once, then fill it from the draft that ``begin`` gives; whether there was one to show.

        Raises Unavailable if Slack's three seconds were over already.
        """
        t = whoever.texts if isinstance(whoever, Person) else texts.of(None)
        view_id = modals.opened(client, trigger, blocks.opening(wizard.OUTCOME_CALLBACK))
        reply = modals.Update(client, view_id)
        try:
            person = whoever if isinstance(whoever, Person) else whoever()
            t = person.texts
            self.fill(person, view_id, reply, begin)
        except PostinoError as error:
            reply(wizard.dead_end(t, t.error(error), whom_to_ask(t, error)))
            return False
        except Exception:
            reply(wizard.dead_end(t, t("Something went wrong inside Postino. Nothing was lost; try again.")))
            raise
        return True

    def fill(
        self,
        person: Person,
        view_id: str,
        reply: Reply,
        begin: Callable[[Person], tuple[str, Answers]],
        *,
        up_to: Step = Step.CONNECT,
    ) -> None:
        """Make an open modal the wizard, from the draft that ``begin`` gives.

        Steps before ``up_to`` that can be left as they are filled in are left. Raises what ``begin`` raises, and NotAllowed.
        """
        access.require_member(person.actor)
        draft_id, _ = begin(person)

        def show_here(answers: Answers) -> None:
            answers.view_id, answers.language = view_id, person.texts.language
            answers.turn += 1

        answers = self.drafts.change(person.actor.person, draft_id, show_here)
        problem = self._go_on(person, answers, up_to)
        self.draw(person, draft_id, answers, reply, problem=problem, entering=True)

    def _go_on(self, person: Person, answers: Answers, up_to: Step) -> str | None:
        """Leave step after step as if it was submitted; why one cannot be left, None if ``up_to`` is reached."""
        try:
            while answers.step < up_to:
                self.steps.enter(person, answers)
                problems = checks.check(person.texts, answers.step, answers, Entered({}))
                if problems:
                    return " ".join(problems.values())
                self.steps.leave(person, answers, None)
                answers.step = Step(answers.step + 1)
        except PostinoError as error:
            return person.texts.error(error)
        return None

    def draw(
        self,
        person: Person,
        draft_id: str,
        answers: Answers,
        reply: Reply,
        *,
        problem: str | None = None,
        entering: bool = False,
        entered: Entered | None = None,
    ) -> bool:
        """Show the step the answers stand at, unless a later turn will; whether the person still sees the modal.

        It says again for what the step was sent back last, as far as that still holds.

        A submission must be answered: if there was a later turn, with what that has come to. What takes long to find out
        is added when it is known.
        """
        problem = problem or self._refused(person, draft_id, answers, entered or Entered({}))
        open_still = self._draw(person, draft_id, answers, reply, problem, entering=entering)
        if open_still and self._look_further(person, draft_id, answers):
            if isinstance(reply, modals.Submission):
                reply.settle()
            self._draw(person, draft_id, answers, reply, problem, answered=True)
            self._give_way(person, draft_id, answers, reply)
        return open_still

    def _give_way(self, person: Person, draft_id: str, answers: Answers, reply: Reply) -> None:
        """Show what the person did while the step was on its way, which may have arrived after it and covered it.

        What they have submitted since answers by itself.
        """
        turn = answers.turn
        with suppress(NotFound):
            newest = self.drafts.get(person.actor.person, draft_id)
            while newest.turn != turn and newest.submitted == answers.submitted:
                turn = newest.turn
                reply(self.steps.show(person, newest, draft_id))
                newest = self.drafts.get(person.actor.person, draft_id)

    def _refused(self, person: Person, draft_id: str, answers: Answers, entered: Entered) -> str | None:
        """What still is missing or wrong of what the step was last sent back for; None if nothing is, or it was not.

        Slack forgets the errors beside the inputs with the next view that shows, also with that of an act before them.
        """
        with suppress(NotFound):
            answers.refused = self.drafts.get(person.actor.person, draft_id).refused
        problems = checks.check(person.texts, answers.step, answers, entered) if answers.refused else {}
        return " ".join(text for block, text in problems.items() if block in answers.refused) or None

    def _repeat_refusal(self, person: Person, draft_id: str, answers: Answers, reply: Reply, entered: Entered) -> None:
        """Say again for what the step was sent back while what an act has come to was on its way, which may have covered it."""
        shown = answers.refused
        problem = self._refused(person, draft_id, answers, entered)
        if problem is not None and answers.refused != shown:
            self._draw(person, draft_id, answers, reply, problem)

    def _look_further(self, person: Person, draft_id: str, answers: Answers) -> bool:
        """Whether there is more to show, found out as long as the person does nothing else."""

        def go_on() -> bool:
            return self.drafts.get(person.actor.person, draft_id).turn == answers.turn

        return self.steps.look_further(person, answers, go_on)

    def _draw(
        self,
        person: Person,
        draft_id: str,
        answers: Answers,
        reply: Reply,
        problem: str | None,
        *,
        entering: bool = False,
        answered: bool = False,
    ) -> bool:
        t = person.texts
        try:
            if entering:
                self.steps.enter(person, answers)
            view = self.steps.show(person, answers, draft_id, problem)
        except PostinoError as error:
            view = wizard.stuck(t, answers, draft_id, problem or t.error(error))
        if not self.drafts.store(person.actor.person, draft_id, answers):
            if isinstance(reply, modals.Submission) and not answered:
                newest = self.drafts.get(person.actor.person, draft_id)
                return reply(self.steps.show(person, newest, draft_id))
            return True
        try:
            return reply(view)
        except modals.OverwrittenError:
            newest = self.drafts.get(person.actor.person, draft_id)
            return reply(view) if newest.turn == answers.turn else True

    # Acting

    def act(
        self,
        client: WebClient,
        person: Person,
        view: Block,
        at: float,
        edit: Callable[[Answers], None],
        *,
        work: Callable[[Person, Answers], str | None] | None = None,
        entering: bool = False,
        waiting: str | None = None,
    ) -> None:
        """Take what the view holds, ``edit`` it, do slow ``work`` (behind ``waiting``, if given) and draw the step again.

        What ``work`` gives back is said on top of the step, as what it raises is.
        ``at`` is Slack's time of the act. Acts are handled side by side, so that a later one may come first: then this
        one's view is out of date, and only what it did itself counts. After the view was submitted nothing does.
        """
        metadata, entered = Metadata.model_validate_json(view["private_metadata"]), Entered(view)

        too_late = False

        def turn(answers: Answers) -> None:
            nonlocal too_late
            too_late = _just_submitted(answers, view)
            if too_late:
                return
            if at >= answers.acted_at:
                reading.take(answers, entered, self.steps.name_of)
                answers.step, answers.view_id, answers.acted_at = metadata.step, view["id"], at
            answers.turn += 1
            answers.touched = True
            edit(answers)

        answers = self.drafts.change(person.actor.person, metadata.draft, turn)
        if too_late:
            return
        reply = modals.Update(client, view["id"], view.get("hash"))
        if waiting is not None:
            with suppress(modals.OverwrittenError):  # what overwrote it is replaced when the step is drawn
                reply(wizard.loading(view, waiting))
        problem = None
        try:
            if work is not None:
                problem = work(person, answers)
        except PostinoError as error:
            problem = person.texts.error(error)
        self.draw(person, metadata.draft, answers, reply, problem=problem, entering=entering, entered=entered)
        self._repeat_refusal(person, metadata.draft, answers, reply, entered)

    def note(self, person: str, view: Block, *, leaving: bool = False) -> str | None:
        """Keep what an open or closing view holds; the draft's id, None if there is no draft any more.

        ``leaving`` for somewhere from where the person comes back to the draft.
        """
        metadata = Metadata.model_validate_json(view["private_metadata"])

        def keep(answers: Answers) -> None:
            before = answers.form()
            reading.take(answers, Entered(view), self.steps.name_of)
            answers.touched = answers.touched or leaving or answers.form() != before

        try:
            self.drafts.change(person, metadata.draft, keep)
        except NotFound:
            return None
        return metadata.draft

    # Submitting

    def submit(
        self, ack: Callable[..., Any], client: WebClient, view: Block, user: str, who: Callable[[], Person]
    ) -> None:
        """Check without asking anybody and answer with errors, or leave the step."""
        metadata, entered = Metadata.model_validate_json(view["private_metadata"]), Entered(view)
        t = texts.of(metadata.language)
        problems: dict[str, str] = {}
        again = False

        def turn(answers: Answers) -> None:
            nonlocal problems, again
            again = _just_submitted(answers, view)
            if again:
                return
            reading.take(answers, entered, self.steps.name_of)
            answers.step, answers.view_id, answers.touched = metadata.step, view["id"], True
            problems = checks.check(t, metadata.step, answers, entered)
            answers.refused = list(problems)
            if not problems:
                answers.submitted, answers.submitted_at = view["hash"], time.time()
                answers.turn += 1
                if entered.api_key is not None:
                    answers.revision += 1  # what replaces the view shall not show the key again

        with modals.Submission(ack, client, view["id"], _waiting(t, view, metadata.step)) as reply:
            try:
                answers = self.drafts.change(user, metadata.draft, turn)
            except NotFound as error:
                reply(wizard.dead_end(t, t.error(error)))
                return
            if problems:
                _refuse(reply, view, entered, problems)
            elif again:
                text = t("This was sent twice. If nothing else happened, please press the button again.")
                reply.repeat(wizard.with_problem(view, text))
            elif metadata.step is Step.SEGMENTS:
                self._save(client, who(), metadata.draft, answers, reply)
            else:
                self._leave(who(), metadata.draft, answers, reply, entered.api_key)

    def _leave(self, person: Person, draft_id: str, answers: Answers, reply: Reply, api_key: str | None) -> None:
        problem = None
        try:
            self.steps.leave(person, answers, api_key)
            answers.step = Step(answers.step + 1)
        except PostinoError as error:
            problem = person.texts.error(error)
        self.draw(person, draft_id, answers, reply, problem=problem, entering=True)

    def _save(self, client: WebClient, person: Person, draft_id: str, answers: Answers, reply: Reply) -> None:
        t, user = person.texts, person.actor.person
        try:
            what = self.steps.save(person, answers)
        except PostinoError as error:
            problem = t.error(error)
            if not self.draw(person, draft_id, answers, reply, problem=problem):
                text, content = wizard.resume_offer(t, answers, draft_id, problem)
                client.chat_postMessage(channel=user, text=text, blocks=content)
            return
        self.drafts.discard(user, draft_id)
        if not reply(wizard.saved(t, what)):
            client.chat_postMessage(channel=user, text="\n".join(wizard.saved_texts(t, what)))
        home.publish(client, person, self.application)


def _just_submitted(answers: Answers, view: Block) -> bool:
    return bool(answers.submitted == view["hash"]) and time.time() - answers.submitted_at < TWICE


def _waiting(t: Texts, view: Block, step: Step) -> Block:
    """The loading step. Closing it while a destination is being saved offers nothing to resume: the saving goes on."""
    if step is Step.SEGMENTS:
        loading = wizard.loading(view, t("Saving. Mailchimp is being asked…"))
        return {name: part for name, part in loading.items() if name != "notify_on_close"}
    return wizard.loading(view, t("Mailchimp is being asked…"))


def _refuse(reply: modals.Submission, view: Block, entered: Entered, problems: dict[str, str]) -> None:
    """Errors beside their inputs; on top of the view if one of them has no input there."""
    at = {block: entered.block_id(block) for block in problems}
    on_top = wizard.with_problem(view, " ".join(problems.values()))
    if None in at.values():
        reply(on_top)
    else:
        reply.refuse({str(at[block]): text for block, text in problems.items()}, on_top)
