"""Pictures for those who ask for them, drawn with Pillow where it is installed (``pip install 'postino[pictures]'``).

Whoever shows a picture says in words what is in it, too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec

from bot.texts import Texts

WIDTH, HEIGHT = 1000, 440
LEFT, RIGHT, TOP, BOTTOM = 110, 30, 30, 60
"""The margins around the plot, in pixels."""
INK, GRID, LINE = "#1d1c1d", "#dddddd", "#1264a3"
GRID_LINES = 5

Point = tuple[datetime, int]


def possible() -> bool:
    """Whether pictures can be drawn here."""
    return find_spec("PIL") is not None


def line_chart(t: Texts, points: Sequence[Point], zone: str) -> bytes:
    """Counts over time as a PNG, dated in a zone; at least two points, oldest first.

    The scale begins at zero: it exaggerates no change.
    """
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=20)
    top = _round_up(max(count for _, count in points))
    began, ended = points[0][0].timestamp(), points[-1][0].timestamp()

    def place(moment: datetime, count: float) -> tuple[float, float]:
        across = (moment.timestamp() - began) / ((ended - began) or 1)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - count / top * (HEIGHT - TOP - BOTTOM)

    for step in range(GRID_LINES + 1):
        count = top * step / GRID_LINES
        _, y = place(points[0][0], count)
        draw.line([(LEFT, y), (WIDTH - RIGHT, y)], fill=GRID)
        draw.text((LEFT - 12, y), t.number(round(count, 1)), fill=INK, font=font, anchor="rm")
    line = [place(*point) for point in points]
    draw.line(line, fill=LINE, width=4, joint="curve")
    for x, y in line:
        draw.ellipse([(x - 5, y - 5), (x + 5, y + 5)], fill=LINE)
    labels = span(t, points[0][0], points[-1][0], zone)
    for label, x, anchor in zip(labels, (LEFT, WIDTH - RIGHT), ("la", "ra"), strict=False):
        draw.text((x, HEIGHT - BOTTOM + 16), label, fill=INK, font=font, anchor=anchor)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def span(t: Texts, begin: datetime, end: datetime, zone: str) -> list[str]:
    """What stands at both ends of the time axis: dates, with the time of day within one day, and once if it is one minute."""
    days = [t.date(begin, zone), t.date(end, zone)]
    return days if days[0] != days[1] else list(dict.fromkeys(t.moment(one, zone) for one in (begin, end)))


def _round_up(count: int) -> int:
    """The next number with one or two leading digits that five lines divide evenly."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return int(max(5, -(-count // (5 * unit)) * 5 * unit))
