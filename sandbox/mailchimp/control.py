"""The control API under ``/_control``: switches, faults, what people do, the call log. JSON in, JSON out.

    GET PATCH /_control/switches                       GET /_control/switches/facts
    GET POST DELETE /_control/faults                   {"kind": "429", "path": "/lists/.*", "times": 3}
    POST /_control/hooks                               {"call": 3, "method": "POST", "path": …,
                                                        "audience": …, "do": …, "with": {…}}
    GET POST /_control/accounts                        {"name": …, "dc": "us1", "role": "owner"}
    PATCH /_control/accounts/{account_id}              {"role": …, "disabled": …}
    POST /_control/accounts/{account_id}/audiences     {"name": …}
    POST /_control/audiences/{list_id}/merge-fields    {"tag": …, "name": …, "type": …, "required": …, "options": {…}}
    POST /_control/audiences/{list_id}/acts            {"do": "unsubscribe", "with": {"address": …, "by": "self"}}
    GET /_control/audiences/{list_id}/members          ?offset=0&count=10000, members as they truly are
    POST /_control/revoke                              {"credential": …}
    POST /_control/clients                             {"client_id": …, "secret": …, "redirect_uris": […]}
    GET PATCH DELETE /_control/log                     ?after=0&limit=1000; {"record_bodies": true}
    POST /_control/reset                               everything is forgotten

Everything is told and asked in JSON; 400 and 404 come with ``{"error": …}``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.mailchimp import acts
from sandbox.mailchimp.records import FIELD_TYPES
from sandbox.mailchimp.state import ROLES, Account, World


@dataclass(frozen=True)
class Asked:
    """A request: parameters of the path and the query, and the body."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any


Act = Callable[[Asked], Any]


def _route(world: World, path: str, method: str, act: Act) -> Route:
    """A route that answers what ``act(asked)`` returns, 400 for ValueError and 404 for KeyError."""

    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        status = 200
        try:
            with world.lock:
                answer = act(Asked(request.path_params, request.query_params, orjson.loads(raw) if raw else {}))
        except KeyError as error:
            status, answer = 404, {"error": f"There is no {error}."}
        except (ValueError, TypeError) as error:
            status, answer = 400, {"error": str(error)}
        return Response(orjson.dumps(answer), status, media_type="application/json")

    wrapped: Callable[[Request], Awaitable[Response]] = endpoint
    return Route(f"/_control{path}", wrapped, methods=[method])


def routes(world: World) -> list[Route]:
    """All of the control API for a world."""
    control = Control(world)
    table: list[tuple[str, str, Act]] = [
        ("/switches", "GET", lambda _: world.switches.values()),
        ("/switches", "PATCH", control.switch),
        ("/clock", "POST", control.forward),
        ("/switches/facts", "GET", lambda _: world.switches.describe()),
        ("/faults", "GET", lambda _: [dataclasses.asdict(each) for each in world.faults.active]),
        ("/faults", "POST", lambda asked: dataclasses.asdict(world.faults.add(**asked.body))),
        ("/faults", "DELETE", lambda _: world.faults.clear()),
        ("/hooks", "POST", control.hook),
        ("/accounts", "GET", lambda _: [shown(each) for each in world.accounts.values()]),
        ("/accounts", "POST", lambda asked: shown(world.add_account(**asked.body))),
        ("/accounts/{account_id}", "PATCH", control.account),
        ("/accounts/{account_id}/audiences", "POST", control.audience),
        ("/audiences/{list_id}/merge-fields", "POST", control.merge_field),
        ("/audiences/{list_id}/acts", "POST", control.act),
        ("/audiences/{list_id}/members", "GET", control.members),
        ("/revoke", "POST", lambda asked: world.revoke(asked.body["credential"])),
        ("/clients", "POST", control.client),
        ("/log", "GET", control.log),
        ("/log", "PATCH", control.record),
        ("/log", "DELETE", lambda _: world.log.clear()),
        ("/reset", "POST", lambda _: world.reset()),
    ]
    return [_route(world, path, method, act) for path, method, act in table]


