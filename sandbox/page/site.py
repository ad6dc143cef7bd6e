"""The page as an application: NiceGUI on FastAPI, for the town that is open."""

from __future__ import annotations

import mimetypes
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException
from fastapi.responses import Response
from nicegui import Client, ui

from sandbox.page.desk import APP, Desk
from sandbox.page.mailchimp_view import MailchimpView
from sandbox.slack.client import Person
from sandbox.slack.errors import NotThereError

if TYPE_CHECKING:
    from sandbox.town import Town

FIRST_PERSON = "U0ADA"
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="6" fill="#1f4e6b"/>'
    '<path d="M5 8h14v9H5zM5 8l7 5 7-5" fill="none" stroke="#fff" stroke-width="1.6"/></svg>'
)


class Site:
    """NiceGUI keeps one application per process; it shows the town that is open."""

    def __init__(self) -> None:
        self.town: Town | None = None

    def shown(self) -> Town:
        """The open town. Raises HTTPException 503."""
        if self.town is None:
            raise HTTPException(503, "The sandbox is closed.")
        return self.town


site = Site()


def create_app(town: Town) -> FastAPI:
    """The page for ``town``. Raises RuntimeError while another town is open."""
    if site.town is not None and site.town is not town:
        raise RuntimeError("Another town is open in this process.")
    site.town = town
    return _application()


def close() -> None:
    """Nothing is open any more."""
    site.town = None


@cache
def _application() -> FastAPI:
    folder = Path(__file__).parent
    head = (
        f"<style>{(folder / 'style.css').read_text('utf-8')}</style>"
        f"<script>{(folder / 'page.js').read_text('utf-8')}</script>"
    )

    async def slack(client: Client, user: str, place: str) -> None:
        town = site.shown()
        users = town.workspace.users
        user = user if user in users and not users[user].is_bot else FIRST_PERSON
        visible = {each["id"]: each["name"] for each in await Person(town.workspace, user).channels()}
        if place != APP and place not in visible:
            place = next((each for each, name in visible.items() if name == "marketing"), next(iter(visible), APP))
        desk = Desk(town, client, user, place)
        await client.connected()
        client.on_delete(desk.leave)
        desk.follow()
        await desk.go(place)

    @ui.page("/", title="Slack (sandbox)")
    async def slack_page(client: Client) -> None:
        ui.add_head_html(head)
        asked = client.request.query_params
        await slack(client, asked.get("as", FIRST_PERSON), asked.get("in", ""))

    @ui.page("/mailchimp", title="Mailchimp (sandbox)")
    async def mailchimp_page(client: Client) -> None:
        ui.add_head_html(head)
        await MailchimpView(site.shown(), client, client.request.query_params.get("as", FIRST_PERSON)).start()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/files/{user}/{file}")
    async def file(user: str, file: str) -> Response:
        try:
            name, content = await Person(site.shown().workspace, user).download(file)
        except NotThereError as gone:
            raise HTTPException(404, str(gone)) from None
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(content, media_type=kind, headers=headers)

    ui.run_with(app, title="Postino sandbox", favicon=ICON, tailwind=False, show_welcome_message=False)
    return app
