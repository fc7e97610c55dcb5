"""Whether a tracking server answers, and is one: asked before MLflow is imported, which would retry for minutes."""

import os
from typing import TYPE_CHECKING

from digits.addresses import redact
from digits.errors import UserError

if TYPE_CHECKING:
    import requests

# Ways to name a user that MLflow knows, and this check does not
OTHER_USERS = ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_KERBEROS_PRINCIPAL")
TIMEOUT = 5  # seconds to wait for the answer of a server
ANOTHER = "or set MLFLOW_TRACKING_URI to another"
USER = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"


def check(address: str) -> None:
    """Raise UserError where no tracking server answers at this address, with the cause.

    MLflow's own settings of credentials and certificates count. A server that knows no `/health` is asked for its
    experiments.
    """
    import requests

    where, base = f"the tracking server {redact(address)}", address.rstrip("/")
    try:
        answer = _get(f"{base}/health")
        if answer.status_code == requests.codes.not_found:
            answer = _get(f"{base}/api/2.0/mlflow/experiments/search?max_results=1")
        if answer.status_code in (401, 403) and any(name in os.environ for name in OTHER_USERS):
            return  # MLflow asks as that user, and reports a refusal itself
        answer.raise_for_status()
    except requests.exceptions.SSLError as error:
        raise UserError(
            f"{where} has no certificate that is trusted ({_words(error)}); MLFLOW_TRACKING_SERVER_CERT_PATH names "
            f"the file of its authority, {ANOTHER}"
        ) from None
    except requests.exceptions.Timeout as error:
        raise UserError(
            f"{where} does not answer within {TIMEOUT} s ({_words(error)}); is it busy? Try again, {ANOTHER}"
        ) from None
    except requests.HTTPError as error:
        raise UserError(f"{where} {_refusal(error.response.status_code)} ({_words(error)}); {_fix(error)}") from None
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema):
        # The library's words may name a part of the password as the port.
        raise UserError(
            f"{where} is no valid address: correct MLFLOW_TRACKING_URI; characters of a password such as / and @ are "
            "written as %2F and %40"
        ) from None
    except requests.RequestException as error:
        raise UserError(f"{where} does not answer ({_words(error)}); start it, {ANOTHER}") from None


def _get(address: str) -> "requests.Response":
    import requests

    environment = os.environ.get
    token, name = environment("MLFLOW_TRACKING_TOKEN"), environment("MLFLOW_TRACKING_USERNAME")
    insecure = environment("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1")
    return requests.get(
        address,
        timeout=TIMEOUT,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        auth=(name, environment("MLFLOW_TRACKING_PASSWORD", "")) if name else None,
        verify=environment("MLFLOW_TRACKING_SERVER_CERT_PATH") or not insecure,
        cert=environment("MLFLOW_TRACKING_CLIENT_CERT_PATH"),
    )


def _refusal(status: int) -> str:
    if status in (401, 403):
        return "refuses this user" if status == 403 else "wants a user and a password"
    if status == 404:
        return "is no MLflow server: it has none of MLflow's pages"
    return "answers with an error"


def _fix(error: "requests.HTTPError") -> str:
    if error.response.status_code in (401, 403):
        return USER
    if error.response.status_code == 404:
        return "correct MLFLOW_TRACKING_URI"
    return f"see its log, {ANOTHER}"


def _words(error: Exception) -> str:
    """The library's own words, in one line."""
    return redact(str(error).splitlines()[0] if str(error) else type(error).__name__)
