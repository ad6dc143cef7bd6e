"""Hides addresses and personal values in text before it is stored, logged or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "•••"

# Deliberately wider than valid addresses: what only looks like one is hidden too.
_ADDRESS = re.compile(r"""[^\s@<>"(),;:\[\]{}]+@[^\s@<>"'(),;:\[\]{}]*[^\s@<>"'(),;:\[\]{}.!?]""")


def mask(address: str) -> str:
    """An address as people may see it in a list: ``jane@example.com`` becomes ``j•••@e•••.com``."""
    local, at, domain = address.rpartition("@")
    if not at:
        return HIDDEN
    name, dot, top = domain.rpartition(".")
    shown_domain = f"{name[:1]}{HIDDEN}.{top}" if dot else HIDDEN
    return f"{local[:1]}{HIDDEN}@{shown_domain}"


def mask_text(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` with every address masked, and every one of ``secrets`` (whole words, any case) hidden altogether."""
    values = [secret for secret in secrets if not _ADDRESS.fullmatch(secret)]
    # Values around an address go first, or masking it would hide from us what stands beside it
    around = _hide(text, (value for value in values if "@" in value))
    return _hide(_ADDRESS.sub(lambda found: mask(found.group()), around), values)


def _hide(text: str, secrets: Iterable[str]) -> str:
    lowered = text.casefold()
    present = {secret for secret in secrets if secret.strip() and secret.casefold() in lowered}
    if not present:
        return text
    longest_first = "|".join(re.escape(secret) for secret in sorted(present, key=lambda s: (-len(s), s)))
    return re.sub(rf"(?<!\w)(?:{longest_first})(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
