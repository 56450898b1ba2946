"""Proxies: of the environment and of an account, with credentials that show nowhere."""

from __future__ import annotations

import json
import shutil
import ssl
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import frozen
from support.proxy import Proxy

from batchhub import errors
from batchhub._http.certificates import find_certificates
from batchhub.adapter import Account, Adapter, Budget, secret
from batchhub.testing import FakeClock
from batchhub.transport import Transport, find_proxy, find_risks, open_session

TLS = Path(__file__).parents[1] / "fixtures" / "tls"
TOKEN = "secret_t0ken/42"
PASSWORD = "hunter2/correct+horse"
LOGIN = "me:hunter2%2Fcorrect%2Bhorse"


@frozen(kw_only=True)
class ShopAccount(Account):
    """An account at a vendor that is none."""

    adapter: ClassVar[str] = "shop"
    token: str = secret(default=TOKEN)

    @property
    def identity(self) -> str:
        """Always the same store."""
        return "7"

    @property
    def budget(self) -> Budget:
        """More than a test sends."""
        return Budget(requests=100_000, per_s=1.0, burst=50_000)


method = "POST"


@pytest.fixture(params=["GET", "POST"])
def _method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll takes a way of its own to the vendor, but not through a proxy."""
    monkeypatch.setattr(f"{__name__}.method", request.param)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests plays no part."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class Vendor:
    """A vendor that keeps the headers of what it was asked."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.asked: list[dict[str, str]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        self.asked.append({name.lower(): value for name, value in request.headers.items()})
        return web.json_response({"ok": True})


@pytest.fixture(params=["http", "https"])
async def vendor(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _method: None
) -> AsyncIterator[Vendor]:
    """A vendor on loopback, with TLS and without; its certificate is one of SSL_CERT_FILE."""
    vendor = Vendor(request.param)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", vendor.answer)
    options: dict[str, Any] = {}
    if vendor.scheme == "https":
        monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "cert.pem"))
        options["ssl"] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        options["ssl"].load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    server = TestServer(app, scheme=vendor.scheme)
    await server.start_server(**options)
    vendor.url = f"{vendor.scheme}://127.0.0.1:{server.port}"
    yield vendor
    await server.close()


async def ask(base_url: str, **settings: Any) -> int:
    """Send a request of an account; return the status."""
    account = ShopAccount(base_url=base_url, **settings)
    async with open_session() as session:
        transport = Transport(
            session=session,
            clock=FakeClock(),
            vendor="shop",
            account=account,
            budget=account.budget,
            explain=Adapter.explain,
        )
        body = b"[1]" if method == "POST" else None
        return (await transport.request(method, "/items", body=body)).status


async def fail(base_url: str, **settings: Any) -> errors.BatchHubError:
    """Send a request that fails; return its error."""
    with pytest.raises(errors.BatchHubError) as caught:
        await ask(base_url, **settings)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "hunter2" not in shown
    return caught.value


@pytest.mark.parametrize("case", [str.upper, str.lower])
async def test_the_proxy_of_the_environment_is_used(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch, case: Any
) -> None:
    """With its credentials, which the vendor never gets; a tunnel shows the proxy no token."""
    async with Proxy(credentials=f"me:{PASSWORD}").listening() as proxy:
        monkeypatch.setenv(case(f"{vendor.scheme}_proxy"), f"http://{LOGIN}@127.0.0.1:{proxy.port}")
        assert await ask(vendor.url) == 200

    (head,) = proxy.asked
    port = vendor.url.rpartition(":")[2]
    target = (
        f"CONNECT 127.0.0.1:{port}" if vendor.scheme == "https" else f"{method} {vendor.url}/items"
    )
    assert head.startswith(target)
    assert "proxy-authorization" not in vendor.asked[0]


