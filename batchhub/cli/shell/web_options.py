"""The options of `web`."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from .parameters import make_option


@frozen(kw_only=True)
class WebOptions:
    """
    The options of `web`.

    Attributes:
        web_listen: Where it listens.
        tls_cert: The file of its certificate.
        tls_key: The file of the certificate's key.
        public_url: Where visitors reach it through a proxy.
        tokens: The folder of the tokens.
    """

    web_listen: str | None = make_option(
        "--web-listen ADDRESS:PORT",
        "Where the page listens. Another address than loopback needs --tls-cert or --public-url. "
        "Default: 127.0.0.1:8400.",
        envvar="BATCHHUB_WEB_LISTEN",
    )
    tls_cert: Path | None = make_option(
        "--tls-cert FILE",
        "Certificate in PEM form, followed by those that vouch for it.",
        envvar="BATCHHUB_TLS_CERT",
        readable=False,  # whoever reads it reports that in one line
    )
    tls_key: Path | None = make_option(
        "--tls-key FILE",
        "Key of the certificate. Default: in the same file.",
        envvar="BATCHHUB_TLS_KEY",
        readable=False,
    )
    public_url: str | None = make_option(
        "--public-url URL",
        "Where visitors reach the page through a proxy, such as https://ops.example.com/batchhub.",
        envvar="BATCHHUB_PUBLIC_URL",
    )
    tokens: Path | None = make_option(
        "--tokens FOLDER",
        "Folder of the tokens one signs in with; made if it is not there. Default: beside the "
        "store.",
        envvar="BATCHHUB_WEB_TOKENS",
        readable=False,
    )
