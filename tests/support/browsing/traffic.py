"""What a browser has asked for, and what it complained about, since it was last asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen
from selenium.webdriver import Chrome

_LOCAL: Final = frozenset({"about", "chrome", "blob", "data"})


@frozen(kw_only=True)
class Traffic:
    """
    What went over the wire.

    Attributes:
        urls: What was asked for, in order.
        received_bytes: What came for each URL, headers included, as it was transferred.
        statuses: The last status of each URL.
        encodings: How each URL's answer was compressed, if it was.
    """

    urls: list[str] = field(factory=list)
    received_bytes: dict[str, int] = field(factory=dict)
    statuses: dict[str, int] = field(factory=dict)
    encodings: dict[str, str] = field(factory=dict)

    def elsewhere(self, origin: str) -> list[str]:
        """Return what was asked of anybody but one server."""
        return [
            url
            for url in self.urls
            if not url.startswith(f"{origin}/") and urlsplit(url).scheme not in _LOCAL
        ]


def read_traffic(driver: Chrome) -> Traffic:
    """Return the traffic since the last call."""
    traffic = Traffic()
    urls: dict[str, str] = {}
    for method, facts in _read_events(driver):
        match method:
            case "Network.requestWillBeSent":
                urls[facts["requestId"]] = facts["request"]["url"]
                traffic.urls.append(facts["request"]["url"])
            case "Network.responseReceived":
                response = facts["response"]
                headers = {name.lower(): value for name, value in response["headers"].items()}
                traffic.statuses[response["url"]] = response["status"]
                traffic.encodings[response["url"]] = headers.get("content-encoding", "")
            case "Network.loadingFinished" if facts["requestId"] in urls:
                url = urls[facts["requestId"]]
                received = traffic.received_bytes.get(url, 0) + int(facts["encodedDataLength"])
                traffic.received_bytes[url] = received
            case "Network.webSocketCreated":
                traffic.urls.append(facts["url"])
    return traffic


def read_complaints(driver: Chrome) -> list[str]:
    """Return the warnings and errors on the console since the last call."""
    return [
        f"{each['level']} ({each['source']}): {each['message']}"
        for each in _read_log(driver, "browser")
        if each["level"] in {"WARNING", "SEVERE"}
    ]


def _read_events(driver: Chrome) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in _read_log(driver, "performance"):
        event = json.loads(each["message"])["message"]
        yield event["method"], event["params"]


def _read_log(driver: Chrome, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = driver.get_log(name)  # type: ignore[no-untyped-call]
    return found
