"""What pictures are to one another: copies, near-copies, two labels for one picture, and who stands out.

Every function takes the table of measurements, one row a picture, and returns a column for it: empty where all is well,
else in words what was found, naming the other picture. The cost is linear in the rows (or that of sorting them).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from digits.measurements import THUMBNAIL
from digits.pictures import SUFFIXES

RELATIONS = ["misnamed", "odd_ink", "copy_of", "also_in_test", "other_label", "near_copy", "unlike_label"]
MINORITY = 0.1  # dark ink among light, or light among dark: up to a tenth is odd, more is a collection of both
TABLES, PROJECTIONS, WIDTH = 8, 12, 0.4  # of the hashes below: 96 % of 500 copies at JPEG quality 85 were met
MET = 20  # test pictures of one hash that a training picture is compared with
SUBSPACE, SAMPLE = 24, 4000  # dimensions of a label's usual look, and the most pictures that it is learned from
ENOUGH = 4 * SUBSPACE  # pictures of a label; with fewer there is no saying what is usual, and it is left out
SLICE = 50_000  # pictures whose looks are held as numbers at once


def relate(table: pd.DataFrame, near: float, unlike: float) -> pd.DataFrame:
    """The table with a column for each of RELATIONS.

    `near` is the distance below which two pictures in different splits are near-copies: of their thumbnails, each
    scaled to a length of 1. `unlike` is how many times better another label's usual look must fit than its own.
    """
    return table.assign(
        misnamed=_misnamed(table),
        odd_ink=_odd_ink(table),
        copy_of=_copies(table),
        also_in_test=_also_in_test(table),
        other_label=_other_label(table),
        near_copy=_near_copies(table, near),
        unlike_label=_unlike_label(table, unlike),
    )


def _misnamed(table: pd.DataFrame) -> pd.Series:
    suffix = table["path"].str.rsplit(".", n=1).str[-1].str.lower()
    announced = suffix.map({suffix: name for name, suffixes in SUFFIXES.items() for suffix in suffixes})
    wrong = announced.notna() & table["format"].notna() & (announced != table["format"])
    return _words(table, wrong, "named ." + suffix + ", but holds " + table["format"])


def _odd_ink(table: pd.DataFrame) -> pd.Series:
    dark = table["dark_ink"]
    share = float(dark.mean()) if dark.notna().any() else 0.0
    odd = {1.0: 0 < share <= MINORITY, 0.0: 0 < 1 - share <= MINORITY}
    words = dark.map({1.0: "dark ink on light, among light on dark", 0.0: "light ink on dark, among dark on light"})
    return _words(table, dark.map(odd).fillna(False).astype(bool), words)


def _copies(table: pd.DataFrame) -> pd.Series:
    """Of equal pictures in a split, all but the first."""
    groups = table.groupby(["split", "picture"], sort=False)  # a missing picture is in no group
    copy = groups.cumcount().gt(0) & table["picture"].notna()
    return _words(table, copy, "a copy of " + groups["name"].transform("first"))


def _also_in_test(table: pd.DataFrame) -> pd.Series:
    """Training pictures that the test split holds too: they would be scored on what they taught."""
    test = table[(table["split"] == "test") & table["picture"].notna()].drop_duplicates("picture")
    twin = table["picture"].map(test.set_index("picture")["name"]).astype(object)
    return _words(table, twin.notna() & (table["split"] != "test"), "also " + twin)


def _other_label(table: pd.DataFrame) -> pd.Series:
    """Pictures that stand under two labels: which one is right is not for us to say."""
    first, last = (table.groupby("picture")["label"].transform(which) for which in ("min", "max"))
    differs = (first != last) & table["picture"].notna()
    conflicts = table[differs]
    other = conflicts[["picture", "label", "name"]].drop_duplicates(["picture", "label"])
    named = {
        (picture, label): name for picture, label, name in zip(*(other[one] for one in other.columns), strict=True)
    }
    labels = {picture: sorted(set(of)) for picture, of in other.groupby("picture")["label"]}
    words = pd.Series(None, index=table.index, dtype=object)
    for row, picture, label in zip(conflicts.index, conflicts["picture"], conflicts["label"], strict=True):
        another = next(one for one in labels[picture] if one != label)
        words[row] = f"also labelled {another}: {named[picture, another]}"
    return words


def _near_copies(table: pd.DataFrame, near: float) -> pd.Series:
    """Training pictures that look nearly as one of the test split, told by a perceptual hash.

    Thumbnails of length 1 are projected on random directions and the projections are cut into steps (Datar et al.
    2004): those that fall into the same steps are candidates, which are then compared. A near-copy is met with high
    probability, and what looks different is hardly ever compared.
    """
    distinct = table[table["thumbnail"].notna()].drop_duplicates(["split", "picture"])
    twin = np.full(len(distinct), -1)
    if distinct["split"].nunique() == 2:
        looks, test = Looks(distinct["thumbnail"]), (distinct["split"] == "test").to_numpy()
        pictures, random = distinct["picture"].to_numpy(), np.random.default_rng(0)
        for _ in range(TABLES):
            keys = looks.hashes(random)
            for trains, tests in _candidates(keys, test, np.flatnonzero(~test & (twin < 0))):
                close = np.linalg.norm(looks[trains] - looks[tests], axis=1) <= near
                close &= pictures[trains] != pictures[tests]
                twin[trains[close]] = tests[close]
    met = distinct[twin >= 0].assign(twin=distinct["name"].to_numpy()[twin[twin >= 0]])
    names = table["picture"].map(met.set_index("picture")["twin"]).astype(object)
    return _words(table, names.notna() & (table["split"] != "test"), "nearly the same as " + names)


class Looks:
    """Thumbnails as vectors of length 1, made from their bytes a slice at a time."""

    def __init__(self, thumbnails: pd.Series) -> None:
        self._bytes = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, THUMBNAIL * THUMBNAIL)

    def __len__(self) -> int:
        return len(self._bytes)

    def __getitem__(self, rows) -> np.ndarray:
        """(k, 196) float32 of the chosen rows."""
        chosen = self._bytes[rows].astype(np.float32)
        return chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1)

    def slices(self) -> Iterator[slice]:
        return (slice(start, start + SLICE) for start in range(0, len(self), SLICE))

    def hashes(self, random: np.random.Generator) -> np.ndarray:
        """(n,) int64: equal, most likely, for those that look alike; each call gives other hashes."""
        directions = random.standard_normal((THUMBNAIL * THUMBNAIL, PROJECTIONS)).astype(np.float32)
        offset = random.uniform(0, WIDTH, PROJECTIONS).astype(np.float32)
        mix = random.integers(1, 2**62, PROJECTIONS) | 1
        steps = (np.floor((self[part] @ directions + offset) / WIDTH).astype(np.int64) for part in self.slices())
        return np.concatenate([(part * mix).sum(axis=1) for part in steps])


def _candidates(
    keys: np.ndarray, test: np.ndarray, trains: np.ndarray, size: int = 200_000
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of one of the rows `trains` and a test row with an equal key: (k,) rows of each, about `size` at once.

    Of many test rows with one key a training row meets the first few only: so that a burst of look-alikes costs no more
    than other pictures do.
    """
    tests = np.flatnonzero(test)
    tests = tests[np.argsort(keys[tests], kind="stable")]
    first = np.searchsorted(keys[tests], keys[trains], "left")
    count = np.minimum(np.searchsorted(keys[tests], keys[trains], "right") - first, MET)
    trains, first, count = trains[count > 0], first[count > 0], count[count > 0]
    cuts = np.flatnonzero(np.diff(np.cumsum(count) // size)) + 1
    for rows, start, many in zip(*(np.split(column, cuts) for column in (trains, first, count)), strict=True):
        within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        yield np.repeat(rows, many), tests[np.repeat(start, many) + within]


def _unlike_label(table: pd.DataFrame, unlike: float) -> pd.Series:
    """Pictures that another label's usual look fits much better than their own label's.

    A label's usual look is the subspace of its pictures' first principal components (Jolliffe 2002); how well it fits a
    picture, the length of what it leaves unexplained. Each half of the pictures is judged by the looks of the other, so
    that nobody vouches for himself. Wrong labels are found so, and some things that are no digit.
    """
    found = pd.Series(None, index=table.index, dtype=object)
    known = table[table["thumbnail"].notna() & table["label"].between(0, 9)]
    known = known[known.groupby("label")["label"].transform("size") >= ENOUGH]
    labels = known["label"].to_numpy()
    if known["label"].nunique() < 2:
        return found
    looks, half = Looks(known["thumbnail"]), np.arange(len(known)) % 2
    present = np.unique(labels)
    for judged in (0, 1):
        usual = [_usual(looks, np.flatnonzero((labels == label) & (half != judged))) for label in present]
        for rows in np.array_split(np.flatnonzero(half == judged), len(known) // SLICE + 1):
            left = np.stack([_unexplained(looks[rows], *look) for look in usual], axis=1)
            own = np.arange(len(rows)), np.searchsorted(present, labels[rows])
            mine = left[own]
            left[own] = np.inf
            ratio = mine / np.maximum(left.min(axis=1), 1e-6)
            for row in np.flatnonzero(ratio > unlike):
                other = present[left[row].argmin()]
                found[known.index[rows[row]]] = f"looks like a {other}, {ratio[row]:.1f} times as much"
    return found


def _usual(looks: Looks, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (196,) and principal directions (196, 24) of some pictures' looks."""
    sample = looks[rows[:: len(rows) // SAMPLE + 1]]
    directions = np.linalg.eigh(np.cov(sample, rowvar=False))[1][:, -SUBSPACE:]
    return sample.mean(axis=0), directions.astype(np.float32)


def _unexplained(looks: np.ndarray, mean: np.ndarray, subspace: np.ndarray) -> np.ndarray:
    rest = looks - mean
    return np.linalg.norm(rest - (rest @ subspace) @ subspace.T, axis=1)


def _words(table: pd.DataFrame, where: pd.Series, words: pd.Series) -> pd.Series:
    """`words` where `where` holds, else None."""
    return words.astype(object).where(where, None)
