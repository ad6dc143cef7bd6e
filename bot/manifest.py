"""The app's manifest, and the hooks by which the Slack CLI reads it and starts the app (``.slack/hooks.json``).

``python -m bot.manifest get-hooks|get-manifest|start`` are the hooks; they need the package slack-cli-hooks.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
ROOT = Path(__file__).parent.parent
PATH = ROOT / "manifest.yml"
STEP = ROOT / "manifest-workflow-step.yml"


def with_workflow_step() -> Json:
    """The manifest with the Workflow Builder step."""
    joined: Json = _joined(yaml.safe_load(PATH.read_text("utf-8")), yaml.safe_load(STEP.read_text("utf-8")))
    return joined


def _joined(one: Any, other: Any) -> Any:
    """Mappings key by key, lists one after the other, and of anything else the other."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one | {key: _joined(one[key], value) if key in one else value for key, value in other.items()}
    return [*one, *other] if isinstance(one, list) and isinstance(other, list) else other


def main(arguments: Sequence[str]) -> None:
    """Answer one hook of the Slack CLI in the protocol it asks for."""
    from slack_cli_hooks.hooks.get_hooks import hooks_payload
    from slack_cli_hooks.protocol import build_protocol

    hook, protocol = arguments[1] if len(arguments) > 1 else "", build_protocol(list(arguments[1:]))
    if hook == "get-hooks":
        protocol.respond(json.dumps(_ours(hooks_payload)))
    elif hook == "get-manifest":
        protocol.respond(json.dumps(with_workflow_step()))
    elif hook == "start":
        from bot import cli

        _take_tokens()
        sys.argv = ["postino", "run"]
        cli.main()
    else:
        raise SystemExit("The hooks are get-hooks, get-manifest and start.")


def _take_tokens() -> None:
    """Take the tokens of the app that the Slack CLI runs, unless the environment names others."""
    for name, given in (("SLACK_BOT_TOKEN", "SLACK_CLI_XOXB"), ("SLACK_APP_TOKEN", "SLACK_CLI_XAPP")):
        if os.environ.get(given) and not os.environ.get(name):
            os.environ[name] = os.environ[given]


def _ours(payload: Json) -> Json:
    """The hooks of Bolt for Python, with our manifest and our way to start."""
    own = {hook: f"'{sys.executable}' -m bot.manifest {hook}" for hook in ("get-manifest", "start")}
    watch = payload["config"]["watch"] | {"manifest": {"paths": [PATH.name, STEP.name]}}
    return payload | {"hooks": payload["hooks"] | own, "config": payload["config"] | {"watch": watch}}


if __name__ == "__main__":
    main(sys.argv)
