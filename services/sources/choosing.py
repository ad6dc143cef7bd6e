"""The setting POSTINO_SEGMENTS: which tables are offered as segments."""

from __future__ import annotations

from fnmatch import fnmatchcase

LEFT_OUT = "POSTINO_SEGMENTS leaves this table out."


def is_chosen(name: str, pattern: str | None) -> bool:
    """Whether ``pattern`` offers ``name``: patterns by commas, with ``*`` and ``?``; those after ``!`` leave out.

    Without any pattern, or with none but leaving out, everything else is offered.
    """
    patterns = [one.strip() for one in (pattern or "").split(",") if one.strip()]
    included = [one for one in patterns if not one.startswith("!")]
    left_out = [one[1:].strip() for one in patterns if one.startswith("!")]
    return (not included or any(fnmatchcase(name, one) for one in included)) and not any(
        fnmatchcase(name, one) for one in left_out
    )
