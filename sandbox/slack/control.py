"""``/control/…``: switches, people, channels, events and what has been recorded."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.slack import delivery, workflows
from sandbox.slack.client_endpoints import body_of
from sandbox.slack.errors import NotThereError
from sandbox.slack.faults import GENEROSITY
from sandbox.slack.http_delivery import HttpDelivery
from sandbox.slack.values import Json, Role, User

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

SWITCHES = ("slow", "rates", "retry_after", "ratelimit_next", "drop_next", "error_next", "duplicate_next")


class Control:
    """The hand that turns the sandbox's switches."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def routes(self) -> list[Route]:
        """The routes below ``/control``."""
        return [Route("/{what}", self.read, methods=["GET"]), Route("/{what}", self.change, methods=["POST"])]

    async def read(self, request: Request) -> Response:
        """GET emitted, deliveries, functions, faults, state."""
        workspace, what = self._workspace, request.path_params["what"]
        recorded: dict[str, Any] = {
            "emitted": [dataclasses.asdict(each) for each in workspace.emitted],
            "deliveries": [dataclasses.asdict(each) for each in workspace.deliveries],
            "functions": workspace.functions,
            "faults": dataclasses.asdict(workspace.faults),
            "state": {
                "version": workspace.version,
                "connections": len(workspace.connections),
                "installed": workspace.installed,
                "users": [dataclasses.asdict(each) for each in workspace.users.values()],
                "scopes": sorted(workspace.scopes),
            },
        }
        if what not in recorded:
            return JSONResponse({"ok": False, "error": "not_there", "text": f"Nothing called {what}."}, 404)
        return JSONResponse({what: recorded[what]})

    async def change(self, request: Request) -> Response:
        """POST faults, down, disconnect, http, clock, user, channel, event, uninstall, function, manifest, reset."""
        workspace, what = self._workspace, request.path_params["what"]
        workspace.serve_here()
        act = getattr(self, f"_{what}", None) if what != "workspace" else None
        try:
            body = await body_of(request)
            if act is None:
                raise NotThereError(f"Nothing called {what} to change.")
            answer: Json | None = await act(workspace, body)
        except NotThereError as missing:
            return JSONResponse({"ok": False, "error": "not_there", "text": str(missing)}, 404)
        except (KeyError, TypeError, ValueError) as wrong:
            return JSONResponse({"ok": False, "error": "invalid_arguments", "text": f"{wrong}"}, 400)
        workspace.changed()
        return JSONResponse({"ok": True, **(answer or {})})

    async def _faults(self, workspace: Workspace, body: Json) -> None:
        """Set switches by name (slow, rates, retry_after, ratelimit_next, drop_next, error_next, duplicate_next)."""
        unknown = body.keys() - {*SWITCHES}
        if unknown or body.get("rates", "off") not in (*GENEROSITY, "off"):
            raise ValueError(f"unknown switch or value: {', '.join(sorted(unknown)) or body['rates']}")
        for name, value in body.items():
            setattr(workspace.faults, name, value)

    async def _down(self, workspace: Workspace, body: Json) -> None:
        """Slack is away for ``seconds``: 503, no sockets."""
        workspace.faults.down_until = workspace.now() + float(body["seconds"])
        for connection in list(workspace.connections):
            await connection.close()

    async def _disconnect(self, workspace: Workspace, body: Json) -> None:
        """End every socket: announced (``refresh_requested``, closed after ``grace`` seconds) or ``abrupt``."""
        for connection in list(workspace.connections):
            if body.get("abrupt"):
                await connection.close()
            else:
                await connection.refresh(float(body.get("grace", 10.0)))

    async def _http(self, workspace: Workspace, body: Json) -> Json:
        """Deliver by signed POSTs to ``request_url`` (null: by sockets again); ``verified`` by a challenge."""
        if body["request_url"] is None:
            workspace.delivery_by_http = None
            return {"verified": None}
        workspace.delivery_by_http = HttpDelivery(body["request_url"])
        return {"verified": await workspace.delivery_by_http.verify(workspace)}

    async def _clock(self, workspace: Workspace, body: Json) -> Json:
        """Move the workspace's clock forward by ``advance`` seconds."""
        workspace.advance(float(body["advance"]))
        return {"now": workspace.now()}

    async def _user(self, workspace: Workspace, body: Json) -> None:
        """Add a person, or change traits of one by ``id``; tells the app (``user_change``)."""
        traits = dict(body)
        if "role" in traits:
            traits["role"] = Role(traits["role"])
        known = workspace.users.get(traits["id"])
        workspace.users[traits["id"]] = dataclasses.replace(known, **traits) if known else User(**traits)
        if known:
            event = {"type": "user_change", "user": {"id": known.id}, "event_ts": workspace.next_ts()}
            workspace.in_background(_tell(workspace, event))

    async def _channel(self, workspace: Workspace, body: Json) -> None:
        """Add a channel, change one by ``id`` (name, members, archived), or ``deleted`` it."""
        traits = dict(body)
        if traits.pop("deleted", False):
            workspace.delete_channel(traits["id"])
            return
        known = workspace.channels.get(traits["id"])
        if known is None:
            known = workspace.add_channel(traits["id"], traits["name"], is_private=bool(traits.get("is_private")))
        for name in ("name", "members", "archived", "is_private"):
            setattr(known, name, traits.get(name, getattr(known, name)))

    async def _event(self, workspace: Workspace, body: Json) -> Json:
        """Send any event of the Events API; ``delivered`` is null if the app did not subscribe to it."""
        sent = await delivery.dispatch_event(workspace, {"event_ts": workspace.next_ts(), **body["event"]})
        return {"delivered": sent.outcome if sent else None}

    async def _uninstall(self, workspace: Workspace, _body: Json) -> Json:
        """Remove the app: ``app_uninstalled`` and ``tokens_revoked`` are sent, then its token is dead."""
        tokens = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [workspace.bot_user_id]}}
        outcomes = []
        for event in ({"type": "app_uninstalled"}, tokens):
            sent = await delivery.dispatch_event(workspace, {**event, "event_ts": workspace.next_ts()})
            outcomes.append(sent.outcome if sent else None)
        workspace.installed = False
        return {"delivered": outcomes}

    async def _function(self, workspace: Workspace, body: Json) -> Json:
        """Run a Workflow Builder step of the app: ``callback_id`` and ``inputs``; read its result under functions."""
        execution_id, sent = await workflows.start(workspace, body["callback_id"], body.get("inputs", {}))
        return {"function_execution_id": execution_id, "delivered": sent.outcome if sent else None}

    async def _manifest(self, workspace: Workspace, body: Json) -> None:
        """Only what this manifest declares exists from now on."""
        workspace.load_manifest(body)

    async def _reset(self, workspace: Workspace, _body: Json) -> None:
        """Back to the first state; sockets stay open, a loaded manifest stays."""
        manifest = workspace.manifest
        workspace.reset()
        if manifest is not None:
            workspace.load_manifest(manifest)


async def _tell(workspace: Workspace, event: Json) -> None:
    await delivery.dispatch_event(workspace, event)