async def test_no_proxy_names_hosts_that_are_asked_directly(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing goes through the proxy, which would refuse."""
    async with Proxy(credentials="x:y").listening() as proxy:
        monkeypatch.setenv(f"{vendor.scheme}_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "example.com, 127.0.0.1")
        assert await ask(vendor.url) == 200

    assert proxy.asked == []


async def test_an_accounts_own_proxy_wins(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the environment's, and over NO_PROXY; ``none`` is a direct connection."""
    monkeypatch.setenv(f"{vendor.scheme}_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    async with Proxy(credentials=f"me:{PASSWORD}").listening() as proxy:
        setting = f"http://{LOGIN}@127.0.0.1:{proxy.port}/"
        assert await ask(vendor.url, proxy=setting) == 200
        monkeypatch.delenv("NO_PROXY")
        assert await ask(vendor.url, proxy="none") == 200

    assert len(proxy.asked) == 1


async def test_a_proxy_that_refuses_is_lost_contact_and_named(vendor: Vendor) -> None:
    """Wrong credentials of the proxy say nothing of the vendor's, and nothing ran."""
    async with Proxy(credentials="me:another").listening() as proxy:
        error = await fail(vendor.url, proxy=f"http://{LOGIN}@127.0.0.1:{proxy.port}")

    assert isinstance(error, errors.ContactError)
    assert not error.may_have_run
    assert f"through proxy http://127.0.0.1:{proxy.port}" in str(error)
    assert "407 Proxy Authentication Required" in str(error)
    assert not vendor.asked


async def test_a_proxy_that_is_down_is_named(vendor: Vendor) -> None:
    """Nothing was sent."""
    error = await fail(vendor.url, proxy="127.0.0.1:9")

    assert type(error) is errors.ConnectError
    assert "through proxy http://127.0.0.1:9" in str(error)


async def test_nothing_else_is_taken_from_the_environment(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Credentials in ``.netrc`` are for others."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert await ask(vendor.url) == 200
    assert "authorization" not in vendor.asked[0]


@pytest.mark.parametrize("vendor", ["https"], indirect=True)
async def test_a_certificate_is_trusted_where_ssl_cert_file_names_it(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only then; and a file that can't be read is said, not passed over."""
    assert await ask(vendor.url) == 200
    monkeypatch.setenv("SSL_CERT_FILE", "")
    assert "certificate" in str(await fail(vendor.url)).lower()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    error = await fail(vendor.url)

    assert type(error) is errors.SettingsError
    assert "SSL_CERT_FILE names" in str(error)


def test_certificates_are_read_once_until_their_file_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not once for each hub, nor twice; a program that goes on takes a new file."""
    file = tmp_path / "company.pem"
    shutil.copy(TLS / "cert.pem", file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    first = find_certificates()
    assert isinstance(first, ssl.SSLContext)
    assert len(first.get_ca_certs()) == 1
    assert find_certificates() is first

    file.write_bytes(2 * (TLS / "cert.pem").read_bytes())
    again = find_certificates()
    assert again is not first
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert find_certificates() is not again
    file.write_text("none")
    with pytest.raises(errors.SettingsError, match="holds no certificates"):
        find_certificates()
    monkeypatch.delenv("SSL_CERT_FILE")
    assert find_certificates() is True


# -- which one -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exempt", "is_direct"),
    [
        ("", False),
        ("*", True),
        ("shop.example.com", True),
        ("SHOP.Example.com", True),
        ("example.com", True),
        (".example.com", True),
        ("*.example.com", True),
        ("a.test example.com", True),
        ("ample.com", False),
        ("other.example.com", False),
        ("example.com:443", True),
        ("example.com:8443", False),
        ("10.0.0.0/8", False),
        (",, ,", False),
        ("[::1", False),
        (".", False),
    ],
)
def test_no_proxy_takes_hosts_domains_and_ports(exempt: str, is_direct: bool) -> None:
    """A domain stands for all below it."""
    environ = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": exempt}

    proxy = find_proxy("https://shop.example.com", None, environ)

    assert (proxy is None) is is_direct


@pytest.mark.parametrize(
    ("base_url", "exempt", "is_direct"),
    [
        ("http://10.1.2.3:8080", "10.0.0.0/8", True),
        ("http://11.1.2.3:8080", "10.0.0.0/8", False),
        ("http://10.1.2.3:8080", "10.1.2.3:8080", True),
        ("http://10.1.2.3:8080", "10.1.2.3:80", False),
        ("http://[::1]:8080", "::1", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("http://[fe80::1]", "fe80::/10", True),
    ],
)
def test_no_proxy_takes_addresses_and_networks(base_url: str, exempt: str, is_direct: bool) -> None:
    """Of both kinds."""
    environ = {"http_proxy": "proxy:3128", "no_proxy": exempt}

    assert (find_proxy(base_url, None, environ) is None) is is_direct


def test_the_proxy_is_that_of_the_scheme_and_lower_case_wins() -> None:
    """As with every other program."""
    environ = {
        "HTTP_PROXY": "http://upper:1",
        "http_proxy": "http://lower:2",
        "HTTPS_PROXY": "https://tls",
        "https_proxy": "",
    }

    plain = find_proxy("http://shop.example", None, environ)
    tls = find_proxy("https://shop.example", None, environ)
    script = find_proxy("http://shop.example", None, {"HTTP_PROXY": "x:1", "REQUEST_METHOD": "GET"})

    assert str(plain) == "http://lower:2 (environment variable http_proxy)"
    assert str(tls) == "https://tls:443 (environment variable HTTPS_PROXY)"
    assert script is None  # in a CGI script it is a header of a stranger's request


@pytest.mark.parametrize(
    "text",
    [
        "socks5://me:hunter2@proxy:1080",
        "http://",
        "http://me:hunter2@",
        "http://proxy:port",
        "http://me:hunter2@proxy:99999",
        "http://me:hunter2@proxy/path",
        "http://me:hunter2 @proxy",
        "http://me:hunter2@próxy",
        "http://[::1",
    ],
)
def test_what_is_no_proxy_is_refused_and_not_shown(text: str) -> None:
    """In the settings by its key, in the environment by its name; it may hold a password."""
    with pytest.raises(errors.SettingsError, match=r"^proxy ") as of_account:
        ShopAccount(base_url="https://shop.example", proxy=text)
    with pytest.raises(errors.SettingsError, match="variable HTTPS_PROXY ") as of_environment:
        find_proxy("https://shop.example", None, {"HTTPS_PROXY": text})

    for caught in (of_account, of_environment):
        assert "hunter2" not in str(caught.value)
        assert caught.value.key == "proxy"
        assert caught.value.__cause__ is None


def test_the_credentials_of_a_proxy_are_secrets_of_its_account() -> None:
    """In no `repr`, and known to be blanked."""
    account = ShopAccount(base_url="https://shop.example", proxy=f"http://{LOGIN}@proxy:1")

    assert "hunter2" not in repr(account)
    assert "proxy='http://proxy:1'" in repr(account)
    assert {TOKEN, PASSWORD, f"me:{PASSWORD}"} <= set(account.secrets)
    proxy = find_proxy(account.base_url, account.proxy, {})
    assert "hunter2" not in f"{proxy!r} {proxy}"


def test_an_empty_setting_is_none() -> None:
    """As an empty variable is."""
    assert ShopAccount(base_url="https://shop.example", proxy="").proxy is None


# -- what is risky -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "is_risky"),
    [
        ("https://shop.example", False),
        ("http://shop.example", True),
        ("http://10.0.0.1", True),
        ("http://127.0.0.1:8080", False),
        ("http://127.8.9.1", False),
        ("http://[::1]", False),
        ("http://localhost:1", False),
        ("http://shop.localhost", False),
        ("http://localhost.example", True),
    ],
)
def test_plain_text_to_another_host_is_risky(base_url: str, is_risky: bool) -> None:
    """On this machine nobody listens."""
    risks = list(find_risks(ShopAccount(base_url=base_url)))

    assert any("plain text" in risk for risk in risks) is is_risky


def test_a_short_secret_is_risky() -> None:
    """It can't be blanked, since it could be a part of any word; it is not shown."""
    (risk,) = find_risks(ShopAccount(base_url="https://shop.example", token="hunter2"))

    assert risk.startswith("token has fewer than 8 characters")
    assert "hunter2" not in risk
    assert not list(find_risks(ShopAccount(base_url="https://shop.example", token="hunter22")))


async def test_risks_are_logged_once_for_each_account(caplog: pytest.LogCaptureFixture) -> None:
    """When a hub is opened; a second hub of the process says nothing new."""
    from batchhub import BatchHub  # noqa: PLC0415

    account = ShopAccount(base_url="http://shop.example", token="hunter2")
    for _ in range(2):
        with pytest.warns(UserWarning, match="memory"):
            async with BatchHub(None, {"risky": account}) as hub:
                await hub.jobs()

    lines = [vars(record)["batchhub"] for record in caplog.records]
    assert [line["event"] for line in lines] == ["account.warned"] * 2
    assert {line["account"] for line in lines} == {"risky"}
    assert "hunter2" not in json.dumps(lines)
