"""A sign-in to Mailchimp comes back: the modal it was begun from shows by itself what became of it."""

from __future__ import annotations

from slack_sdk import WebClient

from bot import connections, wizard
from bot.wiring import Application
from services.signing_in import Returned


def show(client: WebClient, returned: Returned, application: Application) -> None:
    """Show it in the wizard, or in the modal in which a connection is connected again."""
    if returned.origin.draft_id is not None:
        wizard.signed_in(client, returned, returned.origin.draft_id, application)
    elif returned.origin.connection_id is not None:
        connections.signed_in(client, returned, returned.origin.connection_id, application)
