"""Ingest: take the pictures of the source that params.yaml names, exactly as they are.

Reads   the source: mnist-5k, mnist or folder (digits/sources.py)
Writes  data/raw/train.parquet, data/raw/test.parquet
"""

import os

from tqdm import tqdm

from digits import dataset, sources
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
        # DVC takes a stage's outputs out of the tree before it runs it.
        raise UserError(f"{error}\nwhat was ingested before is in DVC's cache: `dvc checkout ingest`") from None
    total = sum(rows.values())
    print(
        f"ingested {total:,} pictures from {params.source}: " + ", ".join(f"{n:,} {split}" for split, n in rows.items())
    )


if __name__ == "__main__":
    run(main)
