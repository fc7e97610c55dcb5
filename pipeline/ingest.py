"""Ingest: take the pictures of the source that params.yaml names, exactly as they are.

Reads   the source: mnist-5k, mnist or folder (digits/sources.py)
Writes  data/raw/train.parquet, data/raw/test.parquet
"""

from tqdm import tqdm

from digits import dataset, sources
from digits.errors import run
from digits.params import load


def main() -> None:
    params = load().ingest
    pictures = tqdm(sources.examples(params), desc="ingest", unit=" pictures", disable=None)
    rows = dataset.write_raw(pictures)
    total = sum(rows.values())
    print(
        f"ingested {total:,} pictures from {params.source}: " + ", ".join(f"{n:,} {split}" for split, n in rows.items())
    )


if __name__ == "__main__":
    run(main)
