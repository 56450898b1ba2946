"""A webhook: the message as JSON, signed, with the time at which it was sent."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def write_webhook(
    body: Mapping[str, Any], secret: str, now: datetime
) -> tuple[bytes, dict[str, str]]:
    """
    Return what is posted, and its headers.

    The signature is of the time, a full stop and the body: whoever records a message can't send it
    again later, if the receiver looks at the time.
    """
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = str(int(now.timestamp()))
    signed = hmac.new(secret.encode(), timestamp.encode() + b"." + data, hashlib.sha256)
    return data, {
        "Content-Type": "application/json",
        "Batchhub-Message": str(body["id"]),
        "Batchhub-Timestamp": timestamp,
        "Batchhub-Signature": f"sha256={signed.hexdigest()}",
    }
