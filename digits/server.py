"""A tracking server for a team: MLflow on PostgreSQL, which keeps the files too and asks for a name and a password."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from digits.errors import UserError
from digits.files import replacing
from digits.tracking import store

OWNER = "digits"  # of the databases
DATABASES = ("mlflow", "users")


class Server:
    """Everything that it keeps stands in one folder: the databases, the runs' files, and `secrets.json`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.secrets = self._secrets()
        self.port = _free_port()  # of PostgreSQL, on this machine alone

    def _secrets(self) -> dict[str, str]:
        """Passwords, made at the first start; nobody but the owner reads them."""
        path = self.folder / "secrets.json"
        if not path.exists():
            made = {name: secrets.token_urlsafe(24) for name in ("admin", "database", "session")}
            with replacing(path) as beside:
                beside.touch(mode=0o600)
                beside.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))

    def run(self, host: str, port: int) -> None:
        """Serve until interrupted. Raises UserError where PostgreSQL is missing, or a port is taken."""
        if _taken(host, port):
            raise UserError(f"port {port} of {host} is taken: stop what listens there, or give --port another")
        try:
            with FileLock(self.folder / ".lock", blocking=False):
                self._serve(host, port)
        except Timeout:
            raise UserError(f"another server uses {self.folder}: stop it, or give --folder another") from None

    def _serve(self, host: str, port: int) -> None:
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            self._start_database()
            process = subprocess.Popen(self._command(host, port), env=self._environment())
            print(
                f"MLflow on PostgreSQL: http://{host}:{port}  (admin, password in {self.folder / 'secrets.json'})\n"
                f"next: export MLFLOW_TRACKING_URI=http://{host}:{port} MLFLOW_TRACKING_USERNAME=admin "
                "MLFLOW_TRACKING_PASSWORD=…",
                flush=True,
            )
            try:
                process.wait()
            except KeyboardInterrupt:
                process.terminate()
                process.wait()
            else:
                raise UserError(f"MLflow's server ended with status {process.returncode}; what it said stands above")
        finally:
            with suppress(UserError):  # it may not have come up
                self._control("stop", "-m", "fast")

    def _command(self, host: str, port: int) -> list[str]:
        files = (self.folder / "artifacts").as_uri()
        settings = ["--host", host, "--port", str(port), "--artifacts-destination", files, "--app-name", "basic-auth"]
        return [sys.executable, "-m", "mlflow", "server", *settings, "--workers", "2", *store.SAY_LITTLE]

    def _environment(self) -> dict[str, str]:
        config = self.folder / "basic_auth.ini"
        with replacing(config) as beside:
            beside.touch(mode=0o600)
            beside.write_text(
                "[mlflow]\ndefault_permission = EDIT\nadmin_username = admin\n"
                f"admin_password = {self.secrets['admin']}\ndatabase_uri = {self._address('users')}\n"
                "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
                "grant_default_workspace_access = true\nauth_cache_ttl_seconds = 60\n",
                encoding="utf-8",
            )
        # By the environment, and not in the command: there any user of the machine could read the password.
        return {
            **os.environ,
            **store.SERVER,
            "MLFLOW_BACKEND_STORE_URI": self._address("mlflow"),
            "MLFLOW_AUTH_CONFIG_PATH": str(config),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": self.secrets["session"],
        }

    def _address(self, database: str) -> str:
        return f"postgresql+psycopg2://{OWNER}:{self.secrets['database']}@127.0.0.1:{self.port}/{database}"

    def _start_database(self) -> None:
        data = self.folder / "postgres"
        if not data.exists():
            self._make_database(data)
        with suppress(UserError):
            self._control("stop", "-m", "fast")  # what runs still, since the server before this one was killed
        try:
            # It answers in English, whatever the machine speaks: what is there already is known by its words.
            settings = f"-p {self.port} -h 127.0.0.1 -k '' -c lc_messages=C"
            self._control("start", "-l", str(data / "server.log"), "-o", settings)
        except UserError as error:
            raise UserError(f"PostgreSQL did not start: {error}; see {data / 'server.log'}") from None
        for name in DATABASES:
            self._postgres(
                "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", OWNER, name, known="already exists"
            )

    def _make_database(self, data: Path) -> None:
        print(f"making the databases in {data}", flush=True)
        password = self.folder / ".partial-password"
        with replacing(data) as beside:
            password.touch(mode=0o600)
            password.write_text(self.secrets["database"], encoding="utf-8")
            if os.geteuid() == 0:
                beside.mkdir()
                for path in (beside, password):
                    shutil.chown(path, "postgres")
            try:
                settings = ["--username", OWNER, "--pwfile", str(password), "--auth", "scram-sha-256"]
                self._postgres("initdb", "-D", str(beside), *settings, "--encoding", "UTF8", "--no-instructions")
            finally:
                password.unlink()

    def _control(self, *arguments: str) -> None:
        self._postgres("pg_ctl", "-D", str(self.folder / "postgres"), "-w", "-s", *arguments)

    def _postgres(self, program: str, *arguments: str, known: str | None = None) -> None:
        """Run one of PostgreSQL's programs, as the user `postgres` where this is root, whom it refuses."""
        command = [_program(program), *arguments]
        user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        environment = {**os.environ, "PGPASSWORD": self.secrets["database"]}
        # PostgreSQL stays, and would keep a pipe open: so what it says goes to a file.
        with (self.folder / "postgres.said").open("w+") as said:
            streams = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": said}
            done = subprocess.run(command, env=environment, cwd="/", **streams, **user)
            said.seek(0)
            words = said.read().strip()
        if done.returncode and not (known and known in words):
            raise UserError(f"{program} failed: {words}")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _program(name: str) -> str:
    """PostgreSQL's program of this name; Debian keeps them out of the PATH."""
    found = shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default=None)
    if found is None:
        raise UserError(
            f"{name} is not here, so PostgreSQL is not installed: `apt install postgresql`, or your system's way"
        )
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _taken(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port)):
            return False
    except OSError:
        return True
