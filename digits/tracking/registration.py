"""From the files of a model to a version in the registry, and to a decision about the champion."""

import hashlib
import itertools
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from digits import paths
from digits.files import digest, read_json
from digits.params import Params, Register
from digits.tracking import certificate, flat_metrics, history, record, registry, store, tags, values
from digits.vcs import revisions

if TYPE_CHECKING:
    from digits.tracking.promotion import Decision
    from digits.tracking.registry import Version

# Tags of a version's run
INPUTS = "registration_sha256"  # all that was logged, set when that is done
DECIDED = "promotion_sha256"  # all that was decided by: the same question is not asked again
DECISION = "promotion"  # what was decided, and why
GATES_MISSED = "gates_missed"  # every reason, also on the version; or NO_GATE
NO_GATE = "none"


def register(params: Params, content: dict[str, str]) -> "Decision":
    """Log the run of the model in models/, register it with `content` as tags; returns what is decided.

    What was decided before by the same figures stays, unless there is no champion: a person may have chosen another
    one since. Raises UserError where the tracking store fails.
    """
    from digits.tracking import model_run

    run_id = model_run.log_model_run(params)
    with store.wrap_store_errors():
        model, *_ = model_run.logged_models(run_id)
        more = {**tags.of_splits(), tags.COMMIT: revisions.head_or_no_git()}
        history.read()  # before the version exists: one that did not is no part of what a person chose elsewhere
        version = find_or_create(run_id, model, {**content, **more}, _description())
        notes = [certificate.issue(version)]
        decision = _decision(version, params.register_, content)
        if (champion := registry.champion()) is not None:
            notes.append(certificate.check(champion))
        if decision.final:  # last: a registration that was interrupted is repeated by the next
            store.connect().set_tag(run_id, INPUTS, _inputs(content, params.register_))
        return replace(decision, reason="; ".join([decision.reason, *filter(None, notes)]))


def find_or_create(run_id: str, model: Any, version_tags: dict[str, str], description: str | None = None) -> "Version":
    """The version of a model, created where the registry has none whose run and files are there.

    A version has its tags and its description from the start, and they are never changed here: a person may have edited
    the description. The aliases of older versions of the same model, whose run or files are gone, move to it.
    """
    client = store.connect()
    registry.provide_model()
    known = registry.find_all(version_tags[tags.ONNX])
    version = next((one for one in known if _is_usable(one)), None)
    if version is None:
        created = client.create_model_version(
            registry.NAME,
            model.model_uri,
            run_id,
            tags=version_tags,
            description=description,
            model_id=model.model_id,
        )
        numbers = {one.number for one in known}
        found = registry.find_all(version_tags[tags.ONNX])
        version = next(one for one in found if one.number not in numbers)
        if version.number != str(created.version):  # another process registered the same model just before
            client.delete_model_version(registry.NAME, str(created.version))
    for dead in itertools.takewhile(lambda one: one.number != version.number, known):
        for alias in registry.get_version(dead.number).aliases:  # read again: a person may have moved one
            if alias == registry.CHAMPION:
                history.set_champion(version, dead, history.REGISTER, f"the same model as version {dead.number}")
            else:
                registry.set_alias(alias, version)
    return registry.get_version(version.number)


def _description() -> str:
    """The model card; of its links to other files of the project, which MLflow does not have, the text."""
    card = paths.MODEL_CARD.read_text(encoding="utf-8")
    return values.description(re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", card))


def _is_usable(version: "Version") -> bool:
    from digits.tracking import runs, version_checks

    return runs.get_run(version.run_id) is not None and version_checks.is_intact(version)


def _decision(version: "Version", params: Register, content: dict[str, str]) -> "Decision":
    from digits.tracking import gates, promotion, version_checks

    client, champion = store.connect(), registry.champion()
    metrics = flat_metrics.flatten(read_json(paths.EVALUATION))
    compared = [content[key] for key in (tags.ONNX, tags.VALIDATION_SPLIT, tags.TEST_SPLIT)]
    asked = [compared, params.model_dump(), gates.floor_metrics(metrics)]
    decided = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    known = client.get_run(version.run_id).data.tags
    if known.get(DECIDED) == decided and champion is not None and version_checks.is_intact(champion):
        if champion.number == version.number:
            return promotion.Decision(True, f"version {version.number} is the champion already")
        return promotion.Decision(
            False,
            f"version {version.number} was decided about before, and champion is version {champion.number}; "
            f"`digits promote {version.number}` changes that. Then: {known[DECISION]}",
        )
    decision = promotion.promote(version, metrics, params)
    texts = values.tag_values({DECISION: decision.reason, GATES_MISSED: "; ".join(decision.missed) or NO_GATE})
    for key, text in texts.items():
        client.set_tag(version.run_id, key, text)
    client.set_model_version_tag(registry.NAME, version.number, GATES_MISSED, texts[GATES_MISSED])
    if decision.final:
        client.set_tag(version.run_id, DECIDED, decided)
    return decision


def is_registered(content: dict[str, str], params: Register) -> bool:
    """Whether a database of this machine has a version that was registered from these files, and a champion.

    The champion's certificate must have been checked by today's data. MLflow is not imported; False means that it has
    to be queried.
    """
    path = store.database()
    if path is None or not path.exists():
        return False
    run_tag, version_tag = (INPUTS, _inputs(content, params)), (certificate.CHECKED, certificate.todays_data())
    return record.is_whole(path, registry.NAME, run_tag, registry.CHAMPION, version_tag)


def forget(onnx_sha256: str) -> None:
    """Let the next registration of this ONNX file log everything again; what was decided stays."""
    from digits.tracking import runs

    for version in registry.find_all(onnx_sha256):
        run = runs.get_run(version.run_id)
        if run is not None and INPUTS in run.data.tags:
            store.connect().delete_tag(version.run_id, INPUTS)


def _inputs(content: dict[str, str], params: Register) -> str:
    files = (
        paths.EVALUATION,
        paths.TRAINING,
        paths.VALIDATION_REPORT,
        paths.PROFILE,
        paths.MODEL_CARD,
        paths.DATA_CARD,
    )
    inputs = [content, params.model_dump(), *(digest(file, "md5") for file in files)]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
