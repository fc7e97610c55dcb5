// The answer to one digit: label, ten probabilities, what the network sees, and why it is refused.

import { request, ServiceError } from "./api.js";
import { Correction } from "./feedback.js";
import { announce, describeError, percent, quoted, refusalHelp, refusalTitle } from "./text.js";

const [panel, label, headline, subline, canonical, bars, explanation, reason, readAsMany, retry] = [
  ...["answer", "label", "headline", "subline", "canonical", "bars", "explanation", "reason"],
  ...["read-as-many", "answer-retry"],
].map((id) => document.getElementById(id));

const rows = Array.from({ length: 10 }, (_, digit) => createRow(digit));
bars.append(...rows);
const correction = new Correction(document.getElementById("answer-correction"));

let isBusy = false; // at most one request at a time
let next = null; // that follows it: the newest picture, if it is settled, and when it was drawn
let last = null; // that was asked
let endPause = () => {}; // before the next try

/** Show the empty state: what is on its way is dropped. */
export function clear() {
  next = last = null;
  endPause();
  show({ state: "empty", headline: "The answer appears here", subline: "while you draw" });
}

/** Ask for the answer to what `picture()` gives. During a stroke some pictures are skipped, never the newest. */
export function ask(picture, isSettled) {
  next = { picture, isSettled, since: performance.now() };
  if (!isBusy) work();
}

retry.addEventListener("click", () => {
  if (!last) return;
  ask(last.picture, true);
  endPause();
});

async function work() {
  isBusy = true;
  try {
    while (next) {
      last = next;
      next = null;
      await answer(last);
    }
  } finally {
    isBusy = false;
  }
}

async function answer(asked) {
  try {
    const file = await asked.picture();
    const path = `v1/predict?canonical=true&draft=${!asked.isSettled}`;
    const { content, requestId } = await request(path, { file });
    if (last !== asked) return; // cleared meanwhile
    const { model, predictions } = content;
    showPrediction(predictions[0], asked.isSettled);
    if (asked.isSettled) correction.offer(() => file, requestId);
    measure(asked.since);
    document.dispatchEvent(new CustomEvent("answered", { detail: model }));
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (last === asked) await showError(error);
  }
}

/** Leave the time from the stroke to its answer to the browser's performance tools. */
function measure(start) {
  performance.clearMeasures("answer");
  performance.measure("answer", { start });
}

function showPrediction(found, isSettled) {
  const { accepted, probabilities } = found;
  const [title, help] =
    accepted || !isSettled ? ["", ""] : [refusalTitle(found.reason), refusalHelp(found.reason, probabilities)];
  const probability = found.label === null ? "" : `${percent(found.probability)} probable`;
  const guess = found.label === null ? "" : `best guess ${found.label}, ${probability}`;
  show({
    state: accepted ? "accepted" : isSettled ? "refused" : "drawing",
    label: found.label ?? "",
    headline: title || probability,
    subline: accepted ? "accepted" : guess,
    explanation: help,
    reason: title && found.reason,
    probabilities,
    canonical: found.canonical,
    canReadAsMany: title && found.label !== null,
  });
  if (isSettled) announce(accepted ? `${found.label}, ${probability}` : `Refused: ${title}. ${guess}. ${help}`);
}

/** Where the service says when to ask again, wait so long: until then nothing is sent. */
async function showError(error) {
  const { detail, isPassing, retryAfter } = error;
  const [title, help] = describeError(error, retryAfter);
  show({ state: "error", label: "!", headline: title, explanation: help, reason: detail, canRetry: isPassing });
  announce(`${title}. ${help}`);
  if (error.status === 401) next = null; // it would ask for the key again
  if (retryAfter === null) return;
  await pause(retryAfter);
  next ??= last;
}

function pause(seconds) {
  return new Promise((resolve) => {
    endPause = resolve;
    setTimeout(resolve, 1000 * seconds);
  });
}

function show(content) {
  correction.withdraw();
  panel.dataset.state = content.state;
  label.textContent = content.label ?? "";
  headline.textContent = content.headline;
  subline.textContent = content.subline ?? "";
  explanation.textContent = content.explanation ?? "";
  reason.textContent = quoted(content.reason);
  readAsMany.hidden = !content.canReadAsMany;
  retry.hidden = !content.canRetry;
  showCanonical(content.canonical);
  showProbabilities(content.probabilities ?? Array(10).fill(null));
}

function showCanonical(png) {
  canonical.hidden = !png;
  if (png) canonical.src = `data:image/png;base64,${png}`;
}

function showProbabilities(probabilities) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  rows.forEach((row, digit) => {
    row.classList.toggle("best", digit === best && probabilities[digit] !== null);
    row.style.setProperty("--share", probabilities[digit] ?? 0);
    row.lastChild.textContent = probabilities[digit] === null ? "" : percent(probabilities[digit]);
  });
}

function createRow(digit) {
  const row = document.createElement("li");
  for (const [name, text] of Object.entries({ digit, track: "", share: "" })) {
    row.append(Object.assign(document.createElement("span"), { className: name, textContent: text }));
  }
  return row;
}
