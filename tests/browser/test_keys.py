"""The sheet of keys, the keys themselves and the table in the docs are one."""

import json
from collections import Counter
from pathlib import Path

import pytest

import rotoline

TABLE = Path(rotoline.__file__).parent / "studio" / "page" / "keys.json"
ENTRIES = json.loads(TABLE.read_text(encoding="utf-8"))["keys"]

RECORD = """async () => {
    const { commands } = await import("/static/commands.js");
    window.pressed = [];
    for (const name of Object.keys(commands)) {
        commands[name] = (value, key, isDown) =>
            isDown && window.pressed.push([name, value ?? null, key]);
    }
}"""
SHOWN = "rows => rows.map(row => [row.dataset.keys.split(' '), row.nextElementSibling.textContent])"


def test_no_key_does_two_things():
    counted = Counter(key for entry in ENTRIES for key in entry["keys"])
    assert [key for key, number in counted.items() if number > 1] == []


@pytest.mark.slow
def test_the_sheet_shows_what_the_keys_do(small_studio, open_page):
    page = open_page(small_studio)
    page.keyboard.press("?")
    page.locator("#sheet").wait_for()
    shown = page.locator("#sheet dt[data-keys]").evaluate_all(SHOWN)
    by_keys = {tuple(keys): does for keys, does in shown}
    assert by_keys == {tuple(entry["keys"]): entry["does"] for entry in ENTRIES}
    page.keyboard.press("Escape")
    page.locator("#sheet").wait_for(state="hidden")

    page.evaluate(RECORD)
    for entry in ENTRIES:
        for key in entry["keys"]:
            page.keyboard.press(key.replace("Ctrl+", "Control+"))
            expected = [entry["command"], entry.get("value"), key]
            assert page.evaluate("window.pressed.splice(0)") == [expected]


@pytest.mark.slow
def test_everything_but_drawing_can_be_reached_with_the_keyboard(small_studio, open_page):
    page = open_page(small_studio)
    reachable = "e => e.matches('button, input, a') ? e.tabIndex >= 0 : true"
    hidden_tabs = page.locator("[role=tab][aria-selected=false]").count()
    controls = page.locator("button:visible, input:visible")
    unreachable = [one for one in controls.all() if not one.evaluate(reachable)]
    assert len(unreachable) == hidden_tabs == 2  # reached with the arrows from the chosen one
    names = controls.evaluate_all(
        "all => all.map(e => e.getAttribute('aria-label') || e.labels?.[0]?.textContent"
        " || e.textContent.trim())"
    )
    assert all(names)

    page.locator("#tab-track").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#tab-check").get_attribute("aria-selected") == "true"
    page.locator("#timeline").focus()
    page.keyboard.press("End")
    assert page.locator("#timeline").get_attribute("aria-valuenow") == "7"


@pytest.mark.slow
def test_keys_are_left_to_the_field_that_is_typed_in(small_studio, open_page):
    page = open_page(small_studio)
    page.keyboard.press("m")
    page.locator("#objects li").first.wait_for()
    page.keyboard.press("F2")
    page.keyboard.type("bird")  # b, r and d would choose tools
    page.keyboard.press("Enter")
    page.locator("#objects").get_by_text("bird").wait_for()
    assert page.locator("[data-tool=stroke]").get_attribute("aria-pressed") == "true"
