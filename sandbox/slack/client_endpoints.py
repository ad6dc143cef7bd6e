"""``/client/{user_id}/…``: what ``Person`` offers, as JSON over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.slack.client import Person
from sandbox.slack.errors import NotThereError
from sandbox.slack.interactions import Outcome
from sandbox.slack.values import Json

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

WHERE = ("block_id", "channel", "ts", "home")


async def body_of(request: Request) -> Json:
    """The JSON object sent, or {} for none. Raises NotThereError for anything else."""
    raw = await request.body()
    try:
        parsed = json.loads(raw) if raw.strip() else {}
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise NotThereError("The body must be a JSON object.")
    return parsed


class ClientEndpoints:
    """GET reads, POST acts. An act answers ``{ok, error, text}``; what is not there, 404 with the reason."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def routes(self) -> list[Route]:
        """The routes below ``/client``."""
        return [
            Route("/{user}/files/{file}", self.download, methods=["GET"]),
            Route("/{user}/{what}", self.read, methods=["GET"]),
            Route("/{user}/{act}", self.act, methods=["POST"]),
        ]

    async def read(self, request: Request) -> Response:
        """GET commands, shortcuts, channels, dms, view, home, messages?channel=&thread_ts=, changes?since=&timeout=."""
        what, query = request.path_params["what"], request.query_params
        try:
            person = self._person(request)
            if what == "messages":
                shown: Any = await person.messages(query.get("channel", ""), query.get("thread_ts"))
            elif what == "changes":
                shown = await person.changes(int(query.get("since", 0)), min(float(query.get("timeout", 25)), 60))
            elif what in ("commands", "shortcuts", "channels", "dms", "view", "home"):
                shown = await getattr(person, what)()
            else:
                raise NotThereError(f"Nothing called {what} to read.")
        except NotThereError as missing:
            return _not_there(missing)
        return JSONResponse(shown if what == "changes" else {what: shown})

    async def act(self, request: Request) -> Response:
        """POST command, say, click, enter, fill, options, submit, close, open_home, shortcut, message_shortcut."""
        act = request.path_params["act"]
        try:
            person, body = self._person(request), await body_of(request)
            done = await self._do(person, act, body)
        except NotThereError as missing:
            return _not_there(missing)
        except (KeyError, TypeError) as wrong:
            return JSONResponse({"ok": False, "error": "invalid_arguments", "text": f"{wrong}"}, 400)
        if isinstance(done, Outcome):
            return JSONResponse(done.as_json())
        return JSONResponse({"ok": True, **done})

    async def _do(self, person: Person, act: str, body: Json) -> Outcome | Json:
        where = {key: body[key] for key in WHERE if key in body}
        match act:
            case "command":
                return await person.command(body["channel"], body["text"])
            case "say":
                return {"message": await person.say(body["channel"], body["text"], body.get("thread_ts"))}
            case "click":
                return await person.click(_target(body), value=body.get("value"), confirm=body.get("confirm"), **where)
            case "enter":
                return await person.enter(_target(body), body.get("value"), **where)
            case "fill":
                return await person.fill(body["values"], **where)
            case "options":
                return {"options": await person.options(_target(body), body.get("query", ""), **where)}
            case "submit":
                return await person.submit()
            case "close":
                return await person.close(bool(body.get("everything")))
            case "open_home":
                return await person.open_home(str(body.get("tab") or "home"))
            case "shortcut":
                return await person.shortcut(body["callback_id"])
            case "message_shortcut":
                return await person.message_shortcut(body["callback_id"], body["channel"], body["ts"])
        raise NotThereError(f"Nothing called {act} to do.")

    async def download(self, request: Request) -> Response:
        """GET a file shared where this person can see it."""
        try:
            name, content = await self._person(request).download(request.path_params["file"])
        except NotThereError as missing:
            return _not_there(missing)
        return Response(content, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    def _person(self, request: Request) -> Person:
        return Person(self._workspace, request.path_params["user"])


def _target(body: Json) -> str:
    return str(body.get("target") or body.get("action_id") or body["label"])


def _not_there(missing: NotThereError) -> Response:
    return JSONResponse({"ok": False, "error": "not_there", "text": str(missing)}, 404)
