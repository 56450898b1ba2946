"""Where the page is reached: what is refused, and which names and origins are its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from batchhub._web.reach import make_reach
from batchhub.errors import UsageError

TLS = Path(__file__).parent.parent.parent / "fixtures" / "tls"
CERT, KEY = TLS / "cert.pem", TLS / "key.pem"


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        (None, "127.0.0.1", 8400),
        ("127.0.0.1:9000", "127.0.0.1", 9000),
        ("localhost:9000", "127.0.0.1", 9000),
        ("127.0.0.5", "127.0.0.5", 8400),
        ("[::1]:9000", "::1", 9000),
        ("::1", "::1", 8400),
        ("[::1]", "::1", 8400),
        ("127.0.0.1:0", "127.0.0.1", 0),
    ],
)
def test_addresses_of_this_machine(listen: str | None, host: str, port: int) -> None:
    """Loopback needs nothing else."""
    reach = make_reach(listen)

    assert (reach.host, reach.port, reach.is_secure) == (host, port, False)


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("0.0.0.0:8400", "in the clear.*--tls-cert.*--public-url"),
        ("[::]:8400", "in the clear"),
        ("192.0.2.7:8400", "in the clear"),
        ("ops.example.com:8400", "not a name"),
        ("127.0.0.1:99999", "no address and port"),
        (f"127.0.0.1:{'9' * 5_000}", "no address and port"),
        ("127.0.0.1:http", "no address and port"),
        ("127.0.0.1:", "no address and port"),
        (":8400", "not a name"),
        ("", "not a name"),
    ],
)
def test_what_others_could_listen_to_is_refused(listen: str, said: str) -> None:
    """Another address needs TLS or a proxy that has it; a wrong one is named."""
    with pytest.raises(UsageError, match=said):
        make_reach(listen)


@pytest.mark.parametrize(
    "url",
    [
        "ops.example.com",
        "ftp://ops.example.com",
        "https://",
        "https://a:b@ops.example.com",
        "https://ops.example.com/?q=1",
        "https://ops.example.com/#x",
        "https://ops.example.com:x",
        "https://ops.example.com/a b",
        "https://ops.example.com/a//b",
        "https://ops.example.com/../b",
        "https://ops.example.com/<b>",
        "https://ops.example.com/{b}",
        "https://ops.example.com/{b",
        "https://ops.example.com/b\x01",
        "https://ops..example.com/b",
        "https://./b",
        f"https://{'o' * 64}.example.com/b",
    ],
)
def test_what_is_no_public_address_is_refused(url: str) -> None:
    """Only scheme, host, port and path make one."""
    with pytest.raises(UsageError, match="--public-url"):
        make_reach(public_url=url)


def test_a_proxy_without_tls_is_refused() -> None:
    """Tokens would pass in the clear, but not on the machine itself."""
    with pytest.raises(UsageError, match="https://"):
        make_reach(public_url="http://ops.example.com")

    assert make_reach(public_url="http://localhost:8080/b").url == "http://localhost:8080/b"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ops.example.com", "https://ops.example.com"),
        ("https://OPS.example.com:443/", "https://ops.example.com"),
        ("https://ops.example.com:8443/batchhub/", "https://ops.example.com:8443/batchhub"),
        ("https://[2001:db8::1]/b", "https://[2001:db8::1]/b"),
        ("https://bücher.example/b", "https://xn--bcher-kva.example/b"),
    ],
)
def test_a_public_address(url: str, shown: str) -> None:
    """Behind a proxy any address may be listened on, and pages are where the proxy is."""
    reach = make_reach("0.0.0.0:8400", public_url=url)

    assert reach.url == shown
    assert reach.is_secure


def test_names_behind_a_proxy() -> None:
    """Requests come under the proxy's name, or under our address; forms come from the proxy's."""
    reach = make_reach(public_url="https://ops.example.com/batchhub")

    assert reach.takes_host("ops.example.com")
    assert reach.takes_host("OPS.example.com:443")
    assert reach.takes_host("127.0.0.1:8400")
    assert not reach.takes_host("ops.example.com:8400")
    assert not reach.takes_host("evil.example")
    assert not reach.takes_host(f"127.0.0.1:{'0' * 5_000}8400")
    assert reach.takes_origin("https://ops.example.com", "127.0.0.1:8400")
    assert not reach.takes_origin("http://ops.example.com", "ops.example.com")
    assert not reach.takes_origin("http://127.0.0.1:8400", "127.0.0.1:8400")


def test_names_of_a_certificate() -> None:
    """Where everything is listened to, the names in the certificate are ours, and addresses."""
    reach = make_reach("0.0.0.0:8400", certificate=CERT, key=KEY)

    assert reach.names == {"localhost", "127.0.0.1"}
    assert reach.is_secure
    assert reach.takes_host("localhost:8400")
    assert reach.takes_host("192.0.2.7:8400")
    assert not reach.takes_host("evil.example:8400")
    assert not reach.takes_host("localhost")
    assert reach.takes_origin("https://localhost:8400", "localhost:8400")
    assert not reach.takes_origin("https://127.0.0.1:8400", "localhost:8400")


def test_certificates_that_are_of_no_use(tmp_path: Path) -> None:
    """Missing, mixed up, not belonging together or no certificate at all: each is a sentence."""
    text = tmp_path / "text.pem"
    text.write_text("nothing")

    def refused(cert: Path, key: Path | None) -> str:
        with pytest.raises(UsageError) as refusal:
            make_reach(certificate=cert, key=key)
        return str(refusal.value)

    assert "No such file" in refused(tmp_path / "none.pem", KEY)
    assert "No such file" in refused(CERT, tmp_path / "none.pem")
    assert "Is a directory" in refused(tmp_path, KEY)
    assert "--tls-key" in refused(CERT, None)
    assert "PEM" in refused(text, KEY)
    assert "PEM" in refused(CERT, text)
    with pytest.raises(UsageError, match="--tls-cert"):
        make_reach(key=KEY)


def test_an_encrypted_key_is_named(tmp_path: Path) -> None:
    """Nobody may be there to type its password."""
    key = tmp_path / "key.pem"
    key.write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )

    with pytest.raises(UsageError, match="without a password"):
        make_reach(certificate=CERT, key=key)


def test_the_address_that_is_shown_is_one_to_open() -> None:
    """Where everything is listened to, it is a name of the certificate, not a star or a 0.0.0.0."""
    reach = make_reach("0.0.0.0:8443", certificate=CERT, key=KEY)

    assert reach.url == "https://localhost:8443"
    assert evolve(reach, names=frozenset({"*.a.example", "[::1]"})).url == "https://[::1]:8443"
    assert evolve(reach, names=frozenset({"*.a.example"})).url == "https://localhost:8443"
    assert evolve(reach, names=frozenset({"*.a.example"})).takes_host("b.a.example:8443")
