"""How well scores tell what is no digit from digits, and what a model refuses of it. Prints two tables in Markdown.

    python -m benchmarks.refusal [RECIPE] [--seed 0] [--save FOLDER]
    python -m benchmarks.refusal [RECIPE] --model FILE [--plain FILE]

RECIPE is one of ours in benchmarks/recipes.py; `little`, the default, is the default pipeline's. Its network is trained
twice: without non-digits, which gives five scores, and with them, which gives the outlier score. A model file with what
it accepts is made of the latter as `evaluate` does. With --model nothing is trained: RECIPE tells the training digits,
and where --plain is left out the model itself gives all scores.

The first table has the AUROC of each score against MNIST's test digits, and the share that it refuses with a bound that
refuses 1 % of these. The second one has what the model file refuses. Non-digits are drawn anew, with another seed and
fonts than those that the network learned. Signs and pictures of people are measured only.
"""

import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from scipy.special import logsumexp
from sklearn.covariance import EmpiricalCovariance
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from benchmarks import mnist, recipes
from benchmarks.pictures import collections
from benchmarks.processes import DATA, ROOT
from digits.data import pictures
from digits.data.canonical import canonical
from digits.data.dataset import LABELS, Digits
from digits.errors import UserError, exit_status
from digits.evaluation import choice, refusal
from digits.evaluation.intervals import wilson
from digits.model.classifier import Classifier, Predictions
from digits.params import Params, load

DRAWING_SEED = 1  # evaluate's is 0
LOSS = 0.01  # of MNIST's test digits
FITTED = 10_000  # training digits, of which the first REFERENCES are neighbours
REFERENCES = 1000
COMPONENTS = 64
NEIGHBOURS = 10
# Signs that are a digit by shape, and which one; chosen by eye, before any score was computed
LOOK_ALIKES = {
    f"{alphabet}/character{sign:02}": digit
    for alphabet, signs in {
        "Early_Aramaic": {2: 9, 3: 7, 4: 4, 6: 4, 12: 6, 16: 0, 17: 7, 20: 4},
        "Greek": {15: 0, 18: 6},
        "Korean": {21: 1, 22: 7, 33: 0},
        "Latin": {2: 6, 7: 9, 12: 1, 15: 0, 17: 9, 19: 5, 26: 2},
    }.items()
    for sign, digit in signs.items()
}
Scores = dict[str, np.ndarray]  # by name, (n,) outlier scores: higher is less like a digit


class Pictures(NamedTuple):
    """Digits that people made, read by their `collections` (n,) str; and what is no digit, (m, 28, 28), by its kind."""

    digits: Digits
    collections: np.ndarray
    others: dict[str, np.ndarray]


