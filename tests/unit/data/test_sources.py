"""Each source, with its real data, and what it refuses."""

import gzip
import hashlib
import os
import pickle
import shutil
import socket
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
import yaml

from digits import paths
from digits.data import pictures, sources
from digits.errors import UserError
from digits.params import Ingest
from tests import object_storage
from tests.imports import ROOT
from tests.loopback import free_port, http_server
from tests.object_storage import BUCKET

FILES = [
    f"{stem}-ubyte.gz" for stem in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
]


def ingest(*sources: str, **changes) -> Ingest:
    fractions = {"test_fraction": 0.2, "validation_fraction": 0.1, "near_duplicate_distance": 0.06}
    defaults = {"mirror": "nowhere", "mirror_timeout": 2.0, "parquet": "nowhere", "seed": 0, **fractions}
    return Ingest(sources=list(sources), **{**defaults, **changes})


@pytest.fixture
def serve():
    """Serve a folder over HTTP on loopback; yields a function from folder to address."""
    with ExitStack() as servers:

        def start(folder: Path) -> str:
            server = servers.enter_context(http_server(SimpleHTTPRequestHandler, directory=folder))
            return f"http://127.0.0.1:{server.server_port}"

        yield start


def test_the_message_for_an_unknown_source_lists_the_sources(workspace):
    known = ", ".join(sources.SOURCES)
    with pytest.raises(UserError, match=rf"ingest\.sources: 'mnsit' is unknown; allowed: {known}"):
        sources.source_pictures(ingest("mnist-5k", "mnsit"))


def test_what_a_source_reads_from_disk_is_a_dependency_that_always_exists():
    deps = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["ingest"]["deps"]
    assert {".external", paths.SOURCES.as_posix()} <= set(deps)
    assert (ROOT / ".external").readlink() == paths.EXTERNAL.parent  # which git has, unlike data/external itself


def test_sources_add_up_in_their_order_and_each_picture_has_its_own(workspace, mnist_digits):
    for label in range(10):
        (paths.EXTERNAL / str(label)).mkdir(parents=True)
        (paths.EXTERNAL / str(label) / "a.png").write_bytes(pictures.encode_png(mnist_digits.images[500 * label]))
    for names in (("folder", "mnist-5k"), ("mnist-5k", "folder")):
        found = [one.source for one in sources.source_pictures(ingest(*names))]
        counts = {"folder": 10, "mnist-5k": 5000}
        assert found == [name for name in names for _ in range(counts[name])]


class TestMnist5k:
    def test_all_5000_are_read_without_a_published_side(self, workspace, mnist_digits):
        found = list(sources.source_pictures(ingest("mnist-5k")))
        shown = np.stack([pictures.decode(one.data).pixels for one in found])
        assert np.array_equal(shown, mnist_digits.images)
        assert [one.label for one in found] == mnist_digits.labels.tolist()
        assert {one.published for one in found} == {None}

    @pytest.mark.slow
    def test_all_are_pictures_of_mnists_training_set(self, workspace, full_mnist):
        """So that a model of mnist-5k learned nothing of MNIST's test set."""
        little = {pictures.pixel_digest(one.data) for one in sources.source_pictures(ingest("mnist-5k"))}
        sides: dict[str, set[bytes]] = {"train": set(), "test": set()}
        for one in sources.source_pictures(ingest("mnist", mirror=str(full_mnist))):
            sides[one.published].add(pictures.pixel_digest(one.data))
        assert {side: len(of) for side, of in sides.items()} == {"train": 60_000, "test": 10_000}
        assert len(little) == 5000
        assert little <= sides["train"]
        assert not little & sides["test"]

    def test_another_file_behind_the_library_is_refused(self, workspace):
        sums = workspace / "data/sources/mnist-5k/SHA256SUMS"
        sums.write_text(f"{'0' * 64}  mnist_5k.csv.gz\n")
        with pytest.raises(UserError, match=r"mnist_5k\.csv\.gz is truncated or altered: SHA-256 of its [\d,]+ bytes"):
            next(sources.source_pictures(ingest("mnist-5k")))


