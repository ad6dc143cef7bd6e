"""The Web API's front door: reading arguments, tokens, scopes, rates, switches; then the method."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.slack import chat_methods, other_methods
from sandbox.slack.errors import SlackError
from sandbox.slack.values import Json

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

NESTED = ("blocks", "attachments", "view", "metadata", "message", "files", "outputs")
READ = ("channels:read", "groups:read", "im:read", "mpim:read")


@dataclass(frozen=True)
class Method:
    """What a method does, which scopes it needs (any one of them) and whose token."""

    run: Callable[[Workspace, Json], Json]
    scopes: tuple[str, ...] = ()
    caller: str = "bot"


METHODS: dict[str, Method] = {
    "auth.test": Method(other_methods.auth_test),
    "apps.connections.open": Method(other_methods.open_connection, caller="app"),
    "chat.postMessage": Method(chat_methods.post_message, ("chat:write",)),
    "chat.postEphemeral": Method(chat_methods.post_ephemeral, ("chat:write",)),
    "chat.update": Method(chat_methods.update, ("chat:write",)),
    "chat.delete": Method(chat_methods.delete, ("chat:write",)),
    "chat.getPermalink": Method(chat_methods.get_permalink),
    "reactions.add": Method(chat_methods.add_reaction, ("reactions:write",)),
    "conversations.open": Method(other_methods.open_conversation, ("im:write", "mpim:write", "channels:manage")),
    "conversations.info": Method(other_methods.conversation_info, READ),
    "conversations.join": Method(other_methods.join_conversation, ("channels:join",)),
    "conversations.members": Method(other_methods.conversation_members, READ),
    "conversations.list": Method(other_methods.list_conversations, READ),
    "views.open": Method(other_methods.open_view),
    "views.push": Method(other_methods.push_view),
    "views.update": Method(other_methods.update_view),
    "views.publish": Method(other_methods.publish_view),
    "users.info": Method(other_methods.user_info, ("users:read",)),
    "users.list": Method(other_methods.list_users, ("users:read",)),
    "team.info": Method(other_methods.team_info, ("team:read",)),
    "files.getUploadURLExternal": Method(other_methods.get_upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(other_methods.complete_upload, ("files:write",)),
    "functions.completeSuccess": Method(other_methods.complete_function("success"), caller="function"),
    "functions.completeError": Method(other_methods.complete_function("error"), caller="function"),
    "blocks.validate": Method(other_methods.validate_blocks, caller="none"),
}


class WebApi:
    """Answers ``/api/{method}`` for one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def answer(self, request: Request) -> Response:
        """One call: 200 with ``ok``, 429 with Retry-After, or 503 while Slack is switched off."""
        workspace, name = self._workspace, request.path_params["method"]
        workspace.serve_here()
        mounted_at = request.scope.get("root_path", "")
        workspace.base_url = f"{request.url.scheme}://{request.url.netloc}{mounted_at}"
        if workspace.faults.slow:
            await asyncio.sleep(workspace.faults.slow)
        if workspace.now() < workspace.faults.down_until:
            return PlainTextResponse("Service Unavailable", 503)
        headers = {"X-OAuth-Scopes": ",".join(sorted(workspace.scopes))}
        try:
            answer = {"ok": True, **await self._call(name, request)}
        except SlackError as refusal:
            if refusal.retry_after is not None:
                headers["Retry-After"] = str(refusal.retry_after)
            body = {"ok": False, "error": refusal.code, **refusal.extra}
            return JSONResponse(body, refusal.status, headers)
        if workspace.faults.take(workspace.faults.drop_next, name):
            return _hang_up(request)
        return JSONResponse(answer, headers=headers)

    async def _call(self, name: str, request: Request) -> Json:
        workspace = self._workspace
        arguments = await _arguments(request)
        method = METHODS.get(name)
        if method is None:
            raise SlackError("unknown_method", {"req_method": name})
        self._admit(method, _token(request, arguments))
        forced = workspace.faults.forced_error(name)
        if forced:
            raise SlackError(forced)
        if workspace.faults.take(workspace.faults.ratelimit_next, name):
            wait = workspace.faults.retry_after
        else:
            wait = workspace.rates.wait_for(name, str(arguments.get("channel", "")), workspace.faults.rates)
        if wait:
            raise SlackError("ratelimited", status=429, retry_after=wait)
        return method.run(workspace, arguments)

    def _admit(self, method: Method, token: str) -> None:
        workspace = self._workspace
        if method.caller == "none":
            return
        if not token:
            raise SlackError("not_authed")
        wanted = {"bot": [workspace.bot_token], "app": [workspace.app_token]}.get(
            method.caller, [workspace.bot_token, *(each["token"] for each in workspace.functions.values())]
        )
        if token not in wanted:
            known = token in (workspace.bot_token, workspace.app_token)
            raise SlackError("not_allowed_token_type" if known else "invalid_auth")
        if not workspace.installed and method.caller != "app":
            raise SlackError("account_inactive")
        if method.scopes and not workspace.scopes & set(method.scopes):
            provided = ",".join(sorted(workspace.scopes))
            raise SlackError("missing_scope", {"needed": method.scopes[0], "provided": provided})


def _token(request: Request, arguments: Json) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else str(arguments.pop("token", "") or "")


async def _arguments(request: Request) -> Json:
    """Query, form (with JSON in strings) or JSON, all into one; an empty JSON body counts as none."""
    arguments: Json = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "application/json":
        body = await request.body()
        if body.strip():
            try:
                parsed = json.loads(body)
            except ValueError:
                raise SlackError("invalid_json") from None
            if not isinstance(parsed, dict):
                raise SlackError("json_not_object")
            arguments |= parsed
    elif kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        async with request.form() as form:
            arguments |= {key: value for key, value in form.items() if isinstance(value, str)}
    for key in NESTED:
        if isinstance(arguments.get(key), str):
            arguments[key] = _parsed(arguments[key])
    return arguments


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _hang_up(request: Request) -> Response:
    """Close the connection without an answer, as a network that breaks after Slack did its work."""
    transport = getattr(getattr(request.receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
    return PlainTextResponse("", 502)
