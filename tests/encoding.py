"""Encoded pictures for tests: of pixel values by Pillow, and PNG files chunk by chunk."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image


def encode(pixels: np.ndarray, mode: str | None = None, format: str = "PNG", **options) -> bytes:
    image = Image.fromarray(pixels)
    return encode_image(image.convert(mode) if mode else image, format, **options)


def encode_image(image: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks, each with its right checksum."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in chunks)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, bits: int = 8, colour_type: int = 0) -> tuple[bytes, bytes]:
    """The header of a PNG, with 8-bit greyscale unless other bits and another type of colour are given."""
    return b"IHDR", struct.pack(">II5B", width, height, bits, colour_type, 0, 0, 0)
