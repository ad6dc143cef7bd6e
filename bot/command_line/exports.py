"""``postino plan``, ``export``, ``cancel`` and ``history``: the same exporter as the bot's."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from bot.command_line.speaking import (
    application,
    complain,
    destination_called,
    err,
    say,
    show_json,
    show_json_rows,
    show_table,
    texts,
)
from bot.command_line.words import word
from bot.texts import Texts, mark
from bot.views.outcomes import LIMITS
from bot.views.run_facts import (
    Counts,
    gone_segments,
    nothing_to_send,
    outcome_counts,
    refused_removals,
    unreadable_rows,
)
from bot.views.runs import STEPS
from bot.wiring import Application
from services.access import Actor
from services.errors import Refused
from services.rejects import sentence
from services.rules import Class
from services.runs import Order
from services.weights import heaviest
from storage import runs
from storage.models import FINAL, PLAN, Destination, Json, Run, RunReject, RunStatus

STATUS_WORDS = {
    RunStatus.QUEUED: mark("Queued"),
    RunStatus.WAITING: mark("Waiting for approval"),
    RunStatus.PROCESSING: mark("Processing"),
    RunStatus.SUCCESSFUL: mark("Successful"),
    RunStatus.REJECTS: mark("Completed with rejects"),
    RunStatus.FAILED: mark("Failed"),
    RunStatus.CANCELED: mark("Canceled"),
    RunStatus.SKIPPED: mark("Skipped"),
}
ROWS_AT_ONCE = 1000
"""Of a list that may be very long, so many make one table."""
GOOD = (RunStatus.SUCCESSFUL, RunStatus.REJECTS)

Name = Annotated[str, typer.Argument(help="The destination's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def plan(name: Name, as_json: AsJson = False) -> None:
    """Compute what an export would change, without sending anything."""
    t = texts()
    postino = application()
    actor = postino.command_line()
    destination = destination_called(postino, actor, name)
    run = _run(postino, actor, destination, Order(preview=True, trigger=PLAN))
    if run.status not in FINAL:
        postino.runs.cancel(actor, run.id)
    if run.status not in GOOD:
        _fail(postino, run, t)
    if as_json:
        show_json({"run": run.id, **run.plan})
        return
    _show_plan(run.plan, t)
    if not any(run.plan["binding"].values()):
        say(nothing_to_send(t, held=bool(run.plan["held"])))
    _tell_incomplete(run, t)
    _tell_held(run, t)


def export(
    name: Name,
    accept_removals: Annotated[
        bool,
        typer.Option(
            "--accept-removals",
            help="Take off the tags that the brake held in the last export or plan. If it held none, those of people who left "
            "in large numbers, but not of a segment that is empty, incomplete or gone.",
        ),
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take over tags of others that have the names of this destination's.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the audience match the segments now."""
    t = texts()
    postino = application()
    actor = postino.command_line()
    destination = destination_called(postino, actor, name)
    if take_over:
        destination = postino.destinations.take_over_tags(actor, destination.id)
    run = _run(postino, actor, destination, Order(accept_removals=accept_removals, trigger="command-line"))
    result = _result(run)
    if as_json:
        show_json(result)
    elif run.status in GOOD:
        _show_result(run, result, t)
    if run.status not in GOOD:
        _fail(postino, run, t)
    _tell_incomplete(run, t)
    _tell_held(run, t)


def cancel(name: Name) -> None:
    """Stop the destination's export; calls in flight are awaited."""
    postino = application()
    actor = postino.command_line()
    destination = destination_called(postino, actor, name)
    with postino.database.read() as session:
        unfinished = {run.id: run.status for run in runs.unfinished(session, destination.id)}
    if not unfinished:
        raise Refused("{destination} is not being exported.", destination=destination.name)
    for run_id in unfinished:
        postino.runs.cancel(actor, run_id)
    sending = RunStatus.PROCESSING in unfinished.values()
    say(
        texts()(
            "The export of {destination} was asked to stop; the calls in flight are waited for."
            if sending
            else "The export of {destination} is canceled.",
            destination=destination.name,
        )
    )


