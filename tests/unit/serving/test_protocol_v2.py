"""The Open Inference Protocol, asked by tritonclient and by hand: a server on loopback for all tests, some 2 s."""

import json
import re
from http.client import HTTPConnection

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from digits.client import Client
from digits.data.pictures import decode, encode_png
from digits.model.acceptance import Acceptance
from digits.model.classifier import Classifier
from digits.serving import tensors_v2
from tests import linear_model
from tests.serving import running, settings, write_copy

MAX_DIGITS = 16
INFER = "/v2/models/digits/infer"
DIGITS = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
TENSOR = {"name": "images", "shape": [1, 28, 28], "datatype": "UINT8", "data": [0] * 784}


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory):
    """A model whose answers differ: it accepts some, and refuses some as no digit and some as improbable."""
    weights = np.random.default_rng(1).normal(0, 0.0015, (28 * 28, 11))
    path = tmp_path_factory.mktemp("model") / "digits.onnx"
    return linear_model.write(path, weights, np.zeros(11), Acceptance(min_probability=0.3))


@pytest.fixture(scope="module")
def url(tmp_path_factory, onnx_file):
    folder = tmp_path_factory.mktemp("served")
    write_copy(folder, onnx_file)
    with running(settings(folder, max_pictures=MAX_DIGITS)) as address:
        yield address


@pytest.fixture(scope="module")
def client(url):
    with triton.InferenceServerClient(url.removeprefix("http://")) as opened:
        yield opened


