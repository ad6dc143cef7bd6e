"""Faces: avatars, the app's icon, and the rail that leads from one view to the other."""

from __future__ import annotations

from sandbox.page.nodes import Node, markup

COLOURS = ("#7c5cbf", "#2f7f79", "#b0562d", "#3d6fb4", "#a4476f", "#5d7a2c", "#8a6a1f")
ENVELOPE = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" aria-hidden="true">'
    '<rect x="3.5" y="6" width="17" height="12.5" rx="2"/><path d="m4 7.5 8 6 8-6"/></svg>'
)
BUBBLE = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" aria-hidden="true">'
    '<path d="M4 6.5a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7l-4.5 3.5V16.500H6a2 2 0 0 1-2-2z"/></svg>'
)
PEOPLE = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" aria-hidden="true">'
    '<circle cx="9" cy="9" r="3.5"/><path d="M2.500 19.500c.6-3.600 3-5.500 6.500-5.500s5.900 1.900 6.500 5.500"/>'
    '<path d="M15.500 5.900a3.500 3.500 0 0 1 0 6.200M18 14.400c2 .8 3.200 2.500 3.500 5.100"/></svg>'
)
BOLT = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round" '
    'aria-hidden="true"><path d="M13 3 5 13.500h6L10.500 21 19 10.200h-6.200z"/></svg>'
)
PLANE = (
    '<svg viewBox="0 0 24 24" fill="currentColor" aria-hidden="true">'
    '<path d="M3.500 4.200 21 12 3.500 19.800l2-6.800 8-1-8-1z"/></svg>'
)


def initials(name: str) -> str:
    """One or two letters of a name."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


def avatar(user_id: str, name: str, size: str = "") -> None:
    """A person's avatar."""
    colour = COLOURS[sum(map(ord, user_id)) % len(COLOURS)]
    Node("span", f"avatar {size}", initials(name), aria_hidden=True).style(f"background:{colour}")


def app_icon(size: str = "") -> None:
    """The app's avatar."""
    markup(ENVELOPE, f"avatar app {size}", tag="span")


def bot_avatar(name: str) -> None:
    """Slackbot's and other bots' avatar."""
    Node("span", "avatar bot", initials(name), aria_hidden=True)


def rail(team: str, here: str, user_id: str) -> None:
    """The views of the sandbox: Slack and Mailchimp."""
    with Node("nav", "rail", aria_label="Views"):
        Node("div", "team", initials(team), title=team)
        for key, label, icon, address in (
            ("slack", "Slack", BUBBLE, f"/?as={user_id}"),
            ("mailchimp", "Mailchimp", PEOPLE, f"/mailchimp?as={user_id}"),
        ):
            classes = "view here" if key == here else "view"
            with Node(
                "a", classes, href=address, data_testid=f"view-{key}", aria_current="page" if key == here else None
            ):
                markup(icon, "view-icon", tag="span")
                Node("span", "", label)
