"""``python -m sandbox.mailchimp``: the local Mailchimp as a process of its own."""

from __future__ import annotations

import argparse
import gc
import sys

import orjson
import uvicorn

from sandbox import serving
from sandbox.mailchimp import acts, app, oauth
from sandbox.mailchimp.state import World


def main() -> None:
    """Serve until stopped, after one line of JSON that tells where and with which key."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.mailchimp", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--contacts", type=int, default=0, help="members that are there already")
    parser.add_argument("--latency-read", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--latency-write", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--latency-bulk", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--latency-member", type=float, default=0.0, metavar="SECONDS")
    options = parser.parse_args()
    world = World()
    world.switches.set(
        latency_read=options.latency_read,
        latency_write=options.latency_write,
        latency_bulk=options.latency_bulk,
        latency_member=options.latency_member,
    )
    account = world.add_account("Contoso Coffee")
    audience = account.add_audience("Newsletter")
    acts.preload(audience, options.contacts)
    gc.freeze()  # a million members need not be looked at again and again
    gc.set_threshold(100_000, 50, 1_000)  # nor those that come
    listener = serving.listen(options.port)
    started = {
        "url": f"http://127.0.0.1:{listener.getsockname()[1]}",
        "api_key": account.api_key,
        "audience": audience.id,
        "client_id": oauth.CLIENT_ID,
        "client_secret": oauth.CLIENT_SECRET,
    }
    sys.stdout.write(orjson.dumps(started).decode() + "\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        app.create_app(world),
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
