"""E-mail addresses: one form to send, one form to compare, one key to remember.

The same function reads the source's addresses and Mailchimp's, so that both sides give the same key.
"""

from __future__ import annotations

import enum
import hashlib
import re
import unicodedata
from typing import NamedTuple

import idna

LONGEST = 254  # RFC 5321 4.5.3.1.3 with erratum 1690: octets of a whole address
LONGEST_DOMAIN = 253  # RFC 1035 2.3.4

# RFC 6761, 6762, 7686: names that never receive mail. `example` and `test` may.
_NEVER_DELIVERED = r"(?:arpa|invalid|local|localhost|onion)"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++"  # RFC 5322 3.2.3
_LABEL = r"(?!-|..--)[A-Za-z0-9-]{1,63}+(?<!-)"  # RFC 1123 2.1; RFC 5891 4.2.3.1 reserves `--` in third place
_TOP = rf"(?!{_NEVER_DELIVERED}\Z){_LABEL}(?<=[A-Za-z])"

# Nearly every address there is: plain ASCII, as it should be. Possessive, so that nothing can make it slow.
_PLAIN = re.compile(rf"{_ATOM}(?:\.{_ATOM})*+@(?:{_LABEL}\.)+{_TOP}", re.IGNORECASE | re.ASCII)

_INTERNATIONAL_ATOM = _ATOM.replace("~-", "~\u0080-\U0010ffff-")  # RFC 6531 3.3
_INTERNATIONAL_LOCAL = re.compile(rf"{_INTERNATIONAL_ATOM}(?:\.{_INTERNATIONAL_ATOM})*+")
_PUNYCODE_DOMAIN = re.compile(
    rf"(?:(?!-)[a-z0-9-]{{1,63}}+(?<!-)\.)+(?!{_NEVER_DELIVERED}\Z)(?!-)[a-z0-9-]{{1,63}}+(?<=[a-z])"
)

_EDGE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"  # invisible and left behind by copying: zero widths, byte order mark
_WRAPPED = {"<": ">", '"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019"}


class Address(NamedTuple):
    """``send`` is what is sent, spelled as it was found; ``normal`` is the form to compare and to make keys of."""

    send: str
    normal: str


class Problem(enum.Enum):
    """Why something is not an address. The value is a sentence for people, a gettext message id."""

    EMPTY = "There is no e-mail address."
    INVALID = "This is not a valid e-mail address. Correct it in the source."
    TOO_LONG = "This e-mail address is longer than 254 characters. Correct it in the source."


def normalise(raw: str | None) -> Address | Problem:
    """Read an address, or tell what is wrong with it.

    Surrounding white space, invisible characters, quotes, angle brackets and ``mailto:`` are dropped; nothing inside
    is repaired. An international domain becomes punycode in both forms, because every mail system takes that;
    a name before the ``@`` outside ASCII is brought into Unicode's composed form.
    """
    if not raw:
        return Problem.EMPTY
    if _PLAIN.fullmatch(raw):
        if len(raw) > LONGEST:
            return Problem.TOO_LONG
        return Address(raw, raw.lower())
    bare = _unwrap(raw)
    if not bare:
        return Problem.EMPTY
    if len(bare) > LONGEST:
        return Problem.TOO_LONG
    if _PLAIN.fullmatch(bare):
        return Address(bare, bare.lower())
    return _international(bare)


def normal(raw: str) -> str | None:
    """The form to compare that ``normalise`` gives, without the rest; None if it is no address."""
    if _PLAIN.fullmatch(raw) and len(raw) <= LONGEST:
        return raw.lower()
    address = normalise(raw)
    return None if isinstance(address, Problem) else address.normal


def spellings(address: str) -> tuple[str, ...]:
    """An address as ``normalise`` sends it, then as others may have sent it: the domain in Unicode, marks decomposed."""
    local, _, domain = address.rpartition("@")
    if address.isascii() and "xn--" not in domain.lower():
        return (address,)
    try:
        shown = idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        shown = domain
    domains = (domain, shown, unicodedata.normalize("NFD", shown))
    names = (local, unicodedata.normalize("NFD", local))
    return tuple(dict.fromkeys(f"{name}@{where}" for name in names for where in domains))


def subscriber_hash(address: str) -> str:
    """What Mailchimp calls a member in URLs: MD5 of the lower-case address. It identifies, it does not protect."""
    return hashlib.md5(address.strip().lower().encode(), usedforsecurity=False).hexdigest()


def _unwrap(raw: str) -> str:
    bare = _strip(raw)
    if bare[:7].lower() == "mailto:":
        bare = _strip(bare[7:])
    if len(bare) > 1 and _WRAPPED.get(bare[0]) == bare[-1]:
        bare = _strip(bare[1:-1])
    return bare


def _strip(text: str) -> str:
    before = None
    while text != before:
        before, text = text, text.strip().strip(_EDGE)
    return text


def _international(bare: str) -> Address | Problem:
    local, _, domain = bare.rpartition("@")
    local = unicodedata.normalize("NFC", local)
    if not _INTERNATIONAL_LOCAL.fullmatch(local) or not _is_safe(local):
        return Problem.INVALID
    ascii_domain = _punycode(domain)
    if ascii_domain is None:
        return Problem.INVALID
    send = f"{local}@{ascii_domain}"
    if len(send.encode()) > LONGEST:
        return Problem.TOO_LONG
    return Address(send, unicodedata.normalize("NFC", f"{local.lower()}@{ascii_domain}"))


def _is_safe(text: str) -> bool:
    """No invisible, unassigned or blank character, and nothing at the start that would combine with what precedes."""
    categories = [unicodedata.category(character)[0] for character in text]
    return categories[:1] != ["M"] and not {"C", "Z"}.intersection(categories)


def _punycode(domain: str) -> str | None:
    """The domain in ASCII and lower case, None if it is not one."""
    if len(domain) > LONGEST_DOMAIN or not _is_safe(domain):
        return None
    try:
        encoded = idna.encode(domain, uts46=True).decode()
        shown = idna.decode(encoded)
        if any(unicodedata.bidirectional(character) in {"R", "AL", "AN"} for character in shown):
            for label in shown.split("."):  # RFC 5893 section 1.4: one right-to-left label binds them all
                idna.check_bidi(label, check_ltr=True)
    except (idna.IDNAError, UnicodeError):
        return None
    return encoded if _PUNYCODE_DOMAIN.fullmatch(encoded) else None
