"""What kind of file a picture is, and whether it can be decoded within the memory that one picture may take."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pillow_heif
from PIL import AvifImagePlugin, ExifTags, Image, JpegImagePlugin, UnidentifiedImageError

MAX_PIXELS = 64_000_000  # a 64-megapixel photograph
MAX_MEMORY = 400 << 20  # bytes of the whole process, while it decodes one picture
IDLE_MEMORY = 108 << 20  # bytes of a process that has imported what decodes, and converts 1,024 x 1,024 pixels
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SUFFIXES = {  # of file names, by supported format
    "PNG": {"png"},
    "JPEG": {"jpg", "jpeg"},
    "BMP": {"bmp"},
    "TIFF": {"tif", "tiff"},
    "WEBP": {"webp"},
    "GIF": {"gif"},
    "PPM": {"pgm", "ppm"},
    "HEIF": {"heic", "heif", "hif"},
    "AVIF": {"avif"},
}
FORMATS = tuple(SUFFIXES)
PILLOW_FORMATS = [name for name in FORMATS if name != "HEIF"]
# What Pillow and libheif raise for a damaged file
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, RuntimeError, struct.error)
PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}  # in Pillow's memory; others: 4
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each of its threads holds frames
Image.MAX_IMAGE_PIXELS = None  # `PictureFile` checks the size itself, and raises PictureError


class PictureError(ValueError):
    """The reason why a picture can't be decoded, or has no digit."""


class BlankPictureError(PictureError):
    """A picture that is decoded and has no ink."""


class PictureFile:
    """An encoded picture whose header has been read. Raises PictureError where it is no picture, or far too large.

    `format`, `mode` (Pillow's name for bands and depth), `width`, `height` and `frames` are the file's own.
    Everything Pillow or libheif raises must be caught by `errors`.
    """

    def __init__(self, data: bytes):
        self._data = data
        self._heif: Any = None
        self.image: Any
        if _is_heif(data):
            file = pillow_heif.open_heif(BytesIO(data))
            self._heif = file[file.primary_index]
            self.image = Image.new(self._heif.mode, (1, 1))  # its rows come later, without a second copy of all
            size, frames = self._heif.size, len(file)
        else:
            if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
                _check_webp(data)  # its decoder takes the memory when it is opened
            self.image = Image.open(BytesIO(data), formats=PILLOW_FORMATS)
            size, frames = self.image.size, 0
        self.width, self.height = size
        _check_pixels(*size)
        name = "HEIF" if self._heif else str(self.image.format)
        self.format = "JPEG" if name == "MPO" else name  # a JPEG that contains a second one
        self.mode = self.image.mode
        self.frames: int = frames or (1 if self.format == "JPEG" else getattr(self.image, "n_frames", 1))

    def load(self, at_least: int | None = None) -> None:
        """Decode the picture; a JPEG by less work to any size whose sides are `at_least` so many pixels.

        Raises PictureError before it is decoded, where that takes more than MAX_MEMORY.
        """
        if self.format == "JPEG" and at_least:
            self.image.draft(None, (at_least, at_least))
        pixels = self.width * self.height
        used = self._memory()
        free = MAX_MEMORY - IDLE_MEMORY
        if used > free:
            raise PictureError(_too_large(self.width, self.height, f"{self.format} {self.mode}", pixels * free / used))
        if self._heif:
            self._heif.load()
            self.width, self.height = self._heif.size
        else:
            self.image.load()
        if self.format == "PNG" and png_chunks(self._data) is None:  # Pillow does not check the pixels' checksums
            raise PictureError("damaged: wrong checksum")

    @property
    def size(self) -> tuple[int, int]:
        """The width and height as decoded."""
        return (self.width, self.height) if self._heif else self.image.size

    @property
    def orientation(self) -> int:
        """The Exif tag Orientation that is still to be applied: 1 for upright. libheif has applied it already."""
        return 1 if self._heif else self.image.getexif().get(ExifTags.Base.Orientation, 1)

    def bands(self, rows: int) -> Iterator[Image.Image]:
        """The decoded picture from top to bottom, in bands with so many rows; the last can have fewer."""
        width, height = self.size
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            if self._heif:
                start, stop = (row * self._heif.stride for row in (top, bottom))
                band = memoryview(self._heif.data)[start:stop]
                yield Image.frombytes(self.mode, (width, bottom - top), band, "raw", self.mode, self._heif.stride)
            else:
                yield self.image if rows >= height else self.image.crop((0, top, width, bottom))

    def _memory(self) -> int:
        """Bytes that decoding takes at its peak, the encoded picture included.

        Pillow keeps the decoded pixels. Each library keeps more: the factors were measured with Pillow 13 and
        pillow-heif 1.8 on 8,000 x 8,000 pixels of noise.
        """
        pixels = self.width * self.height
        # Of a JPEG the image has a draft's size
        kept: int = self.image.width * self.image.height * PIXEL_BYTES.get(self.image.mode, 4)
        if self.format == "JPEG":
            more = pixels * _coefficients(self._data, self.image)
        elif self.format == "TIFF":
            more = _tiff_strip(self.image) + (kept if self.orientation != 1 else 0)  # Pillow turns it
        elif self.format == "HEIF":
            kept = pixels * len(self.image.getbands())
            more = pixels * _heif_planes(self._heif.info) + len(self._data)
        elif self.format == "AVIF":
            more = pixels * (3 * len(self.image.getbands()) + 0.6)  # planes of up to 16 bits, and a copy
        elif self.image.tile and self.image.tile[0].codec_name in ("ppm", "ppm_plain", "bmp_rle"):
            more = 3 * kept  # decoded by Python code in Pillow
        else:
            more = 0
        return len(self._data) + kept + int(more)


