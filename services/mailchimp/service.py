"""Mailchimp as Postino's mailing service: everything Postino may ask of it, and nothing else."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from services import addresses, errors, mailing
from services.mailchimp import client, pacing, reading
from services.mailchimp.client import Call

Item = TypeVar("Item")

_ALL_STATUSES: dict[str, str | int] = {
    "include_cleaned": "true",
    "include_transactional": "true",
    "include_unsubscribed": "true",
}


class Mailchimp:
    """One Mailchimp account; fulfils ``services.mailing.MailingService``. Use as a context manager, or close it."""

    def __init__(
        self,
        token: str,
        data_centre: str,
        *,
        api_url: str | None = None,
        pacer: pacing.AccountPacer | None = None,
        meter: mailing.Meter | None = None,
        stop: threading.Event | None = None,
        patience: client.Patience = client.EXPORT,
    ) -> None:
        """Connect with an API key or an OAuth token. ``api_url`` is POSTINO_MAILCHIMP_API_URL.

        Give the account's one ``pacer`` as soon as the account is known. ``meter`` counts calls, ``stop`` ends them.
        Raises InvalidInput before anything is sent if the token or the host cannot be right.
        """
        self._data_centre = data_centre
        self._pacer = pacer or pacing.AccountPacer()
        self._client = client.Client(
            token,
            data_centre,
            api_url=api_url,
            pacer=self._pacer,
            meter=meter or mailing.Meter(),
            stop=stop or threading.Event(),
            patience=patience,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    @property
    def throttled_since(self) -> datetime | None:
        """Since when Mailchimp has been slowing us down, in UTC; None if it is not."""
        return self._pacer.throttled_since

    def start_with(self, lanes: int) -> None:
        """Begin with at most ``lanes`` calls at a time, growing from there."""
        self._pacer.start_with(lanes)

    def account(self) -> mailing.Account:
        """The account itself."""
        answer = self._client.call(Call("GET", "/3.0/", {"fields": reading.ACCOUNT_FIELDS}))
        return answer.read(lambda data: reading.account(data, self._data_centre))

    def audiences(self) -> tuple[mailing.Audience, ...]:
        """All audiences, with their contacts."""
        params = {"fields": reading.AUDIENCES_FIELDS, "include_total_contacts": "true", "sort_field": "date_created"}
        return self._all("/3.0/lists", params, "lists", lambda data: reading.audience(data, self._data_centre))

    def audience(self, audience_id: str) -> mailing.Audience:
        """One audience. Raises NotFound."""
        params = {"fields": reading.AUDIENCE_FIELDS, "include_total_contacts": "true"}
        try:
            answer = self._client.call(Call("GET", _audience(audience_id), params))
        except errors.NotFound:
            raise _no_audience(audience_id) from None
        return answer.read(lambda data: reading.audience(data, self._data_centre))

    def merge_fields(self, audience_id: str) -> tuple[mailing.MergeField, ...]:
        """All merge fields, without the address itself."""
        params = {"fields": reading.MERGE_FIELDS_FIELDS}
        found = self._all(f"{_audience(audience_id)}/merge-fields", params, "merge_fields", reading.merge_field)
        return tuple(field for field in found if field.tag != "EMAIL")

    def tags(self, audience_id: str) -> tuple[mailing.Tag, ...]:
        """All tags (static segments)."""
        return self._all(
            _segments(audience_id), {"type": "static", "fields": reading.TAGS_FIELDS}, "segments", reading.tag
        )

    def create_tag(self, audience_id: str, name: str) -> mailing.Tag:
        """An empty tag. If it exists already, e.g. after a lost race or a lost answer, the existing one.

        Mailchimp may change the case of a tag's name, so names are compared without it.
        """
        create = Call("POST", _segments(audience_id), body={"name": name, "static_segment": []})
        asked = 0

        def attempt(number: int) -> mailing.Tag:
            nonlocal asked
            asked = number
            if number > 1 and (existing := self._tag_named(audience_id, name)):
                return existing
            return self._client.once(create, repeated=number > 1).read(reading.tag)

        try:
            return self._client.persist(attempt)
        except mailing.ContentRefused as refused:
            existing = self._tag_named(audience_id, name)
            if existing is None:
                refused.repeated = asked > 1
                raise
            return existing

    def delete_tag(self, audience_id: str, tag_id: int) -> None:
        """Take the tag off everybody by deleting it; one that is gone already is no matter."""
        with suppress(errors.NotFound):
            self._client.call(Call("DELETE", f"{_segments(audience_id)}/{tag_id}"))

    def members(
        self,
        audience_id: str,
        *,
        status: mailing.Status | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        offset: int = 0,
        count: int = mailing.MEMBERS_PER_PAGE,
    ) -> mailing.Page[mailing.Member]:
        """One page of members, by ``last_changed`` ascending, changed after ``since`` and before ``before``."""
        params: dict[str, str | int] = {"fields": reading.MEMBERS_FIELDS, "offset": offset, "count": count}
        params |= {"sort_field": "last_changed", "sort_dir": "ASC"}
        if status is not None:
            params["status"] = reading.WORDS[status]
        if since is not None:
            params["since_last_changed"] = since.astimezone(UTC).isoformat(timespec="seconds")
        if before is not None:
            params["before_last_changed"] = before.astimezone(UTC).isoformat(timespec="seconds")
        return self._page(f"{_audience(audience_id)}/members", params, reading.member)

    def count(self, audience_id: str, status: mailing.Status) -> int:
        """How many members have this status, by paging's own total (stats are five minutes old)."""
        params: dict[str, str | int] = {"status": reading.WORDS[status], "fields": "total_items", "count": 1}
        answer = self._client.call(Call("GET", f"{_audience(audience_id)}/members", params))
        return answer.read(lambda data: int(data["total_items"]))

    def tag_members(
        self, audience_id: str, tag_id: int, *, offset: int = 0, count: int = mailing.MEMBERS_PER_PAGE
    ) -> mailing.Page[str]:
        """One page of the addresses of a tag's holders, whatever their status. Raises NotFound if the tag is gone."""
        params: dict[str, str | int] = {"fields": reading.HOLDERS_FIELDS, "offset": offset, "count": count}
        return self._page(f"{_segments(audience_id)}/{tag_id}/members", params | _ALL_STATUSES, reading.address)

    def member(self, audience_id: str, address: str) -> mailing.Member | None:
        """One member with all its tags, in whatever spelling; None if it was never seen or permanently deleted."""
        found = (self._member(audience_id, addresses.subscriber_hash(one)) for one in addresses.spellings(address))
        return next((member for member in found if member is not None), None)

    def _member(self, audience_id: str, hashed: str) -> mailing.Member | None:
        path = f"{_audience(audience_id)}/members/{{member}}"
        try:
            answer = self._client.call(Call("GET", path, {"fields": reading.MEMBER_FIELDS}, member=hashed))
            found = answer.read(reading.member)
            if not found.tags_cut:
                return found
            tags = self._all(f"{path}/tags", {}, "tags", lambda tag: int(tag["id"]), member=hashed)
        except errors.NotFound:
            return None
        return mailing.Member(
            found.address, found.status, found.last_changed, found.fields, tags, found.member_id, found.contact_id
        )

    def insert(
        self,
        audience_id: str,
        members: Sequence[mailing.NewMember],
        *,
        skip_merge_validation: bool = False,
    ) -> mailing.BulkAnswer:
        """Insert up to 500 new members as subscribed, with their tags; existing ones are refused, never changed."""
        _at_most(members, mailing.MEMBERS_PER_INSERT)
        if not members:
            return mailing.BulkAnswer((), ())
        body = {
            "members": [
                {
                    "email_address": member.address,
                    "status": "subscribed",
                    "merge_fields": dict(member.fields),
                    **({"tags": list(member.tags)} if member.tags else {}),
                }
                for member in members
            ],
            "update_existing": False,  # Mailchimp: with true, people who left would be subscribed again
        }
        values = {member.address.lower(): tuple(member.fields.values()) for member in members}
        call = Call(
            "POST",
            _audience(audience_id),
            {"skip_duplicate_check": "false", "skip_merge_validation": _flag(skip_merge_validation)},
            body,
            secrets=[text for member in members for text in (member.address, *member.fields.values())],
            divisible=len(members) > 1,
        )
        return self._client.call(call).read(lambda data: reading.bulk_answer(data, values))

    def update(
        self, audience_id: str, member_id: str, fields: Mapping[str, str], *, skip_merge_validation: bool = False
    ) -> mailing.Member:
        """Change merge fields of an existing member; never its status."""
        call = Call(
            "PATCH",
            f"{_audience(audience_id)}/members/{{member}}",
            {"skip_merge_validation": _flag(skip_merge_validation)},
            {"merge_fields": dict(fields)},
            member=member_id,
            secrets=tuple(fields.values()),
        )
        return self._client.call(call).read(reading.member)

    def change_tag(self, audience_id: str, tag_id: int, add: Sequence[str], remove: Sequence[str]) -> mailing.TagAnswer:
        """Put the tag on up to 500 addresses and take it off up to 500. Raises NotFound if the tag is gone."""
        _at_most(add, mailing.MEMBERS_PER_TAG_CALL)
        _at_most(remove, mailing.MEMBERS_PER_TAG_CALL)
        body = {"members_to_add": list(add), "members_to_remove": list(remove)}
        body = {name: sent for name, sent in body.items() if sent}
        if not body:
            return mailing.TagAnswer((), (), ())
        call = Call(
            "POST",
            f"{_segments(audience_id)}/{tag_id}",
            body=body,
            secrets=(*add, *remove),
            divisible=len(add) + len(remove) > 1,
        )
        return self._client.call(call).read(reading.tag_answer)

    def _tag_named(self, audience_id: str, name: str) -> mailing.Tag | None:
        folded = name.strip().casefold()
        return next((tag for tag in self.tags(audience_id) if tag.name.strip().casefold() == folded), None)

    def _page(self, path: str, params: Mapping[str, str | int], read: Callable[[Any], Item]) -> mailing.Page[Item]:
        divisible = int(params["count"]) > mailing.SMALL_PAGE
        answer = self._client.call(Call("GET", path, params, divisible=divisible))
        return answer.read(
            lambda data: mailing.Page(tuple(map(read, data["members"])), int(data["total_items"]), answer.served_at)
        )

    def _all(
        self, path: str, params: Mapping[str, str | int], name: str, read: Callable[[Any], Item], *, member: str = ""
    ) -> tuple[Item, ...]:
        """Every page of a list; Mailchimp shows ten items unless asked for up to 1,000."""
        found: list[Item] = []
        while True:
            page = {**params, "count": mailing.MEMBERS_PER_PAGE, "offset": len(found)}
            answer = self._client.call(Call("GET", path, page, member=member))
            items, total = answer.read(lambda data: ([read(item) for item in data[name]], int(data["total_items"])))
            found += items
            if not items or len(found) >= total:
                return tuple(found)


def _audience(audience_id: str) -> str:
    """The path of an audience, whose id somebody may have typed."""
    if not re.fullmatch(r"[0-9A-Za-z]+", audience_id):
        raise _no_audience(audience_id)
    return f"/3.0/lists/{audience_id}"


def _no_audience(audience_id: str) -> errors.NotFound:
    return errors.NotFound(
        "There is no audience with the ID {audience} in this Mailchimp account.", audience=audience_id
    )


def _segments(audience_id: str) -> str:
    return f"{_audience(audience_id)}/segments"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _at_most(items: Sequence[object], most: int) -> None:
    if len(items) > most:
        raise ValueError(f"At most {most} in one call, not {len(items)}.")
