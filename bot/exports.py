"""Exports from Slack: asked for, previewed, sent, cancelled, retried. Who may do it is checked by the services every time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import modals, reject_list, texts
from bot.asked import Asked, asked, on_click
from bot.destinations import named
from bot.people import People, Person, acting
from bot.telling import Telling
from bot.views import outcomes
from bot.views import picker as views
from bot.views.blocks import Block
from bot.views.previews import CANARY
from bot.views.run_facts import refusal
from bot.wiring import Application
from services import access, rereading
from services.access import Actor
from services.errors import PostinoError, Refused
from services.runs import Order
from storage.models import FINAL, Destination, Run, RunStatus

KEY = 100
"""The longest key of a request that the database takes."""

TOOK_NOTHING_OFF = (RunStatus.FAILED, RunStatus.CANCELED, RunStatus.SKIPPED)
"""How a run ended that was to take off held tags and has to be asked for anew."""


class Exports:
    """What can be done about exports, for commands, buttons and views."""

    def __init__(self, application: Application, people: People) -> None:
        self._application = application
        self._telling = Telling(application, people)

    def export(self, asked: Asked) -> None:
        """Preview the destination named, or let the person choose one."""
        if not asked.text:
            self.choose(asked)
            return

        def preview(one: Destination) -> Block | None:
            return views.again(asked.t, one) if access.may_export(asked.actor, one) else None

        found = named(asked, self._application, preview)
        if found is not None:
            self.preview(asked, found)

    def choose(self, asked: Asked, segment: str | None = None) -> None:
        """Open the modal in which a destination is chosen; with ``segment`` among those that export it, or to get it."""
        view_id = modals.opened(asked.client, asked.trigger, asked.opening(views.CALLBACK))
        modals.Update(asked.client, view_id)(self._picker(asked, segment))

    def _picker(self, asked: Asked, segment: str | None) -> Block:
        try:
            offered = self.offered(asked.actor, segment=segment)
            lacking = self.lacking(asked.actor, segment) if segment is not None else []
        except PostinoError as error:
            # Nobody looks beside a modal that is open.
            return views.problem(asked.t, refusal(asked.t, error))
        chosen = offered[0] if len(offered) == 1 else None
        metadata = views.Metadata(language=asked.t.language, channel=asked.channel, segment=segment)
        called = self._application.segments.display_names().get(segment, segment) if segment else ""
        return views.picker(asked.t, offered, metadata, chosen, segment=called, addable=bool(lacking))

    def preview(self, asked: Asked, destination: Destination) -> None:
        """Ask for a preview and say where it will appear."""
        run = self.request(asked.actor, destination, asked.once, asked.channel)
        asked.answer(views.coming(asked.t, self._telling.run(run), run.channel))

    def chosen(self, person: Person, destination_id: int, once: str, channel: str | None) -> Block:
        """Ask for a preview of the destination chosen in the modal; what the modal then says."""
        try:
            destination = self._application.destinations.get(person.actor, destination_id)
            run = self.request(person.actor, destination, once, channel)
        except PostinoError as error:
            return views.problem(person.texts, refusal(person.texts, error))
        return views.requested(person.texts, self._telling.run(run), run.channel)

    def request(self, actor: Actor, destination: Destination, once: str, channel: str | None) -> Run:
        """Queue a preview in the destination's channel, else in ``channel``. The same ``once`` again launches nothing new,
        unless what it launched has ended."""
        key = f"{once}-{destination.id}"[-KEY:]
        where = destination.channel or channel
        run = self._application.runs.request(actor, destination, Order(preview=True), key=key, channel=where)
        if run.status in FINAL:
            key = f"{run.id}-{key}"[:KEY]
            run = self._application.runs.request(actor, destination, Order(preview=True), key=key, channel=where)
        return run

    def offered(self, actor: Actor, typed: str = "", segment: str | None = None) -> list[Destination]:
        """The destinations somebody may export whose names contain every word typed."""
        found = self._managed(actor, typed)
        return [one for one in found if segment is None or _exports(one, segment)]

    def lacking(self, actor: Actor, segment: str, typed: str = "") -> list[Destination]:
        """The destinations somebody may edit that do not export the segment yet, whose names contain every word typed."""
        return [one for one in self._managed(actor, typed) if not _exports(one, segment)]

    def _managed(self, actor: Actor, typed: str) -> list[Destination]:
        words = typed.casefold().split()
        return [
            one
            for one in self._application.destinations.visible(actor)
            if access.may_manage(actor, one) and all(word in one.name.casefold() for word in words)
        ]

    def approve(self, asked: Asked, canary: int = 0) -> None:
        """Send what a preview showed. A second click of the same person does nothing more."""
        self.send(asked.actor, int(asked.text), canary)

    def send(self, actor: Actor, run_id: int, canary: int = 0) -> None:
        """The same for somebody at a modal."""
        try:
            self._application.runs.approve(actor, run_id, canary=canary)
        except Refused:
            run = self._application.runs.get(actor, run_id)
            if run.approved_by != actor.person or run.status == RunStatus.WAITING:
                raise

    def cancel(self, asked: Asked) -> None:
        """Stop a run; a second click of the same person does nothing more."""
        run_id = int(asked.text)
        try:
            self._application.runs.cancel(asked.actor, run_id)
        except Refused:
            if self._application.runs.get(asked.actor, run_id).cancel_requested_by != asked.actor.person:
                raise

    def retry(self, asked: Asked) -> None:
        """Export again, rejected people included; not in the place of a preview that waits."""
        run = self._application.runs.retry_rejects(asked.actor, int(asked.text))
        asked.answer(views.started(asked.t, self._telling.run(run), run.channel))

    def accept_removals(self, asked: Asked) -> None:
        """Export again and take off the tags that the brake held, as far as they were shown."""
        runs, shown = self._application.runs, int(asked.text)
        run = runs.accept_removals(asked.actor, shown)
        while run.status in TOOK_NOTHING_OFF:
            order = Order(accept_removals=True, shown=shown)
            run = runs.request(asked.actor, run.destination, order, key=f"removals-after-{run.id}", channel=run.channel)
        if run.status in FINAL and run.reason.get("waiting") == "removals":
            raise Refused(
                "The brake held these removals again, because they had changed since they were shown. "
                "Look at the newer export of {destination}.",
                destination=run.destination.name,
            )
        if run.status in FINAL:
            raise Refused("These tags were taken off already. Preview the export again to see what it would do now.")
        asked.answer(views.started(asked.t, self._telling.run(run), run.channel))

    def take_tags_over(self, asked: Asked) -> None:
        """Let the run's destination have the foreign tags that stopped it, and preview what that would change."""
        run = self._application.runs.get(asked.actor, int(asked.text))
        self.preview(asked, self._application.destinations.take_over_tags(asked.actor, run.destination_id))

    def send_list(self, asked: Asked) -> None:
        """The list of a run's rejects as a file, to the person alone."""
        self._send_rejects(asked)

    def send_addresses(self, asked: Asked) -> None:
        """The same list with full addresses, read from the source again, to a person who may see them."""
        self._send_rejects(asked, in_full=True)

    def _send_rejects(self, asked: Asked, *, in_full: bool = False) -> None:
        postino = self._application
        run = postino.runs.get(asked.actor, int(asked.text))
        listed, names, home = (
            postino.runs.rejects(asked.actor, run.id),
            postino.segments.display_names(),
            postino.settings.home,
        )
        with ExitStack() as held:
            find = None
            if in_full:
                tools = postino.database, postino.vault, postino.source
                find = held.enter_context(rereading.addresses(*tools, asked.actor, run, home))
            file = held.enter_context(reject_list.file_of(home, asked.t, listed, names, find))
            message = outcomes.list_comes(asked.t, self._telling.run(run), in_full=in_full)
            answer = asked.client.chat_postMessage(channel=asked.actor.person, text=message.text, blocks=message.blocks)
            reject_list.upload(asked.client, file, asked.t, run.id, str(answer["channel"]))
        if asked.view_id is not None:  # whoever looks at a modal does not see their direct messages
            asked.answer(asked.t("The list was sent to you directly, as a file."))

    def again(self, asked: Asked) -> None:
        """A fresh preview of a destination, from a button that names it."""
        self.preview(asked, self._application.destinations.get(asked.actor, int(asked.text)))


