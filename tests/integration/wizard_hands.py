"""What a person does in the wizard, at a Slack client."""

from __future__ import annotations

from typing import Any

from sandbox.slack.remote import RemotePerson
from tests.integration.slack_world import SlackWorld

Json = dict[str, Any]


def act(person: RemotePerson, what: str, **body: Any) -> Json:
    """Do something that must work."""
    answer = person.act(what, **body)
    assert answer["ok"], answer
    return answer


def text_of(view: Json) -> str:
    """What the view says."""
    return "\n".join(view["lines"])


def seen(person: RemotePerson, *words: str) -> Json:
    """The open modal, once it says all of this and waits for nothing."""

    def shown() -> Json | None:
        view = person.view()
        ready = view is not None and "⏳" not in text_of(view) and all(word in text_of(view) for word in words)
        return view if ready else None

    try:
        return person.until(shown)
    except TimeoutError:
        view = person.view()
        raise AssertionError(f"{words} is not in:\n{text_of(view) if view else 'no modal'}") from None


def value(view: Json, block: str) -> Any:
    """What an input holds, by its block's name."""
    return next(one["value"] for one in view["inputs"] if one["block_id"].partition(".")[0] == block)


def open_wizard(person: RemotePerson) -> Json:
    """The wizard's first step, by the command."""
    act(person, "command", channel="general", text="/postino-connect")
    return seen(person, "Step 1 of 4")


def enter(person: RemotePerson, block: str, entered: Any) -> None:
    """Enter something, the input named by its block."""
    view = person.view()
    assert view is not None
    block_id = next(one["block_id"] for one in view["inputs"] if one["block_id"].partition(".")[0] == block)
    act(person, "enter", target=block_id, value=entered)


def to_audience(person: RemotePerson, name: str = "Spring letter") -> Json:
    """Fill step 1 with a connection that is there."""
    open_wizard(person)
    enter(person, "name", name)
    enter(person, "connection", "Main")
    seen(person, "Connected to Mailchimp")
    enter(person, "agreed", ["agreed"])
    act(person, "submit")
    return seen(person, "Step 2 of 4")


def to_matching(person: RemotePerson, name: str = "Spring letter") -> Json:
    """Fill steps 1 and 2."""
    to_audience(person, name)
    enter(person, "audience", "Newsletter")
    act(person, "submit")
    return seen(person, "Step 3 of 4")


def to_segments(person: RemotePerson, name: str = "Spring letter") -> Json:
    """Fill steps 1 to 3 with what is proposed."""
    to_matching(person, name)
    act(person, "submit")
    return seen(person, "Step 4 of 4")


def finish(person: RemotePerson, *segments: str) -> Json:
    """Fill step 4 and save."""
    enter(person, "segments", list(segments))
    seen(person, "of at most 1,000,000")
    enter(person, "channel", "exports")
    act(person, "submit")
    return seen(person, "Destination saved")


def direct_messages(world: SlackWorld, person: RemotePerson, user: str = "U0ADA") -> list[Json]:
    """What Postino wrote to a person directly, oldest first."""
    channel = f"D{user[1:]}"
    return person.messages(channel) if channel in world.workspace.channels else []
