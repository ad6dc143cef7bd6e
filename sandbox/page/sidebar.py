"""The left side: the workspace, its channels and direct messages, the app, and who sits at the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.page import faces
from sandbox.page.nodes import Live, Node, Pile, Row
from sandbox.page.words import word
from sandbox.slack.values import Json, Role

if TYPE_CHECKING:
    from sandbox.page.desk import Desk

ROLES = {
    Role.OWNER: "Owner",
    Role.ADMIN: "Admin",
    Role.MEMBER: "Member",
    Role.GUEST: "Guest",
    Role.STRANGER: "Stranger",
}
LANGUAGES = {"en-US": "English", "en-GB": "English", "it-IT": "Italiano", "de-DE": "Deutsch", "fr-FR": "Français"}


class Sidebar:
    """The rail of views and the list of places."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        workspace = desk.town.workspace
        faces.rail(workspace.team_name, "slack", desk.person.user.id)
        with Node("nav", "sidebar", aria_label="Workspace"):
            Node("div", "workspace-name", workspace.team_name)
            with Node(classes="places"):
                self._pile = Pile(Node())
            self._me = Pile(Node(classes="me"))

    def show(self, places: list[Json]) -> None:
        """Show these channels and direct messages, with what is unread."""
        channels = sorted((each for each in places if not each["is_dm"] and not each["is_archived"]),
                          key=lambda each: str(each["name"]))  # fmt: skip
        name = self._desk.town.workspace.app_name
        dms = [each for each in places if each["is_dm"]]
        rows = [self._heading("Channels")]
        rows += [self._place(each["id"], f"# {each['name']}", each["id"]) for each in channels]
        rows.append(self._heading("Direct messages"))
        rows += [self._place(each["id"], name, each["id"]) for each in dms]
        if not dms:
            rows.append(self._heading("Nobody has written yet", classes="faint"))
        rows += [self._heading("Apps"), self._place("app", name, None)]
        self._pile.show(rows)
        user = self._desk.person.user
        shown = (user.id, user.real_name, word(user, ROLES[user.role]), LANGUAGES.get(user.locale, user.locale))
        self._me.show([Row("me", shown, self._person)])

    def _heading(self, english: str, classes: str = "heading") -> Row:
        return Row(english, word(self._desk.person.user, english), _heading, classes=classes)

    def _place(self, key: str, label: str, channel: str | None) -> Row:
        unread = self._unread(channel) if channel else 0
        here = key == self._desk.place
        if self._desk.place == "app" and channel == self._desk.channel_shown() and channel is not None:
            here = True
        elif key == "app" and self._desk.channel_shown() is not None:
            here = False
        classes = "place" + (" here" if here else "") + (" unread" if unread else "")
        return Row(key, (label, unread, here), lambda live: self._draw(live, key), classes=classes)

    def _draw(self, live: Live, key: str) -> None:
        label, unread, here = live.data
        with Node(
            "button", "place-button", type="button", data_testid=f"place-{key}", aria_current=here or None
        ) as button:
            if key == "app" or not label.startswith("#"):
                faces.app_icon("small")
            Node("span", "place-name", label)
            if unread:
                Node("span", "badge", str(unread), aria_label=f"{unread} unread")
        button.clicked(lambda: self._desk.go(key))

    def _unread(self, channel: str) -> int:
        workspace, user = self._desk.town.workspace, self._desk.person.user.id
        until = self._desk.town.read_until.get((user, channel), "0")
        place = workspace.channels.get(channel)
        return sum(
            1
            for each in (place.messages if place else ())
            if each.ts > until
            and each.user != user
            and each.ephemeral_to in (None, user)
            and (not each.is_reply or each.reply_broadcast)
        )

    def _person(self, live: Live) -> None:
        user_id, name, role, language = live.data
        with Node(
            "button", "person", type="button", data_testid="person-switcher", aria_haspopup="menu",
            aria_label=f"Signed in as {name}. Switch person",
        ) as button:  # fmt: skip
            faces.avatar(user_id, name)
            with Node("span", "person-text"):
                Node("b", "", name)
                Node("small", "", f"{role} · {language}")
            Node("span", "chevron", "▴")
        button.clicked(lambda: self._desk.layers.menu(button, self._people, classes="people"))

    def _people(self, _menu: Node) -> None:
        reader = self._desk.person.user
        with Node(role="menu", aria_label="Switch person"):
            Node(classes="menu-title", text=word(reader, "Look through the eyes of"))
            for user in self._desk.town.workspace.users.values():
                if user.is_bot or user.deleted:
                    continue
                with Node("button", "item person-item", role="menuitem", data_testid=f"person-{user.id}") as item:
                    faces.avatar(user.id, user.real_name)
                    with Node("span", "person-text"):
                        Node("b", "", user.real_name)
                        Node(
                            "small", "", f"{word(reader, ROLES[user.role])} · {LANGUAGES.get(user.locale, user.locale)}"
                        )
                item.on("click", lambda _, chosen=user.id: self._desk.become(chosen), [])


def _heading(live: Live) -> None:
    Node("span", "", live.data)
