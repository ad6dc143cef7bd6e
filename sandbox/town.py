"""A town: a local Slack, a local Mailchimp and the page to look at both, served together.

with open_town() as town:
    town.page_url, town.slack_url, town.mailchimp_url
    town.workspace, town.world, town.account, town.audience
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox import serving
from sandbox.mailchimp import app as mailchimp
from sandbox.mailchimp import oauth
from sandbox.mailchimp.audiences import Audience
from sandbox.mailchimp.state import Account, World
from sandbox.page import site
from sandbox.slack import app as slack
from sandbox.slack.state import Workspace

ACCOUNT, AUDIENCE = "Contoso Coffee", "Newsletter"


@dataclass
class Town:
    """What is served and where. ``read_until``: up to which message a person has read a channel."""

    workspace: Workspace
    world: World
    account: Account
    audience: Audience
    slack_url: str = ""
    mailchimp_url: str = ""
    page_url: str = ""
    manifest: dict[str, Any] | None = None
    read_until: dict[tuple[str, str], str] = field(default_factory=dict)

    def reset(self) -> None:
        """Start anew: everything that was said, entered, sent and switched is forgotten; addresses and sockets stay."""
        self.workspace.reset()
        if self.manifest is not None:
            self.workspace.load_manifest(self.manifest)
        with self.world.lock:
            self.world.reset()
            self.account = self.world.add_account(ACCOUNT)
            self.audience = self.account.add_audience(AUDIENCE)
        self.read_until.clear()

    def addresses(self) -> dict[str, Any]:
        """Where everything is, and the credentials an app needs to reach it."""
        return {
            "slack_api_url": f"{self.slack_url}/api/",
            "slack_url": self.slack_url,
            "slack_bot_token": self.workspace.bot_token,
            "slack_app_token": self.workspace.app_token,
            "slack_signing_secret": self.workspace.signing_secret,
            "mailchimp_url": self.mailchimp_url,
            "mailchimp_api_key": self.account.api_key,
            "mailchimp_audience_id": self.audience.id,
            "mailchimp_client_id": oauth.CLIENT_ID,
            "mailchimp_client_secret": oauth.CLIENT_SECRET,
            "page_url": self.page_url,
        }


@contextmanager
def open_town(
    *,
    manifest: Path | None = None,
    slack_port: int = 0,
    mailchimp_port: int = 0,
    page_port: int = 0,
    workspace: Workspace | None = None,
    world: World | None = None,
) -> Iterator[Town]:
    """Serve a town while the context lasts; port 0 takes a free one. One town at a time in a process.

    With ``manifest`` only the commands, shortcuts and events it declares exist. Without ``world`` there is one account
    with one empty audience; with it, its first account and audience are meant. Raises OSError if a port is taken.
    """
    workspace = workspace or Workspace()
    world = world or World()
    account = next(iter(world.accounts.values()), None) or world.add_account(ACCOUNT)
    audience = next(iter(account.audiences.values()), None) or account.add_audience(AUDIENCE)
    town = Town(workspace, world, account, audience)
    if manifest is not None:
        town.manifest = yaml.safe_load(manifest.read_text("utf-8"))
        workspace.load_manifest(town.manifest)
    page = site.create_app(town)
    with ExitStack() as open_doors:
        open_doors.callback(site.close)
        listeners = [serving.listen(port) for port in (slack_port, mailchimp_port, page_port)]
        town.slack_url = open_doors.enter_context(serving.serve(slack.create_app(workspace), listeners[0]))
        town.mailchimp_url = open_doors.enter_context(serving.serve(mailchimp.create_app(world), listeners[1]))
        town.page_url = open_doors.enter_context(serving.serve(page, listeners[2]))
        yield town
