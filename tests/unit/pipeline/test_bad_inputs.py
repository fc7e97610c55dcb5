"""Faults of users' folders of pictures: the stage that reports each, its message, and what stays unchanged.

Each row puts one fault in a folder of real digits. No row may end in a traceback, or change what was ingested before.
"""

import io
import os
import re
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from digits.data import dataset, labelled_folders, pictures
from digits.errors import UserError
from digits.paths import EXTERNAL, RAW, REFERENCE_PROFILE
from pipeline import ingest, validate
from tests.imports import ROOT
from tests.raw import read_raw, set_params

FEW, MANY = 20, 120  # pictures of a label; a class mismatch is found with many only
PER_RUN = 10  # pictures spoilt and validated at once, since a run takes seconds; as many as an expectation names
MAX_LINES = 60  # of output
FONT = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"

INGEST_REFUSES = "ingest refuses"
INGEST_WARNS = "ingest warns"
VALIDATE_REFUSES = "validate refuses"  # a critical expectation fails
VALIDATE_WARNS = "validate warns"
ACCEPTED = "accepted"  # unusual, but not wrong: no stage may report it


class Made(NamedTuple):
    """Instead of a label's digit, the file `name` with what `how` makes of that digit's 28 x 28 pixel values.

    Rows of this kind do not affect one another, and are spoilt and validated together: each takes another digit.
    """

    name: str
    how: Callable[[np.ndarray], bytes]
    digit: int | None = None  # where only one certain digit has the fault

    def __call__(self, number: int = 0) -> None:
        digit = EXTERNAL / Path(self.name).parent / f"{number if self.digit is None else self.digit:02d}.png"
        pixels = pictures.decode(digit.read_bytes()).pixels
        digit.unlink()
        (EXTERNAL / self.name).write_bytes(self.how(pixels))


class Row(NamedTuple):
    """The fault, how to make it, the stage that has to report it, and the words of the message.

    Each of `words` has to be in one line; in validate's output, ` … ` separates the words on the expectation from those
    on the picture.
    """

    what: str
    spoil: Callable[[], object] | Made
    result: str
    words: tuple[str, ...] = ()
    each: int = FEW  # pictures of a label before the fault
    unprivileged: bool = False  # run without root's rights


# Faults of the folder: functions that return the function for a row.


def file(name: str, data: bytes = b"three") -> Callable[[], None]:
    return lambda: (EXTERNAL / name).write_bytes(data)


def folder(name: str) -> Callable[[], None]:
    return lambda: (EXTERNAL / name).mkdir()


def link(name: str, to: str) -> Callable[[], None]:
    return lambda: (EXTERNAL / name).symlink_to(to)


def without(name: str, keep: int = 0) -> Callable[[], None]:
    """Remove the pictures of a label, all but `keep` of them."""

    def spoil() -> None:
        for path in sorted((EXTERNAL / name).iterdir())[keep:]:
            path.unlink()

    return spoil


def one_after_another(*steps: Callable[[], object]) -> Callable[[], None]:
    def spoil() -> None:
        for step in steps:
            step()

    return spoil


def picture_in(split: str, label: int) -> Path:
    """A picture that the folder's next ingest will assign to `split`: the names decide that, and are not changed."""
    return next(Path(example.path) for example in read_raw(split) if example.label == label)


def in_both_splits(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[], None]:
    def spoil() -> None:
        digit = pictures.decode(picture_in("test", 3).read_bytes()).pixels
        picture_in("train", 3).write_bytes(png(change(digit)))

    return spoil


def two_thousand_copies() -> None:
    for number in range(2000):
        os.link(EXTERNAL / "3/07.png", EXTERNAL / f"3/copy {number}.png")


def link_to_outside(name: str) -> Callable[[], None]:
    """Move the picture or folder `name` out of the folder, and make a link to it."""

    def spoil() -> None:
        outside = Path("outside").absolute()
        outside.mkdir()
        (EXTERNAL / name).rename(outside / Path(name).name)
        (EXTERNAL / name).symlink_to(outside / Path(name).name)

    return spoil


# Faults of a picture: from a digit's pixel values, light on dark, to the bytes of a file.


