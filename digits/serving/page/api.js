// Requests to the service that this page comes from.

const KEY = "digits-api-key"; // in sessionStorage

const RECONNECT = 3; // seconds

/** Why a request failed: the HTTP status, 0 without a connection; the service's reason; seconds to wait, or null. */
export class ServiceError extends Error {
  constructor(status, detail, retryAfter) {
    super(detail);
    Object.assign(this, { status, detail, retryAfter });
  }

  /** Whether the same picture may be answered later. */
  get isPassing() {
    return ![400, 413, 415, 422].includes(this.status);
  }
}

/**
 * GET `path`, or POST with `file` as an upload: the JSON as `content`, and the request's id, which the service's log has.
 * Throws ServiceError; AbortError by `signal`.
 */
export async function request(path, { file, signal } = {}) {
  const key = sessionStorage.getItem(KEY);
  const response = await send(path, key, file, signal);
  if (response.status === 401 && (await askForKey(key))) return request(path, { file, signal });
  if (response.ok) return { content: await response.json(), requestId: response.headers.get("X-Request-ID") };
  const problem = await response.json().catch(() => ({}));
  const seconds = parseInt(response.headers.get("Retry-After"), 10);
  throw new ServiceError(response.status, problem.detail ?? response.statusText, seconds >= 0 ? seconds : null);
}

async function send(path, key, file, signal) {
  const body = file && new FormData();
  body?.append("file", file, file.name ?? "drawing.png");
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  try {
    return await fetch(path, { method: file ? "POST" : "GET", headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "", RECONNECT);
  }
}

let asking = null; // one dialog for all requests that need the key

/** Ask for the key that replaces `refused`, null for none; false where the dialog is closed without one. */
function askForKey(refused) {
  if (sessionStorage.getItem(KEY) !== refused) return true; // another request has asked already
  asking ??= showKeyDialog(refused).finally(() => (asking = null));
  return asking;
}

function showKeyDialog(refused) {
  const [dialog, form, field] = ["key-dialog", "key-form", "key"].map((id) => document.getElementById(id));
  if (refused) document.getElementById("key-problem").textContent = "The service does not accept this key.";
  field.value = "";
  dialog.returnValue = "";
  form.onsubmit = (event) => {
    event.preventDefault();
    dialog.close(field.value);
  };
  document.getElementById("key-cancel").onclick = () => dialog.close();
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => {
      if (dialog.returnValue) sessionStorage.setItem(KEY, dialog.returnValue);
      resolve(Boolean(dialog.returnValue));
    };
  });
}
