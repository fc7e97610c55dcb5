"""Commands by which a person decides who is champion, and sees who was."""

import json
import shutil
import sys
from typing import TYPE_CHECKING

import click

from digits.errors import UserError

if TYPE_CHECKING:
    from digits.tracking.choices import Choice
    from digits.tracking.history import History

HIGHEST = 2**31 - 1  # version numbers are integers of 32 bits in MLflow's databases
NARROWEST = 30  # characters of the table's last column
GAP = 2  # spaces between its columns
why_option = click.option("--why", metavar="TEXT", default="", help="The reason, for `digits history`.")


@click.command()
@click.argument("version", type=click.IntRange(1, HIGHEST))
@why_option
def promote(version: int, why: str) -> None:
    """Make VERSION, a number in the registry, champion, whatever its gates.

    Its files are checked first. `register` does not undo it: only a model that is registered later can replace it.

    Example: digits promote 3 --why "it reads the new forms better"
    """
    from digits.tracking import choices, registration

    choice = choices.promote(version, why)
    missed = choice.version.tags.get(registration.GATES_MISSED, registration.NO_GATE)
    if choice.is_new and missed != registration.NO_GATE:
        print(f"warning: version {version} misses gates: {missed}", file=sys.stderr)
    _report(choice, "champion", "digits rollback")


@click.command()
@why_option
def rollback(why: str) -> None:
    """Make the last champion before this one champion again; once more, the one before that.

    Versions that were deleted or can't be used are skipped. `register` does not undo it.

    Example: digits rollback --why "it refuses too much"
    """
    from digits.tracking import choices

    choice = choices.roll_back(why, lambda line: print(line, file=sys.stderr))
    _report(choice, "champion again", f"digits promote {choice.before.number if choice.before else 'VERSION'}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per change, each on a line.")
def history(as_json: bool) -> None:
    """Print every change of the champion, the newest first: when, who, from and to which version, by what and why.

    Changes on MLflow's page and by its API are noticed, and say so.
    """
    from digits.tracking import history, store

    store.connect()
    with store.wrap_store_errors():
        log = history.read()
    for key in log.unreadable:
        print(f"warning: the tag {key} of the registered model is no entry of the history", file=sys.stderr)
    if not log.entries:
        raise UserError(f"no version was champion in the registry at {store.redacted_uri()}; `make repro` trains one")
    if as_json:
        for entry in reversed(log.entries):
            print(json.dumps(entry.to_dict()))
        return
    print(f"version {log.champion} is champion" if log.champion else "there is no champion")
    print(_table(log))


def _table(log: "History") -> str:
    from tabulate import MIN_PADDING, tabulate

    headers = ("time (UTC)", "who", "from → to", "by", "why")
    rows = [
        (
            f"{entry.time:%Y-%m-%d %H:%M:%S}",
            entry.who,
            f"{entry.before or 'none'} → {entry.after or 'none'}",
            entry.by,
            entry.why,
        )
        for entry in reversed(log.entries)
    ]
    widths = None
    if sys.stdout.isatty():
        columns = zip(headers, *rows, strict=True)
        taken = [max(len(header) + MIN_PADDING, *map(len, column)) + GAP for header, *column in columns]
        left = shutil.get_terminal_size().columns - sum(taken[:-1])
        widths = [None] * (len(headers) - 1) + [max(left, NARROWEST)]
    return tabulate(rows, headers, tablefmt="simple", disable_numparse=True, maxcolwidths=widths)


def _report(choice: "Choice", what: str, undo: str) -> None:
    version, before = choice
    if not choice.is_new:
        print(f"version {version.number} is the champion already; only a model that is registered later replaces it")
        return
    print(f"version {version.number} is {what}" + (f", in place of version {before.number}" if before else ""))
    print(f"next: `digits predict PICTURE` uses it, a running `digits serve` within 5 s; `{undo}` undoes this")
