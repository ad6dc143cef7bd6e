"""What the matching step shows of the profiles: masked, never kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services import masking
from services.drafts import Answers
from services.sources import Attribute, ProfileSource

LOOKED_AT = 200
"""How many profiles are looked at."""
FEW = 10
"""An attribute with at most this many different values may be offered as boxes to tick. Slack: ten boxes at most."""
LONGEST = 40

PERSONAL = frozenset({"email", "first_name", "last_name", "phone", "birthday", "postal_code"})
ALLOWING = frozenset({"true", "yes", "y", "1", "on", "subscribed", "si", "sì"})
FORBIDDING = frozenset({"false", "no", "n", "0", "off"})


def masked(value: str) -> str:
    """A value as it may be shown: its first character, or an address in its masked form."""
    return masking.mask(value) if "@" in value else value[:1] + masking.HIDDEN


def examples(source: ProfileSource, attributes: Iterable[str]) -> dict[str, str]:
    """One masked value of each attribute that has any."""
    return {name: masked(values[0]) for name, values in _columns(source, attributes).items() if values}


def distinct(source: ProfileSource, attribute: Attribute) -> list[str]:
    """The attribute's few values, in the clear, if it is certain that they tell nobody apart; else nothing."""
    if attribute.semantic in PERSONAL:
        return []
    values = _columns(source, [attribute.name])[attribute.name]
    different = sorted(set(values))
    tells = any("@" in value or len(value) > LONGEST or value.startswith("#") or "," in value for value in different)
    return [] if tells or len(different) > FEW or len(values) < 3 * len(different) else different


def holding_addresses(source: ProfileSource, attributes: Sequence[Attribute]) -> str | None:
    """The attribute whose values look like addresses, where its name did not tell."""
    columns = _columns(source, [one.name for one in attributes])
    shares = {name: sum("@" in value for value in values) / len(values) for name, values in columns.items() if values}
    best = max(shares, key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] > 0.5 else None


def propose_consent(answers: Answers, source: ProfileSource) -> None:
    """Fill in the values that allow mailing, where the consent attribute's name tells which they are."""
    attribute = next((one for one in source.attributes() if one.name == answers.consent_attribute), None)
    if attribute is None or answers.consent_values:
        return
    words = {"consent": ALLOWING, "refusal": FORBIDDING}.get(attribute.semantic or "")
    if words is not None:
        answers.consent_values = [value for value in distinct(source, attribute) if value.casefold() in words]


def _columns(source: ProfileSource, attributes: Iterable[str]) -> dict[str, list[str]]:
    names = list(dict.fromkeys(attributes))
    rows = source.sample(names, LOOKED_AT) if names else []
    return {name: [value for row in rows if (value := (row[at] or "").strip())] for at, name in enumerate(names)}
