"""Pictures of a page, small enough for a page of docs."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any, Final

import numpy as np
from selenium.webdriver import Chrome

_COLOURS: Final = 256

_READ: Final = """
const [text, done] = arguments;
const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
createImageBitmap(new Blob([bytes])).then((image) => {
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.width, image.height).data;
  const parts = [];
  for (let at = 0; at < pixels.length; at += 30000)
    parts.push(String.fromCharCode(...pixels.subarray(at, at + 30000)));
  done([image.width, image.height, btoa(parts.join(""))]);
});
"""


def take_picture(driver: Chrome) -> bytes:
    """
    Take a picture of what is in the window, as PNG.

    It has the 256 colours that are most frequent, which nobody sees: the others are the edges of
    letters. So it is a third of what the browser makes of it.
    """
    width, height, text = driver.execute_async_script(_READ, driver.get_screenshot_as_base64())
    # Four bytes of a pixel are one number, the last of them the same everywhere.
    pixels = np.frombuffer(base64.b64decode(text), np.uint32)
    found, places, counts = np.unique(pixels, return_inverse=True, return_counts=True)
    colours = found.view(np.uint8).reshape(-1, 4)[:, :3]
    frequent = colours[np.argsort(-counts, kind="stable")[:_COLOURS]]
    away = np.abs(colours[:, None, :].astype(int) - frequent[None, :, :].astype(int)).sum(axis=2)
    rows = away.argmin(axis=1).astype(np.uint8)[places.reshape(-1)].reshape(height, width)
    return _write_png(rows, frequent)


def _write_png(rows: Any, palette: Any) -> bytes:
    height, width = rows.shape
    filtered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)  # by no filter
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette.tobytes()),
            _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
