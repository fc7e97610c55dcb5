"""The one way from any picture to the canonical digit: 28 x 28, light ink on dark, as MNIST was made.

Training, evaluation and serving all call these functions; nothing here knows files, stages or tools.
"""

from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SIDE = 28  # pixels: the side of the canonical digit
BOX = 20  # pixels: the longest side of its ink, http://yann.lecun.com/exdb/mnist/
MIN_CONTRAST = 16  # of 255: below this there is nothing to read
MAX_PIXELS = 64_000_000  # a 64-megapixel photograph; more is refused before it is decoded
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")


class PictureError(ValueError):
    """Says why a picture can't be read, or holds no digit."""


def load(data: bytes) -> Image.Image:
    """Decode an encoded picture, in the mode its file has. Raises PictureError where `data` is no picture."""
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise PictureError(f"{image.width} x {image.height} pixels, at most {MAX_PIXELS:,} are read")
        image.load()
        return image
    except UnidentifiedImageError:
        raise PictureError(f"not a picture ({len(data):,} bytes); readable are {', '.join(FORMATS)}") from None
    except PictureError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PictureError(f"damaged: {error}") from None


def grey(image: Image.Image) -> np.ndarray:
    """A decoded picture in grey as a viewer shows it: (height, width) uint8, 0 black to 255 white.

    The camera's orientation is applied, 16-bit greys are scaled, and a transparent background becomes the
    opposite of what is drawn on it. Raises PictureError where the orientation is damaged.
    """
    if image.mode == "L" and image.format == "PNG" and not {"transparency", "exif"} & image.info.keys():
        return np.asarray(image)  # what nearly every picture of a digit is
    try:
        image = ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise PictureError(f"damaged: its orientation can't be read: {error}") from None
    if image.mode.startswith("I") or image.mode == "F":
        levels = np.asarray(image, dtype=np.float64)
        top = 255 if levels.max() <= 255 else max(65535, levels.max())
        return np.clip(levels * (255 / top), 0, 255).astype(np.uint8)
    if "A" in image.getbands() or "transparency" in image.info:
        image = _on_contrasting_paper(image.convert("RGBA").convert("LA"))
    return np.asarray(image.convert("L"))


def read(data: bytes) -> np.ndarray:
    """Decode an encoded picture to (height, width) uint8 grey: `load` and `grey` in one."""
    return grey(load(data))


def write(pixels: np.ndarray) -> bytes:
    """Encode (height, width) uint8 as a PNG: lossless, so that `read(write(x))` is `x`."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def canonical(grey: np.ndarray) -> np.ndarray:
    """Turn (height, width) uint8 grey into the canonical digit: (28, 28) uint8, light ink on 0.

    As LeCun et al. describe for MNIST, the ink is scaled to a longest side of 20 pixels and its centre of mass
    is put in the centre. A picture that already is canonical comes back unchanged. Raises PictureError where
    the picture is blank.
    """
    if contrast(grey) < MIN_CONTRAST:
        raise PictureError(f"blank: its contrast is {contrast(grey)} of 255, at least {MIN_CONTRAST} is needed")
    if is_canonical(grey):
        return grey
    ink = ink_levels(grey)
    light_on_dark = np.rint(ink * 255).astype(np.uint8)
    if is_canonical(light_on_dark):
        return light_on_dark
    return _centred(_scaled_to_box(_cropped(ink)))


def is_canonical(grey: np.ndarray) -> bool:
    """Whether `grey` already is as every one of MNIST's 70,000 pictures is.

    Measured on all of them: a longest side of 19 or 20 pixels above zero, and a centre of mass no further than
    0.52 pixels from (14, 14).
    """
    if grey.shape != (SIDE, SIDE):
        return False
    by_row, by_column = grey.sum(axis=1), grey.sum(axis=0)
    rows, columns = by_row.nonzero()[0], by_column.nonzero()[0]
    if rows.size == 0 or max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 not in (BOX - 1, BOX):
        return False
    return all(abs(_mean_position(sums) - SIDE / 2) <= 0.52 for sums in (by_row, by_column))


def contrast(grey: np.ndarray) -> int:
    """Difference of the brightest and the darkest pixel, 0 to 255."""
    return int(grey.max()) - int(grey.min())


def ink_levels(grey: np.ndarray) -> np.ndarray:
    """How much ink each pixel holds: (height, width) float32, 0 the paper to 1 the strongest ink.

    The paper is what the border mostly shows; the ink may be darker or lighter than it.
    """
    border = _border(grey)
    paper = int(np.partition(border, border.size // 2)[border.size // 2])  # the median, seven times as fast as NumPy's
    lowest, highest = int(grey.min()), int(grey.max())
    strongest = lowest if paper - lowest > highest - paper else highest
    if strongest == paper:
        return np.zeros(grey.shape, np.float32)
    return np.clip((grey.astype(np.float32) - paper) / (strongest - paper), 0, 1)


def _on_contrasting_paper(image: Image.Image) -> Image.Image:
    level, opacity = (np.asarray(band, dtype=np.float64) for band in image.split())
    drawn = np.average(level, weights=opacity) if opacity.any() else 0
    paper = Image.new("LA", image.size, (255 if drawn < 128 else 0, 255))
    return Image.alpha_composite(paper.convert("RGBA"), image.convert("RGBA"))


def _border(grey: np.ndarray) -> np.ndarray:
    return np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])


def _cropped(ink: np.ndarray) -> np.ndarray:
    drawn = ink > 0.15  # below it lie shadows of the paper, not strokes
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _scaled_to_box(ink: np.ndarray) -> np.ndarray:
    scale = BOX / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    image = Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)
    scaled = np.clip(np.asarray(image), 0, 1)
    return np.rint(scaled * (255 / scaled.max())).astype(np.uint8)


def _centred(ink: np.ndarray) -> np.ndarray:
    centre = (_mean_position(ink.sum(axis=1)), _mean_position(ink.sum(axis=0)))
    top, left = (min(max(round(SIDE / 2 - at), 0), SIDE - side) for at, side in zip(centre, ink.shape, strict=True))
    digit = np.zeros((SIDE, SIDE), np.uint8)
    digit[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return digit


def _mean_position(sums: np.ndarray) -> float:
    """Where the ink's centre of mass lies along one axis, from its sum at each position."""
    return float(sums @ np.arange(sums.size) / sums.sum())
