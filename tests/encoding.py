"""Encoded pictures for tests: of pixel values by Pillow, and PNG files chunk by chunk."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image


def encode(pixels: np.ndarray, mode: str | None = None, format: str = "PNG", **options) -> bytes:
    buffer = BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, format, **options)
    return buffer.getvalue()


def encode_image(image: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks, each with its right checksum."""
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def header(width: int, height: int) -> tuple[bytes, bytes]:
    """The header of a PNG with 8-bit greyscale."""
    return b"IHDR", struct.pack(">II5B", width, height, 8, 0, 0, 0, 0)
