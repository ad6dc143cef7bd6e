"""Names of every kind, read whole wherever Slack shows them."""

from __future__ import annotations

import pytest

from services.runs import Order
from tests.integration.slack_office import Office, lines
from tests.integration.wizard_hands import act, seen, text_of

NAMES = ("a*b_c~d", "*VIP* _old_ ~x~", "<&> <!channel>", "Sale :tada: 🎉")


@pytest.mark.parametrize("name", NAMES)
def test_a_destination_is_called_by_its_whole_name_in_lists_messages_and_modals(office: Office, name: str) -> None:
    office.world.audience.name = f"{name} readers"
    made = office.world.destination("VIP", name=name, schedule="daily 07:00")
    office.postino.runs.request(office.world.actor, made, Order(preview=True), channel=made.channel)
    office.work()
    [card] = office.posted()
    assert f"Preview of {name}\nTo {name} readers" in lines(card)
    for command in ("/postino", "/postino destinations", "/postino schedules", "/postino-status", "/postino history"):
        assert name in lines(office.type(office.ada, command)), command
    office.click(office.ada, "Send", card)
    office.soon(lambda: office.run(1).approved_by)
    office.work()
    assert all(name in lines(message) for message in office.posted())

    act(office.ada, "open_home")
    shown = office.soon(lambda: (view := office.ada.read("home")) and "Last exports" in text_of(view) and text_of(view))
    assert f"Successful · {name} ·" in shown
    act(office.ada, "click", target="Policies", home=True)
    seen(office.ada, f"For {name}")
    act(office.ada, "close")
    act(office.ada, "click", target="home.remove", home=True)
    seen(office.ada, f"{name} is forgotten with its history")


def test_a_refusal_repeats_what_was_typed_as_it_was_typed(office: Office) -> None:
    assert "There is no destination called *x* <y>." in lines(office.type(office.ada, "/postino history *x* <y>"))
    assert "Postino does not know *x*." in lines(office.type(office.ada, "/postino *x*"))
