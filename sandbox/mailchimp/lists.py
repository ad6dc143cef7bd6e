"""The account, its audiences and their merge fields."""

from __future__ import annotations

import re

from sandbox.mailchimp import merge_fields, paging, views
from sandbox.mailchimp.answers import Answer, Call, Problem, invalid, not_found, optional, require
from sandbox.mailchimp.records import FIELD_TYPES

LONGEST_TAG = 10  # Mailchimp: merge tags have at most 10 characters


def ping(_call: Call) -> Answer:
    """GET /ping."""
    return Answer({"health_status": "Everything's Chimpy!"})


def root(call: Call) -> Answer:
    """GET /: the account. There is no field for a contact limit."""
    account = call.account
    view = {
        "account_id": account.id,
        "login_id": str(account.user_id),
        "account_name": account.name,
        "email": account.login_email,
        "first_name": "",
        "last_name": "",
        "username": account.login_email,
        "avatar_url": "",
        "role": account.role,
        "member_since": "2015-10-21T15:41:36+00:00",
        "pricing_plan_type": account.plan,
        "first_payment": "",
        "account_timezone": "Etc/UTC",
        "account_industry": "",
        "contact": {"company": account.name, "addr1": "1 Main Street", "addr2": "", "city": "Redmond", "state": "WA",
                    "zip": "98052", "country": "US"},
        "pro_enabled": False,
        "last_login": "",
        "total_subscribers": sum(
            views.audience_stats(audience)["member_count"] for audience in account.audiences.values()
        ),
        "industry_stats": {"open_rate": 0, "bounce_rate": 0, "click_rate": 0},
        "_links": [],
    }  # fmt: skip
    paging.check_fields(call.query, dict.fromkeys(view, ()))
    return Answer(paging.trimmed(view, call.query))


def lists(call: Call) -> Answer:
    """GET /lists."""
    offset, count = paging.window_of(call)
    first, last = paging.between(call, "since_date_created", "before_date_created")
    call.choice("sort_field", ("date_created",))
    newest = call.choice("sort_dir", ("ASC", "DESC")) == "DESC"
    email = call.query.get("email")
    found = [
        audience
        for audience in call.account.audiences.values()
        if (first is None or audience.created_at >= first)
        and (last is None or audience.created_at <= last)
        and (not email or audience.find(email))
    ]
    if newest:
        found.reverse()
    total_contacts = call.flag("include_total_contacts")
    view = {
        "lists": [views.audience(each, total_contacts=total_contacts) for each in found[offset : offset + count]],
        "total_items": len(found),
        "constraints": {
            "may_create": True,
            "max_instances": -1,
            "current_total_instances": len(call.account.audiences),
        },
        "_links": [],
    }
    paging.check_fields(call.query, dict.fromkeys(view, ()))
    return Answer(paging.trimmed(view, call.query))


def one(call: Call) -> Answer:
    """GET /lists/{list_id}."""
    view = views.audience(call.audience, total_contacts=call.flag("include_total_contacts"))
    paging.check_fields(call.query, dict.fromkeys(view, ()))
    return Answer(paging.trimmed(view, call.query))


def fields(call: Call) -> Answer:
    """GET /lists/{list_id}/merge-fields."""
    audience = call.audience
    offset, count = paging.window_of(call)
    kind = call.choice("type", FIELD_TYPES)
    found = [field for field in audience.fields.values() if not kind or field.type == kind]
    if "required" in call.query:
        required = call.flag("required")
        found = [field for field in found if field.required is required]
    view = {
        "merge_fields": [views.merge_field(audience, field) for field in found[offset : offset + count]],
        "list_id": audience.id,
        "total_items": len(found),
        "_links": [],
    }
    paging.check_fields(call.query, dict.fromkeys(view, ()))
    return Answer(paging.trimmed(view, call.query))


def add_field(call: Call) -> Answer:
    """POST /lists/{list_id}/merge-fields."""
    audience, body = call.audience, call.json_object()
    name, kind = require(body, "name", str), require(body, "type", str)
    if kind not in FIELD_TYPES:
        raise invalid(("type", "Value must be one of: " + ", ".join(FIELD_TYPES)))
    options = merge_fields.DEFAULT_OPTIONS.get(kind, {}) | (optional(body, "options", dict) or {})
    if kind in ("dropdown", "radio") and not options["choices"]:
        raise invalid(("options.choices", "This value should not be blank."))
    tag = (optional(body, "tag", str) or re.sub(r"\W", "", name)[:LONGEST_TAG] or "MMERGE").upper()
    if len(tag) > LONGEST_TAG:
        raise invalid(("tag", f"This value is too long. It should have {LONGEST_TAG} characters or less."))
    if tag in audience.fields:
        raise Problem(400, "Invalid Resource", f'A Merge Field with the tag "{tag}" already exists for this list.')
    if len(audience.fields) >= (limit := call.world.switches.merge_field_limit):
        # The number is known, the text is not
        raise Problem(400, "Invalid Resource", f"This list already has the maximum of {limit} merge fields.")
    required = bool(optional(body, "required", bool))
    field = audience.add_field(tag, name, kind, required=required, options=options)
    field.public = bool(optional(body, "public", bool))
    field.default_value = optional(body, "default_value", str) or ""
    field.help_text = optional(body, "help_text", str) or ""
    field.display_order = optional(body, "display_order", int) or field.display_order
    return Answer(views.merge_field(audience, field))


def field(call: Call) -> Answer:
    """GET /lists/{list_id}/merge-fields/{merge_id}."""
    for each in call.audience.fields.values():
        if str(each.merge_id) == call.params["merge_id"]:
            return Answer(paging.trimmed(views.merge_field(call.audience, each), call.query))
    raise not_found()
