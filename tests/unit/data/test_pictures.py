"""Decoding: formats, orientation, depth, transparency, size; and what is refused."""

import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from digits.data import picture_files, pictures
from digits.data.canonical import canonical
from digits.data.pictures import Picture, PictureError
from tests.encoding import encode, header, png


@pytest.fixture
def digit(mnist_digits) -> np.ndarray:
    return mnist_digits.images[7]


def pixels_of(data: bytes) -> np.ndarray:
    return pictures.decode(data).pixels


def test_a_written_picture_is_read_back_to_the_bit(digit):
    assert np.array_equal(pixels_of(pictures.encode_png(digit)), digit)


def test_a_picture_has_the_properties_of_its_file():
    pixels = np.array([[7, 200, 90], [7, 80, 90]], np.uint8)
    expected = {
        "format": "PNG",
        "mode": "L",
        "width": 3,
        "height": 2,
        "frames": 1,
        "min_pixel_value": 7.0,
        "max_pixel_value": 200.0,
    }
    found = pictures.decode(encode(pixels))._asdict()
    assert found.pop("pixels").tolist() == pixels.tolist()
    assert found == expected


@pytest.mark.parametrize(
    ("mode", "format"),
    [
        ("L", "PNG"),
        ("RGB", "PNG"),
        ("RGBA", "PNG"),
        ("P", "PNG"),
        ("LA", "PNG"),
        ("L", "BMP"),
        ("RGB", "TIFF"),
        ("L", "GIF"),
        ("L", "PPM"),
        ("RGB", "WEBP"),
    ],
)
def test_lossless_formats_show_the_same_pixel_values(digit, mode, format):
    options = {"lossless": True} if format == "WEBP" else {}
    found = pictures.decode(encode(digit, mode, format, **options))
    assert np.array_equal(found.pixels, digit)
    assert (found.format, found.width, found.height) == (format, 28, 28)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_shows_nearly_the_same_pixel_values(digit, mode):
    found = pictures.decode(encode(digit, mode, "JPEG", quality=95))
    assert np.abs(found.pixels.astype(int) - digit).mean() < 3
    assert (found.format, found.mode) == ("JPEG", mode)


class TestPlainPng:
    """OpenCV decodes them, to the same pixels as Pillow."""

    @pytest.fixture
    def by_pillow(self, monkeypatch):
        """A function that decodes with Pillow only."""

        def decode(data: bytes) -> Picture:
            with monkeypatch.context() as patch:
                patch.setattr(pictures, "_is_plain", lambda data, chunks: False)
                return pictures.decode(data)

        return decode

    def same(self, data: bytes, by_pillow) -> None:
        assert pictures._is_plain(data, picture_files.png_chunks(data))
        one, other = pictures.decode(data), by_pillow(data)
        assert one.pixels.dtype == other.pixels.dtype == np.uint8
        assert np.array_equal(one.pixels, other.pixels)
        assert one[1:] == other[1:]

    def test_opencv_and_pillow_agree_on_real_digits(self, mnist_digits, by_pillow):
        for image in mnist_digits.images[::10]:
            self.same(pictures.encode_png(image), by_pillow)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 512), (512, 1), (28, 28), (333, 17), (512, 512)])
    @pytest.mark.parametrize("level", [0, 9])
    def test_opencv_and_pillow_agree_on_any_size(self, shape, level, by_pillow):
        pixels = np.random.default_rng(0).integers(3, 250, shape, dtype=np.uint8)
        self.same(encode(pixels, compress_level=level), by_pillow)

    def test_opencv_and_pillow_agree_on_pixels_in_many_chunks(self, digit, by_pillow):
        rows = b"".join(b"\0" + row.tobytes() for row in digit)
        packed = zlib.compress(rows)
        chunks = [(b"IDAT", packed[start : start + 5]) for start in range(0, len(packed), 5)]
        self.same(png(header(28, 28), *chunks, (b"IEND", b"")), by_pillow)

    @pytest.mark.parametrize("bits", [0xFF, 0x01, 0x20])
    def test_a_damaged_one_is_refused_or_decoded_unchanged(self, digit, bits):
        data = pictures.encode_png(digit)
        altered = []
        for place in range(len(data)):
            damaged = bytearray(data)
            damaged[place] ^= bits
            try:
                if not np.array_equal(pixels_of(bytes(damaged)), digit):
                    altered.append(place)
            except PictureError:
                continue
        assert altered == []

    def test_a_truncated_one_is_refused_or_decoded_unchanged(self, digit):
        data = pictures.encode_png(digit)
        for length in range(len(data)):
            try:
                shown = pixels_of(data[:length])
            except PictureError:
                continue
            assert np.array_equal(shown, digit)
        with pytest.raises(PictureError, match="damaged"):
            pictures.decode(data[: len(data) // 2])

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda rows: zlib.compress(rows[:300]),
            lambda rows: zlib.compress(rows)[:50],
            lambda rows: zlib.compress(b"\x09" + rows[1:]),
            lambda rows: zlib.compress(rows)[:-1] + b"\0",
            lambda rows: b"",
        ],
        ids=["rows missing", "cut off", "an unknown filter", "a wrong sum", "nothing"],
    )
    def test_one_with_wrong_pixel_data_and_right_checksums_is_damaged(self, digit, spoil):
        rows = b"".join(b"\0" + row.tobytes() for row in digit)
        with pytest.raises(PictureError, match="damaged"):
            pictures.decode(png(header(28, 28), (b"IDAT", spoil(rows)), (b"IEND", b"")))

    def test_one_with_a_transparent_pixel_value_is_decoded_by_pillow(self):
        pixels = np.full((40, 40), 200, np.uint8)
        pixels[5:35, 18:22] = 10
        shown = pixels_of(encode(pixels, transparency=200))
        assert (shown[0, 0], shown[20, 20]) == (255, 10)

    def test_one_with_an_orientation_is_decoded_by_pillow(self, digit):
        exif = Image.Exif()
        exif[0x0112] = 3
        assert np.array_equal(pixels_of(encode(digit, exif=exif)), digit[::-1, ::-1])


