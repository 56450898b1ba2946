"""Somebody who looks at the page: opens screens, presses keys, waits for what has to come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, TypeVar

from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from support.patience import PATIENCE_S

from .page import Page
from .traffic import Traffic, read_complaints, read_traffic

WIDE: Final = 1_400
NARROW: Final = 400
HEIGHT: Final = 900

_Found = TypeVar("_Found")

_OVERFLOWING: Final = """
const page = document.documentElement;
const wide = page.clientWidth;
if (page.scrollWidth <= wide) return [];
return [`the page is ${page.scrollWidth} wide, the window ${wide}`].concat(
  [...document.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > wide + 1)
    .slice(0, 5)
    .map((each) => `${each.tagName} ${each.className} ${each.textContent.trim().slice(0, 40)}`));
"""

_FOCUSED: Final = """
const at = document.activeElement, style = getComputedStyle(at);
return {
  tag: at.tagName.toLowerCase(),
  text: (at.textContent || at.value || at.name || "").trim().replace(/\\s+/g, " "),
  href: at.getAttribute("href"),
  name: at.getAttribute("name"),
  id: at.id,
  shown: at.matches(":focus-visible") && (
    (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
    || style.boxShadow !== "none"),
};
"""


class Visitor:
    """
    Looks at a page.

    Args:
        driver: The browser.
        page: What is looked at.
    """

    def __init__(self, driver: Chrome, page: Page) -> None:
        self.driver = driver
        self.page = page
        self.expected: list[str] = []
        self._traffic: list[Traffic] = []

    # Going places.

    def open(self, path: str = "/") -> None:
        """Open an address of the page, by its path."""
        self.driver.get(f"{self.page.url}{path}")

    def sign_in(self, role: str = "operator") -> None:
        """Have a session, without the form."""
        name, value = self.page.make_session(role)
        self.driver.execute_cdp_cmd(
            "Network.setCookie",
            {"name": name, "value": value, "url": self.page.url, "httpOnly": True},
        )

    def follow(self, text: str, within: str = "body") -> None:
        """Click on a link by its text, and wait for where it leads."""
        self._leave_by(self._find_by_text(f"{within} a", text), text)

    def press_button(self, text: str, within: str = "main") -> None:
        """Click on a button by its text, and wait for the page that comes."""
        self._leave_by(self._find_by_text(f"{within} button", text), text)

    def _leave_by(self, element: WebElement, text: str) -> None:
        self.driver.execute_script("window.isLeft = true")
        element.click()
        self.wait(self._has_left, f"nothing comes of {text!r}")

    def _has_left(self) -> bool:
        try:
            return bool(
                self.driver.execute_script(
                    "return !window.isLeft && document.readyState === 'complete'"
                )
            )
        except WebDriverException:  # in between there is no page
            return False

    # Looking.

    @property
    def path(self) -> str:
        """What is in the address bar after the server's name."""
        url: str = self.driver.current_url
        return url.removeprefix(self.page.url)

    @property
    def main(self) -> str:
        """The text of the page's main part."""
        return self.one("main").text

    @property
    def heading(self) -> str:
        """The page's heading."""
        return self.one("h1").text

    def one(self, css: str) -> WebElement:
        """Return the first element of a selector."""
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[WebElement]:
        """Return all elements of a selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def texts(self, css: str) -> list[str]:
        """Return the texts of all elements of a selector."""
        found: list[str] = self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])]"
            ".map((each) => each.innerText.trim().replace(/\\s+/g, ' '))",
            css,
        )
        return found

    def focused(self) -> dict[str, Any]:
        """Return what has the focus: tag, text, href, name, id, and whether that shows."""
        found: dict[str, Any] = self.driver.execute_script(_FOCUSED)
        return found

    def find_overflow(self) -> list[str]:
        """Return what makes the page wider than the window; nothing if all is well."""
        found: list[str] = self.driver.execute_script(_OVERFLOWING)
        return found

    # Waiting.

    def wait(self, find: Callable[[], _Found], why: str) -> _Found:
        """Wait until something is so, however long it takes; see `PATIENCE_S`."""
        waiting = WebDriverWait(
            self.driver,
            PATIENCE_S,
            poll_frequency=0.05,
            ignored_exceptions=(NoSuchElementException, StaleElementReferenceException),
        )
        try:
            found: _Found = waiting.until(lambda _: find())
        except TimeoutException:
            raise AssertionError(f"{why}; the page says: {self.one('body').text}") from None
        return found

    def wait_for(self, text: str) -> None:
        """Wait until a text is in the main part."""
        self.wait(lambda: text in self.main, f"{text!r} never comes")

    # The keyboard.

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            ActionChains(self.driver, duration=0).send_keys(key).perform()

    def tab_to(self, text: str, most: int = 200) -> int:
        """Press Tab until a link or button with a text has the focus; return how often."""
        for times in range(1, most + 1):
            self.press(Keys.TAB)
            at = self.focused()
            assert at["shown"], f"the focus does not show on {at}"
            if at["text"] == text:
                return times
        raise AssertionError(f"{text!r} is not among the first {most} that Tab leads to")

    # The window.

    def resize(self, width: int, height: int = HEIGHT) -> None:
        """Make the window as wide as that."""
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme: str) -> None:
        """Prefer light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._command("Emulation.setEmulatedMedia", features=features)

    def refuse_scripts(self) -> None:
        """Run no scripts of pages, from the next page on."""
        self._command("Emulation.setScriptExecutionDisabled", value=True)

    def start_anew(self) -> None:
        """Be somebody else, in another window, with no cookie and nothing kept."""
        old = self.driver.current_window_handle
        self._command("Network.clearBrowserCookies")
        self._command("Network.clearBrowserCache")
        self.driver.switch_to.new_window("tab")
        new = self.driver.current_window_handle
        self.driver.switch_to.window(old)
        self.driver.close()
        self.driver.switch_to.window(new)
        # Nobody brings a window to the front where there is no screen.
        self._command("Emulation.setFocusEmulationEnabled", enabled=True)
        read_traffic(self.driver)
        read_complaints(self.driver)

    # What the browser says.

    def read_traffic(self) -> Traffic:
        """Return what was asked for since the last call."""
        self._traffic.append(traffic := read_traffic(self.driver))
        return traffic

    def expect_complaint(self, *parts: str) -> None:
        """Say what the browser is going to complain about, by parts of the complaint."""
        self.expected += parts

    def find_problems(self) -> Iterable[str]:
        """Return what the browser complained about, and what it asked of other servers."""
        self.read_traffic()
        for traffic in self._traffic:
            yield from (f"asked elsewhere: {url}" for url in traffic.elsewhere(self.page.url))
        for complaint in read_complaints(self.driver):
            if not any(part in complaint for part in self.expected):
                yield complaint

    def _find_by_text(self, css: str, text: str) -> WebElement:
        def find() -> WebElement | None:
            return next((each for each in self.all(css) if each.text.strip() == text), None)

        found = self.wait(find, f"there is no {css} {text!r}")
        assert found is not None
        return found

    def _command(self, method: str, **facts: object) -> None:
        self.driver.execute_cdp_cmd(method, facts)


class Visit(Protocol):
    """Begins a visit: a fixture of the tests."""

    def __call__(self, page: Page, role: str | None = "operator", width: int = WIDE) -> Visitor:
        """Begin, signed in with a role or not at all."""
        ...
