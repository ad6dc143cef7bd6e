"""``python -m sandbox``: the local Slack, the local Mailchimp and the page, in one process."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from sandbox.mailchimp import acts
from sandbox.town import open_town


def main(arguments: list[str] | None = None) -> None:
    """Serve until stopped, after one line of JSON that tells where and with which credentials."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    for name in ("slack", "mailchimp", "page"):
        parser.add_argument(f"--{name}-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--manifest", type=Path, help="only the commands and shortcuts declared there exist")
    parser.add_argument("--contacts", type=int, default=0, help="members the audience has already")
    options = parser.parse_args(arguments)
    ended = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: ended.set())
    with open_town(
        manifest=options.manifest,
        slack_port=options.slack_port,
        mailchimp_port=options.mailchimp_port,
        page_port=options.page_port,
    ) as town:
        acts.preload(town.audience, options.contacts)
        sys.stdout.write(json.dumps(town.addresses()) + "\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()
