"""The model that answers: replaced as a whole, kept where the copy is damaged, and asked by /readyz. No more than 0.2 s
each; the imports of a process are read in a new one, which takes a second.
"""

import asyncio
import gc
import json
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from digits.data.pictures import encode_png
from digits.errors import UserError
from digits.serving import local_copy
from digits.serving.problems import ProblemError
from digits.serving.service import Service
from tests.serving import running, settings, write_constant, write_copy

DIGIT = encode_png(np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12))))
PHOTO = encode_png(np.pad(np.zeros((200, 40), np.uint8), 100, constant_values=255))


@pytest.fixture
def folder(tmp_path):
    return write_constant(tmp_path / "served", 3, "1")


async def loaded(folder: Path) -> Service:
    service = Service(settings(folder))
    await service.refresh()
    return service


async def labels(service: Service, model, pictures: list[bytes]) -> list[int]:
    return [one.prediction.label for one in await service.predict(model, pictures, 0.0)]


def test_a_request_that_has_begun_keeps_its_model(folder):
    async def ask() -> None:
        service = await loaded(folder)
        before = service.model
        write_constant(folder, 7, "2")
        await service.refresh()
        now = service.model
        assert (before.version, now.version) == ("1", "2")
        # Of both models at once, and in each way to compute: tiny, larger and large requests
        for pictures in ([DIGIT], [DIGIT] * 20, [PHOTO] * 2):
            found = await asyncio.gather(*(labels(service, model, pictures) for model in (before, now, before)))
            assert found == [[label] * len(pictures) for label in (3, 7, 3)]
        service.close()

    asyncio.run(ask())


def test_without_a_copy_it_says_why_and_loads_the_first_one(tmp_path):
    async def ask() -> None:
        folder = tmp_path / "served"
        service = await loaded(folder)
        with pytest.raises(ProblemError, match="no model is loaded yet: the registry was not asked yet") as problem:
            _ = service.model
        assert (problem.value.status, problem.value.headers) == (503, {"Retry-After": "1"})
        local_copy.write_registry_state(folder, local_copy.registry_state(False, "gone"))
        await service.refresh()
        with pytest.raises(ProblemError, match="no model is loaded yet: gone"):
            _ = service.model
        write_constant(folder, 7, "2")
        assert service.model.version == "2"  # before the next look: another process has perhaps said that it is ready

    asyncio.run(ask())


def test_a_damaged_copy_is_reported_once_and_the_model_stays(folder, caplog):
    async def ask() -> None:
        service = await loaded(folder)
        write_constant(folder, 7, "2")
        copy = local_copy.read(folder)
        content = copy.onnx_file.read_bytes()
        copy.onnx_file.write_bytes(content[:-1])
        for _ in range(3):
            await service.refresh()
        assert service.model.version == "1"
        assert caplog.text.count("the local copy of version 2 is damaged") == 1
        copy.onnx_file.write_bytes(content)
        await service.refresh()
        assert service.model.version == "2"

    asyncio.run(ask())


def test_a_damaged_copy_is_loaded_once_for_all_requests(folder, monkeypatch):
    next(folder.glob("*.onnx")).write_bytes(b"damaged")
    loads = []
    monkeypatch.setattr(Service, "_load", lambda self, copy, load=Service._load: loads.append(copy) or load(self, copy))
    service = Service(settings(folder))
    for _ in range(3):
        with pytest.raises(ProblemError, match="no model is loaded yet"):
            _ = service.model
    assert len(loads) == 1
    service.close()


def test_probes_at_the_same_time_share_a_check(folder, monkeypatch):
    async def ask() -> None:
        service = await loaded(folder)
        checks = []
        monkeypatch.setattr(type(service.model), "check", lambda self: checks.append(time.sleep(0.05)) or "3")
        assert await asyncio.gather(*(service.check(service.model) for _ in range(20))) == ["3"] * 20
        assert len(checks) == 1
        assert await service.check(service.model) == "3"
        assert len(checks) == 2
        service.close()

    asyncio.run(ask())


def test_following_goes_on_after_an_error(folder, caplog):
    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    async def ask() -> None:
        service = await loaded(folder)
        following = asyncio.create_task(service.follow())
        champion = folder / local_copy.CHAMPION
        champion.write_text(json.dumps({**json.loads(champion.read_text()), "version": None, "sha256": "0" * 64}))
        await until(lambda: "the local copy can't be loaded" in caplog.text)
        write_constant(folder, 7, "2")
        await until(lambda: service.model.version == "2")
        assert not following.done()
        following.cancel()

    asyncio.run(ask())


