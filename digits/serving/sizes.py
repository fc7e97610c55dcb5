"""How many pixels a picture has, as far as its header tells: a few bytes of most formats can declare millions."""

from collections.abc import Iterator

from digits.data.picture_files import PNG_SIGNATURE, PictureError, PictureFile, errors

IHDR = b"IHDR"
PNG_START = PNG_SIGNATURE + (13).to_bytes(4) + IHDR
JPEG_SIGNATURE = b"\xff\xd8"
JPEG_SCAN, JPEG_FRAMES = 0xDA, {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of segments


def check_sides(picture: bytes, most: int, rule: str) -> None:
    """Raise PictureError where a picture has more than `most` pixels on a side, or is none; `rule` ends the message."""
    with errors(picture):
        file = PictureFile(picture)
    if max(file.width, file.height) > most:
        raise PictureError(f"{file.width} x {file.height} pixels, at most {most:,} on a side {rule}")


def declared_pixels(picture: bytes) -> int | None:
    """The largest size that a PNG or a JPEG declares, in pixels; None where it is not known. It decodes nothing."""
    sides = png_sides(picture)
    if sides is not None:
        return sides[0] * sides[1]
    if picture.startswith(JPEG_SIGNATURE):
        return max(_jpeg_sizes(picture), default=None)
    return None


def png_sides(picture: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG whose first chunk is its only IHDR, as the standard asks; None for another file."""
    if not picture.startswith(PNG_START) or picture.count(IHDR) != 1:
        return None
    return int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])


def _jpeg_sizes(picture: bytes) -> Iterator[int]:
    """The pixels of each frame header before the first scan."""
    start = len(JPEG_SIGNATURE)
    while start + 9 <= len(picture):
        marker = picture[start + 1]
        if picture[start] != 0xFF or marker == 0xFF:  # fill bytes
            start += 1
            continue
        if marker in JPEG_FRAMES:
            height, width = picture[start + 5 : start + 7], picture[start + 7 : start + 9]
            yield int.from_bytes(height) * int.from_bytes(width)
        if marker == JPEG_SCAN:
            return
        start += 2 + int.from_bytes(picture[start + 2 : start + 4])
