"""How often models misread corrupted and printed digits, compared with Keras's recipe of the same run.

    python -m benchmarks.corruptions [--model FILE …] [--digits 500] [--epochs 12] [--mnist FOLDER]
    python -m benchmarks.corruptions --figures docs/images

Prints a Markdown table: the error on test digits of MNIST, by corruption, mean over its strengths, and the mean of
the fifteen. Each model reads the digits as pictures that a user brings, made canonical, and as they are: Keras's
recipe comes with no conversion. Printed digits that are not made canonical are resized to 28 x 28.
"""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import mnist
from benchmarks.pictures import resized
from benchmarks.recipes import KERAS_EPOCHS, fit_keras, keras_inputs, keras_model
from digits.data.canonical import canonical
from digits.evaluation import corruptions, fonts
from digits.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupted
from digits.model.classifier import Classifier
from digits.visualization import corruption_figures

SEED = 0
SHOWN = 2600  # of the project's own digits, in the figure
EMPTY = 232  # pixel value where a corruption has no such strength
Reader = Callable[[np.ndarray], np.ndarray]  # (n, 28, 28) uint8 digits to (n,) labels


def onnx_reader(path: Path) -> Reader:
    classifier = Classifier(path)
    return lambda digits: classifier.predict(digits).probabilities.argmax(axis=1)


def keras_reader(folder: Path, epochs: int) -> Reader:
    model = keras_model(SEED)
    fit_keras(model, mnist.idx(folder, "train"), epochs)
    return lambda digits: model.predict(keras_inputs(digits), 1000, verbose=0).argmax(axis=1)


def table(readers: dict[str, Reader], images: np.ndarray, labels: np.ndarray) -> list[str]:
    """Rows of a Markdown table: each reader's error by corruption, on canonical digits and on those as they are."""
    columns = [f"{name}, {form}" for name in readers for form in ("canonical", "as they are")]

    def misread(made_canonical: np.ndarray, as_they_are: np.ndarray, truth: np.ndarray) -> list[np.ndarray]:
        """Which digits each column misreads, (n,) bool; one of which no ink is left is misread."""
        return [
            (read(digits) != truth) | ~digits.any(axis=(1, 2))
            for read in readers.values()
            for digits in (made_canonical, as_they_are)
        ]

    shares = defaultdict(list)  # by corruption: a (columns, n) for each strength
    for name, strength, digits in corruptions.corrupted_digits(images, SEED):
        shares[name].append(misread(digits, corrupted(images, name, strength, SEED), labels))
    by_column = [
        corruptions.corruption_error({name: np.mean(levels, axis=0)[column] for name, levels in shares.items()})
        for column in range(len(columns))
    ]
    printed = fonts.printed_digits()
    ready = canonical(printed.pictures)
    small = np.stack([resized(picture) for picture in printed.pictures])
    errors = {
        f"none, {len(labels):,} digits": np.mean(misread(canonical(images), images, labels), axis=1),
        **{name: [column[name] for column in by_column] for name in [*CORRUPTIONS, "mean"]},
        f"printed in {len(fonts.FONTS)} fonts": np.mean(misread(ready, small, printed.labels), axis=1),
    }
    head = [f"| corruption | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    return head + [f"| {name} | {' | '.join(f'{error:.1%}' for error in row)} |" for name, row in errors.items()]


def draw(folder: Path) -> None:
    """Draw a digit in every corruption and strength, and the printed digits."""
    digit = mnist.own().images[SHOWN][None]
    sheet = np.full((len(CORRUPTIONS), 2 * len(STRENGTHS), 1, 28, 28), EMPTY, np.uint8)
    for row, name in zip(sheet, CORRUPTIONS, strict=True):
        for strength in corruptions.strengths(name):
            row[strength - 1] = corrupted(digit, name, strength, SEED)
            row[strength - 1 + len(STRENGTHS)] = canonical(row[strength - 1])
    title = "A digit at strengths 1 to 5, and then made canonical"
    corruption_figures.table(sheet[:, :, 0], [*CORRUPTIONS], [*"1234512345"], title, folder / "corruptions.png")
    printed = fonts.printed_digits().pictures.reshape(len(fonts.FONTS), len(fonts.SIZES), 10, len(fonts.TILTS), 64, 64)
    corruption_figures.table(
        printed[:, -1, :, 0], fonts.FONTS, [*"0123456789"], "Printed digits, one size and tilt", folder / "fonts.png"
    )


def main() -> None:
    parser = mnist.parser(__doc__)
    parser.add_argument("--model", type=Path, nargs="*", default=[Path("models/digits.onnx")])
    parser.add_argument("--digits", type=int, default=500, help="test digits that are corrupted")
    parser.add_argument("--epochs", type=int, default=KERAS_EPOCHS, help="of Keras's recipe; 0 leaves it out")
    parser.add_argument("--figures", type=Path, help="draw the two figures to this folder instead")
    given = parser.parse_args()
    if given.figures:
        draw(given.figures)
        return
    test = mnist.idx(given.mnist, "t10k")
    rows = np.linspace(0, len(test.labels), given.digits, endpoint=False).astype(int)
    readers = {str(path): onnx_reader(path) for path in given.model}
    if given.epochs:
        readers["Keras's mnist_convnet"] = keras_reader(given.mnist, given.epochs)
    print("\n".join(table(readers, test.images[rows], test.labels[rows])))


if __name__ == "__main__":
    main()
