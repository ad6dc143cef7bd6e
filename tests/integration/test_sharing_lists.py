"""What one person was shown is shown to a channel, and its copy opens for whoever clicks, by their own rights."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.slack.remote import RemotePerson
from tests.integration.slack_office import CHANNEL, CHANNEL_ID, Office, lines
from tests.integration.test_home import open_home
from tests.integration.wizard_hands import act

Json = dict[str, Any]

LISTS = {
    "/postino": ("1 destination\nNewsletter", "Export…"),
    "/postino destinations news": ("1 destination · search: news\nNewsletter", "Remove…"),
    "/postino schedules": ("1 schedule\nNewsletter", "Pause"),
    "/postino-segments vip": ("1 segment in source · search: vip", None),
    "/postino-status": ("Last exports", None),
    "/postino history newsletter": ("Exports of Newsletter", None),
    "/postino help": ("What Postino can do", None),
    "/postino-export help": ("/postino-export [destination]", None),
}
"""By command: how its list begins, and a button that only those have in it who may do more than look."""


def newest(office: Office, person: RemotePerson, words: str, before: int = 0) -> Json:
    """What the person alone was answered last, once it says this and there are more than ``before`` answers."""

    def answered() -> Json | None:
        answers = office.answers(person)
        return answers[-1] if len(answers) > before and words in lines(answers[-1]) else None

    found: Json = office.soon(answered)
    return found


def texts(message: Json) -> list[str]:
    return [one["text"] for one in message["buttons"]]


def shared(office: Office, answer: Json) -> Json:
    """The copy of an answer to Ada, as Ben sees it."""
    before = len(office.posted(office.ben, answer["channel"]))
    office.click(office.ada, "Share", answer)
    [copy] = office.soon(lambda: office.posted(office.ben, answer["channel"])[before:])
    assert "Shared by @Ada Lovelace." in lines(copy)
    assert texts(copy) == ["Open for me"]
    return dict(copy)


def test_every_list_is_shared_and_its_copy_opens_for_whoever_clicks_by_their_own_rights(office: Office) -> None:
    office.request(office.world.destination("VIP", schedule="daily 07:00"))
    office.work()
    for command, (words, own) in LISTS.items():
        answer = office.type(office.ada, command)
        copy = shared(office, answer)
        assert words in lines(copy)
        assert "you are an administrator" not in lines(copy)
        begin = "What Postino can do" if "help" in command else words
        for person in (office.ben, office.ada):
            before = len(office.answers(person))
            office.click(person, "Open for me", copy)
            opened = newest(office, person, begin, before)
            if own is not None:
                assert (own in texts(opened)) is (person is office.ada), command
        office.click(office.world.gus, "Open for me", copy)
        newest(office, office.world.gus, "Ask a member of this workspace.")


def test_nothing_is_shared_in_the_direct_messages_with_postino_where_nobody_else_is(office: Office) -> None:
    office.request(office.world.destination("VIP", schedule="daily 07:00"))
    office.work()
    open_home(office.ada, "Newsletter")
    for command, (words, _) in LISTS.items():
        answer = office.type(office.ada, command, "D0ADA")
        assert words in lines(answer)
        assert "Share" not in texts(answer)
    office.click(office.ada, "Details", office.type(office.ada, "/postino history", "D0ADA"))
    in_full = office.soon(lambda: (one := office.answers(office.ada, "D0ADA")[-1]) and "Started" in lines(one) and one)
    assert texts(in_full) == ["Back"]

    act(office.ada, "click", target="History", home=True)
    told = office.soon(
        lambda: [one for one in office.directly(office.ada) if "Exports of" in lines(one) and not one["ephemeral"]]
    )
    assert texts(told[-1]) == ["Details"]
    assert "Share" in texts(office.type(office.ada, "/postino help"))

    act(office.ben, "open_home", tab="messages")
    office.soon(lambda: "Share" not in texts(office.type(office.ben, "/postino help", "D0BEN")))


def test_one_export_in_full_is_shared_from_the_history(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.work()
    office.click(office.ada, "Details", office.type(office.ada, "/postino history"))
    copy = shared(office, newest(office, office.ada, "Started"))
    assert "3 profiles\n3 new · 0 updated" in lines(copy)
    office.click(office.ben, "Open for me", copy)
    assert texts(newest(office, office.ben, "3 new · 0 updated")) == ["Back", "Share"]


@pytest.mark.parametrize("command", ["/postino connections", "/postino doctor", "/postino why p0@example.com"])
def test_what_not_everybody_may_see_cannot_be_shared(office: Office, command: str) -> None:
    office.world.destination("VIP")
    assert "Share" not in texts(office.type(office.ada, command))


def test_a_list_is_shared_where_postino_was_not_invited_too(office: Office) -> None:
    assert office.world.workspace.bot_user_id not in office.world.workspace.channels["C0MARKETING"].members
    assert "3 profiles" in lines(shared(office, office.type(office.ada, "/postino-segments vip", "marketing")))


def test_where_slack_takes_no_copy_the_person_is_told_what_to_do(office: Office) -> None:
    answer = office.type(office.ada, "/postino-segments vip")
    office.world.workspace.channels[CHANNEL_ID].archived = True
    office.click(office.ada, "Share", answer)
    [told] = office.soon(lambda: office.directly(office.ada))
    assert f"This could not be shared in #{CHANNEL}: Slack does not let Postino post there." in lines(told)
    assert "Invite Postino with /invite, or type the command in another channel" in lines(told)
    assert not office.posted(office.ben)
