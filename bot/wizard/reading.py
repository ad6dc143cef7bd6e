"""What a view's state says, written into the answers. An API key never gets there: it is read on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.access import Sharing
from services.approving import Approval
from services.drafts import Answers

Lookup = Callable[[str], str]
"""Turns an option's value into the attribute's or segment's name."""

_SINGLE = ("value", "selected_conversation", "selected_time")


class Entered:
    """The inputs of a view. A block is known by its id up to the first dot; what follows only makes Slack forget."""

    def __init__(self, view: Mapping[str, Any]) -> None:
        self._held: dict[str, Any] = {}
        for block_id, elements in view.get("state", {}).get("values", {}).items():
            for held in elements.values():
                self._held[block_id] = _content(held)
        self._ids = {block_id.partition(".")[0]: block_id for block_id in self._held}

    def __contains__(self, block: str) -> bool:
        return block in self._ids

    def __getitem__(self, block: str) -> Any:
        """What the block holds: a text, an option's value, a list of them, or None."""
        return self._held[self._ids[block]]

    def block_id(self, block: str) -> str | None:
        """The whole id of the block in this view, if it is there."""
        return block if block in self._held else self._ids.get(block)

    def get(self, block: str, default: Any = None) -> Any:
        """What the block holds; ``default`` if the view does not show it."""
        return self._held.get(self._ids.get(block, ""), default)

    def exactly(self, block_id: str) -> Any:
        """What the block with this very id holds; None if it is not there."""
        return self._held.get(block_id)

    def rows(self) -> dict[str, Any]:
        """The merge fields' rows: option values by merge tag."""
        return {block_id.removeprefix("field."): held for block_id, held in self._held.items() if _is_row(block_id)}

    @property
    def api_key(self) -> str | None:
        """The key typed, if any. Keep it nowhere."""
        return (self.get("key") or "").strip() or None


def _is_row(block_id: str) -> bool:
    return block_id.startswith("field.")


def _content(held: Mapping[str, Any]) -> Any:
    if "selected_option" in held:
        chosen = held["selected_option"]
        return chosen["value"] if chosen else None
    if "selected_options" in held:
        return [one["value"] for one in held["selected_options"] or ()]
    if "selected_users" in held:
        return list(held["selected_users"] or ())
    return next((held[key] for key in _SINGLE if key in held), None)


def take(answers: Answers, entered: Entered, lookup: Lookup) -> None:
    """Write what a view holds into the answers; what the view does not show stays."""
    _take_connect(answers, entered)
    _take_audience(answers, entered)
    _take_matching(answers, entered, lookup)
    _take_segments(answers, entered, lookup)


def _take_connect(answers: Answers, entered: Entered) -> None:
    if "name" in entered:
        answers.name = " ".join((entered["name"] or "").split())
    if "connection" in entered:
        chosen = int(entered["connection"]) if entered["connection"] else None
        if chosen != answers.connection_id:
            answers.connection_id = chosen
            answers.forget_terms()
    # Of this connection, and not from a view that shows what does not hold any more.
    shown = f"{answers.connection_id}.{answers.revision}"
    if sharing := entered.exactly(f"sharing.{shown}"):
        answers.sharing = Sharing(sharing)
    people = entered.exactly(f"people.{shown}")
    if people is not None:
        answers.shared_people = people
    if entered.block_id("ceiling") == f"ceiling.{shown}":
        answers.ceiling = entered["ceiling"] or ""
    if "agreed" in entered:
        answers.agreed = "agreed" in entered["agreed"]


def _take_audience(answers: Answers, entered: Entered) -> None:
    if "audience" in entered:
        answers.audience_id = entered["audience"] or answers.audience_id
    if "audience_typed" in entered:
        answers.audience_typed = (entered["audience_typed"] or "").strip()


def _take_matching(answers: Answers, entered: Entered, lookup: Lookup) -> None:
    if "email" in entered:
        answers.email_attribute = lookup(entered["email"]) if entered["email"] else None
    for tag, value in entered.rows().items():
        if value:
            answers.fields[tag] = lookup(value)
        else:
            answers.fields.pop(tag, None)
    if "skip" in entered:
        answers.skip_required_fields = "skip" in entered["skip"]
    if "consent" in entered:
        _take_consent(answers, entered, lookup)


def _take_consent(answers: Answers, entered: Entered, lookup: Lookup) -> None:
    chosen = lookup(entered["consent"]) if entered["consent"] else None
    if chosen != answers.consent_attribute:
        answers.consent_attribute, answers.consent_values = chosen, []
        answers.revision += 1
    elif "consent_typed" in entered:
        seen = entered.get("consent_seen", [])
        typed = [part.strip() for part in (entered["consent_typed"] or "").split(",")]
        answers.consent_values = list(dict.fromkeys([*seen, *filter(None, typed)]))


def _take_segments(answers: Answers, entered: Entered, lookup: Lookup) -> None:
    if "segments" in entered:
        answers.choose_segments([lookup(value) for value in entered["segments"]])
    if "take_over" in entered:
        not_asked = [segment for segment in answers.take_over if segment not in answers.taken]
        answers.take_over = [*not_asked, *(lookup(value) for value in entered["take_over"])]
    answers.schedule = _kept(entered, "schedule", answers.schedule)
    answers.weekday = _kept(entered, "weekday", answers.weekday)
    answers.time = _kept(entered, "time", answers.time)
    answers.time_zone = _kept(entered, "zone", answers.time_zone)
    if "cron" in entered:
        answers.cron = " ".join((entered["cron"] or "").split())
    if "channel" in entered:
        answers.channel = entered["channel"]
    answers.channel_language = entered.get("language") or answers.channel_language
    if "approval" in entered and "approval_above" in entered:
        answers.approval = Approval(entered["approval"] or answers.approval)
        answers.approval_above = int(entered["approval_above"]) if entered["approval_above"] else None
    if "brake_percent" in entered and "brake_people" in entered:
        answers.brake_percent = int(entered["brake_percent"] or answers.brake_percent)
        answers.brake_people = int(entered["brake_people"] or answers.brake_people)
    if "after" in entered:
        answers.preview = "preview" in entered["after"]


def _kept(entered: Entered, block: str, before: str) -> str:
    return entered.get(block) or before
