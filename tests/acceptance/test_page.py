"""The page as a person uses it in a real browser, with a small app of the test's own behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from slack_sdk import WebClient

from sandbox.town import Town
from tests.acceptance import little_app
from tests.acceptance.slack_page import SlackPage


@pytest.fixture(scope="module")
def app(served_town: Town) -> Iterator[None]:
    with little_app.connected(served_town):
        yield


@pytest.fixture
def slack(app: None, town: Town, browser_page: Page) -> SlackPage:
    town.workspace.load_manifest(little_app.MANIFEST)
    page = SlackPage(browser_page, town.page_url)
    page.open(channel="C0EXPORTS")
    return page


def post(town: Town, text: str) -> None:
    client = WebClient(token=town.workspace.bot_token, base_url=f"{town.slack_url}/api/")
    client.chat_postMessage(channel="C0EXPORTS", text=text)


def fill_in(slack: SlackPage) -> None:
    slack.say("/help-me")
    slack.wait_for_modal("A form")
    slack.fill("Name", "Ada")
    slack.fill("Age", "36")
    slack.choose("Colour", "Green")
    slack.modal.get_by_text("You chose green.").wait_for()
    slack.choose("Fruits", "Fruit 77")
    slack.choose("Fruits", "Fruit 299")
    slack.tick("I agree")
    slack.tick("Large")


# -- conversations ---------------------------------------------------------------------------------------------------


def test_a_command_is_completed_from_the_manifest_and_answered_to_the_asker_alone(slack: SlackPage) -> None:
    slack.type("/he")
    offered = slack.completions("/hello")
    assert [each.split()[0] for each in offered] == ["/hello", "/help-me"]
    assert "Says hello" in offered[0]
    assert "[name]" in offered[0]
    composer = slack.page.get_by_test_id("composer")
    composer.press("Tab")
    expect(composer).to_have_value("/hello ")
    composer.press_sequentially("Grace")
    composer.press("Enter")
    answer = slack.wait_for_message("Hello Grace")
    expect(answer).to_contain_text("Only visible to you")
    expect(answer.locator("b", has_text="Grace")).to_be_visible()


def test_enter_completes_a_command_that_is_only_begun(slack: SlackPage) -> None:
    slack.type("/gal")
    slack.completions("/gallery")
    slack.page.get_by_test_id("composer").press("Enter")
    expect(slack.page.get_by_test_id("composer")).to_have_value("/gallery ")
    assert slack.messages() == []


def test_messages_appear_without_reload_and_are_edited_in_place(slack: SlackPage) -> None:
    slack.say("/gallery")
    message = slack.wait_for_message("Gallery")
    stamp = message.get_attribute("data-ts")
    slack.click("Approve")
    edited = slack.wait_for_message("Approved ▓▓░░ 50 %")
    assert edited.get_attribute("data-ts") == stamp
    expect(edited).to_contain_text("(edited)")
    expect(edited).to_contain_text("2 replies")


def test_a_thread_shows_replies_and_files_that_can_be_downloaded(slack: SlackPage) -> None:
    slack.say("/gallery")
    slack.wait_for_message("Gallery")
    slack.click("Approve")
    slack.wait_for_message("2 replies").get_by_text("2 replies").click()
    thread = slack.page.get_by_test_id("thread")
    expect(thread).to_contain_text("Details in the thread")
    expect(thread.get_by_test_id("file").first).to_contain_text("no address")
    expect(thread.get_by_role("img", name="A line that rises")).to_be_visible()
    assert slack.download("rejects.csv") == b"profile,reason\np1,no address\n"
    slack.reply("Thank you")
    expect(thread).to_contain_text("Thank you")
    slack.page.keyboard.press("Escape")
    expect(thread).to_have_count(0)

    expect(slack.open_thread("Details in the thread")).to_contain_text("Approved")


def test_every_block_and_all_markup_are_shown(slack: SlackPage) -> None:
    slack.say("/gallery")
    message = slack.wait_for_message("Gallery")
    expect(message.get_by_role("link", name="a link")).to_have_attribute("href", "https://example.com")
    for tag, text in (("b", "bold"), ("i", "italic"), ("s", "gone"), ("code", "code"), ("blockquote", "quoted"),
                      ("pre", "x < y"), ("strong", "Strong"), (".mention", "@Ben Okafor"), (".mention", "#exports")):  # fmt: skip
        expect(message.locator(tag, has_text=text).first).to_be_visible()
    expect(message.get_by_text("1970-01-01")).to_be_visible()
    expect(message.locator(".emoji")).to_have_text(["🚀", "✅"])
    expect(message.get_by_role("img", name="In progress")).to_be_visible()
    table = message.get_by_role("table").filter(has_text="Segments")
    expect(table).to_contain_text("Segment 900")
    expect(table).not_to_contain_text("Segment 61")
    message.get_by_role("button", name="Next page").click()
    expect(table).to_contain_text("Segment 61")
    table.get_by_role("columnheader", name="Profiles").click()
    expect(table.get_by_role("row").nth(1)).to_contain_text("Segment 2")


def test_confirmations_menus_and_selects_of_a_message(slack: SlackPage) -> None:
    slack.say("/gallery")
    message = slack.wait_for_message("Gallery")
    slack.click("Remove")
    slack.confirm("Keep it")
    slack.click("Remove")
    slack.confirm("Remove it")
    slack.wait_for_message("no: clicked")
    message.get_by_role("button", name="More actions").click()
    slack.page.get_by_role("menuitem", name="Delete").click()
    slack.wait_for_message("menu: delete")
    slack.choose("Pick one", "Eggs", within=slack.message("Segments"))
    slack.wait_for_message("pick: eggs")
    assert len([each for each in slack.messages() if "no: clicked" in each]) == 1
    with slack.page.context.expect_page() as opened:
        slack.click("Website")
    opened.value.close()


def test_unread_messages_are_counted_in_the_sidebar(slack: SlackPage, town: Town) -> None:
    slack.say("/help-me")
    slack.wait_for_modal()
    slack.page.keyboard.press("Escape")
    slack.wait_until_closed()
    direct = slack.page.get_by_test_id("place-D0ADA")
    expect(direct).to_contain_text("1")
    direct.click()
    slack.wait_for_message("You closed the form.")
    expect(direct).not_to_contain_text("1")


def test_somebody_else_sees_only_what_is_theirs(slack: SlackPage) -> None:
    slack.say("/hello")
    slack.wait_for_message("Hello you")
    slack.say("Good morning")
    slack.wait_for_message("Good morning")
    slack.become("Gus Guest")
    slack.go("exports")
    slack.wait_for_message("Good morning")
    assert len(slack.messages()) == 1
    places = slack.page.get_by_role("navigation", name="Workspace")
    expect(places.get_by_role("button", name="# general")).to_have_count(0)


def test_what_was_unreadable_markup_stays_text(slack: SlackPage) -> None:
    slack.say('<script>alert(1)</script> <b onclick="x">no</b> <javascript:alert(1)|click>')
    message = slack.wait_for_message("alert(1)")
    expect(message.locator("script, b[onclick], a")).to_have_count(0)


def test_what_is_being_typed_survives_what_others_write(slack: SlackPage, town: Town) -> None:
    slack.type("Dear all")
    post(town, "First")
    slack.wait_for_message("First")
    expect(slack.page.get_by_test_id("composer")).to_have_value("Dear all")
    slack.say("/help-me")
    slack.wait_for_modal("A form")
    slack.fill("Name", "Ad")
    slack.modal.get_by_role("combobox", name="Colour").click()
    slack.page.get_by_role("option", name="Green").wait_for()
    post(town, "Second")
    slack.wait_for_message("Second")
    slack.page.get_by_role("option", name="Green").click()
    slack.modal.get_by_text("You chose green.").wait_for()
    expect(slack.modal.get_by_role("textbox", name="Name")).to_have_value("Ad")


# -- modals ----------------------------------------------------------------------------------------------------------


def test_a_form_with_every_input_is_filled_in_and_handed_in(slack: SlackPage) -> None:
    fill_in(slack)
    slack.modal.get_by_label("Day").fill("2026-12-24")
    slack.submit()
    slack.wait_until_closed()
    slack.wait_for_message("Got Ada, 36, green, fruit 77, fruit 299, i agree, large, 2026-12-24")


def test_what_was_typed_stays_when_the_app_changes_the_view(slack: SlackPage) -> None:
    fill_in(slack)
    expect(slack.modal.get_by_role("textbox", name="Name")).to_have_value("Ada")
    expect(slack.modal.get_by_role("combobox", name="Colour")).to_have_value("Green")
    slack.modal.get_by_role("button", name="Remove Fruit 77").click()
    expect(slack.modal.get_by_role("button", name="Remove Fruit 77")).to_have_count(0)
    slack.submit()
    slack.wait_for_message("Got Ada, 36, green, fruit 299, i agree, large")


def test_mistakes_stand_beside_their_fields(slack: SlackPage) -> None:
    slack.say("/help-me")
    slack.wait_for_modal("A form")
    slack.fill("Age", "12")
    slack.fill("Address", "nowhere")
    slack.submit()
    assert slack.errors() == [
        "Please complete this required field.",
        "Please enter a number of at least 18.",
        "Please enter a valid email address.",
        *["Please complete this required field."] * 3,
    ]
    slack.page.keyboard.press("Escape")
    slack.wait_until_closed()
    fill_in(slack)
    slack.fill("Name", "Nobody")
    slack.submit()
    assert slack.errors() == ["Somebody, please."]
    slack.fill("Name", "Ada")
    expect(slack.modal.get_by_role("alert")).to_have_count(0)
    slack.modal.get_by_role("textbox", name="Name").press("Enter")
    slack.wait_for_message("Got Ada")


def test_an_external_menu_asks_the_app_while_one_types(slack: SlackPage) -> None:
    slack.say("/help-me")
    slack.wait_for_modal("A form")
    assert len(slack.options("Fruits")) == 100
    assert slack.options("Fruits", "fruit 29") == ["Fruit 29", *[f"Fruit {number}" for number in range(290, 300)]]
    assert slack.options("Colour") == ["Red\nlike cherries", "Green", "Blue"]
    assert "#general" in slack.options("Channel")


def test_views_are_stacked_and_close_one_by_one(slack: SlackPage) -> None:
    slack.shortcut("Fill in the form")
    slack.wait_for_modal("A form")
    slack.click("More…")
    slack.wait_for_modal("More")
    slack.page.keyboard.press("Escape")
    slack.wait_for_modal("A form")
    slack.modal.get_by_role("button", name="Close the window").click()
    slack.wait_until_closed()


def test_a_button_shows_that_it_works(slack: SlackPage, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(town.workspace, "ack_seconds", little_app.LONGEST)
    # Postino's socket acknowledges a click before the app hears of it, which would end the state that is looked at.
    monkeypatch.setattr("bot.socket_mode.needs_no_answer", lambda payload: False)
    little_app.GO_ON.clear()
    slack.say("/help-me")
    slack.wait_for_modal("A form")
    slack.click("Take your time")
    button = slack.modal.get_by_role("button", name="Take your time")
    expect(button).to_have_class("button busy")
    little_app.GO_ON.set()
    expect(button).to_have_class("button")


# -- the app's own pane ----------------------------------------------------------------------------------------------


def test_the_home_tab_and_messages_with_the_app(slack: SlackPage) -> None:
    slack.go("Greeter")
    expect(slack.home).to_contain_text("Welcome")
    slack.click("Refresh", within=slack.home)
    expect(slack.home).to_contain_text("Refreshed")
    slack.tab("Messages")
    slack.say("Are you there?")
    slack.wait_for_message("You said: Are you there?")


# -- the whole page --------------------------------------------------------------------------------------------------


def test_nothing_is_loaded_from_elsewhere_and_nothing_scrolls_sideways(slack: SlackPage) -> None:
    foreign: list[str] = []
    slack.page.on("request", lambda request: foreign.append(request.url) if slack.url not in request.url else None)
    slack.say("/gallery")
    slack.wait_for_message("Gallery")
    slack.page.reload()
    slack.wait_for_message("Gallery")
    assert [each for each in foreign if not each.startswith(("data:", "blob:"))] == []
    width = slack.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1]