@pytest.fixture(scope="module")
def post(url):
    connection = HTTPConnection(url.removeprefix("http://"))

    def send(content, path=INFER, **headers):
        """The status and JSON of the answer to JSON, or to bytes."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    yield send
    connection.close()


@pytest.fixture(scope="module")
def expected(onnx_file):
    return Classifier(onnx_file, threads=1).predict(DIGITS)


def images(digits=DIGITS, binary=True):
    tensor = triton.InferInput("images", digits.shape, "UINT8")
    return [tensor.set_data_from_numpy(digits, binary_data=binary)]


def wrong(**changed):
    return {"inputs": [{key: value for key, value in {**TENSOR, **changed}.items() if value is not None}]}


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_gets_what_the_classifier_answers(client, expected, binary, compression):
    algorithms = {"request_compression_algorithm": compression, "response_compression_algorithm": compression}
    outputs = None if binary else [triton.InferRequestedOutput(name, binary_data=False) for name in expected._fields]
    found = client.infer("digits", images(binary=binary), outputs=outputs, request_id="seven", **algorithms)
    for name, values in zip(expected._fields, expected, strict=True):
        np.testing.assert_array_equal(found.as_numpy(name), values)
    response = found.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == ("seven", "digits", "3")
    assert ("data" in response["outputs"][0]) is not binary


def test_json_alone_is_answered_with_json_flat_or_nested(post, expected):
    nested, flat = (post(wrong(shape=[3, 28, 28], data=data.tolist())) for data in (DIGITS, DIGITS.ravel()))
    assert nested == flat
    status, content = flat
    outputs = {one["name"]: one for one in content["outputs"]}
    assert (status, list(outputs), "id" in content) == (200, list(expected._fields), False)
    accepted = {"name": "accepted", "datatype": "BOOL", "shape": [3], "data": expected.accepted.tolist()}
    assert outputs["accepted"] == accepted
    assert np.array(outputs["logits"]["data"], np.float32).reshape(3, 10).tolist() == expected.logits.tolist()


def test_outputs_are_those_that_are_requested_in_their_order_and_form(client, expected):
    requested = [triton.InferRequestedOutput("score", binary_data=False), triton.InferRequestedOutput("accepted")]
    found = client.infer("digits", images(), outputs=requested)
    score, accepted = found.get_response()["outputs"]
    assert (score["name"], score["shape"], accepted["parameters"]) == ("score", [3], {"binary_data_size": 3})
    np.testing.assert_array_equal(found.as_numpy("score"), expected.score)
    np.testing.assert_array_equal(found.as_numpy("accepted"), expected.accepted)


def test_v1_answers_the_same_to_the_same_digit(url, post, client):
    page = np.full((140, 140), 255, np.uint8)
    page[30:110, 60:75] = 0
    with Client(url) as v1:
        (one,) = v1.predict(encode_png(page), canonical=True)
    digit = decode(one.canonical).pixels
    found = client.infer("digits", images(digit[None]))
    np.testing.assert_allclose(found.as_numpy("probabilities")[0], one.probabilities, atol=1e-6)
    assert found.as_numpy("accepted").tolist() == [one.accepted]


def test_min_probability_refuses_more_and_the_model_decides_alone_without(client, expected):
    strict = client.infer("digits", images(), parameters={"min_probability": 1.0}).as_numpy("accepted")
    assert expected.accepted.any()
    assert not strict.any()


def test_no_digit_has_no_answer(client):
    found = client.infer("digits", images(DIGITS[:0]))
    assert found.as_numpy("probabilities").shape == (0, 10)


def test_health_and_metadata(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    assert client.is_model_ready("digits", "3")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    assert client.get_model_metadata("digits", "3") == client.get_model_metadata("digits")
    assert client.get_model_metadata("digits") == {
        "name": "digits",
        "versions": ["3"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "images", "datatype": "UINT8", "shape": [-1, 28, 28]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]},
            {"name": "logits", "datatype": "FP32", "shape": [-1, 10]},
            {"name": "score", "datatype": "FP32", "shape": [-1]},
            {"name": "accepted", "datatype": "BOOL", "shape": [-1]},
        ],
    }


def test_a_model_of_contract_1_has_two_outputs(constant_model):
    found = tensors_v2.outputs(Classifier(constant_model(3, None)))
    assert [one["name"] for one in found] == ["probabilities", "logits"]


def test_another_model_or_version_is_not_found(client):
    assert not client.is_model_ready("digits", "4")
    for arguments, words in [
        (("letters",), "no model 'letters'; this server has digits"),
        (("digits", "4"), "the champion is version 3"),
    ]:
        with pytest.raises(InferenceServerException, match=words) as error:
            client.infer(arguments[0], images(), *arguments[1:])
        assert error.value.status() == "404"


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "the body: Invalid JSON"),
        (b"[" * 5000, 400, "the body: Invalid JSON"),
        ([], 400, "the body: Input should be an object"),
        ({}, 400, "inputs: Field required"),
        ({"inputs": []}, 400, "inputs: List should have at least 1 item"),
        ({"inputs": [TENSOR, TENSOR]}, 400, "inputs: List should have at most 1 item"),
        (wrong(name="pixels"), 400, "inputs.0.name: Input should be 'images'"),
        (wrong(datatype="FP32"), 400, "inputs.0.datatype: Input should be 'UINT8'"),
        (wrong(shape=[]), 400, r"images has the shape []; expected [n, 28, 28]"),
        (wrong(shape=[28, 28]), 400, r"images has the shape [28, 28]; expected [n, 28, 28]"),
        (wrong(shape=[-1, 28, 28]), 400, "images has the shape [-1, 28, 28]"),
        (wrong(shape=["1", 28, 28]), 400, "inputs.0.shape.0: Input should be a valid integer"),
        (wrong(shape=[2**62, 28, 28]), 413, f"the request has more than {MAX_DIGITS} pictures"),
        (wrong(shape=[17, 28, 28]), 413, f"the request has more than {MAX_DIGITS} pictures"),
        (wrong(data=[0] * 17 * 784), 413, f"the JSON has far more values than {MAX_DIGITS} digits need"),
        (wrong() | {"outputs": [{}] * 100}, 413, f"the JSON has far more values than {MAX_DIGITS} digits need"),
        (wrong() | {"outputs": [{"name": "logits"}] * 5}, 400, "outputs: List should have at most 4 items"),
        (wrong(shape=[2, 28, 28]), 400, "images has 784 values; expected those of its shape [2, 28, 28]"),
        (wrong(data=[[[0] * 28] * 27]), 400, "images has 1x27x28 values"),
        (wrong(data=[[[0] * 28] * 27 + [[0]]]), 400, "the lists in the data of images have different lengths"),
        (wrong(data=[0] * 783 + [float("nan")]), 400, "inputs.0.data.783: Input should be a finite number"),
        (wrong(data=[0] * 783 + [0.5]), 400, "images has the value 0.5; expected whole numbers from 0 to 255"),
        (wrong(data=[-1] + [0] * 783), 400, "inputs.0.data.0: Input should be greater than or equal to 0"),
        (wrong(data=[[[256] * 28] * 28]), 400, "inputs.0.data.0.0.0: Input should be less than or equal to 255"),
        (wrong(data=["0"] * 784), 400, "inputs.0.data.0: Input should be a valid number"),
        (wrong(data=[True] * 784), 400, "inputs.0.data.0: Input should be a valid number"),
        (wrong(data="0" * 784), 400, "inputs.0.data: Input should be a valid array"),
        (wrong(data=None), 400, "images needs either data or the parameter binary_data_size"),
        (wrong(parameters={"binary_data_size": 784}), 400, "images needs either data"),
        (wrong(data=None, parameters={"binary_data_size": 784}), 400, "0 bytes follow the JSON; expected 784"),
        (wrong(data=None, parameters={"binary_data_size": -1}), 400, "inputs.0.parameters.binary_data_size: Input"),
        (
            wrong(parameters={"shared_memory_region": "x"}),
            400,
            "inputs.0.parameters.shared_memory_region: this server does not support it",
        ),
        (
            wrong() | {"outputs": [{"name": "logits", "parameters": {"classification": 3}}]},
            400,
            "outputs.0.parameters.classification: this server does not support it",
        ),
        (wrong() | {"outputs": [{"name": "classes"}]}, 400, "expected some of probabilities, logits, score, accepted"),
        (wrong() | {"outputs": [{"name": "logits"}] * 2}, 400, "outputs: expected some of"),
        (wrong() | {"parameters": {"min_probability": 2}}, 400, "parameters.min_probability: Input should be less"),
        (wrong() | {"id": 3}, 400, "id: Input should be a valid string"),
    ],
)
def test_a_malformed_request_is_a_clear_error(post, content, status, words):
    found, answer = post(content)
    assert found == status
    assert words in answer.pop("error")
    assert answer == {}


@pytest.mark.parametrize("length", ["-1", "9" * 30, "0x10", "10000", "٣"])
def test_a_wrong_length_of_the_json_is_a_clear_error(post, length):
    status, answer = post(wrong(), **{tensors_v2.JSON_LENGTH: length.encode()})
    assert status == 400
    assert answer["error"].startswith("Inference-Header-Content-Length is ")


@pytest.mark.parametrize(("size", "sent"), [(784, 783), (784, 785), (783, 783), (None, 784)])
def test_bytes_that_do_not_fit_are_a_clear_error(post, size, sent):
    tensor = wrong(data=[0] * 784 if size is None else None, parameters={"binary_data_size": size} if size else None)
    head = json.dumps(tensor).encode()
    status, answer = post(head + bytes(sent), **{tensors_v2.JSON_LENGTH: str(len(head))})
    assert status == 400
    assert re.search(r"bytes follow the JSON|images has 783 values", answer["error"])


def test_answers_are_counted(url, client):
    def counted() -> float:
        connection = HTTPConnection(url.removeprefix("http://"))
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        return sum(float(one) for one in re.findall(r"^digits_predictions_total{.*} (.*)$", text, re.MULTILINE))

    before = counted()
    client.infer("digits", images())
    assert counted() - before == len(DIGITS)


def test_the_documentation_describes_each_route_and_has_an_example(url, post):
    connection = HTTPConnection(url.removeprefix("http://"))
    connection.request("GET", "/openapi.json")
    schema = json.loads(connection.getresponse().read())
    routes = {path: content for path, content in schema["paths"].items() if path.startswith("/v2")}
    assert len(routes) == 9
    names = set(re.findall(r'"\$ref": "(.*?)"', json.dumps(schema)))
    assert names <= {f"#/components/schemas/{name}" for name in schema["components"]["schemas"]}
    body = routes["/v2/models/{name}/infer"]["post"]["requestBody"]["content"]["application/json"]
    assert post(body["example"])[0] == 200
    assert body["schema"]["properties"]["inputs"]["items"]["required"] == ["name", "shape", "datatype"]
    for content in routes.values():
        for operation in content.values():
            assert {"summary", "description"} <= operation.keys()
            assert {"200", "4XX", "503"} == operation["responses"].keys()
