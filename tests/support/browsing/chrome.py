"""The browser: Debian's Chromium, driven by its own chromedriver; nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

NEEDED: Final = "BROWSER_TESTS_NEEDED"
"""The environment variable without which a missing browser is no failure."""

_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # root has none
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-extensions",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--lang=en-GB",
)


@contextmanager
def running_chrome(profile: Path) -> Iterator[Chrome]:
    """
    Run the browser while the block runs; the test is skipped where there is none.

    Args:
        profile: An empty folder: nothing of whoever runs the tests is in the browser.
    """
    paths = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        text = f"there is no {' and no '.join(missing)}: apt-get install chromium chromium-driver"
        if os.environ.get(NEEDED):
            pytest.fail(text)
        pytest.skip(text)
    # Selenium would otherwise look for a browser of its own, and tell its makers.
    os.environ |= {"SE_OFFLINE": "true", "SE_AVOID_STATS": "true"}
    options = ChromeOptions()
    options.binary_location = str(paths["chromium"])
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option(
        "perfLoggingPrefs", {"enableNetwork": True, "enablePage": False}
    )
    driver = Chrome(options=options, service=Service(paths["chromedriver"]))
    try:
        yield driver
    finally:
        driver.quit()
