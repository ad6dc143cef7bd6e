"""The five slash commands. ``/postino <word> …`` reaches all of them; what is not known gets the nearest command."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import administrators, audit_trail, doctor, forgetting, why, wizard
from bot.asked import Asked, asked, on_click
from bot.connections import Accounts
from bot.destinations import Saved
from bot.exports import Exports
from bot.history import History
from bot.people import People
from bot.policies import PolicyDesk
from bot.schedules import Timetable
from bot.segments import Listing
from bot.status import Status
from bot.views import help as views
from bot.wiring import Application
from services import access

Act = Callable[[Asked], None]
ASKING_FOR_HELP = frozenset({"help", "?", "-h", "--help", "aiuto"})


class Commands:
    """What each word does. ``takes_text`` are the words that are followed by something."""

    takes_text = frozenset({"segments", "export", "history", "destinations", "policies", "why", "forget"})

    def __init__(self, application: Application, people: People) -> None:
        self._application = application
        exports = Exports(application, people)
        self.status = Status(application, people)
        self.history = History(application, people)
        saved = Saved(application, people)
        self.words: dict[str, Act] = {
            "connect": self._connect,
            "segments": Listing(application, exports).show,
            "export": exports.export,
            "status": self.status.status,
            "history": self.history.named,
            "destinations": saved.show,
            "connections": Accounts(application).show,
            "schedules": Timetable(application).show,
            "policies": lambda asked: self._policies(asked, saved),
            "administrators": lambda asked: administrators.open_names(asked, application),
            "why": lambda asked: why.why(asked, application),
            "forget": forgetting.ask,
            "doctor": self.doctor,
            "audit": lambda asked: audit_trail.send(asked, application),
            "help": self.help,
        }

    def hub(self, asked: Asked) -> None:
        """``/postino``: the hub, or what its first word says."""
        word, _, rest = asked.text.partition(" ")
        if not word:
            self.status.hub(asked)
        else:
            self.run(word.casefold(), asked.with_text(rest.strip()), typed=asked.text)

    def run(self, word: str, asked: Asked, typed: str | None = None) -> None:
        """Do what a word says with the text behind it; ``typed`` is what the person wrote."""
        typed = typed or asked.text
        if word in ASKING_FOR_HELP:
            self.help(asked)
        elif word not in self.words:
            nearest = get_close_matches(word, self.words, n=1, cutoff=0.5)
            asked.answer(views.unknown(asked.t, typed, nearest[0] if nearest else None))
        elif asked.text.casefold() in ASKING_FOR_HELP:
            self.help(asked, word)
        elif asked.text and word not in self.takes_text:
            nearest = get_close_matches(asked.text.casefold(), self.words, n=1, cutoff=0.5)
            asked.answer(views.unknown(asked.t, typed, nearest[0] if nearest else word))
        else:
            self.words[word](asked)

    def help(self, asked: Asked, word: str | None = None) -> None:
        """All commands, or one, to those who may use any."""
        access.require_member(asked.actor)
        asked.answer(views.of(asked.t, word) if word is not None else views.everything(asked.t))

    def share_help(self, asked: Asked) -> None:
        """Show all commands, or the one a button names, to everybody in the channel."""
        access.require_member(asked.actor)
        t, word = asked.t, asked.text
        asked.share(
            views.of(t, word, shared=True) if word in views.HELP else views.everything(t, shared=True), "hub.help"
        )

    def doctor(self, asked: Asked, *, replacing: bool = False) -> None:
        """What is missing or wrong."""
        doctor.doctor(asked, self._application, replacing=replacing)

    def _policies(self, asked: Asked, saved: Saved) -> None:
        """The policies of the destination named; without a name the list, which has a button for those of each."""
        if asked.text:
            PolicyDesk(self._application).open(asked)
        else:
            access.require_administrator(asked.actor)
            saved.show(asked)

    def _connect(self, asked: Asked) -> None:
        wizard.open_wizard(asked.client, asked.trigger, lambda: asked.person, self._application)


def register(app: App, application: Application, people: People) -> None:
    """The commands, and the buttons of the lists they answer with."""

    commands = Commands(application, people)
    _on_command(app, people, "/postino", commands.hub)
    for word in ("connect", "segments", "export", "status"):
        _on_command(app, people, f"/postino-{word}", lambda asked, word=word: commands.run(word, asked))  # type: ignore[misc]
    status, history = commands.status, commands.history
    buttons: dict[str, Act] = {
        "hub.previous": status.turn,
        "hub.next": status.turn,
        "hub.destinations": commands.words["destinations"],
        "hub.status": lambda asked: status.status(asked),
        "hub.open": lambda asked: status.hub(asked),
        "hub.share": status.share_hub,
        "hub.help": commands.help,
        "help.share": commands.share_help,
        "doctor.again": lambda asked: commands.doctor(asked, replacing=True),
        "status.refresh": status.refresh,
        "status.share": status.share,
        "history.open": history.open,
        "history.back": history.back,
        "history.newer": history.back,
        "history.older": history.back,
        "history.details": history.details,
        "history.share": history.share,
        "run.details": history.of_run,
    }
    for action_id, act in buttons.items():
        on_click(app, people, action_id, act)


def _on_command(app: App, people: People, name: str, act: Act) -> None:
    @app.command(name)
    def commanded(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        ack()
        act(asked(people, client, context, body))
