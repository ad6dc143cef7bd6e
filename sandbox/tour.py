"""The main job as a guided tour: somebody at a Slack client sets up a destination, exports, and runs into the limit.

It acts only as a person's client does, shows only what that client shows, and fails if something does not happen or if the
audience in Mailchimp is not what the files say it must be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.rule import Rule

from sandbox import demo_data
from sandbox.expectation import expected
from sandbox.slack.remote import RemotePerson

Json = dict[str, Any]

ADA = "U0ADA"
CHANNEL = "exports"
SEGMENTS = {
    "HighValueCustomers": "High-value customers",
    "CustomersFromCalifornia": "Customers from California",
    "LoyaltyMembers": "Loyalty members",
}
"""What is exported, with the tag each segment becomes."""
GROWING = "LoyaltyMembers"
PATIENCE = 60.0
"""Seconds to wait for something that Postino must show; an export shows something new every few seconds."""


class TourFailedError(Exception):
    """Something did not happen, or Mailchimp does not hold what it must."""


class Tour:
    """One tour through a town, as ``python -m sandbox`` prints it, with demo data in ``source``."""

    def __init__(self, town: Mapping[str, Any], source: Path, console: Console) -> None:
        self._town = town
        self._source = source
        self._console = console
        self._ada = RemotePerson(str(town["slack_url"]), ADA)
        self._shown: dict[str, str] = {}

    def perform(self) -> int:
        """The whole tour; how many contacts Mailchimp holds after it. Raises TourFailedError."""
        left_alone = self._people_who_left()
        with self._ada:
            self._set_up()
            self._look_at_segments()
            self._export()
            contacts = self._compare(left_alone)
            self._exceed_the_limit()
        self._leave_usable()
        return contacts

    # The steps

    def _set_up(self) -> None:
        self._type("/postino-connect")
        self._view("Step 1 of 4")
        self._do("click", target="Use an API key")
        self._view("Mailchimp API key", quiet=True)
        self._do("fill", values={"Display name": "Coffee letter", "Mailchimp API key": self._town["mailchimp_api_key"]})
        self._do("enter", target="Consent", value=["I agree"])
        self._do("submit")
        self._view("Step 2 of 4", quiet=True)
        self._do("enter", target="Audience", value="Newsletter")
        self._show_view()
        self._do("submit")
        self._view("Step 3 of 4")
        self._do("submit")
        self._view("Step 4 of 4", quiet=True)
        self._do("enter", target="Segments", value=list(SEGMENTS.values()))
        self._view("distinct profiles of at most", quiet=True)
        self._do("enter", target="Schedule", value="Only by hand")
        self._view("Channel for notifications", quiet=True)
        self._do("enter", target="Channel for notifications", value=CHANNEL)
        self._show_view()
        self._do("submit")
        self._view("Destination saved")
        self._do("close", everything=True)

    def _look_at_segments(self) -> None:
        self._type("/postino-segments")
        self._message(CHANNEL, *SEGMENTS.values())

    def _export(self) -> None:
        self._type("/postino-export Coffee letter")
        self._message(CHANNEL, "Preview of Coffee letter", "New contacts")
        self._do("click", target="Send", channel=CHANNEL)
        for message in self._watch(CHANNEL, "was exported to Newsletter"):
            self._show_message(message)

    def _exceed_the_limit(self) -> None:
        """The next refresh makes a segment larger than an export may be."""
        demo_data.grow(self._source, GROWING, 1_000_001)
        self._type("/postino-export Coffee letter")
        self._message(CHANNEL, "1,000,000", "Nothing was sent", "weigh most")

    def _leave_usable(self) -> None:
        """The refresh after that is an ordinary one again, and Mailchimp answers at once."""
        demo_data.refresh_again(self._source)
        self._control("switches", {"latency_bulk": 0.0}, method="PATCH")

    # Acting and looking

    def _type(self, command: str) -> None:
        name = command.split()[0]
        declared = next((one for one in self._ada.read("commands") if one["command"] == name), None)
        if declared is None:
            raise TourFailedError(f"Slack knows no {name}.")
        self._console.print(Rule(f"[bold]{escape(command)}[/]  {escape(declared['description'])}", align="left"))
        self._do("command", channel=CHANNEL, text=command)

    def _do(self, act: str, **body: Any) -> None:
        answer = self._ada.act(act, **body)
        if not answer["ok"]:
            raise TourFailedError(f"{act} {body.get('target', '')}: {answer['error']} {answer['text']}".strip())

    def _view(self, *words: str, quiet: bool = False) -> None:
        """Wait until the open modal says all of this, and show it."""

        def says() -> bool:
            lines = (self._ada.view() or {"lines": []})["lines"]
            text = "\n".join(lines)
            return "⏳" not in text and all(word in text for word in words)

        self._until(says, f"No modal says {' and '.join(words)}")
        if not quiet:
            self._show_view()

    def _show_view(self) -> None:
        view = self._ada.view()
        if view is not None:
            title, *lines = view["lines"]
            self._panel(title, [line for line in lines if self._town["mailchimp_api_key"] not in line], "cyan")

    def _message(self, channel: str, *words: str) -> None:
        """Wait for a message that says all of this, and show it."""

        def found() -> Json | None:
            messages = self._messages(channel)
            return next((one for one in reversed(messages) if all(word in _text(one) for word in words)), None)

        self._show_message(self._until(found, f"No message says {' and '.join(words)}"))

    def _messages(self, channel: str) -> list[Json]:
        """Everything in the channel that was not shown before, replies of threads included."""
        seen: dict[str, Json] = {}
        for message in self._ada.messages(channel):
            seen[message["ts"]] = message
            if message.get("reply_count"):
                seen |= {reply["ts"]: reply for reply in self._ada.messages(channel, message["ts"])[1:]}
        return [one for one in seen.values() if self._shown.get(one["ts"]) != _text(one)]

    def _watch(self, channel: str, last: str) -> Iterator[Json]:
        """Every new or changed message, until one of them says ``last``."""
        while True:
            news = self._until(lambda: self._messages(channel), f"No message says {last}")
            yield from news
            if any(last in _text(one) for one in news):
                return

    def _until(self, seen: Any, otherwise: str) -> Any:
        try:
            return self._ada.until(seen, PATIENCE)
        except (TimeoutError, httpx.HTTPError):
            raise TourFailedError(f"{otherwise} within {PATIENCE:g} seconds.") from None

    def _show_message(self, message: Json) -> None:
        self._shown[message["ts"]] = _text(message)
        self._panel("#" + CHANNEL, message["lines"], "green")

    def _panel(self, title: str, lines: list[str], colour: str) -> None:
        self._console.print(
            Panel("\n".join(map(escape, lines)), title=escape(title), title_align="left", border_style=colour)
        )

    # Mailchimp, looked at from outside

    def _people_who_left(self) -> list[str]:
        """Let some customers be in the audience already without being subscribed; their addresses."""
        everybody = sorted(expected(self._source, SEGMENTS))
        audience = f"audiences/{self._town['mailchimp_audience_id']}"
        left = everybody[:: max(1, len(everybody) // 60)][:60]
        for at, address in enumerate(left):
            status = "unsubscribed" if at % 3 else "cleaned"
            self._control(f"{audience}/acts", {"do": "add", "with": {"address": address, "status": status}})
        self._control("switches", {"latency_bulk": 0.6}, method="PATCH")
        return left

    def _compare(self, left_alone: list[str]) -> int:
        must = expected(self._source, SEGMENTS, left_alone)
        holds: dict[str, frozenset[str]] = {}
        states: dict[str, str] = {}
        for member in self._dump():
            address = member["email_address"].lower()
            states[address] = member["status"]
            if member["status"] == "subscribed":
                holds[address] = frozenset(member["tags"])
        if resubscribed := [one for one in left_alone if states.get(one) == "subscribed"]:
            raise TourFailedError(f"{len(resubscribed)} people who had left were subscribed again.")
        if must != holds:
            wrong = {one for one in must.keys() | holds.keys() if must.get(one) != holds.get(one)}
            raise TourFailedError(f"{len(wrong)} contacts in Mailchimp are not what the files say.")
        return len(holds)

    def _dump(self) -> Iterator[Json]:
        offset = 0
        while True:
            path = f"audiences/{self._town['mailchimp_audience_id']}/members"
            members = self._control(path, {"offset": offset, "count": 10_000}, method="GET")["members"]
            if not members:
                return
            yield from members
            offset += len(members)

    def _control(self, path: str, values: Json, method: str = "POST") -> Json:
        address = f"{self._town['mailchimp_url']}/_control/{path}"
        if method == "GET":
            answer = httpx.get(address, params=values, timeout=60, trust_env=False)
        else:
            answer = httpx.request(method, address, json=values, timeout=60, trust_env=False)
        if answer.status_code >= 400:
            raise TourFailedError(f"The local Mailchimp refused {path}: {answer.text[:200]}")
        found: Json = answer.json() if answer.content else {}
        return found


def _text(message: Json) -> str:
    return "\n".join(message["lines"])
