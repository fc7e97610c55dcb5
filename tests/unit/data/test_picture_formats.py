"""One digit in every format, mode and depth that is read: the canonical digit expected of each."""

from io import BytesIO

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from digits.data import pictures

UPRIGHT_BY_ORIENTATION = {3: lambda shown: np.rot90(shown, 2), 6: np.rot90, 8: lambda shown: np.rot90(shown, -1)}


@pytest.fixture(scope="module")
def digit(mnist_digits) -> np.ndarray:
    """A 7 whose strongest pixel value is 255."""
    return next(
        image
        for image, label in zip(mnist_digits.images, mnist_digits.labels, strict=True)
        if label == 7 and image.max() == 255
    )


def saved(image: Image.Image | np.ndarray, format: str, **options) -> bytes:
    buffer = BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    if format == "HEIF":
        heif = pillow_heif.from_pillow(image)
        heif[0].info["exif"] = options.pop("exif", Image.Exif()).tobytes()  # writes the orientation as HEIF's own too
        heif.save(buffer, **options)
    else:
        image.save(buffer, format, **options)
    return buffer.getvalue()


def levels(digit: np.ndarray, white: float, dtype: type, format: str = "TIFF", **options) -> bytes:
    """The digit as values from 0 to `white`."""
    values = digit * (white / 255)
    return saved((values if dtype is np.float32 else np.rint(values)).astype(dtype), format, **options)


def transparent(digit: np.ndarray, mode: str, ink: int = 255) -> Image.Image:
    """The digit as opacity: light or dark ink on nothing."""
    image = Image.merge("LA", [Image.new("L", digit.T.shape, ink), Image.fromarray(digit)])
    return image.convert(mode)


def palette(digit: np.ndarray, **options) -> bytes:
    """Indices that run against the grey that they stand for."""
    image = Image.fromarray(255 - digit)
    image.putpalette([255 - index for index in range(256) for _ in range(3)])
    return saved(image, "PNG", **options)


def palette_with_opacity(digit: np.ndarray) -> bytes:
    """Of every index the same white, and its own opacity."""
    image = Image.fromarray(digit)
    image.putpalette([255] * 768)
    return saved(image, "PNG", transparency=bytes(range(256)))


def palette_and_alpha(digit: np.ndarray) -> bytes:
    return saved(Image.fromarray(digit).convert("P").convert("PA"), "TIFF")


def lab(digit: np.ndarray) -> bytes:
    srgb, space = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(srgb, space, "RGB", "LAB")
    return saved(ImageCms.applyTransform(Image.fromarray(digit).convert("RGB"), transform), "TIFF")


def with_a_gap(digit: np.ndarray, number: float) -> bytes:
    """Fractions, and in a corner of the paper something that is no number."""
    values = (digit / 255).astype(np.float32)
    values[0, :2] = number
    return saved(values, "TIFF")


def resampled(digit: np.ndarray) -> bytes:
    """Fractions whose strongest values are somewhat above 1."""
    values = (digit / 255).astype(np.float32)
    values[digit == 255] = 1.05
    return saved(values, "TIFF")