def _exports(destination: Destination, segment: str) -> bool:
    return any(chosen.segment == segment for chosen in destination.segments)


def register(app: App, application: Application, people: People) -> None:
    """The listeners of exports: the buttons of runs, the modal that chooses a destination, the shortcut."""
    exports = Exports(application, people)
    buttons: dict[str, Callable[[Asked], None]] = {
        "run.send": exports.approve,
        "run.canary": lambda asked: exports.approve(asked, CANARY),
        "run.cancel": exports.cancel,
        "run.retry": exports.retry,
        "run.rejects": exports.send_list,
        "run.addresses": exports.send_addresses,
        "run.accept_removals": exports.accept_removals,
        "run.take_tags_over": exports.take_tags_over,
        views.AGAIN: exports.again,
        views.CHOOSE: lambda asked: exports.choose(asked),
    }
    for action_id, act in buttons.items():
        on_click(app, people, action_id, act)

    @app.shortcut("export")
    def shortcut(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        ack()
        exports.choose(asked(people, client, context, body))

    @app.options(views.DESTINATION)
    def options(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        metadata = views.Metadata.model_validate_json(body["view"]["private_metadata"])

        def found() -> list[Block]:
            actor = acting(people, client, context).actor
            return views.options(exports.offered(actor, str(body.get("value") or ""), metadata.segment))

        modals.suggest(ack, found)

    @app.view(views.CALLBACK)
    def chosen(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        view = body["view"]
        metadata = views.Metadata.model_validate_json(view["private_metadata"])
        with modals.Submission(ack, client, view["id"], views.working(texts.of(metadata.language))) as reply:
            person = acting(people, client, context)
            reply(exports.chosen(person, views.entered(view), f"view-{view['id']}", metadata.channel))