def history(
    name: Annotated[str | None, typer.Argument(help="Only this destination.")] = None,
    limit: Annotated[int, typer.Option(help="How many runs.", min=1, max=1000)] = 20,
    rejects: Annotated[
        bool, typer.Option("--rejects", help="List whom the latest run or plan rejected, and why.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the latest runs, or whom the latest run or plan rejected."""
    t = texts()
    postino = application()
    actor = postino.command_line()
    destination_id = destination_called(postino, actor, name).id if name else None
    found = postino.runs.history(actor, destination_id, limit, plans=rejects, verifications=not rejects)
    if rejects:
        _show_rejects(postino.runs.rejects(actor, found[0].id) if found else iter(()), t, as_json=as_json)
        return
    if as_json:
        show_json(
            [
                {
                    "destination": run.destination.name,
                    "requested_at": run.requested_at,
                    "preview": run.preview,
                    **_result(run),
                }
                for run in found
            ]
        )
        return
    if not found:
        say(t("Nothing has been exported yet."))
        return
    show_table(
        [t("Run"), t("Destination"), t("Status"), t("Asked for (UTC)"), t("Profiles"), t("New"), t("Rejected")],
        [
            [
                str(run.id),
                run.destination.name,
                _status(run, t),
                t.moment(run.requested_at),
                *(t.number(run.counters.get(key, 0)) for key in ("profiles", "new", "rejected")),
            ]
            for run in found
        ],
        numbers=(0, 4, 5, 6),
    )


def _run(postino: Application, actor: Actor, destination: Destination, order: Order) -> Run:
    """Carry a run out in this process, or take over one that was interrupted, and show how far it is."""
    run_id = _wanted(postino, actor, destination, order)
    with _told_to_stop(postino), ThreadPoolExecutor(1, thread_name_prefix="export") as executor:
        work = executor.submit(_until_ended, postino, run_id)
        _watch(postino, run_id, work)
        return work.result()


@contextmanager
def _told_to_stop(postino: Application) -> Iterator[None]:
    """Ctrl-C and SIGTERM stop the export after the calls in flight instead of tearing it apart."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: postino.shutdown.set()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _wanted(postino: Application, actor: Actor, destination: Destination, order: Order) -> int:
    """The run to carry out: an export that was interrupted goes on, else a new one is asked for."""
    postino.exporting.recover()
    with postino.database.read() as session:
        unfinished = [] if order.preview else runs.unfinished(session, destination.id)
    for run in unfinished:
        if run.status == RunStatus.QUEUED and not run.preview and run.verifies is None:
            return (postino.runs.accept_removals_of(actor, run.id) if order.accept_removals else run).id
    return postino.runs.request(actor, destination, order).id


def _until_ended(postino: Application, run_id: int) -> Run:
    """Carry the run out as soon as the Mailchimp account is free, unless another worker does."""
    while True:
        run = postino.exporting.carry_out(run_id)
        if run is None:
            with postino.database.read() as session:
                run = session.get_one(Run, run_id)
        released = run.status == RunStatus.QUEUED and run.not_before is not None
        if run.status in FINAL or run.status == RunStatus.WAITING or released or postino.shutdown.wait(0.5):
            return run


class _People(MofNCompleteColumn):
    """How many people are done with; nothing while it is not known of how many."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.total is not None else Text()


def _watch(postino: Application, run_id: int, work: Future[Run]) -> None:
    t = texts()
    columns = (TextColumn("{task.description}"), BarColumn(), _People(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(t("Starting"), total=None)
        while not wait([work], timeout=0.2).done:
            with postino.database.read() as session:
                run = session.get_one(Run, run_id)
            done = sum(run.counters.get(outcome.word, 0) for outcome in Class if outcome is not Class.NOT_ATTEMPTED)
            words = t(STEPS[run.step]) if run.step in STEPS else t(STATUS_WORDS[run.status])
            progress.update(task, description=words, completed=done, total=run.counters.get("profiles"))


def _show_rejects(found: Iterator[RunReject], t: Texts, *, as_json: bool) -> None:
    """As they are read: there may be a million."""
    rows = ((one.profile_id, one.segments, one.masked_address, one.reason) for one in found)
    if as_json:
        show_json_rows(dict(zip(("profile", "segments", "address", "reason"), row, strict=True)) for row in rows)
        return
    columns, shown = [t("Profile"), t("Segments"), t("Address"), t("Why")], False
    while some := [(*row[:3], t(sentence(row[3]))) for row in islice(rows, ROWS_AT_ONCE)]:
        show_table(columns, some)
        shown = True
    if not shown:
        say(t("Nobody was rejected."))


def _status(run: Run, t: Texts) -> str:
    """A preview that has ended is no export that somebody cancelled, or that went well."""
    ended = run.preview and run.status in (RunStatus.CANCELED, *GOOD)
    return t("Preview") if ended else t(STATUS_WORDS[run.status])


def _tell_incomplete(run: Run, t: Texts) -> None:
    """What of the source could not be read or is gone, and which tags were not taken off, on stderr."""
    told = (
        *unreadable_rows(t, run.plan.get("unreadable", {})),
        *gone_segments(t, run.plan.get("vanished", ())),
        *refused_removals(t, run.plan.get("refused_removals", {})),
    )
    for text in told:
        complain(text, leave=False)


def _tell_held(run: Run, t: Texts) -> None:
    """Which removals wait for a person, on stderr."""
    for held in run.plan.get("held", []):
        complain(
            t(
                "The tag of {segment} stays on {people} people who are no longer in it, because they are so many or the "
                "source was incomplete. Take it off with: postino export {name} --accept-removals",
                segment=held["segment"],
                people=held["people"],
                name=f'"{run.destination.name}"',
            ),
            leave=False,
        )


def _limit(postino: Application, run: Run, t: Texts) -> Iterator[str]:
    """Where a limit stopped the export: what was sent, and which segments weigh most."""
    if run.reason.get("kind") not in LIMITS:
        return
    counts = Counts.model_validate(run.counters)
    if counts.sent:
        yield t("Where it stopped; what was sent is kept: {counts}", counts=outcome_counts(t, counts)) + "."
    if weights := heaviest(postino.source, run):
        named = ", ".join(f"{one.segment} {t.number(one.profiles)}" for one in weights)
        yield t("The segments that weigh most: {segments}", segments=named) + "."


def _result(run: Run) -> Json:
    ended = run.finished_at or run.progressed_at
    seconds = (ended - run.started_at).total_seconds() if ended and run.started_at else 0.0
    counters = {outcome.word: run.counters.get(outcome.word, 0) for outcome in Class}
    return {
        "run": run.id,
        "status": STATUS_WORDS[run.status],
        "profiles": run.counters.get("profiles", 0),
        **counters,
        **{key: run.counters.get(key, 0) for key in ("tags_added", "tags_removed", "calls", "retries")},
        "seconds": round(seconds, 1),
    }


def _fail(postino: Application, run: Run, t: Texts) -> None:
    if run.reason.get("message"):
        said = t(run.reason["message"], **run.reason.get("values", {}))
        complain(" ".join([said, *_limit(postino, run, t)]))
    if run.status == RunStatus.CANCELED:
        complain(t("The export was cancelled. What was sent until then is kept."))
    if run.status == RunStatus.WAITING:
        counts = Counts.model_validate(run.counters)
        if counts.sent or counts.tags_removed:
            complain(t("What was sent is kept. The rest waits until somebody approves it in Slack."))
        else:
            complain(t("Nothing was sent yet: somebody else must approve the export in Slack."))
    if run.status == RunStatus.QUEUED:
        complain(t("The export was interrupted. What was sent is kept; the same command goes on where it stopped."))
    complain(t("The export ended with the status {status}.", status=t(STATUS_WORDS[run.status])))


def _show_result(run: Run, result: dict[str, Any], t: Texts) -> None:
    say(f"{t(STATUS_WORDS[run.status])}: {run.destination.name} → {run.destination.audience_name}")
    rows = [(word(t, key), value) for key, value in result.items() if isinstance(value, int) and value and key != "run"]
    show_table(["", ""], [[key, t.number(value)] for key, value in rows], numbers=(1,))
    if result["rejected"]:
        say(t("See who was rejected and why with: postino history {name} --rejects", name=f'"{run.destination.name}"'))


def _show_plan(plan: dict[str, Any], t: Texts) -> None:
    rows = [[t("profiles"), t.number(plan["profiles"])]]
    rows += [[word(t, name), t.number(count)] for name, count in plan["classes"].items() if count]
    rows += [
        [f"  {word(t, reason)}", t.number(count)]
        for reason, count in {**plan["suppressed"], **plan["rejected"]}.items()
    ]
    rows += [[t("calls"), t.number(plan["calls"])]]
    show_table(["", ""], rows, numbers=(1,))
    show_table(
        [t("Segment"), t("Tag"), t("Profiles"), t("Tags added"), t("Tags removed")],
        [
            [one["segment"], one["tag"], t.number(one["profiles"]), t.number(one["added"]), t.number(one["removed"])]
            for one in plan["segments"]
        ],
        numbers=(2, 3, 4),
    )
