"""Exports that a workflow of Slack's Workflow Builder asks for.

Whoever builds or starts a workflow cannot be told for sure, so the destination says whether workflows may export it.
"""

from __future__ import annotations

from collections import Counter

from services.access import Actor, Standing
from services.destinations import Destinations
from services.errors import NotAllowed
from services.runs import Order, Runs
from storage.models import Run

WORKFLOW = "workflow"
"""The person recorded for what a workflow started, and the trigger of its runs."""


def export(destinations: Destinations, runs: Runs, workspace_id: int, name: str, execution: str) -> Run:
    """Queue an export of the destination called ``name``; the same execution again gives the same run.

    Raises NotFound, NotAllowed if no administrator has allowed it for workflows, and what ``Runs.request`` raises.
    """
    actor = _actor(workspace_id)
    destination = destinations.named(actor, name)
    if not destination.in_workflows:
        raise NotAllowed(
            "{destination} may not be exported by workflows. Ask an administrator to allow it with /postino policies.",
            destination=destination.name,
        )
    return runs.request(actor, destination, Order(trigger=WORKFLOW), key=f"{WORKFLOW}-{execution}")


def language(destinations: Destinations, workspace_id: int, name: str) -> str | None:
    """In which language a step that exports ``name`` is answered, for who reads that is not known.

    The destination's; if there is none of that name, what most of the workspace's channels read. None without destinations.
    """
    visible = destinations.visible(_actor(workspace_id))
    named = [one.language for one in visible if one.name.casefold() == name.casefold()]
    common = Counter(named or [one.language for one in visible]).most_common(1)
    return common[0][0] if common else None


def _actor(workspace_id: int) -> Actor:
    return Actor(workspace_id, WORKFLOW, Standing.ADMINISTRATOR)


def execution_of(run: Run) -> str | None:
    """The execution of a workflow's step that waits for the run; None if none does."""
    return run.request_key.removeprefix(f"{WORKFLOW}-") if run.trigger == WORKFLOW and run.request_key else None
