"""The command that opens the labelling page."""

import click

from digits.cli import ports
from digits.cli.servers import PORT


@click.command()
@click.option("--port", type=PORT, default=5003, show_default=True, help="Port of this machine to listen on.")
@click.option(
    "--only",
    type=click.Choice(["refused", "disagreeing"]),
    help="Only the pictures that the service refused, or those where people disagree with its answer.",
)
@click.option("--who", metavar="NAME", help="Who labels; the default is git's user.name.")
def label(port: int, only: str | None, who: str | None) -> None:
    """Label the pictures that people reported as misread: opens a page on this machine, least certain first.

    Each decision is written at once. Ctrl-C ends it; `digits data add-labelled` then adds what is labelled to the data.
    """
    from digits.cli.labels import user_name
    from digits.feedback.labelling import format_progress
    from digits.feedback.queue import Queue
    from digits.params import load
    from digits.paths import FEEDBACK, PARAMS, project_root
    from digits.serving.labelling import server

    ports.check(server.HOST, port)
    root = project_root()
    queue, limits = Queue(root / FEEDBACK), load(root / PARAMS).serve
    name = who or user_name()
    queue.expire(limits.feedback.keep_days)
    print(f"open http://{server.HOST}:{port} to label as {name}; Ctrl-C ends it", flush=True)
    server.run(queue, name, only, limits, port)  # type: ignore[arg-type]  # click checks the selection
    print(format_progress(queue))
