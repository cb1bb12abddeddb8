"""What a person sees and does, in Chromium, with the real server behind it."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest
from browsing import DESKTOP, PHONE, DashboardProcess, Page
from files import LORA, write_picture
from real_server import Server
from selenium.webdriver import Keys
from selenium.webdriver.support.select import Select

pytestmark = pytest.mark.browser

_names = (f"picture {number}" for number in itertools.count(1))

# Long enough to be seen and ended in the middle, also by a test that is slow itself.
LONG = {"steps": "100", "width": "512", "height": "512"}
SHORT = {"steps": "6", "width": "64", "height": "64"}

RECORD_BARS = """
window.bars = [];
new MutationObserver(() => {
  for (const row of document.querySelectorAll('.row')) {
    if (row.querySelector('.title').textContent !== arguments[0]) continue;
    const widths = [...row.querySelectorAll('.fill')].map((fill) => parseFloat(fill.style.width));
    const [base, refiner] = widths;
    const last = window.bars.at(-1);
    if (!last || last[0] !== base || last[1] !== refiner) window.bars.push([base, refiner]);
  }
}).observe(document.querySelector('#current'), {subtree: true, childList: true, attributes: true});
"""


def test_a_job_appears_advances_in_two_colours_and_becomes_a_picture(page: Page) -> None:
    name = next(_names)
    page.driver.execute_script(RECORD_BARS, name)
    # Steps long enough for the page to paint some of the refiner's.
    page.ask(name, steps="20", width="576", height="384")
    tile = page.tile(name)
    page.wait(
        lambda: page.driver.execute_script(
            "const i = arguments[0].querySelector('img'); return i && i.naturalWidth === 576", tile
        ),
        "the picture is not shown",
    )

    bars: list[tuple[float, float]] = page.run("window.bars")
    assert bars == sorted(bars), "the bar went back"
    assert any(0 < base < 100 and refiner == 0 for base, refiner in bars), bars
    assert any(base == 100 and 0 < refiner < 100 for base, refiner in bars), bars
    base_colour, refiner_colour = (
        page.find(f".split .{expert} .fill").value_of_css_property("background-color")
        for expert in ("base", "refiner")
    )
    assert base_colour != refiner_colour


def test_a_picture_is_seen_as_it_forms(page: Page) -> None:
    name = next(_names)
    page.ask(name, **LONG)
    row = page.row(name)
    seen: set[str] = set()

    def is_new() -> bool:
        source = page.driver.execute_script(
            "const i = arguments[0].querySelector('.slot img.preview');"
            "return i && i.complete && i.naturalWidth === 64 ? i.src : ''",
            row,
        )
        if source:
            seen.add(source)
        return len(seen) > 1

    page.wait(is_new, "there are no two previews, an eighth of the picture wide")
    page.click(row.find_element("css selector", ".title"))
    page.wait(lambda: page.all("#detail img.preview"), "the preview is not among the details")
    assert "as foreseen after step" in page.text("#detail figcaption")
    page.press(Keys.ESCAPE)
    page.do(page.row(name), "decodeNow")
    page.wait(
        lambda: page.tile(name).find_elements("css selector", "img:not(.preview)"),
        "the picture does not take the preview's place",
    )


def test_a_job_without_previews_shows_its_schedule(page: Page) -> None:
    name = next(_names)
    page.ask(name, previewEvery="", **LONG)
    row = page.row(name)
    page.wait(
        lambda: " step " in f" {row.find_element('css selector', '.facts').text}", "it does not run"
    )
    assert row.find_elements("css selector", ".slot svg")
    page.do(row, "discard")
    page.tile(name)


def test_a_jobs_schedule_is_drawn_with_the_handoff(page: Page) -> None:
    name = next(_names)
    page.ask(name, **SHORT | {"steps": "10"})
    page.click(page.tile(name))
    page.wait(page.find("#detail").is_displayed, "the job's details do not open")
    assert page.text("#detail h2") == name
    assert len(page.all("#detail svg rect.base")) == 8
    assert len(page.all("#detail svg rect.refiner")) == 2
    assert "handoff: step 9" in page.text("#detail svg .mark")
    assert page.run("document.querySelector('#detail img').naturalWidth") == 64
    page.press(Keys.ESCAPE)
    assert not page.find("#detail").is_displayed()


@pytest.mark.parametrize(
    ("fields", "at", "says"),
    [
        ({"width": "65", "height": "64"}, "width", "multiple of 8"),
        ({"steps": "1000"}, "steps", "100"),
        ({"seed": "seven"}, "seed", "whole number"),
        ({"scheduler": "Eulr"}, "scheduler", "Euler"),
        ({"positivePrompt": "x"}, "positivePrompt", "2"),
    ],
)
def test_a_refusal_is_said_at_its_field(
    page: Page, fields: dict[str, str], at: str, says: str
) -> None:
    page.fill_in(next(_names), **fields)
    page.send()
    page.wait(lambda: page.text(f"#field-{at}-error"), "nothing is said at the field")
    assert says in page.text(f"#field-{at}-error")
    assert page.find(f"#field-{at}").get_attribute("aria-invalid") == "true"
    assert page.run("document.activeElement.id") == f"field-{at}"
    assert page.find(f"#field-{at}-error").is_displayed()


def test_two_endings_of_one_seed_lie_under_a_slider(page: Page) -> None:
    name = next(_names)
    page.ask(name, kind="pair", **SHORT)
    page.view("compare")
    page.wait(
        lambda: len(page.all(".stage img:not(.preview)")) == 2, "the two pictures are not shown"
    )
    page.wait(lambda: "PSNR" in page.text(".figures"), "how far apart they are is not said")
    sources = page.run("[...document.querySelectorAll('.stage img')].map((i) => i.src)")
    assert sources[0] != sources[1]

    before = page.find(".over").value_of_css_property("clip-path")
    page.find(".stage input").send_keys(Keys.ARROW_RIGHT * 20)
    after = page.find(".over").value_of_css_property("clip-path")
    assert (before, after) == ("inset(0px 0px 0px 50%)", "inset(0px 0px 0px 70%)")
    assert page.run("document.querySelector('.stage .line').style.left") == "70%"


def test_a_sweep_of_handoffs_is_a_strip_of_one_seed(page: Page) -> None:
    page.ask(next(_names), kind="sweep", endings="50, 80", **SHORT)
    page.view("compare")
    page.wait(lambda: len(page.all(".strip img:not(.preview)")) == 3, "the strip is not filled")
    names = [each.text for each in page.all(".strip .title")]
    assert names == ["50 %", "67 %", "base alone"]
    shown = page.run("document.querySelector('.over img').src")
    page.press(".")
    page.wait(
        lambda: page.run("document.querySelector('.over img').src") != shown,
        "the next ending is not shown",
    )


def test_endings_are_one_job_and_what_is_wrong_with_one_is_said_at_its_field(page: Page) -> None:
    name = next(_names)
    page.fill_in(name, kind="sweep", endings="50, 50", **SHORT)
    page.send()
    page.wait(lambda: page.text("#field-endings-error"), "nothing is said at the field")
    assert "the same" in page.text("#field-endings-error")
    field = page.find("#field-endings")
    field.clear()
    field.send_keys("50, 80")
    page.send()
    page.wait(lambda: not page.find("#form").is_displayed(), "refused")
    page.view("jobs")
    tile = page.tile(name)
    assert "3 pictures" in tile.text
    assert "3 endings" in tile.text
    page.click(tile)
    page.wait(page.find("#detail").is_displayed, "the job's details do not open")
    said = [each.text for each in page.all("#detail figcaption")]
    assert [text.splitlines()[0].partition(", ")[2] for text in said] == [
        "refiner from step 4 (50 %)",
        "refiner from step 5 (67 %)",
        "base alone",
    ]


def test_a_job_is_discarded(page: Page) -> None:
    name = next(_names)
    page.ask(name, **LONG)
    page.do(page.row(name), "discard")
    assert page.tile(name).get_attribute("data-state") == "cancelled"


@pytest.mark.parametrize("outcome", ["decodeNow", "skipToRefiner"])
def test_a_job_is_brought_to_an_early_end_with_a_picture(page: Page, outcome: str) -> None:
    name = next(_names)
    page.ask(name, **LONG | {"width": "128", "height": "128"})
    row = page.row(name)
    page.wait(lambda: "step" in row.find_element("css selector", ".facts").text, "it does not run")
    page.do(row, outcome)
    tile = page.tile(name)
    page.wait(lambda: "cut short" in tile.text, "it is not cut short")
    assert tile.find_elements("css selector", "img")


def test_a_paused_job_goes_on_as_it_was_begun(page: Page) -> None:
    name = next(_names)
    page.ask(name, pause="handoff", **SHORT)
    row = page.paused(name)
    assert "after step 4 of 6" in row.text
    page.do(row, "resume")
    tile = page.tile(name)
    page.wait(lambda: tile.find_elements("css selector", "img"), "the picture is not shown")
    assert "handoff 67 %" in tile.text
    # It stays, to go on from again.
    assert page.paused(name).is_displayed()


def test_a_paused_job_goes_on_otherwise(page: Page) -> None:
    name = next(_names)
    page.ask(name, pause="2", **SHORT)
    row = page.paused(name)
    page.do(row, "resumeOtherwise")
    dialog = page.find("#resume")
    page.wait(dialog.is_displayed, "the dialog does not open")
    assert "after step 2 of 6" in page.text("#resume .hint")
    assert page.run("document.activeElement.id") == "resume-refiner-model"

    page.find("#resume-refiner-positivePrompt").send_keys("x")
    page.send()
    says = "#resume-refiner-positivePrompt-error"
    page.wait(lambda: page.text(says), "nothing is said at the field")
    assert "2" in page.text(says)
    page.find("#resume-refiner-positivePrompt").send_keys(" sharp")
    start = page.find("#resume-refiner-startStep")
    start.send_keys(Keys.END)
    assert "step 6 of 6 (83 %): 3 more steps by the base, 1 by the refiner" in dialog.text
    page.send()
    page.wait(lambda: not dialog.is_displayed(), f"refused: {page.text('#resume .error')}")
    page.wait(lambda: "handoff 83 %" in page.tile(name).text, "it does not hand off later")

    page.do(page.paused(name), "resumeOtherwise")
    Select(page.find("#resume-refiner-model")).select_by_index(0)
    assert not page.find("#resume .its").is_displayed()
    page.find("#resume .primary").click()
    page.wait(lambda: "base alone" in page.tile(name).text, "the base does not end it alone")


def test_a_paused_job_is_thrown_away(page: Page) -> None:
    name = next(_names)
    page.ask(name, pause="2", **SHORT)
    page.do(page.paused(name), "discard")
    assert page.tile(name).get_attribute("data-state") == "cancelled"


@pytest.mark.parametrize(
    ("fields", "at", "says"),
    [
        ({"pause": "6"}, "pauseStep", "5"),
        ({"pause": "2", "numberResults": "2"}, "numberResults", "one picture"),
    ],
)
def test_a_pause_that_cannot_be_is_said_at_its_field(
    page: Page, fields: dict[str, str], at: str, says: str
) -> None:
    page.fill_in(next(_names), **SHORT | fields)
    page.send()
    page.wait(lambda: page.text(f"#field-{at}-error"), "nothing is said at the field")
    assert says in page.text(f"#field-{at}-error")


def test_a_picture_is_started_from_and_fitted(page: Page, tmp_path: Path) -> None:
    name = next(_names)
    picture = write_picture(tmp_path / "start.png", 140, 100)
    page.fill_in(name, steps="6", width="", height="")
    page.find("#field-seedImage").send_keys(str(picture))
    page.wait(lambda: "140 \u00d7 100" in page.text(".chosen"), "the picture is not read")
    assert "136 \u00d7 96, from 140 \u00d7 100" in page.text(".chosen")
    page.find("#field-strength").send_keys(Keys.ARROW_LEFT * 6)
    assert "0.50: the last 3 of 6 steps are run" in page.text(".chosen")
    assert not page.find("#field-width").is_enabled()
    page.send()
    tile = page.tile(name)
    page.wait(
        lambda: page.driver.execute_script(
            "const i = arguments[0].querySelector('img');"
            "return i && i.naturalWidth === 136 && i.naturalHeight === 96",
            tile,
        ),
        "the picture has another size",
    )

    # What it became is started from in turn.
    page.click(tile)
    page.find("#detail .link").click()
    page.wait(lambda: page.find("#form").is_displayed(), "the form does not open")
    page.wait(lambda: page.find(".chosen canvas").is_displayed(), "the picture is not there")
    assert "136 \u00d7 96" in page.text(".chosen")
    for field, value in {"positivePrompt": name, "previewEvery": "1"}.items():
        assert page.find(f"#field-{field}").get_attribute("value") == value
    page.send()
    page.wait(lambda: len(page.all(".tile")) and not page.find("#form").is_displayed(), "refused")


def test_a_picture_that_is_too_small_is_refused_at_its_field(page: Page, tmp_path: Path) -> None:
    page.fill_in(next(_names))
    page.find("#field-seedImage").send_keys(str(write_picture(tmp_path / "start.png", 64, 40)))
    page.wait(lambda: page.find(".chosen").is_displayed(), "the picture is not read")
    page.send()
    page.wait(lambda: page.text("#field-seedImage-error"), "nothing is said at the field")
    assert "64" in page.text("#field-seedImage-error")


def test_a_file_that_is_no_picture_is_refused_at_its_field(page: Page, tmp_path: Path) -> None:
    (tmp_path / "start.png").write_text("no picture")
    page.fill_in(next(_names))
    page.find("#field-seedImage").send_keys(str(tmp_path / "start.png"))
    page.wait(lambda: page.text("#field-seedImage-error"), "nothing is said at the field")
    assert not page.find(".chosen").is_displayed()


def test_a_lora_is_added_weighted_and_taken_away(page: Page) -> None:
    name = next(_names)
    page.fill_in(name, **SHORT)
    page.click("#field-lora + button")
    page.click("#field-lora + button")
    assert Select(page.find(".lora .model")).first_selected_option.text == LORA
    weight = page.find(".lora .weight")
    weight.clear()
    weight.send_keys("5")
    page.click(".lora:nth-child(2) button")
    page.send()
    page.wait(lambda: page.text("#field-lora-error"), "nothing is said at the field")
    assert "-4" in page.text("#field-lora-error")
    weight.clear()
    weight.send_keys("0.5")
    page.send()
    page.click(page.tile(name))
    page.wait(lambda: f"{LORA} 0.5" in page.text("#detail .about"), "the LoRA is not told")


def test_the_page_goes_on_after_the_server_was_killed(page: Page, server: Server) -> None:
    name = next(_names)
    page.run("window.mark = 'the same page'")
    page.ask(name, steps="60", width="192", height="192")
    row = page.row(name)
    page.wait(lambda: "step" in row.find_element("css selector", ".facts").text, "it does not run")
    server.kill()
    page.wait(lambda: "lost" in page.text("#status"), "the loss is not shown")
    assert page.find("#problem").is_displayed()
    server.start()
    page.wait(lambda: page.text("#status") == "Connected", "it does not connect again")
    assert page.tile(name).find_elements("css selector", "img")
    assert not page.find("#problem").is_displayed()
    assert page.run("window.mark") == "the same page"


def test_the_page_goes_on_after_the_dashboard_was_restarted(
    page: Page, dashboard: DashboardProcess
) -> None:
    page.run("window.mark = 'the same page'")
    dashboard.stop()
    page.wait(lambda: page.text("#status") != "Connected", "the loss is not shown")
    dashboard.start()
    page.wait(lambda: page.text("#status") == "Connected", "it does not connect again")
    name = next(_names)
    page.ask(name, **SHORT)
    page.tile(name)
    assert page.run("window.mark") == "the same page"


def test_a_page_opened_later_shows_what_was_made_before(
    page: Page, dashboard: DashboardProcess
) -> None:
    name = next(_names)
    page.ask(name, **SHORT)
    page.tile(name)
    # Neither page nor dashboard remembers: the picture itself says what was asked for.
    dashboard.stop()
    dashboard.start()
    page.open()
    assert page.tile(name).find_elements("css selector", "img")


def test_on_a_phone_nothing_has_to_be_scrolled_sideways(page: Page, tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "start.png", 3000, 20)
    name = f"{next(_names)} with a long prompt {'x' * 80}"
    running = next(_names)
    page.ask(name, kind="pair", **SHORT)
    page.tile(name)
    paused = next(_names)
    page.ask(paused, pause="2", **SHORT)
    page.paused(paused)
    page.ask(running, **LONG)
    page.row(running)
    for width in (PHONE[0], 320):
        page.look((width, 700), "light")
        for view in ("compare", "models", "jobs"):
            page.view(view)
            assert _overflow(page) == [], f"{view} at {width}"
        page.click(page.tile(name))
        assert _overflow(page) == [], f"a job's details at {width}"
        page.press(Keys.ESCAPE)
        page.fill_in(name, kind="sweep", pause="2")
        page.click("#field-lora + button")
        page.find("#field-seedImage").send_keys(str(picture))
        page.wait(lambda: page.find(".chosen").is_displayed(), "the picture is not read")
        assert _overflow(page) == [], f"the form at {width}"
        page.press(Keys.ESCAPE)
        page.do(page.paused(paused), "resumeOtherwise")
        assert _overflow(page) == [], f"going on otherwise at {width}"
        page.press(Keys.ESCAPE)
    page.do(page.row(running), "discard")
    page.tile(running)


def _overflow(page: Page) -> list[str]:
    """What sticks out of the window and is not in a box of its own that scrolls."""
    found: list[str] = page.run(
        """[...document.querySelectorAll('body *')].filter((node) => {
          const box = node.getBoundingClientRect();
          return box.width && box.right > innerWidth + 0.5 && !node.closest('.strip, .skip, svg');
        }).map((node) => `${node.tagName}.${node.className} ends at ${
          Math.round(node.getBoundingClientRect().right)}`)"""
    )
    if page.run("document.documentElement.scrollWidth > innerWidth"):
        found.append("the page itself scrolls sideways")
    return found


# Of every text that is shown, against the ground that it is painted on (WCAG 2.2, 1.4.3).
CONTRAST = """
const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const parts = (text) => {
  const [r, g, b, a = 1] = text.match(/[0-9.]+/g).map(Number);
  return {rgb: [r, g, b], a};
};
const luminance = (rgb) =>
  rgb.map((c) => linear(c / 255)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const ground = (node) => {
  for (; node; node = node.parentElement) {
    const {rgb, a} = parts(getComputedStyle(node).backgroundColor);
    if (a === 1) return rgb;
  }
  return [255, 255, 255];
};
const poor = [];
for (const node of document.querySelectorAll('body *')) {
  const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  if (!own || !node.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
  const style = getComputedStyle(node);
  if (parseFloat(style.fontSize) === 0) continue;
  if (node.closest('noscript, option, :disabled')) continue;
  const colour = parts(node instanceof SVGElement ? style.fill : style.color).rgb;
  const [a, b] = [luminance(colour), luminance(ground(node))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) poor.push(`${node.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
}
return poor;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_in_dark(page: Page, scheme: str) -> None:
    name = next(_names)
    paused = next(_names)
    page.ask(paused, pause="2", **SHORT)
    page.ask(name, kind="pair", **SHORT)
    page.tile(name)
    page.open(DESKTOP, scheme)
    page.tile(name)
    is_dark = page.run("getComputedStyle(document.documentElement).backgroundColor") == (
        "rgb(15, 20, 26)"
    )
    assert is_dark == (scheme == "dark")
    poor: dict[str, Any] = {}
    for view in ("jobs", "compare", "models"):
        page.view(view)
        poor[view] = page.driver.execute_script(CONTRAST)
    page.view("jobs")
    page.click(page.tile(name))
    poor["details"] = page.driver.execute_script(CONTRAST)
    page.press(Keys.ESCAPE)
    page.fill_in("x")
    page.send()
    page.wait(lambda: page.text("#field-positivePrompt-error"), "the refusal is not said")
    poor["form"] = page.driver.execute_script(CONTRAST)
    page.press(Keys.ESCAPE)
    page.do(page.paused(paused), "resumeOtherwise")
    poor["otherwise"] = page.driver.execute_script(CONTRAST)
    assert {view: texts for view, texts in poor.items() if texts} == {}


def test_pages_that_were_left_hold_no_connection(page: Page) -> None:
    # A browser has six for one address, kept pages and all: the next page would not load.
    for _ in range(8):
        page.open()


def test_everything_can_be_done_from_the_keyboard(page: Page) -> None:
    for key, view in (("2", "compare"), ("3", "models"), ("1", "jobs")):
        page.press(key)
        page.wait(page.find(f"#view-{view}").is_displayed, f"{key} does not show {view}")
    page.press("?")
    assert page.find("#help").is_displayed()
    page.press(Keys.ESCAPE)
    assert not page.find("#help").is_displayed()
    page.press("n")
    assert page.run("document.activeElement.id") == "field-positivePrompt"
    page.press("n12?")
    assert page.find("#field-positivePrompt").get_attribute("value") == "n12?"
    page.press(Keys.ESCAPE)
    assert not page.find("#form").is_displayed()

    page.open()
    seen = set()
    for _ in range(6):
        page.press(Keys.TAB)
        style = page.run(
            "[document.activeElement.textContent, "
            "getComputedStyle(document.activeElement).outlineStyle, "
            "parseFloat(getComputedStyle(document.activeElement).outlineWidth)]"
        )
        seen.add(style[0])
        assert style[1] == "solid", style
        assert style[2] >= 2, style
    assert {"To the content", "Refinery", "Jobs", "Compare", "Models", "?"} == seen


def test_everything_that_can_be_used_has_a_name(page: Page) -> None:
    name = next(_names)
    page.ask(name, kind="pair", **SHORT)
    page.tile(name)
    nameless = page.run(
        """[...document.querySelectorAll('button, a, input, select, textarea, img, [role=img],"""
        """ [role=progressbar], dialog, nav, aside')].filter((node) => !(
          node.getAttribute('aria-label') || node.getAttribute('aria-valuetext')
          || node.hasAttribute('alt') || node.labels?.length || node.textContent.trim()
          || document.getElementById(node.getAttribute('aria-labelledby'))?.textContent
        )).map((node) => node.outerHTML.slice(0, 120))"""
    )
    assert nameless == []


def test_nothing_comes_from_elsewhere(page: Page) -> None:
    page.tile(_made(page))
    origins = page.run(
        "[...new Set(performance.getEntriesByType('resource').map((e) => new URL(e.name).origin))]"
    )
    assert origins == [page.run("location.origin")]


def _made(page: Page) -> str:
    name = next(_names)
    page.ask(name, **SHORT)
    return name


def test_the_plots_and_figures_are_filled(page: Page) -> None:
    page.tile(_made(page))
    page.wait(lambda: page.all(".plots rect.base"), "the steps a minute are not drawn")
    page.wait(lambda: page.all(".plots rect.refiner"), "the refiner's steps are not drawn")
    page.wait(lambda: "median" in page.text(".plots"), "the time to the picture is not said")
    for expert in ("Base", "Refiner"):
        value = f"[data-name={expert}] .value"
        page.wait(lambda value=value: page.text(value).endswith(" s"), "no seconds per step")
    deadline = time.monotonic() + 10
    page.wait(
        lambda: int(page.text("[data-name=Done] .value") or 0) > 0 or time.monotonic() > deadline,
        "the finished ones are not counted",
    )
    assert page.text("[data-name=Lanes] .value") == "0 of 1"
