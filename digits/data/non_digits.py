"""Pictures that show no digit, drawn at random: letters, signs, scribbles, text, noise, paper, textures and things.

The network learns from some of them what is no digit, and `evaluate` measures on others how many are refused. A kind is
a function of a `Source` that gives (height, width) uint8 pixel values, 0 black to 255 white. No picture is read from a
file, so that every machine draws the same.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from digits.arrays import Floats, Pixels
from digits.data.canonical import canonical
from digits.data.drawing import bent, clouds, cropped, draw_line, on_paper, pixel_values, smooth, written
from digits.params import Preprocess

# Without those that are drawn like a digit: B and θ as 8, b and G as 6, D and O as 0, I and l as 1, S as 5, Z as 2,
# g and q as 9, y as 4
LETTERS = "ACEFGHJKLMNPQRTUVWXYacdefhjkmnprtuvwxΓΔΘΛΞΠΣΦΨΩαβγζηκλμνξπρτφχψωЖЙЛФЯЮЭШДЩЦЪЬ&@#%$?!+=<>*{}"
# Hebrew, Armenian, Georgian, Tifinagh and Canadian syllabics, which only one of the fonts has
MORE_LETTERS = (
    "אבגדהזחטכלמנספצקרשתԱԲԳԴԵԷԸԹԺԻԽԿՀՁՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՓՔაბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯ"
    "ⴰⴱⴳⴴⴷⴹⴻⴼⴽⵀⵃⵄⵅⵇⵉⵊⵍⵎⵏⵓⵔⵕⵖⵙⵚⵛⵜⵟⵡⵢⵣⵥᐁᐃᐅᐊᐯᐱᐳᐸᑌᑎᑐᑕᑫᑭᑯᑲᒉᒋᒍᒐᒣᒥᒧᒪᓀᓂᓄᓇᓭᓯᓱᓴ"
)
MORE_LETTERS_FONT = "DejaVuSans"
# Training and evaluation draw with different fonts, so that a letter is refused for its shape, not for its font
TRAIN_FONTS = ("DejaVuSans", "DejaVuSansMono", "DejaVuSerif", "STIXGeneral")
TEST_FONTS = ("DejaVuSans-BoldOblique", "DejaVuSerif-BoldItalic", "STIXGeneralBolIta", "STIXGeneralItalic")
STROKE_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
)
TEXT = "the quick brown fox jumps over lazy dogs while twelve clerks copy minutes of last week by hand"
ORDERED = 100  # pictures that one process draws at a time
PEN_SIDE = 56  # pixels: the side of what is drawn with a pen
INK = 60  # pixel values of a canonical digit: more is a stroke, less its edge
BAR = 9  # pixels of a canonical digit: a narrower one is an upright bar, a 1 however it came about


class Source(NamedTuple):
    """What is drawn from: a generator, whether it is for training, and (n, 28, 28) uint8 digits."""

    random: np.random.Generator
    for_training: bool
    digits: Pixels

    @property
    def fonts(self) -> tuple[str, ...]:
        return TRAIN_FONTS if self.for_training else TEST_FONTS


KINDS: dict[str, Callable[[Source], Pixels]] = {}
# Of the pictures that the network learns from: many of what it confuses with digits, few of what it never does
SHARES = {
    "letters": 0.3,
    "signs": 0.3,
    "two_digits": 0.15,
    "scribbles": 0.07,
    "things": 0.05,
    "paper": 0.05,
    "text": 0.03,
    "textures": 0.03,
    "noise": 0.02,
}


def kind(function: Callable[[Source], Pixels]) -> Callable[[Source], Pixels]:
    KINDS[function.__name__] = function
    return function


class Order(NamedTuple):
    """Pictures of a kind, for `split` "train" or "test", by these seeds, from (n, 28, 28) uint8 digits."""

    kind: str
    split: str
    pictures: int
    seeds: tuple[int, ...]
    digits: Pixels


def orders(params: Preprocess, train: Pixels, test: Pixels, rows: int) -> list[Order]:
    """All that is to be drawn for `rows` training digits, from some (n, 28, 28) uint8 digits of both splits."""
    counts = {("train", name): round(share * params.non_digits * rows) for name, share in SHARES.items()}
    counts |= {("test", name): params.non_digits_per_kind for name in KINDS}
    digits = {"train": train, "test": test}
    return [
        Order(name, split, min(ORDERED, count - first), (params.drawing_seed, first), digits[split])
        for (split, name), count in counts.items()
        for first in range(0, count, ORDERED)
    ]


def draw(order: Order) -> list[Pixels]:
    """The pictures, each (height, width) uint8; the same order gives the same pictures."""
    random = np.random.default_rng([*order.seeds, *f"{order.split} {order.kind}".encode()])
    source = Source(random, order.split == "train", order.digits)
    return [KINDS[order.kind](source) for _ in range(order.pictures)]


def draw_canonical(order: Order) -> Pixels:
    """The pictures as canonical digits, (n, 28, 28) uint8, at most as many as ordered.

    Without those that end as an upright bar, and for training without blank ones, which are refused before the network.
    """
    found = np.stack([canonical(picture[None])[0] for picture in draw(order)])
    columns = np.any(found > INK, axis=1)
    width = columns.shape[1] - columns.argmax(axis=1) - columns[:, ::-1].argmax(axis=1)
    blank = ~found.any(axis=(1, 2))
    kept: Pixels = found[(width >= BAR) & ~blank | (blank & (order.split == "test"))]
    return kept


@kind
def letters(source: Source) -> Pixels:
    random = source.random
    if source.for_training and random.random() < 0.3:
        ink = _stroke_letter(random)
    elif source.for_training and random.random() < 0.4:
        ink = _letter(random, MORE_LETTERS, MORE_LETTERS_FONT)
    else:
        ink = _letter(random, LETTERS, str(random.choice(source.fonts)))
    return on_paper(bent(ink, random), random)


def _letter(random: np.random.Generator, letters: str, font: str) -> np.ndarray:
    return written(str(random.choice([*letters])), font, int(random.integers(32, 44)), (PEN_SIDE, PEN_SIDE))


def _stroke_letter(random: np.random.Generator) -> np.ndarray:
    """A letter as strokes of one width: OpenCV's fonts."""
    letter, font, width = random.choice([*LETTERS]), int(random.choice(STROKE_FONTS)), int(random.integers(2, 6))
    while not letter.isascii():
        letter = random.choice([*LETTERS])
    ink, scale = np.zeros((PEN_SIDE, PEN_SIDE), np.uint8), 1.4
    (wide, high), _ = cv2.getTextSize(str(letter), font, scale, width)
    place = ((PEN_SIDE - wide) // 2, (PEN_SIDE + high) // 2)
    return cv2.putText(ink, str(letter), place, font, scale, 255, width, cv2.LINE_AA)


@kind
def signs(source: Source) -> Pixels:
    """Two to five strokes of a pen, most of which begin on one another, as in scripts of any kind."""
    random, ink = source.random, np.zeros((PEN_SIDE, PEN_SIDE), np.uint8)
    width, upright = int(random.integers(2, 8)), random.random() < 0.4
    start = random.uniform(10, PEN_SIDE - 10, 2)
    for _ in range(random.choice([2, 3, 4, 5], p=[0.35, 0.35, 0.2, 0.1])):
        stroke = np.clip(_sign_stroke(random, start, upright), 3, PEN_SIDE - 3)
        draw_line(ink, stroke + random.normal(0, 0.4, stroke.shape), width)
        joint = random.choice([0, len(stroke) // 3, len(stroke) // 2, len(stroke) - 1])
        start = stroke[joint] if random.random() < 0.85 else random.uniform(10, PEN_SIDE - 10, 2)
    return on_paper(ink, random)


def _sign_stroke(random: np.random.Generator, start: Floats, upright: bool) -> np.ndarray:
    """(n, 2) points, in pixels, of a straight stroke, one with a corner, an arc or a loop that begins at `start`."""
    angle = np.pi / 2 * random.integers(4) + random.normal(0, 0.08) if upright else random.uniform(0, 2 * np.pi)
    length, t = random.uniform(0.2, 0.75) * PEN_SIDE, np.linspace(0, 1, 16)[:, None]
    match random.choice(4, p=[0.45, 0.2, 0.25, 0.1]):
        case 0:
            line: Floats = start + t * length * _direction(angle)
            return line
        case 1:
            corner = start + length * _direction(angle)
            turned = angle + random.choice([-1, 1]) * (np.pi / 2 if upright else random.uniform(0.7, 2.6))
            end = corner + random.uniform(0.3, 1) * length * _direction(turned)
            return np.concatenate([start + t * (corner - start), corner + t * (end - corner)])
        case 2:
            turned = angle + t[:, 0] * random.choice([-1, 1]) * random.uniform(1.5, 4.5)
            return start + np.cumsum(_direction(turned), axis=0) * length / len(t)
        case _:
            steps = _direction(angle + 2 * np.pi * t[:, 0]) * (1, random.uniform(0.5, 1))
            return start + np.cumsum(steps, axis=0) * 1.6 * length / len(t)


def _direction(angle: np.ndarray | float) -> np.ndarray:
    """(…, 2): one pixel in the direction of each angle, in radians."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


@kind
def scribbles(source: Source) -> Pixels:
    random, ink, margin = source.random, np.zeros((PEN_SIDE, PEN_SIDE), np.uint8), 6
    walk = np.cumsum(random.normal(0, random.uniform(8, 30), (random.integers(6, 30), 2)), axis=0)
    inner = PEN_SIDE - 2 * margin
    walk = margin + np.abs((walk + inner / 2) % (2 * inner) - inner)  # reflected at the margin
    draw_line(ink, smooth(walk) if random.random() < 0.8 else walk, int(random.integers(1, 5)))
    return on_paper(ink, random)


@kind
def text(source: Source) -> Pixels:
    """A word, or some lines of words."""
    random = source.random
    lines, size, width = (int(random.integers(*bounds)) for bounds in ((1, 6), (9, 20), (40, 120)))
    chosen = (" ".join(random.choice(TEXT.split(), 1 if lines == 1 else 3)) for _ in range(lines))
    shape = (int(1.3 * size * lines) + 10, width)
    return on_paper(written("\n".join(chosen), str(random.choice(source.fonts)), size, shape), random)


@kind
def two_digits(source: Source) -> Pixels:
    """Two or three digits in a line, apart or overlapping a little."""
    random, gap = source.random, int(source.random.integers(-2, 12))
    rows = random.integers(len(source.digits), size=random.choice([2, 3], p=[0.7, 0.3]))
    ink, *others = (cropped(source.digits[row]) for row in rows)
    for digit in others:
        width = max(1, ink.shape[1] + digit.shape[1] + gap)
        line = np.zeros((max(len(ink), len(digit)), width), np.uint8)
        line[: len(ink), : ink.shape[1]] = ink
        place = line[len(line) - len(digit) :, width - digit.shape[1] :]
        np.maximum(place, digit, out=place)
        ink = line
    enlarged = cv2.resize(np.pad(ink, 6), None, fx=1.6, fy=1.6, interpolation=cv2.INTER_LINEAR)
    return on_paper(np.asarray(enlarged, np.uint8), random)


@kind
def noise(source: Source) -> Pixels:
    """Grains, sharp or blurred."""
    random, side = source.random, int(source.random.integers(20, 64))
    if random.random() < 0.3:
        grains = np.where(random.random((side, side)) < random.uniform(0.02, 0.5), 0.0, 255.0)
    else:
        grains = random.normal(random.uniform(60, 200), random.uniform(20, 80), (side, side))
    return pixel_values(cv2.GaussianBlur(grains, (0, 0), random.uniform(0.3, 2.5)))


@kind
def paper(source: Source) -> Pixels:
    """A sheet without writing: folds, creases, a stain."""
    random, side = source.random, int(source.random.integers(40, 100))
    down, across = np.mgrid[:side, :side] / side
    sheet = random.uniform(150, 250) + random.normal(0, random.uniform(0.5, 6), (side, side))
    for _ in range(random.integers(1, 9)):
        beyond = np.tensordot(_direction(random.uniform(0, np.pi)), [across, down], 1) - random.uniform(0.1, 0.9)
        sheet += random.normal(0, 25) * np.clip(beyond, 0, 0.3)  # another slope, so another light
        sheet -= random.uniform(0, 60) * np.exp(-np.square(beyond / random.uniform(0.01, 0.05)))
    if random.random() < 0.4:
        place, size = random.uniform(0, 1, 2), random.uniform(0.05, 0.4)
        sheet -= random.uniform(5, 60) * (np.hypot(across - place[0], down - place[1]) < size)
    return pixel_values(cv2.GaussianBlur(sheet, (0, 0), random.uniform(0.4, 1.5)))


@kind
def textures(source: Source) -> Pixels:
    """Wood, cloth, tiles, a grid, clouds."""
    random, side = source.random, int(source.random.integers(28, 100))
    down, across = np.mgrid[:side, :side] / side
    turn, field = _direction(random.uniform(0, np.pi)), clouds(random, side)
    along, away = (random.uniform(1, 12) * np.tensordot(one, [across, down], 1) for one in (turn, turn[::-1] * (-1, 1)))
    waves = np.sin(2 * np.pi * along), np.sin(2 * np.pi * away)
    match random.integers(5):
        case 0:
            pattern = np.sin(2 * np.pi * along + random.uniform(0, 3) * field)
        case 1:
            pattern = waves[0] * waves[1]
        case 2:
            pattern = np.sign(waves[0] * waves[1])
        case 3:
            pattern = 4 * np.maximum(np.abs(along % 1 - 0.5), np.abs(away % 1 - 0.5)) - 1
        case _:
            pattern = np.sign(field - np.quantile(field, random.uniform(0.5, 0.9))) if random.random() < 0.5 else field
    return pixel_values(random.uniform(80, 180) + random.uniform(20, 90) * pattern + random.normal(0, 5, (side, side)))


@kind
def things(source: Source) -> Pixels:
    """A photographed thing, a body with limbs, before a plain background."""
    random, side = source.random, int(source.random.integers(66, 130))
    shape, centre = np.zeros((side, side), np.uint8), random.uniform(0.35, 0.65, 2) * side
    axes = [int(length * side) for length in random.uniform(0.08, 0.28, 2)]
    cv2.ellipse(shape, centre.astype(int).tolist(), axes, random.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
    direction, spread = random.uniform(0, 2 * np.pi), random.uniform(0.15, 0.7)
    for limb in range(random.integers(1, 7)):
        angle = direction + spread * (limb - 2) + random.normal(0, 0.1)
        joint = centre + random.uniform(0.15, 0.3) * side * _direction(angle)
        end = joint + random.uniform(0.03, 0.3) * side * _direction(angle + random.normal(0, 0.4))
        draw_line(shape, smooth(np.stack([centre, joint, end])), max(1, int(random.uniform(0.03, 0.12) * side)))
    return _lit(cv2.GaussianBlur(shape, (0, 0), 1) / 255, random)


def _lit(mask: Floats, random: np.random.Generator) -> np.ndarray:
    """A thing of this (side, side) shape, 0 to 1, darker at its edges, and the background."""
    side = len(mask)
    edges = np.hypot(*np.gradient(cv2.GaussianBlur(mask, (0, 0), random.uniform(1, 4))))
    surface = random.uniform(60, 190) + random.uniform(10, 50) * clouds(random, side) - random.uniform(0, 500) * edges
    background = random.uniform(100, 240) + random.uniform(0, 20) * clouds(random, side)
    return pixel_values(background + mask * (surface - background) + random.normal(0, 2, (side, side)))
