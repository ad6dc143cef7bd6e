"""The application: routes of the Marketing API 3.0, and the way of a call through log, credentials and handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from sandbox.mailchimp import bulk, control, lists, members, oauth, segments
from sandbox.mailchimp.answers import Answer, Call
from sandbox.mailchimp.handling import Endpoint
from sandbox.mailchimp.state import World

Handler = Callable[[Call], Answer]

ROUTES: dict[str, dict[str, Handler]] = {
    "/": {"GET": lists.root},
    "/ping": {"GET": lists.ping},
    "/lists": {"GET": lists.lists},
    "/lists/{list_id}": {"GET": lists.one, "POST": bulk.upsert},
    "/lists/{list_id}/merge-fields": {"GET": lists.fields, "POST": lists.add_field},
    "/lists/{list_id}/merge-fields/{merge_id}": {"GET": lists.field},
    "/lists/{list_id}/members": {"GET": members.page, "POST": members.add},
    "/lists/{list_id}/members/{member}": {
        "GET": members.one,
        "PUT": members.put,
        "PATCH": members.patch,
        "DELETE": members.archive,
    },
    "/lists/{list_id}/members/{member}/actions/delete-permanent": {"POST": members.delete_permanently},
    "/lists/{list_id}/members/{member}/tags": {"GET": members.tags, "POST": members.change_tags},
    "/lists/{list_id}/segments": {"GET": segments.page, "POST": segments.create},
    "/lists/{list_id}/segments/{segment_id}": {
        "GET": segments.one,
        "POST": segments.batch,
        "PATCH": segments.replace,
        "DELETE": segments.delete,
    },
    "/lists/{list_id}/segments/{segment_id}/members": {"GET": segments.holders},
    "/lists/{list_id}/segments/{segment_id}/members/{member}": {"DELETE": segments.remove_member},
    "/lists/{list_id}/tag-search": {"GET": segments.search},
    "/{unknown:path}": {},
}
MANY = {bulk.upsert: ("members",), segments.batch: ("members_to_add", "members_to_remove"),
        segments.create: ("static_segment",)}  # fmt: skip


class LocalMailchimp(Starlette):
    """Hands the connection itself to the endpoints, so that they can cut it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. uvicorn's ``receive`` is a method of the object that holds the transport."""
        scope["sandbox.transport"] = getattr(getattr(receive, "__self__", None), "transport", None)
        await super().__call__(scope, receive, send)


def create_app(world: World | None = None) -> Starlette:
    """The local Mailchimp for ``world``, or for a new one, which is at ``app.state.world``."""
    world = world or World()
    routes: list[BaseRoute] = [*control.routes(world), *oauth.routes(world)]
    for template, handlers in ROUTES.items():
        lengths: dict[str, tuple[str, ...]] = {
            method: MANY[handler] for method, handler in handlers.items() if handler in MANY
        }
        endpoint: Any = Endpoint(world, template, handlers, lengths)
        routes.append(Route(f"/3.0{template}", endpoint))
        if template == "/":
            routes.append(Route("/3.0", endpoint))
    app = LocalMailchimp(routes=routes)
    app.router.redirect_slashes = False
    app.state.world = world
    return app