def shown(account: Account) -> dict[str, Any]:
    """An account with its credentials and audiences."""
    return {
        "id": account.id,
        "name": account.name,
        "dc": account.dc,
        "role": account.role,
        "disabled": account.disabled,
        "login_email": account.login_email,
        "api_key": account.api_key,
        "connections": {
            "open": account.connections.open,
            "ghosts": account.connections.ghosts,
            "highest": account.connections.highest,
            "refused": account.connections.refused,
        },
        "audiences": [
            {
                "id": audience.id,
                "name": audience.name,
                "counts": dict(audience.counts),
                "tags": [
                    {
                        "id": tag.id,
                        "name": tag.name,
                        "type": tag.kind,
                        "holders": sum(len(group) for group in tag.holders.groups.values()),
                    }
                    for tag in audience.tags.values()
                ],
            }
            for audience in account.audiences.values()
        ],
    }


class Control:
    """The calls that need more than a line."""

    def __init__(self, world: World) -> None:
        self.world = world

    def switch(self, asked: Asked) -> Any:
        """Change switches; all of them are answered."""
        self.world.switches.set(**asked.body)
        return self.world.switches.values()

    def forward(self, asked: Asked) -> Any:
        """Let ``seconds`` pass at once; the time there is answered."""
        self.world.forward(float(asked.body["seconds"]))
        return {"now": self.world.clock().isoformat()}

    def hook(self, asked: Asked) -> Any:
        """Perform an act just before a call."""
        act = partial(acts.perform, self.world, asked.body["audience"], asked.body["do"], asked.body.get("with", {}))
        hook = self.world.faults.before_call(
            int(asked.body.get("call", 1)), act, method=asked.body.get("method"), path=asked.body.get("path")
        )
        return {"skip": hook.skip}

    def account(self, asked: Asked) -> Any:
        """Change an account's role, or disable it."""
        account = self.world.accounts[asked.path["account_id"]]
        if asked.body.get("role", account.role) not in ROLES:
            raise ValueError(f"A role is one of {', '.join(ROLES)}.")
        account.role = asked.body.get("role", account.role)
        account.disabled = bool(asked.body.get("disabled", account.disabled))
        return shown(account)

    def audience(self, asked: Asked) -> Any:
        """Create an audience."""
        audience = self.world.accounts[asked.path["account_id"]].add_audience(asked.body["name"])
        return {"id": audience.id, "name": audience.name}

    def merge_field(self, asked: Asked) -> Any:
        """Create a merge field."""
        if asked.body["type"] not in FIELD_TYPES:
            raise ValueError(f"A type is one of {', '.join(FIELD_TYPES)}.")
        field = self.world.audience(asked.path["list_id"]).add_field(
            asked.body["tag"],
            asked.body["name"],
            asked.body["type"],
            required=bool(asked.body.get("required")),
            options=asked.body.get("options"),
        )
        return {"merge_id": field.merge_id, "tag": field.tag}

    def act(self, asked: Asked) -> Any:
        """Do what a person or an administrator does."""
        acts.perform(self.world, asked.path["list_id"], asked.body["do"], asked.body.get("with", {}))
        return {"done": asked.body["do"]}

    def members(self, asked: Asked) -> Any:
        """Members as they truly are, for an independent comparison."""
        audience = self.world.audience(asked.path["list_id"])
        offset, count = int(asked.query.get("offset", 0)), int(asked.query.get("count", 10_000))
        return {"members": acts.dump(audience, offset, count), "total_items": sum(audience.counts.values())}

    def client(self, asked: Asked) -> Any:
        """Register an application."""
        self.world.oauth.register(
            asked.body["client_id"], asked.body["secret"], tuple(asked.body.get("redirect_uris", ()))
        )
        return {"client_id": asked.body["client_id"]}

    def record(self, asked: Asked) -> Any:
        """Keep whole bodies in the log from now on, or no longer."""
        self.world.log.record_bodies = bool(asked.body["record_bodies"])
        return {"record_bodies": self.world.log.record_bodies}

    def log(self, asked: Asked) -> Any:
        """The calls after a sequence number."""
        query = asked.query
        return self.world.log.as_json(int(query.get("after", 0)), int(query.get("limit", 1000)))