@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (1, lambda shown: shown),
        (2, np.fliplr),
        (3, lambda shown: np.rot90(shown, 2)),
        (4, np.flipud),
        (5, np.transpose),
        (6, lambda shown: np.rot90(shown)),  # the camera was rotated: the stored picture is rotated to the left
        (7, lambda shown: np.rot90(shown, 2).T),
        (8, lambda shown: np.rot90(shown, -1)),
    ],
)
def test_the_cameras_orientation_is_applied(digit, orientation, stored):
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown = digit[:, :24]
    data = encode(np.ascontiguousarray(stored(shown)), exif=exif)
    found = pictures.decode(data)
    assert np.array_equal(found.pixels, shown)
    assert (found.height, found.width) == stored(shown).shape  # the file's own


class TestDepth:
    @pytest.mark.parametrize("format", ["PNG", "TIFF"])
    def test_sixteen_bits_are_scaled_to_eight(self, digit, format):
        found = pictures.decode(encode(digit.astype(np.uint16) * 257, format=format))
        assert np.array_equal(found.pixels, digit)
        assert (found.mode, found.min_pixel_value, found.max_pixel_value) == ("I;16", 0, 257 * int(digit.max()))

    def test_extreme_pixel_values_are_those_of_the_file(self):
        found = pictures.decode(encode(np.array([[7, 40_000], [65_535, 7]], np.uint16)))
        assert (found.min_pixel_value, found.max_pixel_value) == (7, 65_535)
        assert found.pixels.tolist() == [[0, 156], [255, 0]]  # 7 / 257 and 40,000 / 257, rounded

    def test_values_below_black_are_decoded_as_black(self):
        found = pictures.decode(encode(np.array([[-5, 100], [200, 0]], np.int32), format="TIFF"))
        assert (found.min_pixel_value, found.max_pixel_value) == (-5, 200)
        assert found.pixels.tolist() == [[0, 100], [200, 0]]

    def test_nan_is_decoded_as_black(self):
        found = pictures.decode(encode(np.array([[np.nan, 100], [200, 0]], np.float32), format="TIFF"))
        assert found.pixels.tolist() == [[0, 100], [200, 0]]

    def test_one_bit_is_black_and_white(self, digit):
        found = pictures.decode(encode(digit, "1"))
        assert found.mode == "1"
        assert set(np.unique(found.pixels)) == {0, 255}


