"""``postino …`` as a person types it, against the local Mailchimp."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from bot.settings import Settings
from bot.wiring import build
from sandbox.mailchimp import acts
from services import connections
from services.mailchimp.client import Patience
from services.runs import Order
from storage import runs
from storage.models import Json, RunStatus
from tests.integration.machine import Machine, connect


def test_segments_are_listed_with_their_counts(machine: Machine) -> None:
    shown = machine.postino("segments", "--json")
    assert {one["name"]: one["profiles"] for one in json.loads(shown.out)} == {"VIP": 3, "Coffee": 2}
    assert "VIP" in machine.postino("segments", "vi").out
    assert "Coffee" not in machine.postino("segments", "vi").out


def test_an_export_prints_one_object_with_the_stable_names(machine: Machine) -> None:
    connect(machine)
    answer = machine.postino("export", "Shop", "--json")
    assert answer.code == 0, answer.err
    result = json.loads(answer.out)
    assert list(result) == [
        *("run", "status", "profiles"),
        *(
            "new",
            "updated",
            "tags_only",
            "unchanged",
            "suppressed",
            "no_consent",
            "duplicates",
            "rejected",
            "not_attempted",
        ),
        *("tags_added", "tags_removed", "calls", "retries", "seconds"),
    ]
    assert (result["status"], result["profiles"], result["new"], result["rejected"]) == (
        "Completed with rejects",
        3,
        2,
        1,
    )


def test_an_export_is_an_export_though_a_verification_of_the_one_before_is_queued(machine: Machine) -> None:
    connect(machine)
    first = json.loads(machine.postino("export", "Shop", "--json").out)["run"]
    postino = build(Settings())
    actor = postino.command_line()
    order = Order(trigger="verify", verifies=first)
    verification = postino.runs.request(actor, postino.destinations.named(actor, "Shop"), order)
    listed = json.loads(machine.postino("history", "Shop", "--rejects", "--json", "--limit", "1").out)
    assert [one["profile"] for one in listed] == ["c3"]  # a verification has no list of its own
    again = json.loads(machine.postino("export", "Shop", "--json").out)
    assert (again["run"] > verification.id, again["unchanged"]) == (True, 2)
    assert postino.runs.get(actor, verification.id).status == RunStatus.CANCELED
    postino.database.dispose()


def test_a_plan_sends_nothing(machine: Machine) -> None:
    connect(machine)
    plan = json.loads(machine.postino("plan", "Shop", "--json").out)
    assert (plan["classes"]["new"], plan["classes"]["rejected"]) == (2, 1)
    assert [one for one in machine.world.log.calls() if one.method != "GET"] == []
    shown, said = machine.postino("plan", "Shop").out, "Mailchimp already matches: there is nothing to send."
    assert "Tags added" in shown
    assert said not in shown
    machine.postino("export", "Shop")
    assert said in machine.postino("plan", "Shop").out


def test_destinations_and_connections_are_listed_shown_and_removed(machine: Machine) -> None:
    connect(machine, "VIP", "Coffee")
    assert json.loads(machine.postino("connections", "list", "--json").out)[0]["account"] == "Contoso Coffee"
    shown = json.loads(machine.postino("destinations", "show", "Shop", "--json").out)
    assert shown["tags"] == {"VIP": "VIP", "Coffee": "Coffee"}
    assert "Shop" in machine.postino("destinations", "list").out
    refused = machine.postino("connections", "remove", "Main")
    assert refused.code == 1
    assert "Shop" in refused.err
    assert machine.postino("destinations", "remove", "Shop").code == 0
    assert machine.postino("connections", "remove", "Main").code == 0
    assert json.loads(machine.postino("destinations", "list", "--json").out) == []


def test_a_destination_that_asks_for_approval_sends_nothing_from_here(machine: Machine) -> None:
    connect(machine)
    saved = machine.postino(
        "destinations", "policies", "Shop", "--approval", "always", "--mention", "U0ADA", "--digest", "7"
    )
    assert "The policies of Shop are saved." in saved.out
    shown = json.loads(machine.postino("destinations", "show", "Shop", "--json").out)
    assert (shown["approval"], shown["mentions"], shown["digest"]) == ("always", ["U0ADA"], 7)
    answer = machine.postino("export", "Shop")
    assert answer.code != 0
    assert "Nothing was sent yet: somebody else must approve the export in Slack." in answer.err
    assert "looks like U012AB3CD" in machine.postino("destinations", "policies", "Shop", "--mention", "ada").err
    assert machine.postino("destinations", "policies", "Shop").code == 0
    assert machine.postino("export", "Shop").code == 0


def test_changed_addresses_are_listed_and_decided_about(machine: Machine) -> None:
    connect(machine)
    machine.postino("export", "Shop")
    assert machine.postino("decisions", "Shop").out == "Nobody waits for a decision.\n"
    (account,) = machine.world.accounts.values()
    acts.unsubscribe(account.audiences[machine.audience], "ann@example.com")
    customers = machine.folder / "Customer.csv"
    customers.write_text(customers.read_text().replace("ann@example.com", "ann@new.example.com"))
    os.utime(customers, (1_700_000_000, 1_700_000_000))
    assert json.loads(machine.postino("plan", "Shop", "--json").out)["rejected"] == {
        "other_address": 1,
        "no_address": 1,
    }
    expected = [{"profile": "c1", "address": "a•••@n•••.com", "segments": "VIP"}]
    assert json.loads(machine.postino("decisions", "Shop", "--json").out) == expected
    assert "a•••@n•••.com" in machine.postino("decisions", "Shop").out
    assert "agreed to mail at their new address" in machine.postino("decisions", "Shop", "--export").err
    assert "0 people are kept out." in machine.postino("decisions", "Shop", "--keep-out", "--profile", "c2").out
    assert "1 person is kept out." in machine.postino("decisions", "Shop", "--keep-out").out
    assert json.loads(machine.postino("export", "Shop", "--json").out)["suppressed"] == 1
    assert "asks again about 1 person" in machine.postino("decisions", "Shop", "--ask-again").out
    machine.postino("plan", "Shop")
    answer = machine.postino("decisions", "Shop", "--export", "--agreed", "--json")
    assert json.loads(answer.out) == {"exported": 1, "kept_out": 0, "asked_again": 0}
    assert json.loads(machine.postino("export", "Shop", "--json").out)["new"] == 1


def test_cancelling_says_whether_calls_in_flight_are_waited_for(machine: Machine) -> None:
    connect(machine)
    nothing = machine.postino("cancel", "Shop")
    assert (nothing.code, nothing.err.strip()) == (1, "Shop is not being exported.")
    postino = build(Settings())
    actor = postino.command_line()
    for claimed, told in (
        (False, "The export of Shop is canceled."),
        (True, "The export of Shop was asked to stop; the calls in flight are waited for."),
    ):
        run = postino.runs.request(actor, postino.destinations.named(actor, "Shop"))
        if claimed:
            with postino.database.write() as session:
                assert runs.claim(
                    session, run.id, "another worker", postino.database.now(session), timedelta(minutes=1)
                )
        assert machine.postino("cancel", "Shop").out.strip() == told
        assert postino.runs.get(actor, run.id).cancel_requested_by == actor.person
    postino.database.dispose()


def test_what_is_edited_of_a_destination_changes_and_the_rest_stays(machine: Machine) -> None:
    connect(machine)
    before = json.loads(machine.postino("destinations", "show", "Shop", "--json").out)
    answer = machine.postino(
        *("destinations", "edit", "Shop", "--segment", "Coffee", "--schedule", "daily 07:00"),
        *("--time-zone", "Europe/Rome", "--channel", "C012AB3CD"),
    )
    assert answer.code == 0, answer.err
    assert "Shop is saved." in answer.out
    assert "The tag VIP stays in Mailchimp on everybody who has it" in answer.out
    after = json.loads(machine.postino("destinations", "show", "Shop", "--json").out)
    changed = {"schedule": "daily 07:00", "time_zone": "Europe/Rome", "channel": "C012AB3CD"}
    assert after == before | changed | {"tags": {"Coffee": "Coffee"}, "agreed_at": after["agreed_at"]}
    renamed = machine.postino("destinations", "edit", "Shop", "--rename", "Letter")
    assert "stays in Mailchimp" not in renamed.out
    assert "Coffee" in machine.postino("destinations", "show", "Letter").out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "Nothing was changed. Say what is to change, such as --segment or --schedule."),
        (("--segment", "Nowhere"), "The source has no segment Nowhere."),
        (("--channel", "#exports"), "A Slack channel's ID looks like C012AB3CD"),
        (("--schedule", "often"), "often"),
    ],
)
def test_an_edit_that_cannot_be_saved_changes_nothing(
    machine: Machine, options: tuple[str, ...], sentence: str
) -> None:
    connect(machine)
    before = machine.postino("destinations", "show", "Shop", "--json").out
    answer = machine.postino("destinations", "edit", "Shop", *options)
    assert answer.code != 0
    assert sentence in answer.err
    assert machine.postino("destinations", "show", "Shop", "--json").out == before


def test_who_edits_what_somebody_else_agreed_to_agrees_themselves(machine: Machine) -> None:
    connect(machine)
    postino = build(Settings())
    with postino.database.write() as session:
        [destination] = postino.destinations.visible(postino.command_line())
        session.merge(destination).consent_by = "U0ADA"
    postino.database.dispose()
    asked = machine.postino("destinations", "edit", "Shop", "--schedule", "manual")
    assert asked.code != 0
    assert "Nothing was saved. Agree to this statement with --agree." in asked.err
    assert machine.postino("destinations", "edit", "Shop", "--schedule", "manual", "--agree").code == 0
    assert json.loads(machine.postino("destinations", "show", "Shop", "--json").out)["agreed_by"] == "command-line"


def test_history_and_why_tell_what_happened(machine: Machine) -> None:
    connect(machine)
    machine.postino("export", "Shop")
    (run,) = json.loads(machine.postino("history", "--json").out)
    assert (run["destination"], run["new"]) == ("Shop", 2)
    why = json.loads(machine.postino("why", "ANN@example.com", "--json").out)
    assert why["destinations"][0]["segments"] == ["VIP"]
    assert (why["destinations"][0]["status"], why["destinations"][0]["exported"]) == ("subscribed", True)


def test_somebody_forgotten_is_not_exported_again(machine: Machine) -> None:
    connect(machine)
    receipt = json.loads(machine.postino("forget", "ann@example.com", "--json").out)
    assert len(receipt["tombstone"]) == 16
    standing = json.loads(machine.postino("why", "ann@example.com", "--json").out)["destinations"][0]
    assert standing["obstacle"] == "forgotten"
    assert "next export" not in machine.postino("why", "ann@example.com").out
    result = json.loads(machine.postino("export", "Shop", "--json").out)
    assert (result["new"], result["suppressed"]) == (1, 1)
    (account,) = machine.world.accounts.values()
    assert [one["email_address"] for one in acts.dump(account.audiences[machine.audience])] == ["bob@example.com"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"POSTINO_SOURCE_URL": "file:///nowhere/at/all"}, "/nowhere/at/all"),
        ({"POSTINO_SOURCE_URL": ""}, "POSTINO_SOURCE_URL"),
        ({"POSTINO_MAILCHIMP_API_URL": "http://mail.example.com"}, "https://"),
        ({"POSTINO_SECRET_KEY": "not a key"}, "POSTINO_SECRET_KEY"),
        ({"POSTINO_DATABASE_URL": "sqlite:////proc/nowhere/postino.sqlite"}, "nowhere"),
        ({"POSTINO_HTTP_PORT": "many"}, "POSTINO_HTTP_PORT"),
    ],
)
def test_a_wrong_setting_is_named_in_a_sentence_without_a_traceback(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], sentence: str
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    for command in ("segments", "doctor"):
        answer = machine.postino(command)
        assert answer.code == 1
        assert sentence in answer.out + answer.err
        assert "Traceback" not in answer.out + answer.err


def test_a_wrong_api_key_is_refused_in_a_sentence_that_does_not_repeat_it(machine: Machine) -> None:
    key = "0123456789abcdef0123456789abcdef-us1"
    answer = machine.postino("connections", "add", "Main", "--api-key-stdin", stdin=key + "\n")
    assert answer.code == 1
    assert "Mailchimp" in answer.err
    assert key[:32] not in answer.out + answer.err


def test_the_doctor_names_what_is_missing_and_what_is_hidden(machine: Machine) -> None:
    findings = json.loads(machine.postino("doctor", "--json").out)
    marks = {one["about"]: one["mark"] for one in findings}
    assert marks["SLACK_BOT_TOKEN"] == "problem"
    assert marks["POSTINO_SOURCE_URL"] == "ok"
    assert marks["Weather"] == "hint"


def test_credentials_survive_a_rotated_key_and_nothing_else_opens_them(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(machine)
    old = (Path(machine.environment["POSTINO_HOME"]) / "secret.key").read_text()
    assert (Path(machine.environment["POSTINO_HOME"]) / "secret.key").stat().st_mode & 0o777 == 0o600
    new = machine.postino("doctor", "--new-key").out.strip()
    monkeypatch.setenv("POSTINO_SECRET_KEY", new)
    refused = machine.postino("export", "Shop")
    assert refused.code == 1
    assert "POSTINO_SECRET_KEY" in refused.err
    monkeypatch.setenv("POSTINO_SECRET_KEY", f"{new},{old}")
    assert machine.postino("migrate").code == 0
    monkeypatch.setenv("POSTINO_SECRET_KEY", new)
    assert machine.postino("export", "Shop").code == 0


def test_an_export_that_is_told_to_stop_goes_on_with_the_same_command(machine: Machine) -> None:
    connect(machine)
    machine.world.switches.set(latency_bulk=1.0)
    begun = threading.Event()
    machine.world.faults.before_call(1, begun.set, method="POST")
    process = subprocess.Popen(
        [sys.executable, "-m", "bot.cli", "export", "Shop"],
        cwd=Path(__file__).parents[2],
        env=os.environ | machine.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert begun.wait(30)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "goes on where it stopped" in err
    machine.world.switches.set(latency_bulk=0.0)
    result = json.loads(machine.postino("export", "Shop", "--json").out)
    assert (result["new"], result["rejected"], result["not_attempted"]) == (2, 1, 0)


def test_an_interrupted_export_goes_on_as_it_is_asked_for_now(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(machine, "VIP", "Coffee")
    assert machine.postino("export", "Shop").code == 0
    (machine.folder / "VIP.csv").write_text("CustomerId\n")
    os.utime(machine.folder / "VIP.csv", (1_700_000_000, 1_700_000_000))
    assert "The tag of VIP stays on 2 people" in machine.postino("export", "Shop").err

    def wanted(*options: str) -> Json:
        result: Json = json.loads(machine.postino("export", "Shop", "--json", *options).out)
        return result

    postino = build(Settings())
    destination = postino.destinations.named(postino.command_line(), "Shop")
    run = postino.runs.request(postino.command_line(), destination, Order(trigger="command-line"))
    result = wanted("--accept-removals")
    assert (result["run"], result["tags_removed"]) == (run.id, 2)

    (machine.folder / "VIP.csv").write_text("CustomerId\nc1\n")
    os.utime(machine.folder / "VIP.csv", (1_700_000_100, 1_700_000_100))
    (machine.folder / "Coffee.csv").write_text("CustomerId\nc2\n")
    os.utime(machine.folder / "Coffee.csv", (1_700_000_100, 1_700_000_100))
    run = postino.runs.request(postino.command_line(), destination)
    fault = machine.world.faults.add("503", method="POST", path="/lists/[^/]+/segments/[0-9]+", skip=1)
    monkeypatch.setattr(connections, "EXPORT", Patience(first=0, longest=0, in_all=0))
    postino.exporting.carry_out(run.id)
    machine.world.faults.active.remove(fault)
    postino.database.dispose()
    machine.postino("destinations", "policies", "Shop", "--approval", "always")
    answer = machine.postino("export", "Shop")
    assert "What was sent is kept. The rest waits until somebody approves it in Slack." in answer.err


def test_a_plan_that_is_full_is_told_in_one_line_with_figures_and_the_heaviest_segments(machine: Machine) -> None:
    machine.world.switches.set(contact_limit_mode="error_generic", contact_limit=2)
    connect(machine, "VIP", "Coffee")
    answer = machine.postino("export", "Shop", "--json")
    assert answer.code == 1
    [line] = answer.err.splitlines()
    assert "Your plan's contact limit has been reached." in line
    assert "Look at the plan and billing in Mailchimp, then export again." in line
    assert "Where it stopped; what was sent is kept: 2 new, 1 rejected, 1 not attempted" in line
    assert "The segments that weigh most: VIP 3, Coffee 2." in line
    told = json.loads(answer.out)
    assert (told["status"], told["new"], told["not_attempted"]) == ("Failed", 2, 1)


def test_more_profiles_than_the_limit_are_told_with_the_heaviest_segments(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(machine, "VIP", "Coffee")
    monkeypatch.setattr("services.guarding.PROFILES", 3)
    for command in ("plan", "export"):
        answer = machine.postino(command, "Shop")
        assert answer.code == 1
        [line] = answer.err.splitlines()
        assert "The segments hold 4 distinct profiles, 1 more than the 3 an export may have. Nothing was sent." in line
        assert "The segments that weigh most: VIP 3, Coffee 2." in line
    assert [call.path for call in machine.world.log.calls() if call.method != "GET"] == []


def test_a_segment_that_vanished_is_told_after_the_export(machine: Machine) -> None:
    connect(machine, "VIP", "Coffee")
    (machine.folder / "VIP.csv").unlink()
    answer = machine.postino("export", "Shop", "--json")
    assert (answer.code, json.loads(answer.out)["new"]) == (0, 2)
    [line] = answer.err.splitlines()
    assert line.startswith("The segment VIP is gone from the source. Its tag stays on whoever has it;")


def test_a_tag_that_others_made_again_is_taken_over_with_one_command(machine: Machine) -> None:
    connect(machine, "VIP")
    assert machine.postino("export", "Shop").code == 0
    (account,) = machine.world.accounts.values()
    (audience,) = account.audiences.values()
    acts.delete_tag(audience, "VIP")
    acts.add_tag(audience, "VIP")
    refused = machine.postino("export", "Shop")
    assert refused.code == 1
    assert "The audience has a tag VIP that Postino did not make" in refused.err
    assert machine.postino("export", "Shop", "--take-over").code == 0
    assert [one["tags"] for one in acts.dump(audience)] == [["VIP"], ["VIP"]]


def test_the_export_path_imports_neither_slack_nor_a_web_server(machine: Machine) -> None:
    connect(machine)
    script = (
        "import sys; sys.argv = ['postino', 'export', 'Shop']\n"
        "from bot import cli\ncli.main()\n"
        "unwanted = {'slack_bolt', 'slack_sdk', 'flask', 'waitress', 'apscheduler'}\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & unwanted))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script.replace("cli.main()", "\ntry:\n    cli.main()\nexcept SystemExit: pass")],
        cwd=Path(__file__).parents[2],
        env=os.environ | machine.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_rows_of_the_profile_table_that_could_not_be_read_are_told_with_their_table(machine: Machine) -> None:
    connect(machine, "VIP")
    table = machine.folder / "Customer.csv"
    table.write_text(table.read_text().replace("c2,bob", 'c2,"bob'))
    os.utime(table, (1_700_000_000, 1_700_000_000))
    told = (
        "1 row of the profile table Customer could not be read, so a profile may be missing. Correct it in the source."
    )
    planned = machine.postino("plan", "Shop")
    assert told in planned.err
    assert "unreadable profile" in planned.out
    assert json.loads(machine.postino("plan", "Shop", "--json").out)["unreadable"] == {"Customer": 1}
    exported = machine.postino("export", "Shop")
    assert exported.code == 0
    assert told in exported.err
    listed = json.loads(machine.postino("history", "--rejects", "--json").out)
    assert [one["reason"] for one in listed if one["profile"] == "c2"] == ["unreadable_profile"]


def test_the_command_line_speaks_the_terminals_language(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "it_IT.UTF-8")
    assert "Non c'è ancora nessuna destinazione." in machine.postino("destinations", "list").out
    connect(machine)
    assert (
        "Tutti" in machine.postino("connections", "list").out
        or "amministratori" in machine.postino("connections", "list").out
    )
    planned = machine.postino("plan", "Shop").out
    for said in ("profili", "nuovi", "scartati", "senza indirizzo", "Tag aggiunti"):
        assert said in planned
    exported = machine.postino("export", "Shop").out
    assert "Completata con scarti: Shop → Newsletter" in exported
    assert "tag aggiunti" in exported
    assert "Guarda chi è stato scartato" in exported
    shown = machine.postino("destinations", "show", "Shop").out
    assert "fuso orario" in shown
    assert "campo FNAME" in shown
    assert "A ogni aggiornamento della fonte" in machine.postino("destinations", "list").out
    assert "Ultimo aggiornamento" in machine.postino("segments").out
    refused = machine.postino("export", "Nothing")
    assert "Non c'è nessuna destinazione chiamata Nothing." in refused.err
    monkeypatch.setenv("POSTINO_LOG_LEVEL", "LOUD")
    assert "deve essere DEBUG, INFO, WARNING o ERROR" in machine.postino("segments").err
