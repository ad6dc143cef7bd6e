"""A destination's policies, decided by administrators in a modal."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from services import audit
from services.approving import Approval
from services.destinations import Brake, Policies, policies_of
from storage.models import AuditEntry
from tests.integration.slack_office import Office


def policies(office: Office) -> Policies:
    """The policies of the one destination as they are now."""
    return policies_of(office.postino.destinations.named(office.world.actor, "Newsletter"))


def opened(office: Office, text: str = "/postino policies newsletter") -> dict[str, Any]:
    """The modal once it is filled in."""
    office.ada.act("command", channel="exports", text=text)
    view: dict[str, Any] = office.soon(lambda: (shown := office.ada.view()) and shown["submit"] and shown)
    return view


@pytest.mark.parametrize(
    ("successes", "told"),
    [("Post none", {"quiet": True}), ("Tell them together daily at 07:00", {"digest": 7}), ("Post each", {})],
)
def test_administrators_decide_in_a_modal_and_find_it_filled_in_again(
    office: Office, successes: str, told: dict[str, Any]
) -> None:
    office.world.destination("VIP", time_zone="Europe/Rome")
    assert "The hours are by the clock of Europe/Rome." in "".join(opened(office)["lines"])
    office.ada.act("enter", target="approval", value="Every export")
    office.ada.act("enter", target="above", value="5000")
    office.ada.act("enter", target="mentions", value=["U0BEN"])
    office.ada.act("enter", target="successes", value=successes)
    assert office.ada.act("submit")["ok"]
    office.soon(
        lambda: "The policies of Newsletter are saved." in "".join((office.ada.view() or {"lines": []})["lines"])
    )
    expected = Policies(approval=Approval.ALWAYS, approval_above=5000, mentions=["U0BEN"], **told)
    assert policies(office) == expected
    office.ada.act("close")

    opened(office)
    assert office.ada.act("submit")["ok"]
    office.soon(lambda: "Nothing was changed: the policies of Newsletter stay as they are." in lines(office))
    assert policies(office) == expected
    recorded = [one.action for one in audit.trail(office.postino.database, office.world.actor)]
    assert recorded.count("destination.policies") == 1


def test_the_brake_is_decided_with_the_other_policies_shown_and_audited(office: Office) -> None:
    office.world.destination("VIP")
    told = "Brake: from {} people, if that is more than {} of a tag's holders"
    assert told.format(25, "20%") in "".join(office.type(office.ben, "/postino destinations")["lines"])
    [destination] = office.postino.destinations.visible(office.world.actor)
    finer = Policies(brake=Brake(share=0.125, people=40))
    office.postino.destinations.set_policies(office.world.actor, destination.id, finer)
    view = opened(office)
    shown = {one["block_id"]: one["value"] for one in view["inputs"]}
    assert (shown["brake_percent"], shown["brake_people"]) == ("12", "40")
    office.ada.act("enter", target="brake_people", value="3")
    assert office.ada.act("submit")["ok"]
    office.soon(lambda: "are saved." in lines(office))
    assert policies(office).brake == Brake(share=0.125, people=3), "a share that was left is not rounded"
    office.ada.act("close")

    opened(office)
    office.ada.act("enter", target="brake_percent", value="5")
    assert office.ada.act("submit")["ok"]
    office.soon(lambda: policies(office).brake == Brake(share=0.05, people=3))
    office.ada.act("close")
    assert told.format(3, "5%") in "".join(office.type(office.ben, "/postino destinations")["lines"])
    with office.postino.database.read() as session:
        newest = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (newest.person, newest.action) == ("U0ADA", "destination.policies")
    assert newest.details["brake"] == {"share": 0.05, "people": 3}


def lines(office: Office) -> str:
    """What Ada's modal says."""
    return "".join((office.ada.view() or {"lines": []})["lines"])


def test_two_who_decide_at_once_do_not_undo_each_other(office: Office) -> None:
    office.world.destination("VIP")
    [destination] = office.postino.destinations.visible(office.world.actor)

    def meanwhile(**changed: Any) -> None:
        after = policies(office).model_copy(update=changed)
        office.postino.destinations.set_policies(office.world.actor, destination.id, after)

    opened(office)
    meanwhile(mentions=["U0BEN"])
    office.ada.act("enter", target="approval", value="Every export")
    assert office.ada.act("submit")["ok"]
    office.soon(lambda: "are saved." in lines(office))
    assert policies(office) == Policies(approval=Approval.ALWAYS, mentions=["U0BEN"])
    office.ada.act("close")

    opened(office)
    meanwhile(approval=Approval.FIRST)
    office.ada.act("enter", target="approval", value="Never")
    office.ada.act("enter", target="successes", value="Post none")
    assert office.ada.act("submit")["ok"]
    office.soon(lambda: "Somebody else changed the policies of Newsletter meanwhile." in lines(office))
    assert policies(office) == Policies(approval=Approval.FIRST, mentions=["U0BEN"])
    assert office.ada.act("submit")["ok"]  # what is shown now is what holds
    office.soon(lambda: "Nothing was changed" in lines(office))
    assert policies(office) == Policies(approval=Approval.FIRST, mentions=["U0BEN"])


def test_who_is_no_administrator_is_told_whom_to_ask(office: Office) -> None:
    office.world.destination("VIP")
    office.ben.act("command", channel="exports", text="/postino policies Newsletter")
    office.soon(lambda: "Ask an admin or owner" in "".join((office.ben.view() or {"lines": []})["lines"]))
    assert policies(office) == Policies()


def test_a_destination_that_does_not_exist_is_said_in_the_modal(office: Office) -> None:
    office.ada.act("command", channel="exports", text="/postino policies Nothing")
    office.soon(lambda: "no destination called Nothing" in "".join((office.ada.view() or {"lines": []})["lines"]))
    office.ada.act("close")
    office.world.destination("VIP")
    office.ada.act("command", channel="exports", text="/postino policies letter")
    office.soon(lambda: "Did you mean Newsletter?" in "".join((office.ada.view() or {"lines": []})["lines"]))
    office.ada.act("click", target="Policies of Newsletter")
    office.soon(lambda: "For Newsletter" in "".join((office.ada.view() or {"lines": []})["lines"]))


def test_without_a_name_the_destinations_are_listed_with_a_button_for_each_ones_policies(office: Office) -> None:
    office.world.destination("VIP")
    listed = office.type(office.ada, "/postino policies")
    office.click(office.ada, "Policies", listed)
    office.soon(lambda: (view := office.ada.view()) and "For Newsletter" in "".join(view["lines"]))
    [refusal] = office.type(office.ben, "/postino policies")["lines"]
    assert refusal == "Only administrators may do this. Ask an admin or owner of this Slack workspace."
