"""A person at the page: sees and clicks what the browser shows, and calls nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

SECONDS = 1000.0


class SlackPage:
    """The Slack side of the page in one browser tab.

    Everything waits for what it needs, at most ``patience`` seconds, and raises Playwright's TimeoutError or
    AssertionError if it does not come.
    """

    def __init__(self, page: Page, url: str, patience: float = 15.0) -> None:
        self.page = page
        self.url = url
        self.patience = patience * SECONDS
        page.set_default_timeout(self.patience)

    # -- moving about --------------------------------------------------------------------------------------------

    def open(self, person: str = "U0ADA", channel: str = "C0MARKETING") -> None:
        """Open the page as that person in that channel."""
        self.page.goto(f"{self.url}/?as={person}&in={channel}")
        self.page.get_by_test_id("person-switcher").wait_for()

    def go(self, place: str) -> None:
        """Click a channel or the app in the sidebar, by name."""
        self.page.get_by_role("navigation", name="Workspace").get_by_role("button", name=place).last.click()
        self.page.get_by_role("heading", name=re.compile(rf"^(# )?{re.escape(place)}$"), level=1).wait_for()

    def tab(self, name: str) -> None:
        """Click a tab of the app: Home, Messages or About."""
        self.page.get_by_role("tab", name=name).click()
        expect(self.page.get_by_role("tab", name=name)).to_have_attribute(
            "aria-selected", "true", timeout=self.patience
        )

    def become(self, name: str) -> None:
        """Switch to another person, by name."""
        self.page.get_by_test_id("person-switcher").click()
        self.page.get_by_role("menuitem", name=name).click()
        expect(self.page.get_by_test_id("person-switcher")).to_contain_text(name, timeout=self.patience)

    # -- conversations -------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Type into the composer and press Enter: a message or a slash command."""
        composer = self.page.get_by_test_id("composer")
        composer.fill(text)
        composer.press("Enter")
        expect(composer).to_have_value("", timeout=self.patience)

    def ask(self, command: str) -> Locator:
        """Send a slash command and give the message that answers it, the next one."""
        # A channel just gone to shows its heading first: without any message it says so.
        self.page.get_by_test_id("messages").locator(".message-list > *").first.wait_for(state="attached")
        before = self._rows().count()
        self.say(command)
        answer = self._rows().nth(before)
        answer.wait_for()
        return answer

    def type(self, text: str) -> None:
        """Type into the composer without sending."""
        composer = self.page.get_by_test_id("composer")
        composer.click()
        composer.press_sequentially(text)

    def completions(self, expected: str) -> list[str]:
        """The commands offered, once ``expected`` is among them."""
        listed = self.page.get_by_role("listbox", name="Commands")
        listed.get_by_text(expected, exact=True).wait_for()
        return listed.get_by_role("option").all_inner_texts()

    def shortcut(self, name: str) -> None:
        """Run a global shortcut from the menu beside the composer."""
        self.page.get_by_role("button", name="Shortcuts").click()
        self.page.get_by_role("menuitem", name=name).click()

    def messages(self) -> list[str]:
        """The messages of the open conversation as text, oldest first."""
        return self._rows().all_inner_texts()

    def message(self, text: str | re.Pattern[str]) -> Locator:
        """The newest message with that text in it; the case of letters counts only in a pattern."""
        return self._rows().filter(has_text=text).last

    def wait_for_message(self, text: str | re.Pattern[str], seconds: float | None = None) -> Locator:
        """Wait until a message with that text is there, and give the newest."""
        found = self.message(text)
        found.wait_for(timeout=self.patience if seconds is None else seconds * SECONDS)
        return found

    def open_thread(self, text: str) -> Locator:
        """Open the thread of the newest message with that text, and give the pane."""
        message = self.message(text)
        message.hover()
        message.get_by_role("button", name="Reply in thread").click()
        thread = self.page.get_by_test_id("thread")
        thread.wait_for()
        return thread

    def reply(self, text: str) -> None:
        """Write into the open thread."""
        field = self.page.get_by_test_id("reply")
        field.fill(text)
        field.press("Enter")

    def download(self, name: str) -> bytes:
        """Download a shared file by name and give its content."""
        with self.page.expect_download() as started:
            self.page.get_by_role("link", name=f"Download {name}").last.click()
        return Path(started.value.path()).read_bytes()

    def _rows(self) -> Locator:
        return self.page.get_by_test_id("messages").get_by_test_id("message")

    # -- buttons and fields --------------------------------------------------------------------------------------

    @property
    def home(self) -> Locator:
        """The app's Home tab."""
        return self.page.get_by_test_id("home")

    @property
    def modal(self) -> Locator:
        """The open modal."""
        return self.page.get_by_test_id("modal")

    def wait_for_modal(self, title: str | None = None) -> Locator:
        """Wait for a modal, with that title, and give it."""
        found = self.page.get_by_role("dialog", name=title, exact=True) if title else self.modal
        found.wait_for()
        return found

    def wait_until_closed(self) -> None:
        """Wait until no modal is open."""
        self.modal.wait_for(state="detached")

    def read(self, text: str, close: str = "Close") -> None:
        """Read the answer that came in a modal, and close it."""
        expect(self.wait_for_modal("Postino")).to_contain_text(text)
        self.click(close)
        self.wait_until_closed()

    def click(self, text: str, within: Locator | None = None) -> None:
        """Click a button or link by its text: in the open modal, else the newest on the screen."""
        place = within or (self.modal if self.modal.count() else self.page.get_by_role("main"))
        exactly = re.compile(rf"^\W*{re.escape(text)}\W*$")
        button = place.get_by_role("button", name=exactly).or_(place.get_by_role("link", name=exactly))
        button.last.click()

    def confirm(self, text: str) -> None:
        """Answer the confirmation dialog with one of its buttons."""
        self.page.get_by_role("alertdialog").get_by_role("button", name=text, exact=True).click()

    def fill(self, label: str, value: str, within: Locator | None = None) -> None:
        """Type into a field of the open modal by its label."""
        (within or self.modal).get_by_role("textbox", name=label).fill(value)

    def choose(self, label: str, option: str, within: Locator | None = None) -> None:
        """Choose an option of a select menu by searching for it as a person would.

        Where the modal is drawn anew just then, which closes the menu, the person opens it again.
        """
        field = (within or self.modal).get_by_role("combobox", name=label)
        offered = self.page.get_by_role("option", name=option).first
        for patience in (*[self.patience / 5] * 4, self.patience):
            try:
                field.click(timeout=patience)
                field.fill(option, timeout=patience)
                offered.click(timeout=patience)
                break
            except PlaywrightTimeoutError:
                if patience == self.patience:
                    raise
        self.page.get_by_role("listbox").wait_for(state="detached")

    def options(self, label: str, query: str = "", within: Locator | None = None) -> list[str]:
        """What a select menu offers; closes it again."""
        field = (within or self.modal).get_by_role("combobox", name=label)
        field.click()
        field.fill(query)
        listed = self.page.get_by_role("listbox", name=f"Options of {label}")
        expect(listed).to_have_attribute("data-query", query, timeout=self.patience)
        texts = listed.get_by_role("option").all_inner_texts()
        self.page.keyboard.press("Escape")
        listed.wait_for(state="detached")
        return texts

    def tick(self, label: str, on: bool = True, within: Locator | None = None) -> None:
        """Tick or untick a box, or pick a radio button, by its text."""
        place = within or self.modal
        box = place.get_by_role("checkbox", name=label).or_(place.get_by_role("radio", name=label))
        box.first.set_checked(on)

    def submit(self) -> None:
        """Press the modal's submit button."""
        self.page.get_by_test_id("submit").click()

    def errors(self) -> list[str]:
        """The errors beside the fields of the open modal, once there are any."""
        shown = self.modal.get_by_test_id("field-error")
        shown.first.wait_for()
        return shown.all_inner_texts()
