"""An InferenceService of KServe, and the model repository that its Triton runtime loads.

https://kserve.github.io/website/docs/model-serving/predictive-inference/frameworks/overview
"""

import re
from pathlib import Path
from typing import Any

import yaml

from digits.errors import UserError, printable
from digits.export import folders, tensors, triton
from digits.export.triton import NAME, ExportedModel
from digits.visualization import markdown

MODELS = "models"  # the folder to upload
# What KServe's storage initializer takes
STORAGE = re.compile(r"(gs|s3|pvc|hdfs|webhdfs|hf|oci|https?)://\S+")
PLACEHOLDER = "s3://BUCKET/digits"
# Of the Triton server with this model
RESOURCES = {"requests": {"cpu": "1", "memory": "512Mi"}, "limits": {"memory": "1Gi"}}


def inference_service(model: ExportedModel, storage_uri: str) -> dict[str, Any]:
    """The manifest. `storage_uri` is where the content of `models` is then. Raises UserError for no such address."""
    if not STORAGE.fullmatch(storage_uri):
        raise UserError(
            f"{printable(storage_uri)} is no address that KServe can load a model from: expected s3://BUCKET/FOLDER, "
            "gs://BUCKET/FOLDER, pvc://CLAIM/FOLDER, or another address with hdfs, webhdfs, hf, oci, http or https"
        )
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": NAME,
            "labels": {"app.kubernetes.io/name": NAME, "app.kubernetes.io/version": model.version},
            "annotations": {"digits/sha256": model.sha256},
        },
        "spec": {
            "predictor": {
                "minReplicas": 2,
                "model": {
                    "modelFormat": {"name": "onnx"},
                    "protocolVersion": "v2",
                    "runtime": "kserve-tritonserver",
                    "storageUri": storage_uri,
                    "resources": RESOURCES,
                },
            }
        },
    }


def write(folder: Path, model: ExportedModel, instances: int, storage_uri: str) -> None:
    """Write inference_service.yaml and the folder `models` to `folder`. Raises UserError as `inference_service`."""
    manifest = inference_service(model, storage_uri)
    found = tensors.read(model.file)
    with folders.replace(folder, {"format": "kserve", "version": model.version, "sha256": model.sha256}) as temporary:
        (temporary / "inference_service.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
        triton.write_repository(temporary / MODELS, model, found, instances)
        content = {"tensors": found, "model": model, "max_batch": triton.MAX_BATCH, "service": storage_uri}
        markdown.write(temporary / "README.md", "export.md", **content)
