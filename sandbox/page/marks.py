"""Emoji as HTML. Where the machine has no emoji font, the icon font that NiceGUI brings stands in."""

from __future__ import annotations

import re

GREEN, RED, AMBER, BLUE, GREY = "#14785a", "#c9314f", "#c98a12", "#1264a3", "#616061"
ICONS = {
    "✅": ("check_circle", GREEN), "✔": ("check", GREEN), "☑": ("check_box", BLUE), "❌": ("cancel", RED),
    "⚠": ("warning", AMBER), "⛔": ("do_not_disturb_on", RED), "🚫": ("block", RED), "🛑": ("report", RED),
    "✋": ("front_hand", AMBER), "❗": ("priority_high", RED), "❓": ("help", BLUE), "ℹ": ("info", BLUE),
    "💡": ("lightbulb", AMBER), "🔍": ("search", GREY), "🔔": ("notifications", AMBER), "🔕": ("notifications_off", GREY),
    "📣": ("campaign", RED), "📢": ("campaign", RED), "✉": ("mail", BLUE), "📨": ("mark_email_read", BLUE),
    "📮": ("local_post_office", RED), "📫": ("markunread_mailbox", BLUE), "📬": ("markunread_mailbox", BLUE),
    "📦": ("inventory_2", AMBER), "📥": ("move_to_inbox", BLUE), "📤": ("outbox", BLUE), "🚀": ("rocket_launch", BLUE),
    "🎉": ("celebration", AMBER), "⌛": ("hourglass_bottom", AMBER), "⏳": ("hourglass_top", AMBER),
    "⏱": ("timer", GREY), "⏰": ("alarm", RED), "🕐": ("schedule", GREY), "🕓": ("schedule", GREY),
    "📅": ("calendar_month", BLUE), "🗓": ("calendar_month", BLUE), "📈": ("trending_up", GREEN),
    "📉": ("trending_down", RED), "📊": ("bar_chart", BLUE), "📋": ("content_paste", AMBER), "📝": ("edit_note", AMBER),
    "✏": ("edit", AMBER), "📄": ("description", GREY), "📎": ("attach_file", GREY), "🔗": ("link", GREY),
    "🔒": ("lock", AMBER), "🔓": ("lock_open", AMBER), "🔑": ("key", AMBER), "🛡": ("shield", BLUE),
    "⚙": ("settings", GREY), "🔧": ("build", GREY), "🛠": ("handyman", GREY), "🔌": ("power", GREEN),
    "🔥": ("local_fire_department", RED), "⚡": ("bolt", AMBER), "🐛": ("bug_report", GREEN), "👀": ("visibility", GREY),
    "👁": ("visibility", GREY), "👋": ("waving_hand", AMBER), "👍": ("thumb_up", AMBER), "👎": ("thumb_down", AMBER),
    "👥": ("group", BLUE), "👤": ("person", BLUE), "🏷": ("sell", AMBER), "🔖": ("bookmark", RED), "🏠": ("home", BLUE),
    "⭐": ("star", AMBER), "✨": ("auto_awesome", AMBER), "❤": ("favorite", RED), "☕": ("coffee", GREY),
    "🔴": ("circle", RED), "🟠": ("circle", AMBER), "🟡": ("circle", "#e0b91f"), "🟢": ("circle", GREEN),
    "🔵": ("circle", BLUE), "⚪": ("radio_button_unchecked", GREY), "⚫": ("circle", "#1d1c1d"),
    "⏹": ("stop_circle", GREY), "⏸": ("pause_circle", GREY), "▶": ("play_circle", BLUE), "⏭": ("skip_next", GREY),
    "⏩": ("fast_forward", BLUE), "🔁": ("repeat", BLUE), "🔄": ("sync", BLUE), "🗑": ("delete", GREY),
    "➕": ("add", GREEN), "🎯": ("gps_fixed", RED), "🚩": ("flag", RED), "🏁": ("sports_score", GREY),
    "🚧": ("construction", AMBER), "🚨": ("emergency", RED), "💬": ("chat_bubble", BLUE), "💸": ("payments", GREEN),
    "🐌": ("slow_motion_video", GREY), "🐢": ("slow_motion_video", GREY), "👉": ("arrow_forward", BLUE),
}  # fmt: skip
_KNOWN = re.compile(f"({'|'.join(ICONS)})\ufe0f?")


def marked(html: str) -> str:
    """HTML in which each known emoji may be shown as an icon; the character itself stays its text."""
    return _KNOWN.sub(_mark, html)


def _mark(found: re.Match[str]) -> str:
    icon, colour = ICONS[found[1]]
    return f'<span class="emoji" data-icon="{icon}" style="--colour:{colour}">{found[0]}</span>'