# Format, what builds it, and the largest error of a pixel value: 0 where nothing is lost
EXACT = {
    "PNG, 8 bits": lambda digit: saved(digit, "PNG"),
    "PNG, colour": lambda digit: saved(Image.fromarray(digit).convert("RGB"), "PNG"),
    "PNG, 10 bits in 16": lambda digit: levels(digit, 1023, np.uint16, "PNG"),
    "PNG, 12 bits in 16": lambda digit: levels(digit, 4095, np.uint16, "PNG"),
    "PNG, 14 bits in 16": lambda digit: levels(digit, 16383, np.uint16, "PNG"),
    "PNG, 16 bits": lambda digit: levels(digit, 65535, np.uint16, "PNG"),
    "PNG, palette": palette,
    "PNG, palette with one transparent colour": lambda digit: palette(digit, transparency=255),
    "PNG, palette with opacities": palette_with_opacity,
    "PNG, grey with one transparent value": lambda digit: saved(digit, "PNG", transparency=0),
    "PNG, light ink on nothing": lambda digit: saved(transparent(digit, "LA"), "PNG"),
    "PNG, light colour on nothing": lambda digit: saved(transparent(digit, "RGBA"), "PNG"),
    "PNG, dark ink on nothing": lambda digit: saved(transparent(digit, "LA", ink=0), "PNG"),
    "TIFF, 8 bits": lambda digit: saved(digit, "TIFF"),
    "TIFF, fractions": lambda digit: levels(digit, 1, np.float32),
    "TIFF, fractions, deflated": lambda digit: levels(digit, 1, np.float32, compression="tiff_adobe_deflate"),
    "TIFF, fractions, resampled beyond 1": resampled,
    "TIFF, fractions and NaN": lambda digit: with_a_gap(digit, np.nan),
    "TIFF, fractions and -inf": lambda digit: with_a_gap(digit, -np.inf),
    "TIFF, floating point to 255": lambda digit: levels(digit, 255, np.float32),
    "TIFF, floating point to 65,535": lambda digit: levels(digit, 65535, np.float32),
    "TIFF, 10 bits in 16": lambda digit: levels(digit, 1023, np.uint16),
    "TIFF, 12 bits in 16": lambda digit: levels(digit, 4095, np.uint16),
    "TIFF, 16 bits": lambda digit: levels(digit, 65535, np.uint16),
    "TIFF, 16 bits, big endian": lambda digit: levels(digit, 65535, np.dtype(">u2")),
    "TIFF, 32 bits to 1": lambda digit: levels(np.where(digit > 99, 255, 0), 1, np.int32),
    "TIFF, 32 bits to 255": lambda digit: levels(digit, 255, np.int32),
    "TIFF, 32 bits to 65,535": lambda digit: levels(digit, 65535, np.int32),
    "TIFF, 32 bits to 2,000,000,000": lambda digit: levels(digit, 2e9, np.int32),
    "TIFF, palette and alpha": palette_and_alpha,
    "TIFF, CMYK": lambda digit: saved(Image.fromarray(digit).convert("CMYK"), "TIFF"),
    "BMP, 8 bits": lambda digit: saved(digit, "BMP"),
    "BMP, colour": lambda digit: saved(Image.fromarray(digit).convert("RGB"), "BMP"),
    "PGM": lambda digit: saved(digit, "PPM"),
    "PGM, 10 bits": lambda digit: b"P5 28 28 1023\n" + np.rint(digit * (1023 / 255)).astype(">u2").tobytes(),
    "PPM": lambda digit: saved(Image.fromarray(digit).convert("RGB"), "PPM"),
    "GIF": lambda digit: saved(digit, "GIF"),
    "WebP, lossless": lambda digit: saved(Image.fromarray(digit).convert("RGB"), "WEBP", lossless=True),
    "WebP, light colour on nothing": lambda digit: saved(transparent(digit, "RGBA"), "WEBP", lossless=True, exact=True),
}
BILEVEL = {
    "PNG, 1 bit": lambda digit: saved(digit > 99, "PNG"),
    "TIFF, 1 bit, Group 4": lambda digit: saved(digit > 99, "TIFF", compression="group4"),
    "BMP, 1 bit": lambda digit: saved(digit > 99, "BMP"),
    "PBM": lambda digit: saved(digit > 99, "PPM"),
    "TIFF, 32 bits to 1": EXACT.pop("TIFF, 32 bits to 1"),
}
LOSSY = {
    "JPEG": lambda large: saved(large, "JPEG", quality=95),
    "JPEG, colour": lambda large: saved(Image.fromarray(large).convert("RGB"), "JPEG", quality=95),
    "JPEG, progressive": lambda large: saved(large, "JPEG", quality=95, progressive=True),
    "JPEG, CMYK": lambda large: saved(Image.fromarray(large).convert("CMYK"), "JPEG", quality=95),
    "TIFF, LAB": lab,
    "WebP": lambda large: saved(Image.fromarray(large).convert("RGB"), "WEBP", quality=95),
    "AVIF": lambda large: saved(Image.fromarray(large).convert("RGB"), "AVIF", quality=95),
    "AVIF, grey": lambda large: saved(large, "AVIF", quality=95),
    "AVIF, light colour on nothing": lambda large: saved(transparent(large, "RGBA"), "AVIF", quality=95),
    "HEIC": lambda large: saved(Image.fromarray(large).convert("RGB"), "HEIF", quality=95),
    "HEIC, grey": lambda large: saved(large, "HEIF", quality=95),
    "HEIC, light colour on nothing": lambda large: saved(transparent(large, "RGBA"), "HEIF", quality=95),
    "HEIC, 10 bits": lambda large: levels(large, 65535, np.uint16, "HEIF", quality=95),
}


