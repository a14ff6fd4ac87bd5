"""Small pictures as PNG inside the page, and the question which rows are pictures."""
import base64
import math
import struct
import zlib

import numpy as np

from report.page import Html, escape

LEAST_PIXELS = 49  # a row of at least 49 whole numbers may be a picture
STYLE = """
img.pixels { image-rendering: pixelated; width: 100%; max-width: 24rem; height: auto; display: block; background: var(--shade); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); gap: 0.6rem; }
.gallery div { font-size: 0.78rem; line-height: 1.25; min-width: 0; }
"""


def png(pixels):
    """uint8 (height, width) or (height, width, 3) to the bytes of a PNG file (ISO 15948)."""
    height, width = pixels.shape[:2]
    lines = np.ascontiguousarray(pixels, dtype=np.uint8).reshape(height, -1)
    raw = np.hstack([np.zeros((height, 1), np.uint8), lines]).tobytes()  # before each line its filter: none

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def image(pixels, text):
    """text: what is seen, for those who do not see it."""
    data = base64.b64encode(png(pixels)).decode()
    return Html(f'<img class="pixels" alt="{escape(text)}" src="data:image/png;base64,{data}">')


def gallery(entries):
    """entries: (image, HTML below it)."""
    return Html('<div class="gallery">' + "".join(f"<div>{picture}{below}</div>" for picture, below in entries) + "</div>")


def shape_of(x, has_names, asked=None):
    """Height, width and channels of the pictures that rows are, or None. x: (n, …), a sample; has_names: features or
    categories have names, so rows are no pictures; asked: (height, width, channels) by the user."""
    features = int(np.prod(x.shape[1:]))
    if asked is not None:
        return asked if math.prod(asked) == features else None
    if x.ndim == 3 and min(x.shape[1:]) >= 4:
        return (*x.shape[1:], 1)
    if x.ndim == 4 and x.shape[3] in (1, 3):
        return x.shape[1:]
    side = math.isqrt(features)
    if x.ndim != 2 or has_names or side * side != features or features < LEAST_PIXELS or not len(x):
        return None
    flat = np.asarray(x, dtype=float)
    return (side, side, 1) if np.isfinite(flat).all() and flat.min() >= 0 and (flat == np.round(flat)).all() else None


def pixels_of(row, shape, low, high):
    """A row as uint8 pixels; low and high become black and white."""
    height, width, channels = shape
    values = np.asarray(row, dtype=float).reshape(height, width, channels)
    scaled = np.clip((values - low) / (high - low or 1.0), 0, 1)
    scaled = np.nan_to_num(scaled)
    return np.uint8(np.round(255 * (scaled if channels == 3 else scaled[:, :, 0])))


def mosaic(tiles, columns):
    """Pictures of one size side by side, with a grey line between."""
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    whole = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, 3), 128, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        whole[top:top + height, left:left + width] = tile if tile.ndim == 3 else tile[:, :, None]
    return whole


def signed(values, most):
    """Numbers from −most to most as blue, white and orange (Okabe and Ito 2008); uint8 (…, 3)."""
    share = np.clip(np.asarray(values, dtype=float) / (most or 1.0), -1, 1)[..., None]
    negative, positive = np.array([0, 114, 178.0]), np.array([213, 94, 0.0])
    return np.uint8(np.round(np.where(share < 0, 255 + (255 - negative) * share, 255 - (255 - positive) * share)))
