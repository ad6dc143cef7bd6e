"""What somebody asked for in Slack, ready to be answered: the same for a command, a button and a shortcut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import modals
from bot.people import People, Person, acting
from bot.texts import Texts
from bot.views import answers, blocks, sharing
from bot.views.blocks import Block
from bot.views.run_facts import Message
from services.access import Actor

OK = 200
"""What Slack answers where it has taken a message."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. ``channel`` is where it came from, or None; ``once`` is the same however often it is delivered.

    ``in_thread`` says that it came from a message in a thread, ``view_id`` names the modal with an answer that it came from.
    """

    people: People
    client: WebClient
    context: BoltContext
    trigger: modals.Trigger
    channel: str | None
    text: str
    once: str
    in_thread: bool = False
    view_id: str | None = None

    @property
    def person(self) -> Person:
        """Who asks. May ask Slack, so a modal is opened before; raises NotAllowed for a workspace Postino does not serve."""
        return acting(self.people, self.client, self.context)

    @property
    def actor(self) -> Actor:
        """Who asks, for the services."""
        return self.person.actor

    @property
    def t(self) -> Texts:
        """Their language."""
        return self.person.texts

    def opening(self, callback_id: str) -> Block:
        """What a modal opens with at once, in their language if it is known without asking Slack."""
        t = self.people.remembered(self.context.team_id or "", self.context.user_id or "")
        return blocks.opening(callback_id, t("One moment…") if t is not None else "")

    def with_text(self, text: str) -> Asked:
        """The same request with another text."""
        return replace(self, text=text)

    def answer(self, message: Message | str, *, replacing: bool = False) -> None:
        """Answer to the asker alone, beside what they typed or clicked; without *Share* where nobody else is.

        A click in a thread is answered in a modal. Slack shows an answer that one person alone sees in the thread, which may
        be closed (a reply that was also sent to the channel), or in the channel, which may be out of sight.
        """
        if self._answered_in_modal(message):
            return
        text, content = (message, None) if isinstance(message, str) else message
        respond = self.context.respond if self.context.response_url else None
        if content is not None and (respond is None or self._is_direct or self.in_thread):
            content = sharing.alone(content)
        if respond is not None and not self.in_thread:
            respond(
                text=text,
                blocks=content,
                response_type="ephemeral",
                replace_original=replacing,
                unfurl_links=False,
            )
        else:
            answer = self.client.chat_postMessage(
                channel=self.actor.person, text=text, blocks=content, unfurl_links=False
            )
            self.people.note_direct(self.context.team_id or "", self.actor.person, str(answer["channel"]))

    def _answered_in_modal(self, message: Message | str) -> bool:
        """Whether the answer is in a modal now; False where one is not wanted, or cannot be opened any more."""
        if self.view_id is not None:
            modals.Update(self.client, self.view_id)(answers.modal(self.t, message))
            return True
        return self.in_thread and modals.answered(self.client, self.trigger, answers.modal(self.t, message))

    @property
    def _is_direct(self) -> bool:
        """Whether this comes from the direct messages between the person and Postino."""
        known = self.people.direct(self.context.team_id or "", self.context.user_id or "")
        return self.channel is not None and self.channel == known

    def share(self, message: Message, action_id: str, value: str | None = None) -> None:
        """Show a copy to everybody in the channel, with a button that opens it for whoever clicks.

        Slack takes the answer to a click in channels of which the app is no member, too. Where it takes none, the person is
        told directly what to do.
        """
        text, content = sharing.copy(self.t, message, self.actor.person, action_id, value)
        respond, taken = self.context.respond, False
        if respond is not None and self.context.response_url:
            answer = respond(
                text=text, blocks=content, response_type="in_channel", replace_original=False, unfurl_links=False
            )
            taken = answer.status_code == OK
        if not taken:
            text, content = sharing.refused(self.t, self.channel or "")
            self.client.chat_postMessage(channel=self.actor.person, text=text, blocks=content)


def asked(
    people: People, client: WebClient, context: BoltContext, body: dict[str, Any], text: str | None = None
) -> Asked:
    """Who asks, where, and under which key: that of a button is its place and person, else it is the trigger."""
    container = body.get("container") or {}
    place = container.get("message_ts") or container.get("view_id")
    trigger = modals.Trigger.of(body)
    once = f"{context.user_id}-{place}" if place else trigger.id
    if text is None:
        actions = body.get("actions") or [{}]
        chosen = (actions[0].get("selected_option") or {}).get("value")
        text = str(actions[0].get("value") or chosen or body.get("text") or "")
    view = body.get("view") or {}
    return Asked(
        people,
        client,
        context,
        trigger,
        context.channel_id,
        text.strip(),
        once,
        in_thread=in_thread(body),
        view_id=view.get("id") if view.get("callback_id") == answers.CALLBACK else None,
    )


def in_thread(body: dict[str, Any]) -> bool:
    """Whether a request came from a reply, or from the pane of a thread. A message names the thread that it begins, too."""
    message = body.get("message") or {}
    is_reply = message.get("thread_ts") not in (None, message.get("ts"))
    return is_reply or bool((body.get("container") or {}).get("thread_ts"))


def on_click(app: App, people: People, action_id: str, act: Callable[[Asked], None]) -> None:
    """Register a button or menu: acknowledged at once, then ``act`` with its value as text."""

    @app.action(action_id)
    def clicked(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        ack()
        act(asked(people, client, context, body))
