"""One member of an audience: what Mailchimp holds, and what people and administrators can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.mailchimp import acts
from sandbox.mailchimp.records import Member
from sandbox.page.nodes import Live, Node, Pile, Row

if TYPE_CHECKING:
    from sandbox.page.mailchimp_view import MailchimpView

LEFT = {"self": "by themselves", "api": "by an administrator or the API", "bounce": "because mail bounced"}
PERSON, ADMINISTRATOR = "As the person", "As an administrator"


class MemberPane:
    """Stands beside the table."""

    def __init__(self, view: MailchimpView, address: str) -> None:
        self._view = view
        self._address = address
        self._confirming = False
        with Node("aside", "pane thread", aria_label="Member", data_testid="member"):
            with Node("header", "pane-head"):
                Node("h2", "", "Member")
                close = Node("button", "icon-button", "✕", type="button", aria_label="Close member")
                close.clicked(lambda: view.open_member(None))
            self._pile = Pile(Node(classes="member-body"))

    def look(self) -> None:
        """Show the member as it is now."""
        audience = self._view.audience
        with audience.world.lock:
            member = audience.find(self._address)
            rows = [Row("address", self._address, _heading)]
            if member is None:
                rows.append(
                    Row("gone", "Not on this audience: the address was permanently deleted.", _line, classes="faint")
                )
            else:
                rows += self._about(member)
            rows.append(Row("acts", (member and member.status, self._confirming), self._buttons))
        self._pile.show(rows)

    def _about(self, member: Member) -> list[Row]:
        audience = self._view.audience
        fields = [(field.name, audience.values_of(member)[tag]) for tag, field in audience.fields.items()]
        tags = [audience.tags[each].name for each in member.tags if each in audience.tags]
        return [
            Row("status", (member.status, LEFT.get(member.left_by, "")), _status),
            Row("tags", tags, self._tags),
            Row("fields", [pair for pair in fields if pair[1] not in ("", None)], _fields),
        ]

    def _tags(self, live: Live) -> None:
        Node("h3", "", "Tags")
        with Node(classes="tag-row"):
            for name in live.data:
                with Node("span", "chip"):
                    Node("span", "", name)
                    remove = Node("button", "", "✕", type="button", aria_label=f"Remove tag {name}")
                    remove.on("click", lambda _, name=name: self._do(acts.untag, name), [])
        field = Node(
            "input", "field", placeholder="Add a tag and press Enter", aria_label="Add tag", autocomplete="off"
        )
        field.on(
            "keydown", lambda event: self._do(acts.tag, str(event.args)),
            js_handler="(e) => { const name = e.target.value.trim(); if (e.key === 'Enter' && name) emit(name); }",
        )  # fmt: skip

    def _buttons(self, live: Live) -> None:
        status, confirming = live.data
        person: list[tuple[str, Callable[..., Any], str]] = []
        administrator: list[tuple[str, Callable[..., Any], str]] = []
        if status == "subscribed":
            person.append(("Unsubscribe", acts.unsubscribe, ""))
            administrator += [("Unsubscribe", _unsubscribe_by_admin, ""), ("Mail bounces: clean", acts.clean, "")]
        else:
            person.append(("Sign up again", acts.resubscribe, ""))
        if status == "archived":
            administrator.append(("Restore", acts.restore, ""))
        elif status is not None:
            administrator.append(("Archive", acts.archive, ""))
        for title, listed in ((PERSON, person), (ADMINISTRATOR, administrator)):
            if not listed and status is None:
                continue
            Node("h3", "", title)
            with Node(classes="row", role="group", aria_label=title):
                for label, act, style in listed:
                    button = Node("button", f"button {style}", label, type="button")
                    button.on("click", lambda _, act=act: self._do(act), [])
                if title == ADMINISTRATOR:
                    self._delete_button(confirming)

    def _delete_button(self, confirming: bool) -> None:
        if confirming:
            Node("button", "button danger", "Yes, delete for ever", type="button").clicked(
                lambda: self._do(acts.forget)
            )
            Node("button", "button", "Keep", type="button").clicked(lambda: self._confirm(False))
        else:
            Node("button", "button", "Delete permanently…", type="button").clicked(lambda: self._confirm(True))

    def _confirm(self, on: bool) -> None:
        self._confirming = on
        self.look()

    async def _do(self, act: Callable[..., Any], *words: str) -> None:
        self._confirming = False
        try:
            act(self._view.audience, self._address, *words)
        except (KeyError, ValueError) as gone:
            self._view.layers.note(f"That cannot be done any more: {gone}")
        await self._view.look()


def _unsubscribe_by_admin(audience: Any, address: str) -> None:
    acts.unsubscribe(audience, address, by="admin")


def _heading(live: Live) -> None:
    Node("h3", "member-address", live.data)


def _line(live: Live) -> None:
    Node("p", "", live.data)


def _status(live: Live) -> None:
    status, left = live.data
    Node("span", f"status {status}", status.capitalize())
    if left:
        Node("span", "faint", f" {left}")


def _fields(live: Live) -> None:
    Node("h3", "", "Merge fields")
    with Node("dl", "facts"):
        for name, value in live.data:
            Node("dt", "", name)
            shown = ", ".join(str(part) for part in value.values() if part) if isinstance(value, dict) else str(value)
            Node("dd", "", shown)
