#!/usr/bin/env python3
"""Makes the README's pictures of the dashboard, from the real page before a real server:

    REFINERY_BINARY=.build/release/refinery clients/dashboard/.venv/bin/python \
        dev/readme/dashboard_pictures.py

Needs what the dashboard's tests need, and pngquant.
"""
import base64
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENTS = HERE.parents[1] / "clients"
sys.path[:0] = [str(CLIENTS / "dashboard/tests"), str(CLIENTS / "python/tests")]

from browsing import DESKTOP, PHONE, DashboardProcess, Page, chromium  # noqa: E402
from real_server import Server  # noqa: E402

COLOURS = 128
PROMPTS = ("a red apple", "a fox", "a rocket", "a slice of pizza")
SWEEP = "a parrot"
PAUSED = "a cactus"
UNDER_WAY = "a monkey face"
WAITING = ("a guitar", "a penguin")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), "--default-model", "emoji")
        dashboard = DashboardProcess(server.address)
        driver = chromium(Path(folder) / "chromium")
        try:
            take_all(Page(driver, dashboard.url))
        finally:
            driver.quit()
            dashboard.stop()
            server.kill()


def take_all(page: Page) -> None:
    page.open()
    for seed, prompt in enumerate(PROMPTS, start=1):
        page.ask(prompt, steps="30", width="128", height="128", seed=str(seed))
        page.tile(prompt)
    page.ask(SWEEP, kind="sweep", endings="50, 70, 80, 90", steps="30", width="128",
             height="128", seed="7")
    page.view("compare")
    page.wait(lambda: len(page.all(".strip img:not(.preview)")) == 5, "the sweep does not end")
    page.wait(lambda: "PSNR" in page.text(".figures"), "the difference is not said")
    page.look(DESKTOP, "dark")
    take(page, "dashboard-compare.png")

    page.look(DESKTOP, "light")
    page.ask(PAUSED, pause="handoff", steps="30", width="128", height="128", seed="9")
    page.paused(PAUSED)
    page.ask(UNDER_WAY, steps="100", width="128", height="128", seed="11")
    for seed, prompt in enumerate(WAITING, start=12):
        page.ask(prompt, steps="60", width="128", height="128", seed=str(seed))
    page.view("jobs")
    row = page.row(UNDER_WAY)
    page.wait(lambda: "refiner" in row.find_element("css selector", ".state").text,
              "the refiner does not take over")
    time.sleep(0.3)
    take(page, "dashboard.png")
    page.look(PHONE, "dark", 2)
    time.sleep(0.5)
    take(page, "dashboard-phone.png")


def take(page: Page, name: str) -> None:
    png = base64.b64decode(page.driver.get_screenshot_as_base64())
    quantize = ["pngquant", "--strip", "--speed", "1", str(COLOURS), "-"]
    (HERE / name).write_bytes(subprocess.run(quantize, input=png, capture_output=True, check=True).stdout)
    print(HERE / name)


if __name__ == "__main__":
    main()
