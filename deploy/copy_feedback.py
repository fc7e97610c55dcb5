"""Write the feedback queue of the service that runs here to standard output, as a tar file with the folder feedback/.

Run it where the service runs, while it runs: docs/how-to/deploy-with-compose.md has the commands. A copy of the files
of a database to which others write can be damaged; this is one transaction's state.
"""

import sqlite3
import sys
import tarfile
import tempfile
from contextlib import closing, suppress
from pathlib import Path

FOLDER = Path("feedback")  # digits.paths.FEEDBACK, from the working directory

if not (FOLDER / "queue.db").exists():
    sys.exit(f"{FOLDER.resolve()} has no queue: the service that runs here has taken no feedback")
with tempfile.TemporaryDirectory() as temporary, tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
    copy = Path(temporary) / "queue.db"
    with closing(sqlite3.connect(FOLDER / "queue.db", timeout=30)) as database:
        database.execute("VACUUM INTO ?", [str(copy)])
    tar.add(copy, FOLDER / "queue.db")
    with closing(sqlite3.connect(copy)) as database:
        for (sha256,) in database.execute("SELECT sha256 FROM pictures"):
            picture = FOLDER / "pictures" / f"{sha256}.png"
            with suppress(FileNotFoundError):  # it was deleted meanwhile
                tar.add(picture, picture)
