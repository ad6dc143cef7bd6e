"""Signing in to Mailchimp: OAuth 2, and the data centre an account lives in.

Mailchimp's tokens do not expire, have no scopes and cannot be refreshed or revoked by us. Where the ``state`` is kept
and compared is the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson
import requests

from services import errors
from services.mailchimp import client, hosts, meaning


@dataclass(frozen=True, slots=True)
class App:
    """The registered app: MAILCHIMP_CLIENT_ID and _SECRET, and where people come back to.

    ``login_url`` is POSTINO_MAILCHIMP_LOGIN_URL.
    """

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    login_url: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sign-in gives: a token, and where and as what it may be used."""

    token: str = field(repr=False)
    data_centre: str
    account_name: str
    role: str


def authorize_url(app: App, state: str) -> str:
    """Where to send the person. ``state`` comes back unchanged and must be compared."""
    query = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "state": state,
    }
    return f"{hosts.login_base(app.login_url)}/oauth2/authorize?{urlencode(query)}"


def authorise(app: App, code: str) -> Grant:
    """Turn the code a person came back with into a grant. Raises ReconnectNeeded, Refused and Unavailable."""
    answer = _ask(
        "POST",
        "/oauth2/token",
        app.login_url,
        data={
            "grant_type": "authorization_code",
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "redirect_uri": app.redirect_uri,
            "code": code,
        },
        secrets=(app.client_secret, code),
    )
    token = answer.get("access_token")
    if not isinstance(token, str) or not token:
        raise client.Unreadable
    return identify(token, app.login_url)


def identify(token: str, login_url: str | None = None) -> Grant:
    """What Mailchimp knows of a token: its data centre, the account's name and the user's role.

    Raises ReconnectNeeded if it does not know it.
    """
    answer = _ask("GET", "/oauth2/metadata", login_url, headers={"Authorization": f"OAuth {token}"}, secrets=(token,))
    return Grant(
        token=token,
        data_centre=hosts.check_data_centre(str(answer.get("dc") or "")),
        account_name=str(answer.get("accountname") or ""),
        role=str(answer.get("role") or ""),
    )


def data_centre_of(api_key: str, login_url: str | None = None) -> str:
    """The data centre of an API key: named by its ending, or else asked of Mailchimp.

    Raises InvalidInput if it is no key, or nobody knows where it belongs.
    """
    named = hosts.data_centre_of(api_key)
    if named:
        return named
    try:
        return identify(api_key.strip(), login_url).data_centre
    except errors.ReconnectNeeded:
        raise errors.InvalidInput(
            "This API key does not name its data centre. Copy all of it; it ends in something like -us14.",
            field="api_key",
        ) from None


def _ask(
    method: str,
    path: str,
    login_url: str | None,
    *,
    secrets: tuple[str, ...],
    data: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """One call to the login server, once: a person is waiting, and a code works only once."""
    base = hosts.login_base(login_url)
    patience = client.INTERACTIVE
    with client.session(base) as session:
        session.auth = _keep_headers  # or a .netrc would replace them
        try:
            response = session.request(
                method,
                base + path,
                data=data,
                headers=headers,
                timeout=(patience.connecting, patience.reading),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise client.unreachable(error) from None
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    # Mailchimp: {"error": "invalid_token"} may come with HTTP 200
    if isinstance(answer, dict) and answer.get("error") and response.status_code < 500:
        said = str(answer.get("error_description") or answer["error"])
        raise errors.ReconnectNeeded(
            "Mailchimp did not accept the sign-in: {text} Start it again.", text=meaning.quoted(said, secrets)
        )
    if not 200 <= response.status_code < 300:
        raise meaning.failure(response.status_code, response.content, secrets=secrets)
    if not isinstance(answer, dict):
        raise client.Unreadable
    return answer


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