class FeatureScores:
    """Distances from training digits in features of a network: the flattened output of its last convolution.

    Their principal components; Mahalanobis with the means of the classes and one covariance (Lee et al. 2018), and the
    cosine distance to the 10th nearest neighbour (Sun et al. 2022), as in OpenOOD, https://arxiv.org/abs/2306.09301.
    """

    def __init__(self, path: Path, training: Digits) -> None:
        model = onnx.load(path)
        flattened = next(node.output[0] for node in model.graph.node if node.op_type == "Flatten")
        del model.graph.output[:]
        model.graph.output.append(onnx.helper.make_tensor_value_info(flattened, onnx.TensorProto.FLOAT, None))
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        rows = np.random.default_rng(0).permutation(len(training.labels))[:FITTED]
        learned, labels = self._features(training.images[rows]), training.labels[rows]
        self._components = PCA(COMPONENTS, random_state=0).fit(learned)
        learned = self._components.transform(learned)
        self._means = np.stack([learned[labels == label].mean(axis=0) for label in LABELS])
        self._covariance = EmpiricalCovariance(assume_centered=True).fit(learned - self._means[labels])
        self._neighbours = NearestNeighbors(n_neighbors=NEIGHBOURS, metric="cosine").fit(learned[:REFERENCES])

    def _features(self, images: np.ndarray) -> np.ndarray:
        batches = np.array_split(images, max(1, len(images) // 1000))
        return np.concatenate([self._session.run(None, {"images": batch})[0] for batch in batches])

    def __call__(self, images: np.ndarray) -> Scores:
        found = self._components.transform(self._features(images))
        distances = [self._covariance.mahalanobis(found - mean) for mean in self._means]
        return {"Mahalanobis": np.min(distances, axis=0), "kNN": self._neighbours.kneighbors(found)[0][:, -1]}


def logit_scores(found: Predictions) -> Scores:
    """Of the ten logits; the probability as its negative logarithm, which does not round to 1."""
    logits = found.logits.astype(float)
    highest, energy = logits.max(axis=1), logsumexp(logits, axis=1)
    return {"max probability": energy - highest, "max logit": -highest, "energy": -energy}


def read_omniglot(path: Path) -> dict[str, np.ndarray]:
    """All handwritten signs, and those that are no look-alikes, as canonical digits.

    Omniglot's small background set (Lake et al. 2015), as https://github.com/brendenlake/omniglot has it.
    """
    try:
        with zipfile.ZipFile(path) as file:
            names = [name for name in sorted(file.namelist()) if name.endswith(".png")]
            images = pictures.decode_canonical_batch(file.read(name) for name in names)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} can't be read as Omniglot's zip of signs: {error}") from None
    signs = np.array(["/".join(name.split("/")[-3:-1]) for name in names])
    if missing := LOOK_ALIKES.keys() - {*signs}:
        raise UserError(f"{path} lacks {min(missing)}; expected images_background_small1.zip of Omniglot")
    return {"Omniglot less look-alikes": images[~np.isin(signs, [*LOOK_ALIKES])], "Omniglot": images}


def read_pictures(folder: Path) -> Pictures:
    """The pictures of `folder/<collection>/<label>/`, as canonical digits."""
    read = [(one, canonical(one.pixels[None])[0]) for one in collections(folder, "*")]
    if not read:
        raise UserError(f"{folder} has no picture; expected <collection>/<label>/<picture>")
    images, labels = np.stack([image for _, image in read]), np.array([one.label for one, _ in read])
    groups, is_digit = np.array([one.group for one, _ in read]), np.isin(labels, LABELS)
    others = {group: images[groups == group] for group in dict.fromkeys(groups[~is_digit].tolist())}
    return Pictures(Digits(images[is_digit], labels[is_digit]), groups[is_digit], others)


def score_table(score: Callable[[np.ndarray], Scores], test: np.ndarray, others: dict, read: np.ndarray) -> list[str]:
    """The AUROC by kind and score, and the share that is refused; the last row is of digits that are `read` rightly."""
    digits = score(test)
    bounds = {name: refusal.max_score(one, LOSS) for name, one in digits.items()}
    rows = [f"| kind | pictures | {' | '.join(bounds)} |", "|---|" + "---:|" * (1 + len(bounds))]
    for kind, images in others.items():
        found, blank = score(images), is_blank(images)
        cells = [
            f"{refusal.auroc(digits[name], one[~blank])[0]:.3f}, {np.mean((one > bounds[name]) | blank):.0%}"
            for name, one in found.items()
        ]
        rows.append(f"| {kind} | {len(images):,} | {' | '.join(cells)} |")
    shares = [f"{np.mean(one > bounds[name]):.1%}" for name, one in score(read).items()]
    return [*rows, f"| digits of people, read rightly | {len(read):,} | {' | '.join(shares)} |"]


def is_blank(images: np.ndarray) -> np.ndarray:
    """(n,) bool: what is refused before the network sees it."""
    return ~images.any(axis=(1, 2))


def refusal_table(model: Classifier, test: Digits, people: Pictures, others: dict) -> list[str]:
    """What the model file refuses: of what is no digit, and of the digits that it reads rightly."""
    refused = {
        kind: ~model.predict(images).accepted | is_blank(images) for kind, images in (others | people.others).items()
    }
    refused["MNIST's test digits"] = ~model.predict(test.images).accepted
    right = read_rightly(model, people.digits)
    of_digits = ~model.predict(people.digits.images).accepted
    for group in dict.fromkeys(people.collections.tolist()):
        refused[f"{group}, read rightly"] = of_digits[right & (people.collections == group)]
    refused["digits of people, read rightly"] = of_digits[right]
    rows = ["| pictures | number | refused | 95 % interval |", "|---|---:|---:|---:|"]
    for name, one in refused.items():
        low, high = wilson(int(one.sum()), len(one))
        rows.append(f"| {name} | {len(one):,} | {one.mean():.1%} | {low:.1%} to {high:.1%} |")
    return rows


def read_rightly(model: Classifier, digits: Digits) -> np.ndarray:
    """(n,) bool: which digits get their label."""
    right = model.predict(digits.images).probabilities.argmax(axis=1) == digits.labels
    return right & ~is_blank(digits.images)


def train(recipe: str, seed: int, folder: Path, params: Params, splits: mnist.Splits, to: Path) -> tuple[Path, Path]:
    """Write `plain.onnx`, trained without non-digits, and `digits.onnx`, with what it accepts; return both."""
    plain, network, model = (to / f"{name}.onnx" for name in ("plain", "network", "digits"))
    recipes.ours(recipe, seed, folder, recipes.with_share(params, 0), plain)
    recipes.ours(recipe, seed, folder, params, network)
    hashes = np.array([digest.hex() for digest in mnist.digests(splits.validation.images)], "S64")
    choice.choose(network, splits.validation, hashes, splits.train.images, params.evaluate, model)
    return plain, model


def tables(plain: Path, model: Path, splits: mnist.Splits, people: Pictures, others: dict) -> list[str]:
    """Both tables, of two ONNX files."""
    classifiers = Classifier(plain), Classifier(model)
    if not classifiers[1].acceptance:
        raise UserError(f"{model} is of an older version and gives no outlier score; `dvc repro` writes a new one")
    features = FeatureScores(plain, splits.train)

    def score(images: np.ndarray) -> Scores:
        without, with_them = (one.predict(images) for one in classifiers)
        return logit_scores(without) | features(images) | {"outlier score": with_them.score.astype(float)}

    right = np.all([read_rightly(one, people.digits) for one in classifiers], axis=0)
    scores = score_table(score, splits.test.images, others, people.digits.images[right])
    return [*scores, "", *refusal_table(classifiers[1], splits.test, people, others)]


def main() -> None:
    params = load(ROOT / "params.yaml")
    parser = mnist.parser(__doc__)
    parser.add_argument("recipe", nargs="?", default="little", choices=["little", "default", *params.presets])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="folder to write the trained models to")
    parser.add_argument("--model", type=Path, help="model file to score, in place of training")
    parser.add_argument("--plain", type=Path, help="ONNX file of the network trained without non-digits")
    parser.add_argument("--each", type=int, default=1000, help="pictures to draw of each kind")
    parser.add_argument("--omniglot", type=Path, default=DATA / "omniglot_small1.zip")
    parser.add_argument("--pictures", type=Path, default=DATA / "pictures", help="of <collection>/<label>/<picture>")
    given = parser.parse_args()
    people, signs = read_pictures(given.pictures), read_omniglot(given.omniglot)
    splits = recipes.splits_of(given.recipe, given.mnist, params)
    anew = {"drawing_seed": DRAWING_SEED, "non_digits": 0, "non_digits_per_kind": given.each}
    drawn = mnist.draw_non_digits(splits, params.preprocess.model_copy(update=anew), "test")
    others = {kind: drawn.images[drawn.kinds == kind] for kind in dict.fromkeys(drawn.kinds.tolist())} | signs
    with tempfile.TemporaryDirectory() as temporary:
        if given.model:
            plain, model = given.plain or given.model, given.model
        else:
            folder = given.save or Path(temporary)
            plain, model = train(given.recipe, given.seed, given.mnist, params, splits, folder)
        print("\n".join(tables(plain, model, splits, people, others)))


if __name__ == "__main__":
    sys.exit(exit_status(main))
