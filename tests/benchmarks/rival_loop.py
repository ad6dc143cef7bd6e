"""The batch loop that the documentation of a Mailchimp client suggests: 500 contacts a call, one call after another.

Run as a script, also by another environment's Python; it needs nothing but the client.
"""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

BATCH = 500


def batches(path: str, tag: str) -> Iterator[dict[str, Any]]:
    """The bodies of the calls."""
    with open(path, newline="", encoding="utf-8") as file:  # noqa: PTH123  # the loop as people write it
        rows = csv.DictReader(file)
        while chunk := list(itertools.islice(rows, BATCH)):
            members = [
                {
                    "email_address": row["EMail"],
                    "status": "subscribed",
                    "merge_fields": {"FNAME": row["FirstName"], "LNAME": row["LastName"]},
                    "tags": [tag],
                }
                for row in chunk
            ]
            yield {"members": members, "update_existing": True}


def official(url: str, api_key: str, audience: str) -> Callable[[dict[str, Any]], Any]:
    """mailchimp-marketing."""
    import mailchimp_marketing

    client = mailchimp_marketing.Client()
    client.set_config({"api_key": api_key, "server": "us1"})
    client.api_client.host = f"{url}/3.0"  # it always says https://server.api.mailchimp.com
    return lambda body: client.lists.batch_list_members(audience, body)


def mailchimp3(url: str, api_key: str, audience: str) -> Callable[[dict[str, Any]], Any]:
    """mailchimp3, the most downloaded one that is not Mailchimp's own."""
    from mailchimp3 import MailChimp  # type: ignore[import-not-found]  # in an environment of its own

    client = MailChimp(mc_api=api_key)
    client.base_url = f"{url}/3.0/"
    return lambda body: client.lists.update_members(audience, body)


def main(name: str, url: str, api_key: str, audience: str, path: str, tag: str) -> None:
    """Send the file; a call that fails is told, and the next one is made."""
    send = {"mailchimp-marketing": official, "mailchimp3": mailchimp3}[name](url, api_key, audience)
    for body in batches(path, tag):
        try:
            send(body)
        except Exception as error:  # noqa: BLE001  # each client has errors of its own
            print(f"A batch failed: {error}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