def test_more_pages_than_may_wait_are_refused_while_small_pictures_are_answered(folder):
    async def ask() -> None:
        service, go_on = Service(settings(folder, max_waiting_pages=2)), threading.Event()
        await service.refresh()
        pages = [asyncio.create_task(service.run_slow(go_on.wait, 10)) for _ in range(2)]
        await asyncio.sleep(0)  # they begin
        with pytest.raises(ProblemError, match="2 pictures are waiting already"):
            await service.run_slow(go_on.wait, 10)
        assert await labels(service, service.model, [DIGIT] * 20) == [3] * 20
        go_on.set()
        assert await asyncio.gather(*pages) == [True] * 2
        service.close()

    asyncio.run(ask())


def test_a_former_model_takes_no_memory(folder):
    async def ask() -> None:
        service = await loaded(folder)
        await labels(service, service.model, [DIGIT])
        former = weakref.ref(service.model)
        write_constant(folder, 7, "2")
        await service.refresh()
        gc.collect()
        assert former() is None

    asyncio.run(ask())


def get(address: str, path: str) -> tuple[int, dict]:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    return response.status, content


def random_answers(path: Path) -> None:
    """Let the model answer each time with other probabilities."""
    model = onnx.load(path)
    (place,) = (place for place, node in enumerate(model.graph.node) if node.op_type == "Gemm")
    model.graph.node[place].output[0] = "raw"
    noise = helper.make_node("RandomNormalLike", ["raw"], ["noise"], scale=5.0)
    model.graph.node.insert(place + 1, helper.make_node("Add", ["raw", "noise"], ["classes"]))
    model.graph.node.insert(place + 1, noise)
    onnx.save(model, path)


def test_readiness_asks_the_model_and_names_the_registrys_state(tmp_path, constant_model):
    """One server, whose model is at first none, then a good one, one that answers at random, and the good one again."""
    folder, good, random = tmp_path / "served", constant_model(3), constant_model(5)
    random_answers(random)
    with running(settings(folder)) as address:
        status, content = get(address, "/readyz")
        assert (status, content["status"], content["version"]) == (503, "not ready", None)
        assert content["reason"].startswith("no model is loaded yet: the registry was not asked yet")
        assert get(address, "/livez")[0] == 200
        for model, version, expected in ((good, "1", 200), (random, "2", 503), (good, "3", 200)):
            write_copy(folder, model, version)
            wait_for(address, lambda content, version=version: content["version"] == version)
            status, content = get(address, "/readyz")
            assert status == expected
            if expected == 503:
                assert content["reason"] == "version 2 answers differently to the same digit"
            else:
                assert (content["status"], content["known_digit"]) == ("ready", "3")
        local_copy.write_registry_state(folder, local_copy.registry_state(False, "gone"))
        wait_for(address, lambda content: not content["registry"]["reachable"])
        status, content = get(address, "/readyz")
        assert (status, content["registry"]["error"]) == (200, "gone")


def wait_for(address: str, condition) -> dict:
    end = time.monotonic() + 10
    while not condition(content := get(address, "/readyz")[1]):
        assert time.monotonic() < end, content
        time.sleep(0.05)
    return content


def test_a_session_that_fails_is_not_ready(folder):
    """The known digit is asked of the session itself: here of one that takes other inputs."""

    async def ask() -> None:
        service = await loaded(folder)
        assert service.model.check() == "3"
        tensors = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "other", tensors[:1], tensors[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        service.model.classifier._session = onnxruntime.InferenceSession(model.SerializeToString())
        with pytest.raises(UserError, match="version 1 fails on a known digit"):
            service.model.check()

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("module", "left_out"),
    [
        ("app", "tensorflow keras jax torch mlflow pandas sklearn matplotlib sqlalchemy requests"),  # of a server
        ("server", "fastapi numpy cv2 onnxruntime scipy mlflow"),  # of the process that starts and supervises them
    ],
)
def test_a_process_imports_only_what_it_uses(module, left_out):
    command = f"import sys, digits.serving.{module}; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", command], text=True).split()
    assert set(left_out.split()) & set(loaded) == set()
