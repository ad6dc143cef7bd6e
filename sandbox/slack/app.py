"""The local Slack as one ASGI application."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from sandbox.slack import posting
from sandbox.slack.client_endpoints import ClientEndpoints
from sandbox.slack.control import Control
from sandbox.slack.socket_mode import serve_socket
from sandbox.slack.state import Workspace
from sandbox.slack.web_api import WebApi


def create_app(workspace: Workspace) -> Starlette:
    """Serve ``workspace``: ``/api/`` and ``/link/`` for the app, ``/client/`` for people, ``/control/`` for switches.

    May also be mounted below a path; the addresses it hands out follow the request.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        workspace.serve_here()
        yield
        await workspace.stop()

    async def socket(websocket: WebSocket) -> None:
        await serve_socket(workspace, websocket)

    async def respond(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            return PlainTextResponse("invalid_payload", 400)
        status, text = posting.answer_by_url(workspace, request.path_params["permit"], body)
        return PlainTextResponse(text, status)

    async def upload(request: Request) -> Response:
        file = workspace.files.get(request.path_params["file"])
        if file is None or file.content is not None:
            return PlainTextResponse("not found", 404)
        content = await _uploaded(request)
        if len(content) != file.length:
            return PlainTextResponse(f"expected {file.length} bytes, got {len(content)}", 400)
        file.content = content
        return PlainTextResponse(f"OK - {len(content)}")

    async def fetch(request: Request) -> Response:
        file = workspace.files.get(request.path_params["file"])
        allowed = request.headers.get("authorization") == f"Bearer {workspace.bot_token}"
        if file is None or file.content is None or not allowed:
            return PlainTextResponse("not found", 404)
        return Response(file.content, media_type="application/octet-stream")

    return Starlette(
        routes=[
            Route("/api/{method}", WebApi(workspace).answer, methods=["GET", "POST"]),
            WebSocketRoute("/link/", socket),
            Route("/response/{team}/{permit}", respond, methods=["POST"]),
            Route("/upload/v1/{file}", upload, methods=["POST"]),
            Route("/files/{file}/{name}", fetch, methods=["GET"]),
            Mount("/client", routes=ClientEndpoints(workspace).routes()),
            Mount("/control", routes=Control(workspace).routes()),
        ],
        lifespan=lifespan,
    )


async def _uploaded(request: Request) -> bytes:
    """Slack takes the bytes as the body or as the one file of a form."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form() as form:
        for part in form.values():
            if not isinstance(part, str):
                return await part.read()
    return b""
