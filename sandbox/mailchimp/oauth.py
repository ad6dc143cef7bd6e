"""OAuth 2 as ``https://login.mailchimp.com/oauth2`` speaks it: authorize, token, metadata.

Tokens do not expire, have no scopes and no refresh. ``expires_in: 0, scope: null`` is unconfirmed.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from sandbox.mailchimp.state import Account, World

CLIENT_ID = "100000000001"
CLIENT_SECRET = "local-mailchimp-client-secret-0123456789abcdef"  # noqa: S105 - not a secret: the sandbox's default

_PAGE = """<!doctype html><html lang="en"><title>Mailchimp (local)</title>
<body><h1>Mailchimp (local)</h1><p>An application asks for full access to this Mailchimp account.</p>
<form method="post" action="/oauth2/authorize">{hidden}<label>Account <select name="account">{accounts}</select></label>
<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></form></body>"""


@dataclass(frozen=True)
class Client:
    """A registered application. Without ``redirect_uris`` every address on this machine will do."""

    client_id: str
    secret: str
    redirect_uris: tuple[str, ...] = ()

    def allows(self, redirect_uri: str) -> bool:
        """Whether a code may be sent there."""
        if self.redirect_uris:
            return redirect_uri in self.redirect_uris
        return urlsplit(redirect_uri).hostname in ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class _Grant:
    client_id: str
    redirect_uri: str
    account: Account


class Registry:
    """Registered applications and the codes given out."""

    def __init__(self) -> None:
        self.clients = {CLIENT_ID: Client(CLIENT_ID, CLIENT_SECRET)}
        self.codes: dict[str, _Grant] = {}

    def register(self, client_id: str, secret: str, redirect_uris: tuple[str, ...] = ()) -> None:
        """Register an application, or change it."""
        self.clients[client_id] = Client(client_id, secret, redirect_uris)


async def form_of(request: Request) -> dict[str, str]:
    """A urlencoded body."""
    return dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))


def routes(world: World) -> list[Route]:
    """The three addresses."""

    async def authorize(request: Request) -> Response:
        asked = dict(request.query_params) if request.method == "GET" else await form_of(request)
        client = world.oauth.clients.get(asked.get("client_id", ""))
        if client is None:
            return JSONResponse({"error": "invalid_client", "error_description": "Unknown client_id."}, 400)
        if not client.allows(asked.get("redirect_uri", "")):
            return JSONResponse({"error": "redirect_uri_mismatch", "error_description": "Unknown redirect_uri."}, 400)
        if asked.get("response_type") != "code":
            return JSONResponse({"error": "unsupported_response_type"}, 400)
        if asked.get("decision") is None:
            return HTMLResponse(_page(world, asked))
        return _decide(world, asked)

    async def token(request: Request) -> Response:
        form = await form_of(request)
        client = world.oauth.clients.get(form.get("client_id", ""))
        if client is None or not secrets.compare_digest(client.secret, form.get("client_secret", "")):
            return JSONResponse({"error": "invalid_client", "error_description": "Wrong client credentials."}, 401)
        if form.get("grant_type") != "authorization_code":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        grant = world.oauth.codes.pop(form.get("code", ""), None)
        if grant is None or (grant.client_id, grant.redirect_uri) != (client.client_id, form.get("redirect_uri")):
            return JSONResponse({"error": "invalid_grant", "error_description": "The code is not valid."}, 400)
        with world.lock:
            return JSONResponse({"access_token": grant.account.add_token(), "expires_in": 0, "scope": None})

    async def metadata(request: Request) -> Response:
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        account = world.credentials.get(credential)
        if scheme.lower() not in ("oauth", "bearer") or account is None or account.disabled:
            return JSONResponse({"error": "invalid_token"})  # seen with HTTP 200
        return JSONResponse(_metadata(account, str(request.base_url).rstrip("/")))

    return [
        Route("/oauth2/authorize", authorize, methods=["GET", "POST"]),
        Route("/oauth2/token", token, methods=["POST"]),
        Route("/oauth2/metadata", metadata, methods=["GET"]),
    ]


def _page(world: World, asked: Mapping[str, str]) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in asked.items()
    )
    accounts = "".join(
        f'<option value="{account.id}">{html.escape(account.name)}</option>' for account in world.accounts.values()
    )
    return _PAGE.format(hidden=hidden, accounts=accounts)


def _decide(world: World, asked: Mapping[str, str]) -> Response:
    """Send the person back with a code; the first account unless one was chosen."""
    back = {"state": asked["state"]} if "state" in asked else {}
    account = world.accounts.get(asked.get("account", "")) or next(iter(world.accounts.values()), None)
    if asked["decision"] != "allow" or account is None:
        back["error"] = "access_denied"
    else:
        with world.lock:
            back["code"] = world.hexadecimal(32)
            world.oauth.codes[back["code"]] = _Grant(asked["client_id"], asked["redirect_uri"], account)
    separator = "&" if urlsplit(asked["redirect_uri"]).query else "?"
    return RedirectResponse(asked["redirect_uri"] + separator + urlencode(back), 302)


def _metadata(account: Account, base: str) -> dict[str, object]:
    """As recorded, but ``api_endpoint`` is this server."""
    return {
        "dc": account.dc,
        "role": account.role,
        "accountname": account.name,
        "user_id": account.user_id,
        "login": {
            "email": account.login_email,
            "avatar": None,
            "login_id": account.user_id,
            "login_name": account.login_email,
            "login_email": account.login_email,
        },
        "login_url": base,
        "api_endpoint": base,
    }
