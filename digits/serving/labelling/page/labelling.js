// The labelling page: the queue, the place in it, decisions, and the keyboard.

import { announce } from "../shared/text.js";
import {
  acceptedLabel,
  createDigits,
  decisionText,
  DROP,
  element,
  enable,
  fetchAhead,
  showEnd,
  showItem,
  showProblem,
} from "./view.js";

const WAITING = "waiting";
const CONFLICTS = [404, 409]; // somebody has deleted the picture, or decided on it

let items = []; // that wait, or were decided on this page, in the order of the queue
let position = 0; // of the shown one; items.length at the end
const decisions = []; // on this page, the last one last: the picture and the label that it had before
let isBusy = true; // what is pressed before a picture is seen, or its last decision is written, does nothing
let canDecide = false;

/** The JSON of the server. Throws an Error with its reason, and the HTTP status, 0 without a connection. */
async function request(path, content) {
  const options = content && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  };
  const response = await fetch(path, options).catch(() => null);
  if (response?.ok) return response.json();
  const lost = content ? "it is not known whether this decision is written; all earlier ones are" : "the queue can't be read";
  const detail = response
    ? ((await response.json().catch(() => ({}))).detail ?? response.statusText)
    : `No connection: ${lost}. Does \`digits label\` still run?`;
  throw Object.assign(new Error(detail), { status: response?.status ?? 0 });
}

/** Do one thing at a time; what fails is said, and the page stays where it is. */
async function exclusively(action) {
  if (isBusy) return;
  isBusy = true;
  showProblem("");
  try {
    await action();
  } catch (error) {
    showProblem(error.message);
  } finally {
    isBusy = false;
  }
}

/** Add what waits now and is not on the page yet. */
async function load() {
  const { who, items: found } = await request("queue");
  const known = new Set(items.map(({ sha256 }) => sha256));
  items.push(...found.filter(({ sha256 }) => !known.has(sha256)));
  element("who").textContent = `You label as ${who}. Each decision is written at once.`;
}

async function show() {
  const counts = { position, total: items.length, left: items.filter(({ state }) => state === WAITING).length };
  enable({ canUndo: decisions.length > 0, canGoBack: position > 0 });
  canDecide = false;
  if (position < items.length) {
    canDecide = await showItem(items[position], counts);
    fetchAhead(items[position + 1]);
    if (!canDecide) showProblem("This picture can't be shown: it may have been deleted. Skip it.");
  } else {
    showEnd((await request("queue/progress")).text, counts);
  }
}

/** Write a decision on the picture at `place`. Where others have decided, show theirs, and throw. */
async function write(place, label) {
  const { sha256, state, label: shown } = items[place];
  try {
    items[place] = await request(`queue/${sha256}`, { label, shown_state: state, shown_label: shown });
  } catch (error) {
    if (CONFLICTS.includes(error.status)) {
      items.splice(place, 1, ...(error.status === 409 ? await reread(sha256) : []));
      position = place;
      await show();
    }
    throw error;
  }
}

/** A list of the picture as the queue has it now; empty where it has been deleted. */
async function reread(sha256) {
  try {
    return [await request(`queue/${sha256}`)];
  } catch (error) {
    if (error.status === 404) return [];
    throw error;
  }
}

const decide = (label) =>
  exclusively(async () => {
    if (!canDecide || label === null) return;
    const { sha256, label: before } = items[position];
    await write(position, label);
    decisions.push({ sha256, before });
    position += 1;
    await show();
  });

const undo = () =>
  exclusively(async () => {
    const last = decisions.pop();
    const place = items.findIndex(({ sha256 }) => sha256 === last?.sha256);
    if (place < 0) return show();
    try {
      await write(place, last.before);
    } catch (error) {
      if (!CONFLICTS.includes(error.status)) decisions.push(last); // it can be tried again
      throw error;
    }
    position = place;
    await show();
    announce(`Undone. ${last.before === null ? "It waits again" : decisionText(last.before)}`);
  });

const go = (step) =>
  exclusively(async () => {
    position = Math.max(0, Math.min(items.length, position + step));
    await show();
  });

const lookForMore = () =>
  exclusively(async () => {
    await load();
    const waiting = items.findIndex(({ state }) => state === WAITING);
    position = waiting < 0 ? items.length : waiting;
    await show();
  });

const accept = () => position < items.length && decide(acceptedLabel(items[position]));

const KEYS = {
  Enter: accept,
  d: () => decide(DROP),
  Delete: () => decide(DROP),
  u: undo,
  ArrowLeft: () => go(-1),
  ArrowRight: () => go(1),
  ...Object.fromEntries([..."0123456789"].map((digit) => [digit, () => decide(digit)])),
};

document.addEventListener("keydown", (event) => {
  const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
  if (!isUndo && (event.ctrlKey || event.metaKey || event.altKey)) return;
  if (event.key === "Enter" && event.target.matches("button, summary")) return; // which it presses
  const action = isUndo ? undo : KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  if (!event.repeat) action(); // a key that is held decides on one picture
});

createDigits(decide);
const BUTTONS = {
  accept,
  drop: () => decide(DROP),
  undo,
  back: () => go(-1),
  on: () => go(1),
  "end-undo": undo,
  "end-back": () => go(-1),
  again: lookForMore,
};
for (const [id, action] of Object.entries(BUTTONS)) element(id).addEventListener("click", action);
// A button that was clicked loses the focus: else Enter would press it again, and not accept
document.addEventListener("click", ({ detail, target }) => detail && target.closest("button")?.blur());

isBusy = false;
lookForMore();