@contextmanager
def errors(data: bytes) -> Iterator[None]:
    """Whatever the libraries raise while they decode `data`, as a PictureError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's warnings do not name the file
            yield
    except UnidentifiedImageError:
        raise PictureError(f"not a picture ({len(data):,} bytes); supported: {', '.join(FORMATS)}") from None
    except PictureError:
        raise
    except MemoryError:
        raise PictureError("damaged: its header declares more pixels than memory holds") from None
    except DAMAGED as error:
        raise PictureError(f"damaged: {error or type(error).__name__}") from None


def png_chunks(data: bytes) -> list[bytes] | None:
    """The types of a PNG's chunks, or None where one is cut off or its checksum is wrong."""
    start, chunks, view = len(PNG_SIGNATURE), [], memoryview(data)  # a view: a slice of bytes would be a copy
    while start < len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4])
        if end > len(data) or zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            return None
        chunks.append(data[start + 4 : start + 8])
        start = end
    return chunks


def _is_heif(data: bytes) -> bool:
    """Whether pillow-heif decodes it: an ISO base media file with a brand of HEIF, and none of AVIF."""
    brands = data[8 : int.from_bytes(data[:4])] if data[4:8] == b"ftyp" else b""
    return b"avi" not in brands and pillow_heif.is_supported(BytesIO(data))


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PictureError(f"{width} x {height} pixels, at most {MAX_PIXELS:,} are allowed; scale it down")


def _too_large(width: int, height: int, kind: str, limit: float) -> str:
    return (
        f"{width} x {height} pixels, at most {limit / 1e6:.1f} million of a {kind} can be decoded within "
        f"{MAX_MEMORY >> 20} MiB; scale it down, or save it as a greyscale PNG"
    )


def _check_webp(data: bytes) -> None:
    """Raise PictureError where a WebP is too large: its decoder keeps five copies of four bytes a pixel."""
    kind, bits = data[12:16], int.from_bytes(data[21:25], "little")
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[start : start + 3], "little") + 1 for start in (24, 27))
    elif kind == b"VP8L":
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (int.from_bytes(data[start : start + 2], "little") & 0x3FFF for start in (26, 28))
    _check_pixels(width, height)
    limit = (MAX_MEMORY - IDLE_MEMORY - 2 * len(data)) / 17
    if width * height > limit:
        raise PictureError(_too_large(width, height, "WEBP", max(0, limit)))


def _coefficients(data: bytes, image: JpegImagePlugin.JpegImageFile) -> float:
    """Bytes a pixel of the coefficients that libjpeg keeps of a JPEG with several scans: two for each sample."""
    if not (image.info.get("progressive") or _first_scan(data) < len(image.layer)):
        return 0
    shares = [across * down for _, across, down, _ in image.layer]
    largest = max(across for _, across, _, _ in image.layer) * max(down for _, _, down, _ in image.layer)
    return 2 * sum(shares) / largest


def _first_scan(data: bytes) -> int:
    """How many components the first scan of a JPEG has; 0 where it is not found."""
    start = 2
    while start + 5 <= len(data):
        if data[start] != 0xFF or data[start + 1] == 0xFF:  # fill bytes
            start += 1
        elif data[start + 1] == 0xDA:
            return data[start + 4]
        else:
            start += 2 + int.from_bytes(data[start + 2 : start + 4])
    return 0


def _tiff_strip(image: Any) -> int:
    """Bytes of the largest strip of a compressed TIFF, which libtiff decodes as a whole."""
    if not image.tile or image.tile[0].codec_name != "libtiff":
        return 0
    rows = min(image.height, image.tag_v2.get(278, image.height))  # RowsPerStrip
    bits = sum(image.tag_v2.get(258, (8,)))  # BitsPerSample
    return 0 if 322 in image.tag_v2 else rows * image.width * max(bits, 8) // 8  # TileWidth


def _heif_planes(info: dict[str, Any]) -> float:
    """Bytes a pixel of what libheif decodes before it converts to RGB."""
    samples = {"420": 1.5, "422": 2.0, "400": 1.0}.get(str(info.get("chroma")), 3.0)
    return samples * (2 if info["bit_depth"] > 8 else 1)
