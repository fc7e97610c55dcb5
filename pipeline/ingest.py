"""Ingest: read the pictures of the source that params.yaml names, unchanged, and assign the test split.

Reads   the source: mnist-5k, mnist or folder (digits/data/sources.py)
Writes  data/raw/train.parquet, data/raw/test.parquet
"""

import os

from tqdm import tqdm

from digits.data import dataset, sources
from digits.errors import UserError, run
from digits.params import load


def main() -> None:
    params = load().ingest
    pictures = tqdm(sources.examples(params), desc="ingest", unit=" pictures", disable=None)
    try:
        rows = dataset.write_raw(pictures)
    except UserError as error:
        if "DVC_STAGE" not in os.environ:
            raise
        # DVC removes a stage's outputs before it runs the stage.
        raise UserError(f"{error}\nthe last ingested data is in DVC's cache: `dvc checkout ingest`") from None
    by_split = ", ".join(f"{count:,} {split}" for split, count in rows.items())
    print(f"ingested {sum(rows.values()):,} pictures from {params.source}: {by_split}")


if __name__ == "__main__":
    run(main)
