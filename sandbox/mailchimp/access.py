"""Who calls, and whether they may: credentials, data centre, disabled accounts, roles."""

from __future__ import annotations

import base64
import binascii
import re

from starlette.requests import Request

from sandbox.mailchimp import answers
from sandbox.mailchimp.answers import Problem
from sandbox.mailchimp.state import WRITERS, Account, World

_HOST = re.compile(r"([a-z]+\d+)\.api\.mailchimp\.com(:\d+)?")


def identify(world: World, request: Request) -> tuple[str, Account]:
    """The credential of a request and its account. Raises Problem (401, 403).

    Basic with any user, Bearer, OAuth and apikey are all taken.
    """
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    credential = credential.strip()
    if not credential:
        raise Problem(401, "API Key Missing", "Your request did not include an API key.")
    if scheme.lower() == "basic":
        try:
            credential = base64.b64decode(credential, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            credential = ""
    elif scheme.lower() not in ("bearer", "oauth", "apikey"):
        credential = ""
    account = world.credentials.get(credential)
    if account is None:
        raise invalid_key()
    host = _HOST.fullmatch(request.headers.get("host", ""))
    if host and host[1] != account.dc:
        if world.switches.wrong_datacenter == "403":
            raise Problem(403, "Wrong Datacenter", "The API key provided is linked to a different datacenter.")
        raise invalid_key()
    return credential, account


def check(world: World, credential: str, account: Account, method: str) -> None:
    """Whether the credential still holds and its role may do this. Raises Problem (401, 403)."""
    if world.credentials.get(credential) is not account:
        raise invalid_key()
    if account.disabled:
        raise Problem(403, "User Disabled", "This account has been disabled.")
    if method != "GET" and account.role not in WRITERS:
        raise answers.forbidden()


def invalid_key() -> Problem:
    """401 as recorded; it does not tell a wrong key from a wrong data centre."""
    text = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
    return Problem(401, "API Key Invalid", text)
