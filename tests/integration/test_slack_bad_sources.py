"""A source that cannot be read: what people in Slack are told, in one sentence, wherever they meet it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox.mailchimp import acts
from services.errors import Unavailable
from storage.models import RunStatus
from tests.integration import wizard_hands
from tests.integration.refusing_server import refusing_server
from tests.integration.slack_office import Office, lines, open_office
from tests.integration.slack_world import LONG_AGO, Served

Breaking = Callable[[Office, ExitStack], None]


def gone(office: Office, _: ExitStack) -> None:
    shutil.rmtree(office.world.folder)


def customers(content: bytes) -> Breaking:
    def write(office: Office, _: ExitStack) -> None:
        table = office.world.folder / "Customer.csv"
        table.write_bytes(content)
        os.utime(table, (LONG_AGO + 1, LONG_AGO + 1))

    return write


def without_profiles(office: Office, _: ExitStack) -> None:
    (office.world.folder / "Customer.csv").unlink()


def refused(office: Office, stack: ExitStack) -> None:
    port = stack.enter_context(refusing_server('password authentication failed for user "me"'))
    office.world.read_from(f"postgresql://me:s3cret-word@127.0.0.1:{port}/crm")


def reading_from(url: str) -> Breaking:
    return lambda office, _: office.world.read_from(url)


ASK = "Ask whoever runs Postino to put it right."

SENTENCES: dict[str, tuple[Breaking, str]] = {
    "missing folder": (gone, f"The source folder “source” does not exist; check POSTINO_SOURCE_URL. {ASK}"),
    "missing table": (
        without_profiles,
        f"The source folder “source” has no table Customer, which holds the profiles. {ASK}",
    ),
    "empty table": (customers(b""), "The table Customer is empty: it holds no profile."),
    "only a header": (customers(b"CustomerId,EMail\n"), "The table Customer is empty: it holds no profile."),
    "broken rows": (
        customers(b'CustomerId,EMail\n1\n2,"\n'),
        "No line of the table Customer can be read; export it again as CSV (UTF-8) or Parquet.",
    ),
    "NULs": (
        customers(b"CustomerId,EMail\n\0\0\0\n"),
        "No line of the table Customer can be read; export it again as CSV (UTF-8) or Parquet.",
    ),
    "absent key": (customers(b"Id,EMail\n1,a@example.com\n"), "The table Customer has no column CustomerId."),
    "wrong password": (
        refused,
        f"The database “crm” refuses the user name or the password in POSTINO_SOURCE_URL. {ASK}",
    ),
    "missing database file": (
        reading_from("sqlite:////var/lib/crm.sqlite"),
        f"The database file “crm.sqlite” does not exist; check POSTINO_SOURCE_URL. {ASK}",
    ),
    "nonsense address": (
        reading_from("over there"),
        (
            "POSTINO_SOURCE_URL is no address. It is a folder, as file:///path/to/folder, or a database, such as "
            f"postgresql://user:password@host/name. {ASK}"
        ),
    ),
    "unknown kind of address": (
        reading_from("pigeon://roof/7"),
        (
            "POSTINO_SOURCE_URL names a kind of source that is not known here. It is a folder, as file:///path/to/folder, or "
            f"a database, such as postgresql://user:password@host/name. {ASK}"
        ),
    ),
}


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Iterator[Office]:
    with open_office(served, tmp_path) as office:
        yield office
        shown = str([one.body for one in office.world.workspace.emitted])
        assert str(tmp_path) not in shown
        assert "/var/lib" not in shown
        for leak in ("Traceback", "Error:", "s3cret-word", "Something went wrong", ".py"):
            assert leak not in shown
        assert office.world.refused_by_slack() == []


@pytest.mark.parametrize(("breaking", "sentence"), SENTENCES.values(), ids=SENTENCES.keys())
def test_segments_export_and_wizard_say_what_is_wrong_with_the_source(
    office: Office, breaking: Breaking, sentence: str
) -> None:
    office.world.destination("VIP")
    with ExitStack() as stack:
        breaking(office, stack)
        office.clock.forward(seconds=10)
        assert lines(office.type(office.ada, "/postino-segments")) == sentence

        told = lines(office.type(office.ada, "/postino-export Newsletter"))
        if told != sentence:
            office.work()
            assert office.run(1).status == RunStatus.FAILED
            living, ended = office.posted()
            assert f"The preview of Newsletter failed.\n{sentence}\nNothing was sent." in lines(ended)
            assert f"{sentence} Nothing was sent." in ended["text"]
            assert sentence in lines(living)
        assert not acts.dump(office.world.audience)

        wizard_hands.act(office.ada, "command", channel="general", text="/postino-connect")
        wizard_hands.seen(office.ada, sentence)


def test_work_that_would_never_end_fails_with_what_waits(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> None:
        raise Unavailable("The database {source} does not answer.", after=1e-6, source="crm")

    monkeypatch.setattr("services.snapshot.take", silent)
    office.request(office.world.destination("VIP"))
    with pytest.raises(AssertionError, match=r"gets nowhere.*'run': 1.*does not answer"):
        office.work()


@pytest.mark.parametrize("header", [b"CustomerId,Mail,FirstName,LastName", b"CustomerId,EMail,LastName"])
def test_an_attribute_that_is_gone_from_the_source_fails_the_export_with_its_name(
    office: Office, header: bytes
) -> None:
    office.world.destination("VIP")
    customers(header + b"\np0,x,y,z\n" if b"First" in header else header + b"\np0,x,y\n")(office, ExitStack())
    office.clock.forward(seconds=10)
    office.type(office.ada, "/postino-export Newsletter")
    office.work()
    gone = "FirstName" if b"First" not in header else "EMail"
    assert f"The source has no attribute {gone}; choose another one." in lines(office.posted()[-1])


def test_a_source_that_breaks_during_the_wizard_is_told_and_the_wizard_goes_on_once_it_is_mended(
    office: Office,
) -> None:
    office.world.connect()
    wizard_hands.to_audience(office.ada)
    office.world.folder.rename(office.world.folder.with_name("away"))
    office.clock.forward(seconds=10)
    wizard_hands.enter(office.ada, "audience", "Newsletter")
    wizard_hands.act(office.ada, "submit")
    wizard_hands.seen(office.ada, "The source folder “source” does not exist; check POSTINO_SOURCE_URL.")
    office.world.folder.with_name("away").rename(office.world.folder)
    office.clock.forward(seconds=10)
    wizard_hands.act(office.ada, "click", target="Try again")
    wizard_hands.seen(office.ada, "Step 3 of 4")
