"""``python -m sandbox.slack [port]``: a local Slack on 127.0.0.1 until interrupted."""

from __future__ import annotations

import signal
import sys
import threading

from sandbox import serving
from sandbox.slack.app import create_app
from sandbox.slack.state import Workspace


def main(arguments: list[str]) -> None:
    """Serve a fresh workspace and print the settings an app needs to reach it."""
    workspace = Workspace()
    listener = serving.listen(int(arguments[0]) if arguments else 0)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with serving.serve(create_app(workspace), listener) as address:
        sys.stdout.write(
            f"Slack API {address}/api/\nbot token {workspace.bot_token}\napp token {workspace.app_token}\n"
            f"signing secret {workspace.signing_secret}\npeople {', '.join(workspace.users)}\n"
        )
        sys.stdout.flush()
        try:
            ended.wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main(sys.argv[1:])
