"""The emoji codes an app is likely to use, as characters."""

from __future__ import annotations

import re

CODES = {
    "white_check_mark": "✅", "heavy_check_mark": "✔️", "ballot_box_with_check": "☑️", "x": "❌", "warning": "⚠️",
    "no_entry": "⛔", "no_entry_sign": "🚫", "octagonal_sign": "🛑", "exclamation": "❗", "question": "❓",
    "information_source": "ℹ️", "bulb": "💡", "mag": "🔍", "bell": "🔔", "no_bell": "🔕", "mega": "📣",
    "loudspeaker": "📢", "email": "✉️", "envelope": "✉️", "incoming_envelope": "📨", "postbox": "📮", "mailbox": "📫",
    "mailbox_with_mail": "📬", "package": "📦", "inbox_tray": "📥", "outbox_tray": "📤", "rocket": "🚀", "tada": "🎉",
    "hourglass": "⌛", "hourglass_flowing_sand": "⏳", "stopwatch": "⏱️", "alarm_clock": "⏰", "clock1": "🕐",
    "calendar": "📅", "date": "📅", "spiral_calendar_pad": "🗓️", "chart_with_upwards_trend": "📈",
    "chart_with_downwards_trend": "📉", "bar_chart": "📊", "clipboard": "📋", "memo": "📝", "pencil2": "✏️",
    "page_facing_up": "📄", "paperclip": "📎", "link": "🔗", "lock": "🔒", "unlock": "🔓", "key": "🔑", "shield": "🛡️",
    "gear": "⚙️", "wrench": "🔧", "hammer_and_wrench": "🛠️", "electric_plug": "🔌", "battery": "🔋", "fire": "🔥",
    "boom": "💥", "zap": "⚡", "snail": "🐌", "turtle": "🐢", "ghost": "👻", "bug": "🐛", "bird": "🐦", "eyes": "👀",
    "eye": "👁️", "wave": "👋", "+1": "👍", "thumbsup": "👍", "-1": "👎", "thumbsdown": "👎", "pray": "🙏", "clap": "👏",
    "point_right": "👉", "point_down": "👇", "raised_hands": "🙌", "busts_in_silhouette": "👥",
    "bust_in_silhouette": "👤", "label": "🏷️", "bookmark": "🔖", "house": "🏠", "star": "⭐", "sparkles": "✨",
    "heart": "❤️", "coffee": "☕", "red_circle": "🔴", "large_orange_circle": "🟠", "large_yellow_circle": "🟡",
    "large_green_circle": "🟢", "large_blue_circle": "🔵", "white_circle": "⚪", "black_circle": "⚫",
    "black_square_for_stop": "⏹️", "double_vertical_bar": "⏸️", "pause_button": "⏸️", "arrow_forward": "▶️",
    "fast_forward": "⏩", "repeat": "🔁", "arrows_counterclockwise": "🔄", "arrow_right": "➡️", "arrow_left": "⬅️",
    "arrow_up": "⬆️", "arrow_down": "⬇️", "arrow_up_small": "🔼", "arrow_down_small": "🔽", "wastebasket": "🗑️",
    "heavy_plus_sign": "➕", "heavy_minus_sign": "➖", "new": "🆕", "ok": "🆗", "sos": "🆘", "zzz": "💤",
    "hatching_chick": "🐣", "monkey": "🐒", "money_with_wings": "💸", "dart": "🎯", "triangular_flag_on_post": "🚩",
    "checkered_flag": "🏁", "construction": "🚧", "rotating_light": "🚨", "speech_balloon": "💬",
    "it": "🇮🇹", "gb": "🇬🇧",
}  # fmt: skip

_CODE = re.compile(r":([a-z0-9_+-]+):")


def shown(text: str) -> str:
    """The text with the known ``:codes:`` as characters; unknown ones stay."""
    return _CODE.sub(lambda found: CODES.get(found[1], found[0]), text)