@pytest.mark.parametrize("build", EXACT.values(), ids=EXACT)
def test_a_lossless_picture_shows_the_digit(digit, build):
    assert np.array_equal(pictures.decode_canonical(build(digit)), digit)


@pytest.mark.parametrize("build", BILEVEL.values(), ids=BILEVEL)
def test_a_picture_of_one_bit_shows_black_and_white(digit, build):
    assert np.array_equal(pictures.decode(build(digit)).pixels, np.where(digit > 99, 255, 0))


@pytest.mark.parametrize("build", LOSSY.values(), ids=LOSSY)
def test_a_lossy_picture_shows_nearly_the_digit(digit, build):
    large = np.asarray(Image.fromarray(digit).resize((280, 280), Image.Resampling.BICUBIC))
    found, expected = pictures.decode_canonical(build(large)).astype(int), pictures.canonical_digit(large)
    assert np.abs(found - expected).max() <= 40  # of 255, at an edge
    assert np.abs(found - expected).mean() < 1


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", UPRIGHT_BY_ORIENTATION)
def test_the_cameras_orientation_is_applied(digit, format, orientation):
    shown = np.asarray(Image.fromarray(digit[:, 2:26]).resize((192, 224)))
    stored = np.ascontiguousarray(UPRIGHT_BY_ORIENTATION[orientation](shown))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(stored).convert("RGB")
    data = saved(image, format, exif=exif, **({} if format in ("PNG", "TIFF") else {"quality": 95}))
    assert np.abs(pictures.decode(data).pixels.astype(int) - shown).mean() < 3


def test_a_picture_is_the_same_in_bands_as_whole(digit, monkeypatch):
    large = Image.fromarray(digit).resize((2100, 2077), Image.Resampling.BICUBIC)
    files = [
        saved(large, "PNG", dpi=(300, 300)),
        saved(transparent(np.asarray(large), "RGBA"), "PNG"),
        levels(np.asarray(large), 1, np.float32),
        saved(large.convert("CMYK"), "TIFF"),
        saved(large, "HEIF", quality=60),
    ]
    found = [pictures.decode(data).pixels for data in files]
    monkeypatch.setattr("digits.data.pixel_values.BAND_PIXELS", 1 << 40)
    for pixels, data in zip(found, files, strict=True):
        assert np.array_equal(pixels, pictures.decode(data).pixels)


def test_hidden_colours_do_not_count_in_the_average():
    """Dark ink that covers half of each 2 x 2 pixels; the transparent half hides white."""
    pixels = np.zeros((2048, 2048, 4), np.uint8)
    pixels[..., :3] = 255
    pixels[:, ::2] = (0, 0, 0, 255)
    pixels[:, :512] = 0
    found = pictures.decode(saved(pixels, "PNG", compress_level=1)).pixels
    assert found.shape == (512, 512)
    assert np.unique(found[:, 150:]).tolist() == [127]  # half black ink, half white paper
