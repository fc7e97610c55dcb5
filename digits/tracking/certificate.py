"""The certificate of a version: how often its accepted answers are wrong at most, and whether that still holds.

`evaluate` certifies it on the validation digits, for digits like these. It is withdrawn from the champion where drift
or a new source changes what comes in, and is valid again where the data have neither any more; and while what a server
answers has drifted, as `digits drift` has found.
"""

import hashlib
import json
from collections.abc import Collection, Sequence

from digits.files import digest, read_json
from digits.paths import EVALUATION, PROCESSED, REFERENCE_PROFILE, VALIDATION
from digits.tracking import registry, store
from digits.tracking.registry import Version
from digits.vcs import dvc_files

# Tags of a version
STATE = "certificate"  # VALID, or WITHDRAWN and the reason
FIGURES = ("certified_error", "certified_at", "certificate_digits")  # of metrics/evaluate.json, section `acceptance`
CERTIFIED_ON = "certified_on"  # MD5 of the validation split
CHECKED = "certificate_checked"  # todays_data() when the state was decided
VALID, WITHDRAWN, NONE = "valid", "withdrawn: ", "none"
SERVED_DRIFT = "served_drift."  # with a server's id: what has drifted of its answers, as "label, ink since" a time
SINCE = " since "
DRIFT = "drift of "  # with a statistic's name: the expectations on drift in metrics/validate.json


def state(version: Version) -> str:
    """What is certified of a version's accepted answers, or why nothing is; for a reader."""
    if STATE not in version.tags:
        return "none: this version was registered before certificates"
    if (now := _current(version)) != VALID:
        return now
    error, confidence, digits = (float(version.tags[key]) for key in FIGURES)
    if not error < 1:
        return f"none: {digits:,.0f} validation digits are too few to certify any error"
    return (
        f"at most {error:.2%} of accepted answers are wrong, at {confidence:.0%} confidence: for digits like the "
        f"{digits:,.0f} validation digits, not for other pictures, such as photographs"
    )


def described(version: Version) -> dict[str, str | float | int | None]:
    """The certificate as JSON: its state in a word, the text for a reader, and its figures, None without one."""
    found = _current(version)
    error, confidence, digits = (float(version.tags[key]) if key in version.tags else None for key in FIGURES)
    figures = {"error": error, "confidence": confidence, "digits": None if digits is None else int(digits)}
    return {"state": found, "text": state(version), **figures}


def issue(version: Version) -> str:
    """Give the version of models/, which `evaluate` has scored on today's data, a certificate; returns what to say."""
    figures = read_json(EVALUATION).get("acceptance")
    if figures is None:
        return ""
    certified = {key: str(figures[key]) for key in FIGURES}
    _set(version, {**certified, CERTIFIED_ON: _validation_split(), STATE: VALID})
    now = _current(registry.get_version(version.number))
    return "its certificate is valid again" if now == VALID and _current(version) not in (VALID, NONE) else ""


def check(champion: Version) -> str:
    """Withdraw the champion's certificate, or make it valid again, by today's data; returns what to say."""
    before = champion.tags.get(STATE)
    if before is None:
        _set(champion, {CHECKED: todays_data()})
        return ""
    now = _state_today(champion, before)
    _set(champion, {STATE: now, CHECKED: todays_data()})
    return "" if before == now == VALID else _describe(champion)


def served_drift(version: Version) -> dict[str, str]:
    """What has drifted of the answers of servers, and since when, by the ids of the servers."""
    found = {key.removeprefix(SERVED_DRIFT): text for key, text in version.tags.items() if key.startswith(SERVED_DRIFT)}
    return dict(sorted(found.items()))


def follow_served(champion: Version, server: str, drifted: Sequence[str], judged: Collection[str], since: str) -> str:
    """Withdraw the champion's certificate while what a server answers has drifted; returns what to say.

    `drifted` and `judged` are names of statistics: what had drifted stays so until it is judged again. The state by the
    data of the project stays as it is, and so does the tag where it names the same statistics.
    """
    before = served_drift(champion).get(server, "")
    known = before.partition(SINCE)[0].split(", ") if before else []
    now = [*drifted, *(one for one in known if one not in judged and one not in drifted)]
    if not now:
        return forget_served(champion, server)
    if set(now) == set(known):
        return ""
    _set(champion, {f"{SERVED_DRIFT}{server}": f"{', '.join(now)}{SINCE}{since}"})
    return _change(champion)


def forget_served(champion: Version, server: str) -> str:
    """Remove what has drifted of a server from the champion's certificate; returns what to say."""
    if server not in served_drift(champion):
        return ""
    store.connect().delete_model_version_tag(registry.NAME, champion.number, f"{SERVED_DRIFT}{server}")
    return _change(champion)


def todays_data() -> str:
    """A hash of all that the state of a certificate depends on, apart from the version."""
    return hashlib.sha256(json.dumps([digest(VALIDATION, "md5"), _validation_split()]).encode()).hexdigest()


def _current(version: Version) -> str:
    """The state by the data, or by what is served where that withdraws a valid certificate; "none" without one."""
    found, served = version.tags.get(STATE, NONE), served_drift(version)
    if found != VALID or not served:
        return found
    return f"{WITHDRAWN}what is served has drifted: {'; '.join(served.values())}"


def _change(before: Version) -> str:
    """What to say where the champion's state is not as it was; empty where it is."""
    return "" if _current(registry.get_version(before.number)) == _current(before) else _describe(before)


def _describe(champion: Version) -> str:
    now = _current(registry.get_version(champion.number))
    return f"the certificate of the champion, version {champion.number}, is {'valid again' if now == VALID else now}"


def _state_today(champion: Version, before: str) -> str:
    why = "" if champion.tags[CERTIFIED_ON] == _validation_split() else _changes(champion)
    if not why:
        return VALID
    known = before.startswith(f"{WITHDRAWN}{why}; since ")
    return before if known else f"{WITHDRAWN}{why}; since {VALIDATION} of MD5 {digest(VALIDATION, 'md5')}"


def _changes(champion: Version) -> str:
    """How today's data differ from those that the champion was certified on; empty where they don't."""
    from digits.tracking import held_out

    validated = read_json(VALIDATION)
    new = sorted(set(validated["sources"]) - held_out.source_names(champion))
    drifted = [name for name, one in validated["expectations"].items() if name.startswith(DRIFT) and not one["success"]]
    found = [f"it was not certified on pictures of {name}" for name in new]
    if drifted:
        found.append(f"{', '.join(drifted)} from {REFERENCE_PROFILE}")
    return "; ".join(found)


def _validation_split() -> str:
    return dvc_files.hash_of(PROCESSED / "validation.parquet")


def _set(version: Version, texts: dict[str, str]) -> None:
    for key, text in texts.items():
        if version.tags.get(key) != text:
            store.connect().set_model_version_tag(registry.NAME, version.number, key, text)
