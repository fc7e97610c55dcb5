"""The commands on pages: blocks that tests run are well-formed, and every command and option exists."""

import re
import shlex
import socket

import click
import pytest
import yaml

from digits.cli import commands
from tests import documentation
from tests.documentation import Reader, read, split
from tests.imports import ROOT
from tests.loopback import free_port
from tests.scratch import Project

DOCS = ROOT / "docs"
TO_RUN = [DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md"))]
WITH_COMMANDS = [*sorted(ROOT.glob("*.md")), DOCS / "tutorial.md", *sorted(DOCS.glob("*/*.md"))]
WITH_PATHS = [*(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")), *ROOT.glob("references/*.md")]
SUFFIXES = (".py", ".yaml", ".md", ".db", ".txt")
WRITTEN = (
    *(f"data/{name}" for name in ("external", "interim", "processed", "raw", "README.md")),
    *("feedback/", "mlartifacts/", "mlflow.db", "models/", "reports/"),
)
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.mark.parametrize("path", TO_RUN, ids=lambda path: path.stem)
def test_every_block_and_its_comment_are_well_formed(path):
    page = read(path)
    assert page.problems == []
    assert [command.text for command in page.commands if not documentation.is_complete(command.text)] == []


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=lambda path: path.stem)
def test_every_command_and_option_exists(path):
    assert [f"{path}:{line}: {what}" for line, what in wrong_commands(read(path))] == []


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=lambda path: path.stem)
def test_every_make_target_that_a_text_names_exists(path):
    assert set(re.findall(r"(?:`|# .*; )make ([a-z-]+)", path.read_text())) <= TARGETS


@pytest.mark.parametrize("path", WITH_PATHS, ids=lambda path: path.stem)
def test_every_path_exists_or_is_what_a_stage_or_a_user_writes(path):
    named = re.findall(r"`([\w.-]+(?:/[\w.-]*)*)`", path.read_text())
    paths = [name for name in named if "NAME" not in name and ("/" in name or name.endswith(SUFFIXES))]
    assert len(paths) > 2
    assert [name for name in paths if not (ROOT / name).exists() and not name.startswith(WRITTEN)] == []


def wrong_commands(page) -> list[tuple[int, str]]:
    """What no `digits`, `dvc` or `make` command is, with its line."""
    found = []
    for command in page.commands:
        for words in simple_commands(command.text):
            problem = CHECKS[words[0]](words[1:]) if words[0] in CHECKS else None
            if problem:
                found.append((command.line, f"{shlex.join(words)}: {problem}"))
    return found


def simple_commands(text: str) -> list[list[str]]:
    """The commands of a line, without pipes, redirections and variables; what $(…) runs is one of them."""
    text = re.sub(r"\d*>&\d|\b\d(?=>)", "", text.partition("<<")[0].replace("\\\n", " "))
    found = []
    for inner in re.findall(r"\$\(([^()]*)\)", text):
        found += simple_commands(inner)
    lexer = shlex.shlex(re.sub(r"\$\([^()]*\)", "x", text), posix=True, punctuation_chars="();|&<>\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    words: list[str] = []
    skipped = False
    for token in [*lexer, ";"]:
        if token and set(token) <= set("<>"):
            skipped = True  # the name of a file comes next
        elif token and set(token) <= set("();|&<>\n"):
            found += [words] if words else []
            words = []
            skipped = False
        elif skipped:
            skipped = False
        elif words or not re.match(r"\w+=", token):
            words.append(token)
    return found


def _check_digits(arguments: list[str]) -> str | None:
    command: click.Command | None = commands
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
        command = command.commands.get(name)
    if command is None:
        return "there is no such command"
    try:
        command.make_context(command.name, arguments)
    except click.exceptions.Exit:  # --help
        pass
    except click.ClickException as error:
        return error.format_message()
    return None


def _check_dvc(arguments: list[str]) -> str | None:
    from dvc.cli import DvcParserError
    from dvc.cli.parser import get_main_parser

    try:
        parsed = get_main_parser().parse_args(arguments)
    except (DvcParserError, SystemExit) as error:
        return f"dvc does not take these arguments ({error})"
    for change in getattr(parsed, "set_param", None) or []:
        section, *keys = re.sub(r"^.*params\.yaml:", "", change).partition("=")[0].split(".")
        known = PARAMS.get(section)
        for key in keys:
            known = known.get(key, "") if isinstance(known, dict) else ""
        if section not in PARAMS or known == "":
            return f"params.yaml has no {change.partition('=')[0]}"
    return None


def _check_make(arguments: list[str]) -> str | None:
    unknown = [one for one in arguments if not one.startswith("-") and "=" not in one and one not in TARGETS]
    return f"the Makefile has no {', '.join(unknown)}" if unknown else None


CHECKS = {"digits": _check_digits, "dvc": _check_dvc, "make": _check_make}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("digits serve    # a page", [["digits", "serve"]]),
        ("A=1 B='2 3' digits ui --port 1 2>&1 | head -3 > a.txt", [["digits", "ui", "--port", "1"], ["head", "-3"]]),
        ("cd x && make repro; ls", [["cd", "x"], ["make", "repro"], ["ls"]]),
        (
            "dvc exp run -S a=1 $(digits preset best)",
            [["digits", "preset", "best"], ["dvc", "exp", "run", "-S", "a=1", "x"]],
        ),
        ("digits predict \\\n  a.png 'b c.png'", [["digits", "predict", "a.png", "b c.png"]]),
        (
            "for n in 1 2; do\n  digits history\ndone",
            [["for", "n", "in", "1", "2"], ["do"], ["digits", "history"], ["done"]],
        ),
        ("python - <<'EOF'\ndigits = {}\nEOF", [["python", "-"]]),
    ],
)
def test_the_commands_of_a_line(text, found):
    assert simple_commands(text) == found


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("digits predict a.png --json", None),
        ("digits export triton --help", None),
        ("digits predict a.png --jsn", "--jsn"),
        ("digits feedbck list", "feedbck"),
        ("digits serve --port many", "many"),
        ("digits promote", "VERSION"),
        ("dvc exp run -S train.epochs=3 -n three", None),
        ("dvc exp run -S ../params.yaml:train.epochs=3 ../dvc.yaml", None),
        ("dvc exp run -S train.epoch=3", "train.epoch"),
        ("dvc repro --frce", "dvc"),
        ("make repro PYTHON=python3.12", None),
        ("make reproduce", "reproduce"),
        ("git chekout main", None),
    ],
)
def test_a_command_that_does_not_exist_is_named(line, words, tmp_path):
    found = wrong_commands(page_of(tmp_path, f"```sh\n{line}\n```\n"))
    assert len(found) == (words is not None)
    if words:
        assert found[0][0] == 2
        assert words in found[0][1]


def page_of(folder, text):
    (folder / "page.md").write_text(text)
    return read(folder / "page.md")


PAGE = """# A page

```sh
echo one    # a comment
# only a comment

for n in 2 3; do
  echo $n
done
cat <<'END'
four
END
echo \\
  five
```

```text
printed
```

- In a list:

  <!-- not run: needs a GPU -->
  ```sh
  make bench-gpu
  ```

<!-- background: http://127.0.0.1:5001/readyz -->

```sh
digits serve
```
"""


def test_a_page_has_its_commands_with_their_lines_and_marks(tmp_path):
    page = page_of(tmp_path, PAGE)
    assert page.problems == []
    assert [(one.line, one.text.splitlines()[0], one.not_run, one.ready_at) for one in page.commands] == [
        (4, "echo one    # a comment", None, None),
        (7, "for n in 2 3; do", None, None),
        (10, "cat <<'END'", None, None),
        (13, "echo \\", None, None),
        (25, "make bench-gpu", "needs a GPU", None),
        (31, "digits serve", None, "http://127.0.0.1:5001/readyz"),
    ]
    assert len(page.to_run) == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!-- not run -->\n```sh\nls\n```", "is none of"),
        ("<!-- notrun: needs a GPU -->\n```sh\nls\n```", "is none of"),
        ("<!-- not run: GPU -->\n```sh\nls\n```", "is no reason"),
        ("<!-- not run: needs a GPU -->\nwords\n\n```sh\nls\n```", "not directly before"),
        ("<!-- not run: needs a GPU -->\n```text\nls\n```\n", "not directly before"),
        ("<!-- background: https://example.org -->\n```sh\nls\n```", "no address of this machine"),
        ("<!-- background: http://127.0.0.1:5001/ -->\n```sh\nls\nls\n```", "expected one"),
        ("```bash\nls\n```", "expected sh"),
        ("```\nls\n```", "expected sh"),
    ],
)
def test_a_block_that_is_not_well_formed_is_named_with_its_line(text, words, tmp_path):
    (problem,) = page_of(tmp_path, text).problems
    assert words in problem
    assert "page.md" in problem


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", []),
        ("# words\n\nls\n", [(2, "ls")]),
        ("a |\n  b\nc \\\nd\n", [(0, "a |\n  b"), (2, "c \\\nd")]),
        ("echo 'one\ntwo'\nls\n", [(0, "echo 'one\ntwo'"), (2, "ls")]),
        ("if true\n", [(0, "if true")]),
    ],
)
def test_a_block_is_split_where_bash_ends_a_command(content, found):
    assert list(split(content)) == found


@pytest.fixture
def reader(tmp_path):
    (tmp_path / "digits").mkdir()
    with Reader(Project(tmp_path / "digits")) as reader:
        yield reader


def test_the_commands_share_one_shell(reader, tmp_path):
    text = "```sh\ncd ..; N=6\nexport M=7\n```\n\n```sh\ncat\necho $N $M; pwd\n```\n"
    printed = reader.follow(page_of(tmp_path, text).to_run)
    assert printed.splitlines()[-2:] == ["6 7", str(tmp_path)]  # `cat` has an empty standard input


def test_a_command_may_have_several_lines(reader, tmp_path):
    page = page_of(tmp_path, PAGE)
    printed = reader.follow(page.to_run[:-1])  # without the server
    shown = [line for line in printed.splitlines() if line in ("one", "2", "3", "four", "END", "five")]
    assert shown == ["one", "2", "3", "four", "END", "four", "five"]  # the here-document is shown, then printed


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ls missing", "status 2"),
        ("false | cat", "status 1"),
        ("exit 3", "the shell ended"),
        ("fi", "the shell ended"),
    ],
)
def test_a_failure_shows_the_page_the_line_and_what_was_printed(reader, line, words, tmp_path):
    page = page_of(tmp_path, f"# Title\n\n```sh\necho before\n{line}\n```\n")
    with pytest.raises(AssertionError) as caught:
        reader.follow(page.to_run)
    assert f"{tmp_path}/page.md:5: {words}: {line}\n" in str(caught.value)
    assert "$ echo before\nbefore\n" in str(caught.value)


SERVER = "python -m http.server {port} --bind 127.0.0.1"


def test_a_server_is_waited_for_and_ended(tmp_path):
    (tmp_path / "digits").mkdir()
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    block = f"<!-- background: {address} -->\n```sh\n{SERVER.format(port=port)}\n```\n"
    page = page_of(tmp_path, f"{block}\n```sh\ncurl {address}\n```\n")
    with Reader(Project(tmp_path / "digits")) as reader:
        assert "Directory listing" in reader.follow(page.to_run)
        with pytest.raises(AssertionError, match="status 22"):
            reader.follow(page_of(tmp_path, f"```sh\ncurl {address}missing\n```\n").to_run)
    assert not documentation.listens(port)


STOPS_SLOWLY = """import signal, time
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

def stop(*_):
    time.sleep(1)
    Path("stopped").touch()
    raise SystemExit

signal.signal(signal.SIGTERM, stop)
HTTPServer(("127.0.0.1", {port}), SimpleHTTPRequestHandler).serve_forever()
"""


def test_a_server_has_the_time_to_stop(tmp_path):
    (tmp_path / "digits").mkdir()
    port = free_port()
    (tmp_path / "digits" / "server.py").write_text(STOPS_SLOWLY.format(port=port))
    block = f"<!-- background: http://127.0.0.1:{port}/ -->\n```sh\npython server.py\n```\n"
    with Reader(Project(tmp_path / "digits")) as reader:
        reader.follow(page_of(tmp_path, block).to_run)
    assert (tmp_path / "digits" / "stopped").exists()


def test_a_port_that_is_taken_is_a_failure(reader, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"http://127.0.0.1:{other.getsockname()[1]}/"
        page = page_of(tmp_path, f"<!-- background: {address} -->\n```sh\ntrue\n```\n")
        with pytest.raises(AssertionError, match="is taken: end what listens there"):
            reader.follow(page.to_run)


def test_a_server_that_ends_is_a_failure_with_its_output(reader, tmp_path):
    address = f"http://127.0.0.1:{free_port()}/"
    page = page_of(tmp_path, f"<!-- background: {address} -->\n```sh\necho $((1 + 1)) faults; exit 1\n```\n")
    with pytest.raises(AssertionError, match=r"does not answer(.|\n)*2 faults"):
        reader.follow(page.to_run)
