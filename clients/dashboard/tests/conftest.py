"""The real server, the dashboard before it, and a browser, for the tests marked ``browser``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import DashboardProcess, Page, chromium
from files import write_lora
from real_server import Server
from selenium.webdriver import Chrome


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "REFINERY_BINARY" in os.environ:
        return
    skip = pytest.mark.skip(reason="REFINERY_BINARY does not name a refinery executable")
    for item in items:
        if "browser" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    models = tmp_path_factory.mktemp("models")
    write_lora(models)
    # One job at a time, whatever the machine.
    folder = tmp_path_factory.mktemp("server")
    server = Server(folder, "--models", str(models), "--lanes", "1")
    yield server
    server.kill()


@pytest.fixture(scope="session")
def dashboard(server: Server) -> Iterator[DashboardProcess]:
    dashboard = DashboardProcess(server.address)
    yield dashboard
    dashboard.stop()


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    driver = chromium(Path(tmp_path_factory.mktemp("chromium")))
    yield driver
    driver.quit()


@pytest.fixture
def page(driver: Chrome, dashboard: DashboardProcess) -> Iterator[Page]:
    """The page, freshly opened on a desktop in light colours; nothing may go wrong in it unseen."""
    page = Page(driver, dashboard.url)
    page.open()
    yield page
    assert page.faults() == []
