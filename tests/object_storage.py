"""A server of object storage on loopback, moto's, and the environment that leads S3's clients to it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.loopback import free_port, stop, wait_for

BUCKET = "digits"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "not-to-be-printed",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def serving() -> Iterator[tuple[subprocess.Popen, dict[str, str]]]:
    """The server with an empty bucket, and the variables that its clients need."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(port, 60)
            environment = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", **CREDENTIALS}
            client(environment).create_bucket(Bucket=BUCKET)
            yield server, environment
        finally:
            if server.poll() is None:
                stop(server)


def client(environment: dict[str, str]):
    """boto3's client of the server."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
