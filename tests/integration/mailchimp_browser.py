"""The browser in which somebody signs in to the local Mailchimp and comes back to Postino's page."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import requests

from bot import signing_in
from bot.server import create_server
from sandbox.mailchimp import oauth
from sandbox.mailchimp.state import Account
from tests.integration.slack_world import SlackWorld

SIGN_IN = {
    "mailchimp_client_id": oauth.CLIENT_ID,
    "mailchimp_client_secret": oauth.CLIENT_SECRET,
    "POSTINO_PUBLIC_URL": "http://127.0.0.1:1",
}
"""The settings with which people can sign in."""


class Page(NamedTuple):
    """What the browser shows in the end."""

    status: int
    text: str


class Browser:
    """Goes where the button leads, decides there, and comes back."""

    def __init__(self, world: SlackWorld) -> None:
        self._world = world
        server = create_server(
            world.postino, None, lambda back: signing_in.show(world.app.client, back, world.postino), lambda: True
        )
        self._postino = server.test_client()

    def decide(self, url: str, decision: str = "allow", account: Account | None = None) -> dict[str, str]:
        """Allow or deny at Mailchimp, signed in to an account there; with what the browser is sent back."""
        answer = requests.post(
            f"{self._world.served.mailchimp}/oauth2/authorize",
            data={
                **dict(parse_qsl(urlsplit(url).query)),
                "account": (account or self._world.account).id,
                "decision": decision,
            },
            allow_redirects=False,
            timeout=30,
        )
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def come_back(self, query: dict[str, str]) -> Page:
        """Follow where Mailchimp leads."""
        answer = self._postino.get("/mailchimp/callback", query_string=query)
        return Page(answer.status_code, answer.text)

    def sign_in(self, url: str, decision: str = "allow", account: Account | None = None) -> Page:
        """All of it."""
        return self.come_back(self.decide(url, decision, account))


def address(view: dict[str, Any]) -> str:
    """Where the button in a modal leads."""
    found: str = next(one["url"] for one in view["buttons"] if one["text"] == "Authenticate with Mailchimp")
    return found
