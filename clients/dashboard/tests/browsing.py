"""A dashboard as a process, and its page as a person has it before them."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

PATIENCE_SECONDS = 60
DESKTOP = (1360, 860)
PHONE = (375, 812)

Result = TypeVar("Result")


class DashboardProcess:
    """The command, on a port of its own that it keeps when it is started again."""

    def __init__(self, server_address: str, *options: str) -> None:
        self._command = [sys.executable, "-m", "refinery_dashboard", server_address, "--no-open"]
        self._command += options
        self.start("127.0.0.1:0")

    def start(self, address: str | None = None) -> None:
        listen = ["--listen", address or self.url.split("/")[2]]
        self._process = subprocess.Popen(
            [*self._command, *listen], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        match = re.search(r"http://\S+/", line)
        assert match is not None, f"the dashboard does not say where it is: {line!r}"
        self.url = match[0]

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        with self._process:
            try:
                code = self._process.wait(PATIENCE_SECONDS)
            finally:
                self._process.kill()
        assert code == 0, f"SIGTERM gave exit code {code}"


def chromium(profile: Path) -> Chrome:
    """Debian's, without a window."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (
        "--headless=new",
        # The tests may run as root, where the sandbox does not start; they see only our page.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
        "--lang=en-GB",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # With both paths given selenium looks for nothing elsewhere.
    driver = Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))
    driver.set_page_load_timeout(PATIENCE_SECONDS / 3)
    return driver


class Page:
    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        self._url = url

    def open(self, size: tuple[int, int] = DESKTOP, scheme: str = "light", scale: int = 1) -> None:
        self.look(size, scheme, scale)
        self.driver.get("about:blank")
        self.driver.get(self._url)
        self.faults()
        self.wait(lambda: self.text("#status") == "Connected", "the page does not connect")

    def look(self, size: tuple[int, int], scheme: str, scale: int = 1) -> None:
        metrics = {
            "width": size[0],
            "height": size[1],
            "deviceScaleFactor": scale,
            "mobile": size == PHONE,
        }
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def faults(self) -> list[str]:
        """What the browser complained of since the last call; also of what the policy forbids. The
        answers to wrong requests, and a server that is away, are part of the tests."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if "status of 4" not in entry["message"]
            and "net::ERR" not in entry["message"]
            and "status of 503" not in entry["message"]
        ]

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, what: str | WebElement) -> None:
        """Scrolls there first: what stays on top of the page would be in the way."""
        node = self.find(what) if isinstance(what, str) else what
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", node)
        node.click()

    def text(self, selector: str) -> str:
        return str(self.run(f"document.querySelector({selector!r})?.textContent ?? ''"))

    def run(self, expression: str) -> Any:
        return self.driver.execute_script(f"return {expression}")

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def press_with(self, modifier: str, key: str) -> None:
        ActionChains(self.driver).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def wait(self, condition: Callable[[], Result], otherwise: str) -> Result:
        """The first true value."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (value := condition()):
            assert time.monotonic() < end, f"{otherwise}; the page says {self.text('main')!r}"
            time.sleep(0.1)
        return value

    def view(self, name: str) -> None:
        self.run(f"location.hash = '#{name}'")
        self.wait(lambda: self.find(f"#view-{name}").is_displayed(), f"{name} is not shown")

    def fill_in(
        self,
        prompt: str,
        *,
        kind: str = "",
        refiner: bool = True,
        pause: str = "",
        **fields: str,
    ) -> None:
        """Opens the form by its key and types. ``pause`` is a step, or handoff."""
        self.press("n")
        form = self.find("#form")
        self.wait(form.is_displayed, "the form does not open")
        self.wait(
            lambda: self.run("document.querySelector('#field-refiner-model').options.length") > 1,
            "the form has no models",
        )
        self.run("document.querySelector('#form details').open = true")
        choice = Select(self.find("#field-refiner-model"))
        choice.select_by_index(1 if refiner else 0)
        if refiner:
            Select(self.find("#field-kind")).select_by_value(kind)
        how = Select(self.find("#field-pauseAt"))
        how.select_by_value("step" if pause.isdecimal() else pause)
        if pause.isdecimal():
            fields["pauseStep"] = pause
        for name, value in {"positivePrompt": prompt, "seed": "", **fields}.items():
            field = self.find(f"#field-{name}")
            field.clear()
            field.send_keys(value)

    def send(self) -> None:
        self.press_with(Keys.CONTROL, Keys.ENTER)

    def ask(self, prompt: str, **fields: Any) -> None:
        """Starts a picture and sees that it was taken."""
        self.fill_in(prompt, **fields)
        self.send()
        self.wait(
            lambda: not self.find("#form").is_displayed(), f"refused: {self.text('#form .error')}"
        )

    def paused(self, prompt: str) -> WebElement:
        """The paused job of this prompt, with its preview."""
        found = self.wait(lambda: self._named("#paused .row", prompt), f"{prompt} does not pause")
        self.wait(
            lambda: found.find_elements(By.CSS_SELECTOR, ".slot img"), "its preview is not shown"
        )
        return found

    def do(self, row: WebElement, name: str) -> None:
        """One of a row's buttons."""
        self.click(row.find_element(By.CSS_SELECTOR, f"[data-outcome={name}]"))

    def tile(self, prompt: str) -> WebElement:
        """The ended job of this prompt."""
        return self.wait(lambda: self._named(".tile", prompt), f"{prompt} does not end")

    def row(self, prompt: str) -> WebElement:
        """The waiting, working or paused job of this prompt."""
        return self.wait(lambda: self._named(".row", prompt), f"{prompt} is not listed")

    def _named(self, selector: str, prompt: str) -> WebElement | None:
        found = self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].find("
            "(node) => node.querySelector('.title').textContent === arguments[1])",
            selector,
            prompt,
        )
        return found if isinstance(found, WebElement) else None
