// What the page shows: one picture with what is known of it, or the end of the queue.

import { announce, NO_DIGIT, percent } from "../shared/text.js";

export const DROP = "drop"; // a label: the picture shows no digit
const SMALL = 128; // pixels on a side: below it each pixel is shown as a square

export const element = (id) => document.getElementById(id);
const picture = element("picture");

/** The label that accepting what people say gives; null where they only say that the answer is wrong. */
export const acceptedLabel = ({ suggested }) => (suggested === NO_DIGIT ? DROP : suggested);

/** A button for each digit, which calls `choose` with it. */
export function createDigits(choose) {
  for (let digit = 0; digit < 10; digit++) {
    const button = Object.assign(document.createElement("button"), { textContent: digit });
    button.ariaLabel = `Label ${digit}`;
    button.addEventListener("click", () => choose(String(digit)));
    element("digits").append(button);
  }
}

/** Show a picture, once it is decoded; `position` counts from 0. False where it can't be shown. */
export async function showItem(item, { position, total, left }) {
  showSection("item");
  showCount(left);
  element("predicted").textContent = item.predicted === null ? "no digit" : `${item.predicted} (${percent(item.probability)})`;
  const version = `version ${item.version}`;
  element("refusal").textContent = item.accepted ? version : `${version}; refused: ${item.reason}`;
  element("suggested").textContent = { null: "only that this is wrong", [NO_DIGIT]: "no digit" }[item.suggested] ?? item.suggested;
  element("reports").textContent = item.reports > 1 ? `sent ${item.reports} times` : "";
  showDecision(item);
  announce(`Picture ${position + 1} of ${total}. ${describe(item)}`);
  element("canonical").src = `queue/${item.sha256}/canonical.png`;
  picture.hidden = true;
  picture.src = pictureAddress(item);
  try {
    await picture.decode();
  } catch {
    return false;
  }
  picture.classList.toggle("small", Math.max(picture.naturalWidth, picture.naturalHeight) < SMALL);
  picture.hidden = false;
  return true;
}

/** Let the browser fetch a picture before it is shown. */
export function fetchAhead(item) {
  if (item) new Image().src = pictureAddress(item);
}

/** Show that nothing is left, with the server's sentence on the progress; `code` in it is between backticks. */
export function showEnd(text, { total, left }) {
  showSection("end");
  showCount(left);
  const title = left ? "This is the end of the queue" : total ? "Every picture is decided" : "No picture waits for a label";
  element("end-title").textContent = title;
  const parts = text.split("`").map((part, number) => {
    return Object.assign(document.createElement(number % 2 ? "code" : "span"), { textContent: part });
  });
  element("progress").replaceChildren(...parts);
  announce(`${title}. ${text}`);
  element("end-title").focus();
}

/** Show what went wrong, empty for nothing, where the page shows the picture or the end. */
export function showProblem(text) {
  for (const id of ["problem", "end-problem"]) element(id).textContent = text;
}

/** Let the buttons Undo and Back do nothing where there is nothing to undo, or no picture before. */
export function enable({ canUndo, canGoBack }) {
  for (const id of ["undo", "end-undo"]) element(id).disabled = !canUndo;
  for (const id of ["back", "end-back"]) element(id).disabled = !canGoBack;
}

/** A decision in words. */
export const decisionText = (label) => (label === DROP ? "Dropped" : `Labelled ${label}`);

function showDecision(item) {
  const { label, who } = item;
  element("state").textContent = label === null ? "Which digit is it?" : `${decisionText(label)} by ${who}`;
  const accepted = acceptedLabel(item);
  element("accept").disabled = accepted === null;
  const texts = { null: "No suggestion to accept", [DROP]: "Accept: no digit, drop it" };
  element("accept-text").textContent = texts[accepted] ?? `Accept ${accepted}`;
  [...element("digits").children].forEach((button, digit) => (button.ariaPressed = String(label === String(digit))));
  element("drop").ariaPressed = String(label === DROP);
}

function describe(item) {
  const [model, people] = ["predicted", "suggested"].map((id) => element(id).textContent);
  const decided = item.label === null ? "" : ` ${element("state").textContent}.`;
  return `The model: ${model}${item.accepted ? "" : ", refused"}. People say: ${people}.${decided}`;
}

const pictureAddress = ({ sha256 }) => `queue/${sha256}/picture.png`;

function showSection(shown) {
  for (const id of ["item", "end"]) element(id).hidden = id !== shown;
}

function showCount(left) {
  element("count").textContent = `${left} left`;
  document.title = left ? `${left} left · Digits: labelling` : "Digits: labelling";
}
