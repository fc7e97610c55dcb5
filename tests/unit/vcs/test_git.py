"""Git is asked the same wherever the repository is, whatever the user's settings are, and says why it cannot answer."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from digits.errors import UserError
from digits.vcs import dvc_files, git, revisions
from tests.imports import ROOT, imported_modules

WHO = {f"GIT_{role}_{key}": "Scratch" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
DVC_YAML = "stages:\n  copy:\n    cmd: cp note out.txt\n    deps: [note, code]\n    outs: [out.txt]\n"


def run(*command: str, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= WHO | {"GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(command, cwd=cwd, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def monorepo(tmp_path_factory) -> Path:
    """A git repository whose subfolder ml/digits is a DVC project, of two commits."""
    from dvc.repo import Repo

    root = tmp_path_factory.mktemp("vcs") / "monorepo"
    project = root / "ml" / "digits"
    (project / "code").mkdir(parents=True)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=root)
    for name, text in {"note": "one\n", "größe": "1\n", "code/a.py": "a\n", "dvc.yaml": DVC_YAML}.items():
        (project / name).write_text(text)
    (root / "other").write_text("of another team\n")
    before = Path.cwd()
    try:
        os.chdir(project)
        with Repo.init(subdir=True) as repo:
            for text in ("one", "two"):
                Path("note").write_text(f"{text}\n")
                repo.reproduce()
                run("git", "add", "--all", ".", cwd=root)
                run("git", "commit", "--quiet", "--message", f"note {text}", cwd=root)
    finally:
        os.chdir(before)
    return root


def subfolder(monorepo: Path, folder: Path) -> Path:
    run("cp", "-a", str(monorepo), str(folder / "clone"), cwd=folder)
    return folder / "clone" / "ml" / "digits"


def worktree(monorepo: Path, folder: Path) -> Path:
    run("git", "clone", "--quiet", str(monorepo), "clone", cwd=folder)
    run("git", "worktree", "add", "--quiet", "--detach", "../tree", cwd=folder / "clone")
    return folder / "tree" / "ml" / "digits"


def worktree_of_a_bare_clone(monorepo: Path, folder: Path) -> Path:
    run("git", "clone", "--quiet", "--bare", str(monorepo), "bare.git", cwd=folder)
    run("git", "worktree", "add", "--quiet", "--detach", "../tree", cwd=folder / "bare.git")
    return folder / "tree" / "ml" / "digits"


def submodule(monorepo: Path, folder: Path) -> Path:
    run("git", "init", "--quiet", "outer", cwd=folder)
    add = ("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(monorepo), "inner")
    run("git", *add, cwd=folder / "outer")
    return folder / "outer" / "inner" / "ml" / "digits"


PLACES = [subfolder, worktree, worktree_of_a_bare_clone, submodule]


@pytest.fixture
def enter(monorepo, tmp_path, monkeypatch) -> Callable[[Callable[[Path, Path], Path]], Path]:
    def function(place: Callable[[Path, Path], Path]) -> Path:
        project = place(monorepo, tmp_path)
        run("cp", "-a", str(monorepo / "ml" / "digits" / ".dvc"), str(project), cwd=tmp_path)  # with the cache
        monkeypatch.chdir(project)
        return project

    return function


def check_every_question(project: Path) -> None:
    """Each question, on a project with one changed file."""
    head, first = run("git", "rev-parse", "HEAD", "HEAD~1", cwd=project).split()
    lock = (project / "dvc.lock").read_text()
    hashes = {entry["path"]: entry["md5"] for entry in dvc_files.lock(None)["copy"]["deps"]}
    (project.parents[1] / "other").write_text("changed by another team\n")
    (project / "größe").write_text("2\n")

    assert (revisions.head(), revisions.commit("HEAD~1")) == (head, first)
    assert (revisions.subject("HEAD"), revisions.exists(head), revisions.is_shallow()) == ("note two", True, False)
    assert revisions.changed_files() == ["größe"]
    assert "\n-1\n+2\n" in revisions.patch().decode()
    assert "another team" not in revisions.patch().decode()
    assert (revisions.read_text("note", first), revisions.read_text("nothing", first)) == ("one\n", None)
    assert revisions.read_text("dvc.lock", "HEAD") == lock
    assert dvc_files.lock(first) != dvc_files.lock(None)
    assert {path: dvc_files.dependency_hash(path, head) for path in hashes} == hashes
    assert {path: dvc_files.dependency_hash(path, None) for path in hashes} == hashes
    assert list(dvc_files.revisions_with(hashes["note"])) == [head, None]
    for revision, text in ((first, b"one\n"), (head, b"two\n")):
        with dvc_files.opened(Path("out.txt"), revision, "make") as file:
            assert file.read() == text
    patch = revisions.patch()
    run("git", "checkout", "--quiet", "größe", cwd=project)
    subprocess.run(["git", "apply", "-"], cwd=project, input=patch, check=True)
    assert (project / "größe").read_text() == "2\n"


@pytest.mark.parametrize("place", PLACES)
def test_every_question_is_about_the_project_wherever_git_keeps_it(place, enter):
    check_every_question(enter(place))


SETTINGS = {
    "color": {"ui": "always", "diff": "always"},
    "core": {"quotePath": "true", "pager": "false", "autocrlf": "true", "fsmonitor": "exit 3 #", "abbrev": "4"},
    "diff": {
        "external": "echo external",
        "noprefix": "true",
        "mnemonicPrefix": "true",
        "renames": "copies",
        "context": "0",
        "submodule": "log",
        "orderFile": "/dev/null",
        "relative": "false",
        "algorithm": "patience",
    },
    'diff "upper"': {"textconv": "tr a-z A-Z <", "command": "echo driver"},
    "log": {"follow": "true", "showSignature": "true", "date": "relative", "decorate": "full", "diffMerges": "on"},
    "format": {"pretty": "oneline"},
    "status": {"short": "true", "relativePaths": "false", "showUntrackedFiles": "no"},
    "alias": {"diff": "!echo alias", "log": "!echo alias", "show": "!echo alias"},
    "i18n": {"logOutputEncoding": "UTF-16"},
    "pager": {"diff": "false", "log": "false"},
    "grep": {"lineNumber": "true"},
}


def test_the_users_settings_change_no_answer(enter, tmp_path, monkeypatch):
    project = enter(subfolder)
    settings, attributes = tmp_path / "settings", tmp_path / "attributes"
    core = {**SETTINGS["core"], "attributesFile": attributes}
    with settings.open("w") as file:
        for section, keys in {**SETTINGS, "core": core}.items():
            file.write(f"[{section}]\n" + "".join(f'{key} = "{value}"\n' for key, value in keys.items()))
    attributes.write_text("* diff=upper\n")
    (project / "dvc.yaml").write_text(DVC_YAML.replace("deps", "always_changed: true\n    deps"))
    patch = revisions.patch()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    assert revisions.patch() == patch
    (project / "dvc.yaml").write_text(DVC_YAML)
    assert b"driver" in subprocess.check_output(["git", "diff", "HEAD~1"], cwd=project)  # the settings are in force
    check_every_question(project)


def test_the_variables_of_a_hook_change_no_answer(enter, tmp_path, monkeypatch):
    project = enter(subfolder)
    other = tmp_path / "other"
    run("git", "init", "--quiet", str(other), cwd=tmp_path)
    variables = {
        "GIT_DIR": f"{other}/.git",
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": f"{other}/.git/index",
        "GIT_PREFIX": "nowhere/",
        "GIT_OBJECT_DIRECTORY": f"{other}/.git/objects",
        "GIT_NAMESPACE": "other",
        "GIT_EXTERNAL_DIFF": "echo external",
        "GIT_DIFF_OPTS": "-u0",
        "GIT_PAGER": "false",
        "GIT_TRACE": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_COMMON_DIR": str(other),
        "GIT_OPTIONAL_LOCKS": "1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # The checks' own git commands are without them.
    head, first = run("git", "rev-parse", "HEAD", "HEAD~1", cwd=project).split()
    (project / "größe").write_text("2\n")
    assert (revisions.head(), revisions.changed_files()) == (head, ["größe"])
    assert b"+2" in revisions.patch()
    assert revisions.read_text("note", first) == "one\n"
    assert dvc_files.dependency_hash("code", head) == dvc_files.dependency_hash("code", None)
    with dvc_files.opened(Path("out.txt"), first, "make") as file:
        assert file.read() == b"one\n"
    assert os.environ["GIT_DIR"] == variables["GIT_DIR"]


def test_file_names_may_have_any_character(enter):
    project = enter(subfolder)
    names = ["a\nb", "tab\t", 'quote"', "七", ":(top)colon", "star*", "stars"]
    for name in names:
        (project / name).write_text("1")
    run("git", "add", "--all", ".", cwd=project)
    assert sorted(revisions.changed_files()) == sorted(names)
    assert sorted(revisions.files_below(".", None)) != []
    assert list(revisions.files_below("star*", None)) == ["star*"]


def test_a_shallow_clone_says_how_to_get_older_commits(monorepo, tmp_path, monkeypatch):
    head = run("git", "rev-parse", "HEAD", cwd=monorepo).strip()
    run("git", "clone", "--quiet", "--depth", "1", f"file://{monorepo}", "clone", cwd=tmp_path)
    monkeypatch.chdir(tmp_path / "clone" / "ml" / "digits")
    assert (revisions.head(), revisions.is_shallow(), revisions.changed_files()) == (head, True, [])
    assert list(dvc_files.revisions_with(dvc_files.lock(None)["copy"]["deps"][1]["md5"])) == [head, None]
    with pytest.raises(UserError, match=r"^HEAD~1 is no revision .*shallow clone: `git fetch --unshallow`"):
        revisions.commit("HEAD~1")


def archive(monorepo: Path, folder: Path) -> Path:
    run("cp", "-a", str(monorepo / "ml" / "digits"), str(folder / "archive"), cwd=folder)
    return folder / "archive"


def archive_in_another_repository(monorepo: Path, folder: Path) -> Path:
    run("git", "init", "--quiet", str(folder), cwd=folder)
    run("git", "commit", "--quiet", "--allow-empty", "-m", "of another project", cwd=folder)
    return archive(monorepo, folder)


@pytest.mark.parametrize("place", [archive, archive_in_another_repository])
def test_an_archive_has_no_commit(place, enter):
    enter(place)
    assert revisions.head_or_no_git() == revisions.NO_GIT
    with pytest.raises(git.NoRepositoryError, match=r"git add -A"):
        revisions.head()
    assert list(dvc_files.revisions_with(dvc_files.lock(None)["copy"]["deps"][1]["md5"])) == [None]


def test_an_archive_says_that_revisions_need_a_repository(enter):
    project = enter(archive)
    with pytest.raises(git.NoRepositoryError, match=f"^{project} is in no git repository, .*`git clone`"):
        revisions.commit("HEAD")


def without_commits(project: Path, monkeypatch) -> None:
    run("git", "init", "--quiet", cwd=project)


def of_another_user(project: Path, monkeypatch) -> None:
    run("git", "init", "--quiet", cwd=project)
    run("chown", "-R", "1000:1000", str(project), cwd=project)


def damaged(project: Path, monkeypatch) -> None:
    (project / ".git").write_text("gitdir: /moved/away\n")


def without_git(project: Path, monkeypatch) -> None:
    run("git", "init", "--quiet", cwd=project)
    monkeypatch.setenv("PATH", "/nowhere")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_commits, r"no commit yet, .*`git add -A && git commit"),
        (
            of_another_user,
            r"(?s)git says:\n  fatal: detected dubious ownership .*git config --global --add safe.directory",
        ),
        (damaged, r"git says:\n  fatal: not a git repository: /moved/away"),
        (without_git, r"^git is not installed"),
    ],
)
def test_the_message_names_the_true_cause(spoil, words, tmp_path, monkeypatch):
    if spoil is of_another_user and os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    monkeypatch.chdir(tmp_path)
    spoil(tmp_path, monkeypatch)
    for question in (revisions.head, revisions.head_or_no_git):
        with pytest.raises(UserError, match=words) as caught:
            question()
        assert not isinstance(caught.value, git.NoRepositoryError)
        assert "git init" not in str(caught.value)
    if spoil is not without_commits:
        for question in (lambda: revisions.commit("HEAD"), revisions.changed_files, revisions.patch):
            with pytest.raises(UserError, match=words):
                question()


def test_only_one_module_runs_git():
    for path in ROOT.glob("digits/**/*.py"):
        runs = "subprocess" in imported_modules(path) and '"git"' in path.read_text()
        assert runs == (path == ROOT / "digits" / "vcs" / "git.py"), path


def test_a_clone_with_autocrlf_has_the_same_bytes(tmp_path):
    """The project's .gitattributes: else DVC would take every file for changed."""
    source = tmp_path / "source"
    source.mkdir()
    run("git", "init", "--quiet", cwd=source)
    (source / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    lines = {"unix.py": b"a\nb\n", "windows.csv": b"a\r\nb\r\n", "mixed": b"a\r\nb\n"}
    for name, content in lines.items():
        (source / name).write_bytes(content)
    run("git", "-c", "core.autocrlf=true", "add", "--all", cwd=source)
    run("git", "commit", "--quiet", "--message", "lines", cwd=source)
    run("git", "clone", "--quiet", "--config", "core.autocrlf=true", "source", "clone", cwd=tmp_path)
    assert {name: (tmp_path / "clone" / name).read_bytes() for name in lines} == lines
