"""Where Mailchimp is. Every address is checked here before a credential is sent to it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from services import errors

LOGIN = "https://login.mailchimp.com"

_DATA_CENTRE = re.compile(r"[a-z]{2,10}[0-9]{1,5}")


def check_data_centre(name: str, *, field: str = "data_centre") -> str:
    """The data centre's name, such as ``us14``, if it may become part of a host name. Raises InvalidInput."""
    if not _DATA_CENTRE.fullmatch(name):
        raise errors.InvalidInput("This is not a Mailchimp data centre. It looks like us14.", field=field)
    return name


def data_centre_of(api_key: str) -> str | None:
    """The data centre an API key names after its last ``-``; None if it names none.

    Raises InvalidInput for what is no API key at all.
    """
    secret, dash, name = api_key.strip().rpartition("-")
    if not dash:
        secret, name = name, ""
    if not re.fullmatch(r"[0-9A-Za-z]{16,64}", secret) or (dash and not _DATA_CENTRE.fullmatch(name)):
        raise errors.InvalidInput(
            "This is not a Mailchimp API key. It has 32 letters and digits and ends in its data centre, such as -us14.",
            field="api_key",
        )
    return name or None


def api_base(data_centre: str, override: str | None = None) -> str:
    """The address ``/3.0/…`` is appended to. ``override`` is POSTINO_MAILCHIMP_API_URL. Raises InvalidInput."""
    check_data_centre(data_centre)
    if override:
        return check_override(override, field="POSTINO_MAILCHIMP_API_URL")
    return f"https://{data_centre}.api.mailchimp.com"


def login_base(override: str | None = None) -> str:
    """The address ``/oauth2/…`` is appended to. ``override`` is POSTINO_MAILCHIMP_LOGIN_URL. Raises InvalidInput."""
    return check_override(override, field="POSTINO_MAILCHIMP_LOGIN_URL") if override else LOGIN


def check_override(address: str, *, field: str) -> str:
    """A server named in the settings, without a final slash: https, or http on this machine. Raises InvalidInput."""
    try:
        parts = urlsplit(address.strip())
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not parts.hostname or not encrypted or parts.username or parts.password or parts.query or parts.fragment:
        raise errors.InvalidInput(
            "{name} must be an https address, or http on this machine (127.0.0.1).", field=field, name=field
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
