"""The Java that Spark runs on."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from digits.errors import UserError

OLDEST = 17  # that Spark 4 runs on


def require() -> None:
    """Raise UserError where there is no Java of version 17 or later, in JAVA_HOME or on the PATH."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    install = "install it (Debian's package: openjdk-17-jre-headless), or set JAVA_HOME"
    if java is None or not Path(java).exists():
        raise UserError(f"Spark needs Java {OLDEST} or later, and {java or 'java'} does not exist: {install}")
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    if found is None or int(found[1]) < OLDEST:
        version = found[1] if found else (done.stderr.strip() or "unknown")
        raise UserError(f"Spark needs Java {OLDEST} or later, and {java} is version {version}: {install}")
