"""The Mailchimp side of the page in a real browser, and the sandbox as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

from playwright.sync_api import Page, expect
from slack_sdk import WebClient

from sandbox.mailchimp import acts
from sandbox.town import Town


def test_the_audience_is_searched_and_paged_on_the_server(town: Town, browser_page: Page) -> None:
    acts.preload(town.audience, 60_000)
    acts.add(town.audience, "grace@example.com", tags=["VIP"], FNAME="Grace")
    browser_page.goto(f"{town.page_url}/mailchimp")
    total = browser_page.get_by_test_id("member-total")
    expect(total).to_have_text("1–50 of 60,001")
    browser_page.get_by_role("button", name="Next page").click()
    expect(total).to_have_text("51–100 of 60,001")
    browser_page.get_by_role("searchbox", name="Search members").fill("grace")
    expect(total).to_have_text("1–1 of 1")
    row = browser_page.get_by_role("row").filter(has_text="grace@example.com")
    expect(row).to_contain_text("Subscribed")
    expect(row).to_contain_text("VIP")


def test_a_member_is_unsubscribed_tagged_and_deleted_by_hand(town: Town, browser_page: Page) -> None:
    acts.add(town.audience, "grace@example.com", FNAME="Grace")
    browser_page.goto(f"{town.page_url}/mailchimp")
    browser_page.get_by_text("grace@example.com").click()
    member = browser_page.get_by_test_id("member")
    member.get_by_role("textbox", name="Add tag").fill("VIP")
    member.get_by_role("textbox", name="Add tag").press("Enter")
    expect(member.get_by_role("button", name="Remove tag VIP")).to_be_visible()
    member.get_by_role("group", name="As the person").get_by_role("button", name="Unsubscribe").click()
    expect(member).to_contain_text("by themselves")
    assert [each["status"] for each in acts.dump(town.audience)] == ["unsubscribed"]
    browser_page.get_by_role("tab", name="Tags").click()
    expect(browser_page.get_by_test_id("tag")).to_contain_text("1 members, 0 of them subscribed")
    browser_page.get_by_role("tab", name="Members").click()
    browser_page.get_by_text("grace@example.com").click()
    member.get_by_role("button", name="Delete permanently…").click()
    member.get_by_role("button", name="Yes, delete for ever").click()
    expect(member).to_contain_text("permanently deleted")
    assert acts.dump(town.audience) == []


def test_what_an_export_changes_appears_by_itself(town: Town, browser_page: Page) -> None:
    browser_page.goto(f"{town.page_url}/mailchimp")
    expect(browser_page.get_by_text("Nobody here.")).to_be_visible()
    acts.add(town.audience, "grace@example.com")
    expect(browser_page.get_by_text("grace@example.com")).to_be_visible()


def test_trouble_is_switched_on_and_off(town: Town, browser_page: Page) -> None:
    browser_page.goto(f"{town.page_url}/mailchimp")
    browser_page.get_by_role("tab", name="Make trouble").click()
    mailchimp = browser_page.get_by_role("region", name="Mailchimp")
    for name in ("Slow", "Too many requests", "Tags in bulk ignored"):
        mailchimp.get_by_role("switch", name=name).click()
        expect(mailchimp.get_by_role("switch", name=name)).to_have_attribute("aria-checked", "true")
    assert town.world.switches.latency_bulk == 2
    assert town.world.switches.bulk_tags == "ignored"
    assert [fault.kind for fault in town.world.faults.active] == ["429"]
    browser_page.get_by_role("region", name="Slack").get_by_role("switch", name="Slow").click()
    mailchimp.get_by_role("switch", name="Too many requests").click()
    expect(mailchimp.get_by_role("switch", name="Too many requests")).to_have_attribute("aria-checked", "false")
    assert town.world.faults.active == []
    assert town.workspace.faults.slow == 2


def test_the_sandbox_as_a_process_tells_where_it_is_in_one_line() -> None:
    with subprocess.Popen([sys.executable, "-m", "sandbox"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        with urllib.request.urlopen(told["page_url"]) as page:
            assert b"Slack (sandbox)" in page.read()
        answer = WebClient(token=told["slack_bot_token"], base_url=told["slack_api_url"]).auth_test()
        assert answer["ok"]
        request = urllib.request.Request(f"{told['mailchimp_url']}/3.0/lists/{told['mailchimp_audience_id']}")
        request.add_header("Authorization", f"Bearer {told['mailchimp_api_key']}")
        with urllib.request.urlopen(request) as audience:
            assert json.load(audience)["name"] == "Newsletter"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == ""
    assert process.returncode == 0