class TestMnist:
    def test_all_70000_digits_are_read_from_a_folder(self, workspace, full_mnist):
        examples = list(sources.source_pictures(ingest("mnist", mirror=str(full_mnist))))
        labels = {side: [e.label for e in examples if e.published == side] for side in ("train", "test")}
        assert {side: len(of) for side, of in labels.items()} == {"train": 60_000, "test": 10_000}
        raw = gzip.decompress((full_mnist / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
        assert pictures.decode(examples[60_000].data).pixels.tobytes() == raw[: 28 * 28]
        assert labels["test"][:5] == [7, 2, 1, 0, 4]

    def test_they_are_read_over_http(self, workspace, full_mnist, serve):
        example = next(sources.source_pictures(ingest("mnist", mirror=serve(full_mnist))))
        assert (example.published, example.label, example.path) == ("train", 5, "train-images-idx3-ubyte.gz/00000.png")

    def test_they_are_read_from_s3(self, workspace, full_mnist, monkeypatch):
        with object_storage.serving() as (_, environment):
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            client = object_storage.client(environment)
            for name in FILES:
                client.upload_file(str(full_mnist / name), BUCKET, f"mnist/{name}")
            params = ingest("mnist", mirror=f"s3://{BUCKET}/mnist", mirror_timeout=20.0)
            example = next(sources.source_pictures(params))
        assert (example.published, example.label) == ("train", 5)

    @pytest.mark.parametrize("damage", ["truncated", "altered"])
    def test_a_damaged_file_is_refused_by_its_checksum(self, workspace, full_mnist, tmp_path, damage):
        mirror = tmp_path / "mirror"
        shutil.copytree(full_mnist, mirror)
        path = mirror / "train-labels-idx1-ubyte.gz"
        data = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(data[:1000] if damage == "truncated" else data[:-9] + b"x" + data[-8:])
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        with pytest.raises(UserError) as error:
            next(sources.source_pictures(ingest("mnist", mirror=str(mirror))))
        for word in ("train-labels-idx1-ubyte.gz", str(mirror), found, "expected 3552534a0a55"):
            assert word in str(error.value)

    def test_the_file_that_a_mirror_lacks_is_named(self, workspace, tmp_path, serve):
        (tmp_path / "empty").mkdir()
        for mirror in (str(tmp_path / "empty"), serve(tmp_path / "empty")):
            with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz does not exist; set ingest\.mirror"):
                next(sources.source_pictures(ingest("mnist", mirror=mirror)))

    def test_a_closed_port_is_reported(self, workspace):
        with pytest.raises(UserError, match=r"did not answer: .*check the network, or set ingest\.mirror"):
            next(sources.source_pictures(ingest("mnist", mirror=f"http://127.0.0.1:{free_port()}")))

    def test_a_server_that_does_not_answer_is_a_timeout(self, workspace):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            mirror = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(UserError, match=r"did not answer within ingest\.mirror_timeout = 0\.5 seconds"):
                next(sources.source_pictures(ingest("mnist", mirror=mirror, mirror_timeout=0.5)))

    def test_an_unknown_protocol_is_named(self, workspace):
        with pytest.raises(UserError, match="did not answer: ValueError Protocol not known: gopher"):
            next(sources.source_pictures(ingest("mnist", mirror="gopher://old.example/mnist")))


class TestFolder:
    @pytest.fixture
    def external(self, workspace, mnist_digits) -> Path:
        """Five real digits of each label, in a user's folder."""
        root = workspace / "data" / "external"
        for label in range(10):
            (root / str(label)).mkdir(parents=True)
            for number, image in enumerate(mnist_digits.images[mnist_digits.labels == label][:5]):
                (root / str(label) / f"picture {number}.png").write_bytes(pictures.encode_png(image))
        return root

    def test_pictures_are_unchanged(self, external):
        examples = list(sources.source_pictures(ingest("folder")))
        assert len(examples) == 50
        for example in examples:
            assert example.data == Path(example.path).read_bytes()
            assert example.label == int(Path(example.path).parent.name)
        assert {example.published for example in examples} == {None}

    def test_beside_another_source_it_needs_no_picture_of_every_label(self, external):
        for label in range(1, 10):
            shutil.rmtree(external / str(label))
        found = [one.label for one in sources.source_pictures(ingest("folder", "mnist-5k")) if one.source == "folder"]
        assert found == [0] * 5
        with pytest.raises(UserError, match="data/external/9 has no pictures; every label needs some"):
            next(sources.source_pictures(ingest("folder")))

    def test_what_is_wrong_with_the_folder_stops_it_before_the_first_picture(self, external):
        (external / "4" / "notes.txt").write_text("four")
        with pytest.raises(UserError, match=r"data/external/4/notes\.txt has no suffix of a picture"):
            next(sources.source_pictures(ingest("folder")))

    def test_what_is_skipped_is_a_warning(self, external, tmp_path_factory, capsys):
        outside = tmp_path_factory.mktemp("outside") / "secret.png"
        outside.write_bytes(b"secret")
        (external / "3" / "link.png").symlink_to(outside)
        assert b"secret" not in [example.data for example in sources.source_pictures(ingest("folder"))]
        printed = capsys.readouterr().out
        assert printed == "warning: data/external/3/link.png is a link to a file outside data/external: skipped\n"

    def test_a_name_that_is_no_utf8_is_escaped(self, external):
        name = os.fsdecode(b"gr\xf6sse.png")
        (external / "3" / "picture 0.png").rename(external / "3" / name)
        paths = [example.path for example in sources.source_pictures(ingest("folder"))]
        assert r"data/external/3/gr\udcf6sse.png" in paths
        "".join(paths).encode("utf-8")

    def test_a_picture_that_vanished_is_named(self, external):
        examples = sources.source_pictures(ingest("folder"))
        next(examples)
        (external / "9" / "picture 4.png").unlink()
        with pytest.raises(UserError, match=r"data/external/9/picture 4\.png can't be read: No such file"):
            list(examples)

    def test_the_message_for_a_missing_folder_names_where_to_put_pictures(self, workspace):
        with pytest.raises(UserError, match="data/external does not exist; put your pictures in data/external/0 to"):
            next(sources.source_pictures(ingest("folder")))


class TestPortions:
    @pytest.mark.parametrize(("size", "sizes"), [(1, [1, 1, 1, 1]), (3, [3, 1]), (1000, [4])])
    def test_together_they_are_the_pictures_in_their_order_also_in_another_process(
        self, workspace, mnist_digits, monkeypatch, size, sizes
    ):
        for label in range(10):
            (paths.EXTERNAL / str(label)).mkdir(parents=True)
            for number in range(4):
                data = pictures.encode_png(mnist_digits.images[500 * label + number])
                (paths.EXTERNAL / str(label) / f"{number}.png").write_bytes(data)
        plain = [sources.SourcePicture(b"x", "one", 1), sources.SourcePicture(b"y", "two", 2, "test")]
        monkeypatch.setitem(sources.SOURCES, "plain", partial(_given, plain))
        params = ingest("folder", "plain")
        portions = [pickle.loads(pickle.dumps(portion)) for portion in sources.portions(params, size)]
        found = [list(portion.pictures()) for portion in portions]
        assert [len(some) for some in found] == 10 * sizes + [2]
        assert [one for some in found for one in some] == list(sources.source_pictures(params))
        assert [portion.source for portion in portions][-2:] == ["folder", "plain"]

    def test_mnist_has_its_sides(self, workspace, full_mnist):
        portions = list(sources.portions(ingest("mnist", mirror=str(full_mnist)), 1000))
        first = [next(iter(pickle.loads(pickle.dumps(portion)).pictures())) for portion in portions]
        assert [(one.published, one.label) for one in first] == [("train", 5), ("test", 7)]
        assert {one.source for one in first} == {"mnist"}


def _given(found: list, params: Ingest):
    return iter(found)