class TestTransparency:
    @pytest.mark.parametrize(("ink", "paper"), [(0, 255), (90, 255), (160, 0), (255, 0)])
    @pytest.mark.parametrize("hidden", [0, 255], ids=["black below", "white below"])
    def test_a_transparent_background_becomes_the_opposite_of_the_ink(self, ink, paper, hidden):
        pixels = np.full((40, 40, 4), hidden, np.uint8)
        pixels[..., 3] = 0
        pixels[5:35, 18:22] = (ink, ink, ink, 255)
        shown = pixels_of(encode(pixels))
        assert (shown[0, 0], shown[20, 20]) == (paper, ink)

    def test_half_transparent_ink_is_half_way_to_the_paper(self):
        pixels = np.zeros((10, 10, 4), np.uint8)
        pixels[2:8, 4:6, 3] = 102  # black, two fifths of it
        assert pixels_of(encode(pixels))[4, 4] == 153

    @pytest.mark.parametrize(
        ("paper", "pen"),
        [((255, 255, 255), (255, 240, 0)), ((0, 130, 0), (255, 21, 0)), ((250, 200, 60), (60, 250, 250))],
        ids=["yellow on white", "red on green", "cyan on orange"],
    )
    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
    def test_ink_as_light_as_its_paper_is_seen_by_its_colour(self, digit, paper, pen, mode):
        large = np.asarray(Image.fromarray(digit).resize((140, 140)))[..., None] / 255
        coloured = Image.fromarray(np.rint(np.array(paper) * (1 - large) + np.array(pen) * large).astype(np.uint8))
        found = pictures.decode_canonical(encode(np.asarray(coloured.convert(mode).convert("RGB")), mode))
        expected = pictures.decode_canonical(encode(255 - np.rint(large[..., 0] * 255).astype(np.uint8)))
        assert np.abs(found.astype(int) - expected).mean() < 8  # of luminance alone 20 to 40, or an error

    def test_a_wholly_transparent_picture_is_blank(self):
        with pytest.raises(PictureError, match="blank"):
            pictures.decode_canonical(encode(np.zeros((40, 40, 4), np.uint8)))


class TestSize:
    @pytest.mark.parametrize(
        ("height", "width", "shown"),
        [
            (512, 512, (512, 512)),
            (513, 350, (257, 175)),
            (1024, 1024, (512, 512)),
            (30, 1500, (10, 500)),
            (2, 5000, (1, 500)),
        ],
    )
    def test_a_large_picture_is_averaged_down_to_at_most_512_pixels(self, height, width, shown):
        found = pictures.decode(encode(np.full((height, width), 90, np.uint8)))
        assert found.pixels.shape == shown
        assert set(np.unique(found.pixels)) == {90}
        assert (found.height, found.width) == (height, width)

    def test_every_pixel_counts_in_the_average(self):
        checked = np.indices((2000, 2000)).sum(axis=0) % 2 * 200
        assert set(np.unique(pixels_of(encode(checked.astype(np.uint8))))) == {100}

    @pytest.mark.parametrize("mode", ["L", "RGB"])
    @pytest.mark.parametrize("side", [513, 1025, 2500])
    def test_a_large_jpeg_shows_the_same_at_most_512_pixels_across(self, digit, mode, side):
        large = np.asarray(Image.fromarray(255 - digit).resize((side, side), Image.Resampling.BICUBIC))
        found = pictures.decode(encode(large, mode, "JPEG", quality=95))
        assert 250 < max(found.pixels.shape) <= 512
        assert (found.width, found.height) == (side, side)
        small = np.asarray(Image.fromarray(found.pixels).resize((28, 28), Image.Resampling.BOX))
        assert np.abs(small.astype(int) - (255 - digit)).mean() < 12  # the loss of resizing to `side` and back

    def test_too_many_pixels_are_refused(self):
        with pytest.raises(PictureError, match="9000 x 9000 pixels, at most 64,000,000 are allowed"):
            pictures.decode(encode(np.zeros((9000, 9000), np.uint8), "1"))

    def test_a_decompression_bomb_is_refused_before_it_is_decoded(self):
        # It has no pixels: a decoder would report it as damaged.
        with pytest.raises(PictureError, match="2000000000 x 2000000000 pixels, at most 64,000,000 are allowed"):
            pictures.decode(png(header(2_000_000_000, 2_000_000_000), (b"IDAT", b""), (b"IEND", b"")))


