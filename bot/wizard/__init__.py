"""The destination wizard: one modal, opened at once and stepped in place. What is typed lives in a draft."""

from slack_bolt import App

from bot.people import People
from bot.views.wizard import EDIT, NEW
from bot.views.wizard import with_problem as problem_view
from bot.wiring import Application
from bot.wizard import entrances, inputs
from bot.wizard.conversation import Conversation
from bot.wizard.entrances import open_wizard, signed_in, with_segment

__all__ = ["EDIT", "NEW", "open_wizard", "problem_view", "register", "signed_in", "with_segment"]


def register(app: App, application: Application, people: People) -> None:
    """The wizard's listeners. Their action ids begin with ``wizard.``"""
    conversation = Conversation(application)
    entrances.register(app, application, people, conversation)
    inputs.register(app, people, conversation)