def png(pixels: np.ndarray) -> bytes:
    return pictures.encode_png(np.ascontiguousarray(pixels))


def saved(image: np.ndarray | Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def animated(digit: np.ndarray, kind: str) -> bytes:
    first, *others = (Image.fromarray(digit).rotate(angle) for angle in (0, 10, 20))
    return saved(first, kind, save_all=True, append_images=others)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def declaring(width: int, height: int) -> bytes:
    """A PNG whose header declares this size, with hardly any pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def with_large_text(digit: np.ndarray) -> bytes:
    """A PNG with a comment that unpacks from a few kilobytes to a hundred megabytes."""
    whole = png(digit)
    return whole[:33] + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9)) + whole[33:]


def flat(level: int) -> Callable[[np.ndarray], bytes]:
    return lambda digit: png(np.full((28, 28), level, np.uint8))


def noise(shape: tuple[int, int]) -> bytes:
    return png(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))


def salt_and_pepper(shape: tuple[int, int]) -> bytes:
    paper = np.full(shape, 128, np.uint8)
    random = np.random.default_rng(0).random(shape)
    paper[random < 0.1], paper[random > 0.9] = 0, 255
    return png(paper)


def letter(text: str) -> bytes:
    paper = Image.new("L", (28, 28))
    ImageDraw.Draw(paper).text((14, 14), text, fill=255, font=ImageFont.truetype(FONT, 22), anchor="mm")
    return png(np.asarray(paper))


def in_the_corner_of(side: int) -> Callable[[np.ndarray], bytes]:
    return lambda digit: png(np.pad(digit, (100, side - 128)))


def framed_by_a_hair(digit: np.ndarray) -> np.ndarray:
    return np.pad(np.full((26, 26), 255, np.uint8), 1) - np.pad(digit[1:-1, 1:-1] // 4, 1)


def blurred(digit: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(digit).filter(ImageFilter.GaussianBlur(1.7)))


def with_exif(digit: np.ndarray, spoil: Callable[[bytes], bytes]) -> bytes:
    """A JPEG as from a camera, with an error in its Exif data."""
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 1, 72.5  # orientation, and the resolution across, a fraction
    return saved(digit, "JPEG", exif=spoil(exif.tobytes()))


def a_fraction_for_its_width(noted: bytes) -> bytes:
    """Rotated by a quarter, and with a fraction where a whole number of pixels is expected."""
    assert noted.count(b"\x01\x1a\x00\x05") == noted.count(b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x01") == 1
    turned = noted.replace(b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x01", b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06")
    return turned.replace(b"\x01\x1a\x00\x05", b"\x01\x00\x00\x05")


def stretched(digit: np.ndarray, lowest: float, highest: float, kind: type) -> bytes:
    return saved((lowest + digit / 255 * (highest - lowest)).astype(kind), "TIFF")


def not_everywhere_a_number(digit: np.ndarray) -> bytes:
    holed = digit.astype(np.float32)
    holed[:3] = np.nan
    return saved(holed, "TIFF")


def sixteen_bits_and_opacity(digit: np.ndarray) -> bytes:
    """A PNG of 16-bit grey and 16-bit opacity, made by hand: Pillow writes none."""
    header = struct.pack(">IIBBBBB", 28, 28, 16, 4, 0, 0, 0)
    bands = np.stack([digit.astype(">u2") * 257, np.full((28, 28), 65535, ">u2")], axis=2)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in bands)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def no_exif(noted: bytes) -> bytes:
    return noted[:6] + b"not the data of a camera"


def cut_exif(noted: bytes) -> bytes:
    return noted[:-12]


DIR = "data/external"
NO_LABEL = "is not a label: a folder's name is its digit, 0 to 9"
NO_SUFFIX = "has no suffix of a picture; allowed: .avif .bmp"
TOO_FEW = "has no pictures; every label needs some, to learn and to test"

# Faults of a picture: its file in data/external/3, how it is made of a digit, and the expectations that name it, with
# their findings.

CRITICAL = [
    ("a truncated PNG", "cut.png", lambda digit: png(digit)[:-60], {"readable": "damaged: "}),
    ("a truncated JPEG", "cut.jpg", lambda digit: saved(digit, "JPEG")[:-60], {"readable": "damaged: "}),
    (
        "a GIF that ends within its second frame's header",
        "cut.gif",
        lambda digit: saved(digit, "GIF")[:-1] + b"," + bytes(7),
        {"readable": "damaged: "},
    ),
    ("an empty file", "empty.png", lambda digit: b"", {"readable": "not a picture (0 bytes)"}),
    (
        "a text that is named as a picture",
        "text.png",
        lambda digit: b"three",
        {"readable": "not a picture (5 bytes); supported: PNG, JPEG"},
    ),
    (
        "a PNG of 50,000 x 50,000 pixels, refused before it is decoded",
        "bomb.png",
        lambda digit: declaring(50_000, 50_000),
        {"readable": "50000 x 50000 pixels, at most 64,000,000 are allowed"},
    ),
    (
        "a GIF of 65,535 x 65,535 pixels, refused before it is decoded",
        "bomb.gif",
        lambda digit: b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x08\x01\0\0;",
        {"readable": "65535 x 65535 pixels, at most 64,000,000 are allowed"},
    ),
    (
        "a comment that unpacks to a hundred megabytes",
        "comment.png",
        with_large_text,
        {"readable": "damaged: Decompressed data too large"},
    ),
    (
        "a JPEG in the four colours of print",
        "print.jpg",
        lambda digit: saved(Image.fromarray(digit).convert("CMYK"), "JPEG"),
        {"mode": "mode CMYK"},
    ),
    ("a TIFF of fractions, some of which are no number", "nan.tif", not_everywhere_a_number, {"mode": "mode F"}),
    (
        "pixel values above 16 bits",
        "high.tif",
        lambda digit: stretched(digit, 0, 1_000_000, np.int32),
        {"max_pixel_value": "max_pixel_value 1000000"},
    ),
    (
        "pixel values below black",
        "low.tif",
        lambda digit: stretched(digit, -100, 255, np.int32),
        {"min_pixel_value": "min_pixel_value -100"},
    ),
    ("1 x 1 pixel", "dot.png", lambda digit: png(digit[:1, :1]), {"width": "width 1", "height": "height 1"}),
    (
        "20,000 x 1 pixels",
        "line.png",
        lambda digit: png(np.resize(digit, (1, 20_000))),
        {"width": "width 20000", "height": "height 1", "aspect": "aspect 20000"},
    ),
    ("nothing but black", "black.png", flat(0), {"contrast": "contrast 0"}),
    ("nothing but white", "white.png", flat(255), {"contrast": "contrast 0"}),
    ("nothing but grey", "grey.png", flat(128), {"contrast": "contrast 0"}),
    ("hardly to be seen", "faint.png", lambda digit: png(100 + digit // 12), {"contrast": "contrast 21"}),
    ("noise", "noise.png", lambda digit: noise((28, 28)), {"border_changes": "border_changes 0."}),
    ("noise as large as a photograph", "large.png", lambda digit: noise((200, 200)), {"ink": "ink 0"}),
    (
        "salt and pepper on nothing, as large as a photograph",
        "grains.png",
        lambda digit: salt_and_pepper((200, 200)),
        {"largest_part": "largest_part 0.00"},
    ),
    (
        "salt and pepper on nothing",
        "salt.png",
        lambda digit: salt_and_pepper((28, 28)),
        {"largest_part": "largest_part 0.0"},
    ),
    ("ink nearly everywhere", "blot.png", lambda digit: png(framed_by_a_hair(digit)), {"ink": "ink 0.5"}),
]

WARNED = [
    ("a PNG that is named as a JPEG", "named.jpg", png, {"file_name": "named .jpg, but contains PNG"}),
    ("an animated GIF", "moves.gif", lambda digit: animated(digit, "GIF"), {"frames": "frames 3"}),
    ("an animated PNG", "moves.png", lambda digit: animated(digit, "PNG"), {"frames": "frames 3"}),
    (
        "a negative among positives",
        "negative.png",
        lambda digit: png(255 - digit),
        {"ink_colour": "dark on light, most pictures light on dark"},
    ),
    ("two digits", "two.png", lambda digit: png(np.hstack([digit, digit])), {"second_digit": "second_digit 0."}),
    ("a small digit in the corner of a page", "small.png", in_the_corner_of(1000), {"extent": "extent 0.0"}),
]

PICTURES = [
    Row(
        what,
        Made(f"3/{name}", how),
        result,
        tuple(f"{severity}: {one} ( … {DIR}/3/{name}, label 3: {found}" for one, found in findings.items()),
    )
    for severity, result, rows in (("critical", VALIDATE_REFUSES, CRITICAL), ("warning", VALIDATE_WARNS, WARNED))
    for what, name, how, findings in rows
] + [
    Row(
        "out of focus",
        Made("3/blurred.png", lambda digit: png(blurred(digit)), digit=9),  # most digits' blur still has solid ink
        VALIDATE_WARNS,
        (f"warning: sharpness ( … {DIR}/3/blurred.png, label 3: sharpness 0.0",),
    ),
    Row(
        "a letter",
        Made("1/letter.png", lambda digit: letter("O")),
        VALIDATE_WARNS,
        (f"warning: class_typical ( … {DIR}/1/letter.png, label 1: looks like a 0:",),
        each=MANY,
    ),
    Row("EXIF that is no EXIF", Made("3/odd exif.jpg", lambda digit: with_exif(digit, no_exif)), ACCEPTED),
    Row("EXIF that ends in its middle", Made("3/cut exif.jpg", lambda digit: with_exif(digit, cut_exif)), ACCEPTED),
    Row(
        "EXIF that has a fraction for a number of pixels",
        Made("3/odd.jpg", lambda digit: with_exif(digit, a_fraction_for_its_width)),
        ACCEPTED,
    ),
    Row("16-bit greyscale with 16-bit opacity", Made("3/odd.png", sixteen_bits_and_opacity), ACCEPTED),
]

FOLDERS = [
    Row("a text", file("3/notes.txt"), INGEST_REFUSES, (f"{DIR}/3/notes.txt {NO_SUFFIX}",)),
    Row("a file without a suffix", file("3/three"), INGEST_REFUSES, (f"{DIR}/3/three {NO_SUFFIX}",)),
    Row(
        "a thousand texts",
        one_after_another(*(file(f"3/{number:03d}.txt") for number in range(1000))),
        INGEST_REFUSES,
        (f"{DIR}/3/009.txt {NO_SUFFIX}", "and 990 more such errors"),
    ),
    *(
        Row(f"a folder named {name}", folder(name), INGEST_REFUSES, (f"{DIR}/{name} {NO_LABEL}",))
        for name in ("ten", "-1", "10", "3.5")
    ),
    Row("a folder named 07", folder("07"), INGEST_REFUSES, (f"{DIR}/07 {NO_LABEL}; is it 7?",)),
    Row("a folder named by an Arabic three", folder("٣"), INGEST_REFUSES, (f"{DIR}/٣ {NO_LABEL}; is it 3?",)),
    Row("an empty folder", without("4"), INGEST_REFUSES, (f"{DIR}/4 {TOO_FEW}",)),
    Row(
        "a folder with one picture",
        without("4", keep=1),
        VALIDATE_REFUSES,
        (
            "critical: digits_in_splits (every digit occurs in each split, as drawn with ingest.seed = 45, … "
            ", no test 4: add pictures, or change fraction, seed or ingest.near_duplicate_distance",
        ),
    ),
    Row(
        "a missing folder",
        lambda: shutil.rmtree(EXTERNAL / "4"),
        INGEST_REFUSES,
        (f"{DIR}/4 {TOO_FEW}",),
    ),
    Row("a folder in a folder", folder("3/more"), INGEST_REFUSES, (f"{DIR}/3/more is a folder; a label's",)),
    Row(
        "a folder named as a picture",
        folder("3/a.png"),
        INGEST_REFUSES,
        (f"{DIR}/3/a.png is a folder; a label's",),
    ),
    Row(
        "a picture next to the folders",
        lambda: (EXTERNAL / "3/07.png").rename(EXTERNAL / "07.png"),
        INGEST_REFUSES,
        (f"{DIR}/07.png {NO_LABEL}",),
    ),
    Row(
        "a file in a folder's place",
        one_after_another(lambda: shutil.rmtree(EXTERNAL / "4"), file("4")),
        INGEST_REFUSES,
        (f"{DIR}/4 is a file; expected the folder of a label",),
    ),
    Row(
        "no folder at all",
        lambda: shutil.rmtree(EXTERNAL),
        INGEST_REFUSES,
        (f"{DIR} does not exist; put your pictures",),
    ),
    Row(
        "nothing in it",
        one_after_another(lambda: shutil.rmtree(EXTERNAL), EXTERNAL.mkdir),
        INGEST_REFUSES,
        (f"{DIR}/0 {TOO_FEW}", f"{DIR}/9 {TOO_FEW}"),
    ),
    Row(
        "a file in its place",
        one_after_another(lambda: shutil.rmtree(EXTERNAL), lambda: EXTERNAL.write_bytes(b"three")),
        INGEST_REFUSES,
        (f"{DIR} does not exist; put your pictures",),
    ),
]

NAMES = [
    Row(
        f"a bad picture whose name contains {what}",
        Made(f"3/{name}.png", lambda digit: b"three"),
        VALIDATE_REFUSES,
        (f"critical: readable ( … {DIR}/3/{printed}.png, label 3: not a picture",),
    )
    for what, name, printed in (
        ("spaces", " my best 3 ", " my best 3 "),
        ("quotes", "\"3\" or '3'", "\"3\" or '3'"),
        ("a line break", "one\ntwo", r"one\ntwo"),
        ("a tab", "one\ttwo", r"one\ttwo"),
        ("letters of other scripts", "trois é 三 ③", "trois é 三 ③"),
        ("bytes that are no UTF-8", os.fsdecode(b"caf\xe9"), r"caf\udce9"),
        ("terminal control characters", "\x1b[2J\u202e3", r"\x1b[2J\u202e3"),
        ("the marks of a web page", "<script>alert(3)<|script>", "<script>alert(3)<|script>"),
    )
] + [
    Row(
        "a text whose name contains a line break and bytes that are no UTF-8",
        file("3/" + os.fsdecode(b"caf\xe9\n.txt")),
        INGEST_REFUSES,
        (rf"{DIR}/3/caf\udce9\n.txt {NO_SUFFIX}",),
    ),
]

LINKS = [
    Row(
        "a link out of the folder",
        link_to_outside("3/07.png"),
        INGEST_WARNS,
        (f"warning: {DIR}/3/07.png is a link to a file outside {DIR}: skipped",),
    ),
    Row(
        "a folder that is a link out of the folder",
        link_to_outside("3"),
        INGEST_REFUSES,
        (f"{DIR}/3 is a link to a folder outside {DIR}",),
    ),
    Row(
        "a folder that is a link to another label's",
        one_after_another(lambda: shutil.rmtree(EXTERNAL / "4"), link("4", "3")),
        VALIDATE_REFUSES,
        (f"critical: one_label ( … {DIR}/3/03.png, label 3: also labelled 4: train row  … , {DIR}/4/03.png",),
    ),
    Row("a link to a folder", link("3/x.png", "../4"), INGEST_REFUSES, (f"{DIR}/3/x.png",)),
    Row(
        "a broken link",
        link("3/x.png", "lost.png"),
        INGEST_REFUSES,
        (f"{DIR}/3/x.png is a broken link",),
    ),
    Row(
        "a link to itself",
        link("3/x.png", "x.png"),
        INGEST_REFUSES,
        (f"{DIR}/3/x.png is a broken link",),
    ),
    Row(
        "a folder that is a link to itself",
        one_after_another(lambda: shutil.rmtree(EXTERNAL / "4"), link("4", "4")),
        INGEST_REFUSES,
        (f"{DIR}/4 can't be read: Too many levels of symbolic links",),
    ),
    Row(
        "a pipe, without a writer",
        lambda: os.mkfifo(EXTERNAL / "3/x.png"),
        INGEST_REFUSES,
        (f"{DIR}/3/x.png is not a regular file",),
    ),
    Row(
        "an unreadable picture",
        lambda: (EXTERNAL / "3/07.png").chmod(0),
        INGEST_REFUSES,
        (f"{DIR}/3/07.png can't be read: Permission denied; make it readable (`chmod u+r`) or remove it",),
        unprivileged=True,
    ),
    Row(
        "an unreadable folder",
        lambda: (EXTERNAL / "3").chmod(0),
        INGEST_REFUSES,
        (f"{DIR}/3 can't be read: Permission denied",),
        unprivileged=True,
    ),
]

RELATED = [
    Row(
        "one picture under two labels",
        lambda: shutil.copy(EXTERNAL / "3/07.png", EXTERNAL / "5/07.png"),
        VALIDATE_REFUSES,
        (
            f"critical: one_label ( … {DIR}/3/07.png, label 3: also labelled 5: ",
            f"critical: one_label ( … {DIR}/5/07.png, label 5: also labelled 3: ",
        ),
    ),
    Row(
        "one picture twice",
        lambda: shutil.copy(EXTERNAL / "3/01.png", EXTERNAL / "3/02.png"),
        VALIDATE_WARNS,
        (f"warning: no_duplicates ( … {DIR}/3/02.png, label 3: duplicate of  … , {DIR}/3/01.png",),
    ),
    Row(
        "one picture two thousand times",
        two_thousand_copies,
        VALIDATE_WARNS,
        (
            f"warning: no_duplicates ( … {DIR}/3/copy 1.png, label 3: duplicate of ",
            "warning: no_duplicates ( … and 1,990 more",
        ),
    ),
    Row(
        "a picture of the test split again, in place of one of the training split: both are of one split",
        in_both_splits(lambda digit: digit),
        VALIDATE_WARNS,
        (f"warning: no_duplicates ( … {DIR}/3/ … , label 3: duplicate of test row ",),
    ),
    Row(
        "a dimmed copy of a picture of the test split, in place of one of the training split: both are of one split",
        in_both_splits(lambda digit: digit // 2),
        ACCEPTED,
    ),
    Row(
        "not one picture that can be read",
        lambda: [path.write_bytes(b"three") for path in EXTERNAL.glob("*/*")],
        VALIDATE_REFUSES,
        (
            f"critical: readable ( … {DIR}/0/01.png, label 0: not a picture (5 bytes)",
            "critical: readable ( … and 190 more",
        ),
    ),
]

ROWS = [*PICTURES, *FOLDERS, *NAMES, *LINKS, *RELATED]


@pytest.fixture(scope="module")
def bases(tmp_path_factory, mnist_digits) -> dict[int, Path]:
    """Projects with few and with many real digits of each label in their folder, ingested."""
    made = {}
    for each in (FEW, MANY):
        made[each] = project = tmp_path_factory.mktemp(f"base {each}")
        for label in range(10):
            (project / EXTERNAL / str(label)).mkdir(parents=True)
            for number, image in enumerate(mnist_digits.images[mnist_digits.labels == label][:each]):
                (project / EXTERNAL / str(label) / f"{number:02d}.png").write_bytes(pictures.encode_png(image))
        shutil.copy(ROOT / "params.yaml", project)
        shutil.copy(ROOT / REFERENCE_PROFILE, project / REFERENCE_PROFILE)
        with chdir(project):
            set_params("ingest", sources=["folder"], validation_fraction=0.3, seed=45)  # every split has every digit
            ingest.main()
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def own_pictures() -> list[tuple[str, bytes, int]]:
    """The folder's pictures as they are, except those that are elsewhere."""
    root = EXTERNAL.resolve()
    paths = [path for path in EXTERNAL.glob("[0-9]/*") if path.resolve().is_relative_to(root)]
    return sorted((labelled_folders.text(path), path.read_bytes(), int(path.parent.name)) for path in paths)


def ingested() -> list[tuple[str, bytes, int]]:
    return sorted((one.path, one.data, one.label) for split in dataset.raw_splits() for one in read_raw(split))


@contextmanager
def unprivileged() -> Iterator[None]:
    """Run as a user without root's right to read every file, who owns the working folder."""
    if os.geteuid() != 0:
        yield
        return
    for path in (Path(), Path("data")):
        os.chown(path, 65534, -1)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


class Run(NamedTuple):
    """The result of the stages on a folder, and the lines of their output, indented lines with the one above."""

    result: str
    lines: list[str]


def run(rows: list[Row]) -> Run:
    """Put the faults in the folder, and run ingest and validate, in the current project."""
    before = contents(RAW)
    for number, row in enumerate(rows):
        if isinstance(row.spoil, Made):
            row.spoil(number)
        else:
            row.spoil()
    with unprivileged() if any(row.unprivileged for row in rows) else nullcontext():
        refused, lines = output_of(ingest.main)
    if refused:
        assert contents(RAW) == before
        assert not list(RAW.parent.glob(".partial*"))
        return Run(INGEST_REFUSES, lines)
    assert ingested() == own_pictures()
    result = INGEST_WARNS if warned(lines) else ACCEPTED
    before = contents(RAW)
    refused, more = output_of(validate.main)
    assert contents(RAW) == before
    if refused:
        result = VALIDATE_REFUSES
    elif warned(more):
        result = VALIDATE_WARNS
    return Run(result, lines + more)


def output_of(main: Callable[[], None]) -> tuple[bool, list[str]]:
    """Whether a stage ends in an error, which is printed last, and the lines that it prints."""
    screen, error = io.StringIO(), None
    with redirect_stdout(screen), redirect_stderr(screen):
        try:
            main()
        except UserError as raised:
            error = raised
            print(f"error: {error}")
    lines, above = [], ""
    for line in screen.getvalue().split("\n"):
        lines.append(above + line if line.startswith("    ") else line)
        above = above if line.startswith("    ") else line
    return error is not None, lines


def warned(lines: list[str]) -> bool:
    return any(line.startswith("warning: ") for line in lines)


def grouped() -> dict[str, list[Row]]:
    """By the name of each row, the rows that are validated with it."""
    kinds: dict[object, list[Row]] = {}
    for row in ROWS:
        kinds.setdefault((row.result, row.each) if isinstance(row.spoil, Made) else row.what, []).append(row)
    return {
        row.what: group
        for kind in kinds.values()
        for start in range(0, len(kind), PER_RUN)
        for group in [kind[start : start + PER_RUN]]
        for row in group
    }


@pytest.fixture(scope="module")
def run_of(bases, tmp_path_factory) -> Callable[[Row], Run]:
    """The run of the group that a row is in, once for the group."""
    groups, runs = grouped(), {}

    def find(row: Row) -> Run:
        group = groups[row.what]
        if group[0].what not in runs:
            project = tmp_path_factory.mktemp("spoilt") / "project"
            shutil.copytree(bases[row.each], project)
            with chdir(project):
                runs[group[0].what] = run(group)
        return runs[group[0].what]

    return find


@pytest.mark.filterwarnings("ignore:Truncated File Read")  # Pillow's, of EXIF; the picture is decoded
@pytest.mark.parametrize("row", ROWS, ids=[row.what for row in ROWS])
def test_a_fault_is_reported_by_name_and_what_was_ingested_stays_unchanged(run_of, row):
    result, lines = run_of(row)
    printed = "\n".join(lines)
    assert result == row.result, printed
    for words in row.words:
        pattern = ".*".join(map(re.escape, words.split(" … ")))
        assert any(re.search(pattern, line) for line in lines), f"{words}\nis not in\n{printed}"
    assert all(line.isprintable() for line in lines), printed
    assert len(lines) <= MAX_LINES, printed


def test_the_table_has_forty_faults_and_the_severity_of_those_that_validate_finds():
    assert len({row.what for row in ROWS}) == len(ROWS)
    assert len([row for row in ROWS if row.result != ACCEPTED]) >= 40
    for result, severity in {VALIDATE_REFUSES: "critical: ", VALIDATE_WARNS: "warning: "}.items():
        assert all(row.words[0].startswith(severity) for row in ROWS if row.result == result)