def test_of_an_animation_the_first_frame_is_taken(digit):
    buffer = BytesIO()
    frames = [Image.fromarray(digit), Image.fromarray(255 - digit), Image.fromarray(digit // 2)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    found = pictures.decode(buffer.getvalue())
    assert found.frames == 3
    assert np.array_equal(found.pixels, digit)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about files that are then refused
class TestRefused:
    @pytest.mark.parametrize("data", [b"", b"seven", b"\x89PNG\r\n\x1a\n", bytes(1000)])
    def test_what_is_no_picture(self, data):
        size = f"{len(data):,}"
        with pytest.raises(PictureError, match=rf"not a picture \({size} bytes\); supported: PNG, JPEG, BMP"):
            pictures.decode(data)

    def test_an_unsupported_format(self, digit):
        with pytest.raises(PictureError, match="not a picture"):
            pictures.decode(encode(digit, format="ICO"))

    @pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM"])
    def test_a_truncated_picture_raises_no_other_error(self, digit, format):
        data = encode(digit, "RGB" if format != "GIF" else "L", format)
        for length in range(0, len(data), 7):
            try:
                pictures.decode(data[:length])
            except PictureError as error:
                assert str(error).startswith(("not a picture", "damaged: ")), error
        with pytest.raises(PictureError, match="damaged"):
            pictures.decode(data[: len(data) // 2])

    @pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM"])
    def test_any_bytes_raise_no_other_error(self, digit, format):
        data = encode(digit, "RGB" if format != "GIF" else "L", format)
        random = np.random.default_rng(0)
        for _ in range(200):
            damaged = bytearray(data)
            for place in random.integers(0, min(len(data), 400), 3):
                damaged[place] = random.integers(0, 256)
            try:
                pictures.decode(bytes(damaged))
            except PictureError:
                continue

    def test_a_png_with_truncated_pixels_in_valid_chunks_is_damaged(self):
        half = zlib.compress(bytes(29 * 14))
        with pytest.raises(PictureError, match="damaged"):
            pictures.decode(png(header(28, 28), (b"IDAT", half), (b"IEND", b"")))

    def test_a_colour_png_with_a_wrong_checksum_is_damaged(self, digit):
        """Pillow, which decodes it, does not check the pixels' checksums."""
        data = bytearray(encode(digit, "RGB"))
        end = data.index(b"IEND") - 4
        data[end - 1] ^= 1  # of the checksum before the last chunk
        with pytest.raises(PictureError, match="damaged"):
            pictures.decode(bytes(data))


class TestDecodeCanonical:
    def test_it_is_the_canonical_digit_of_the_decoded_picture(self, digit):
        shown = np.pad(255 - digit, ((3, 30), (12, 0)), constant_values=255)
        assert np.array_equal(pictures.decode_canonical(encode(shown, "RGB")), canonical(shown[None])[0])
        assert np.array_equal(pictures.decode_canonical(pictures.encode_png(digit)), digit)

    @pytest.mark.parametrize("level", [0, 128, 255])
    def test_a_blank_picture_is_refused(self, level):
        with pytest.raises(PictureError, match="blank: contrast 0 of 255, and no stroke with at least 16"):
            pictures.decode_canonical(pictures.encode_png(np.full((50, 40), level, np.uint8)))

    def test_an_unreadable_one_is_refused(self):
        with pytest.raises(PictureError, match="not a picture"):
            pictures.decode_canonical(b"seven")


class TestDecodeBatches:
    def test_an_error_is_at_the_position_of_its_picture(self, digit):
        (found,) = pictures.decode_batches([pictures.encode_png(digit), b"seven", encode(255 - digit)])
        assert np.array_equal(found[0].pixels, digit)
        assert isinstance(found[1], PictureError)
        assert np.array_equal(found[2].pixels, 255 - digit)

    def test_a_batch_has_a_few_million_pixels(self, digit, monkeypatch):
        monkeypatch.setattr(pictures, "MAX_STACK_PIXELS", 2 * 28 * 28)
        taken = []
        encoded = (taken.append(number) or pictures.encode_png(digit) for number in range(5))
        sizes = [(len(some), len(taken)) for some in pictures.decode_batches(encoded)]
        assert sizes == [(2, 2), (2, 4), (1, 5)]

    def test_no_pictures_are_no_batches(self):
        assert list(pictures.decode_batches([])) == []


class TestThumbnail:
    @pytest.mark.parametrize(("shape", "shown"), [((400, 200), (96, 48)), ((28, 28), (28, 28)), ((10, 2000), (1, 96))])
    def test_its_longest_side_is_limited(self, shape, shown):
        made = pictures.thumbnail(pictures.encode_png(np.full(shape, 77, np.uint8)), 96)
        assert pixels_of(made).shape == shown
        assert set(np.unique(pixels_of(made))) == {77}

    def test_an_undecodable_picture_has_none(self):
        assert pictures.thumbnail(b"seven", 96) is None


def test_a_jpeg_with_a_second_picture_inside_is_a_jpeg(mnist_digits):
    first = Image.fromarray(255 - mnist_digits.images[3]).resize((56, 56))
    buffer = BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=[first.rotate(90)])
    picture = pictures.decode(buffer.getvalue())
    assert (picture.format, picture.frames, picture.mode) == ("JPEG", 1, "L")
