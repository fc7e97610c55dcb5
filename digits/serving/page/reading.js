// A picture with many digits: its boxes, and its lines or grid as text.

import { request, ServiceError } from "./api.js";
import { Correction, isEnabled } from "./feedback.js";
import { cutOut } from "./pictures.js";
import { announce, describeError, percent, quoted, refusalTitle } from "./text.js";

const [photo, boxes, detail, name, invitation, summary, lines, explanation, reason, copyButton, retry] = [
  ...["photo", "boxes", "detail", "photo-name", "sheet-invitation", "summary", "lines"],
  ...["summary-explanation", "summary-reason", "copy", "reading-retry"],
].map((id) => document.getElementById(id));

let current = null; // the picture's file
let isShown = null; // promise: whether the browser can show it
let controller = new AbortController(); // of the request under way
let text = ""; // to be copied
let selected = -1; // position of the digit whose box is selected
let digits = [];
let isChosen = false; // by a click or a key: then the pointer selects no other box on its way to the controls
let requestId = null; // of the reading that is shown
const correction = new Correction(document.getElementById("reading-correction"));

/** Show the picture and read it; a reading that is under way is given up. */
export function read(file) {
  current = file;
  name.textContent = file.name ?? "Your drawing";
  URL.revokeObjectURL(photo.src);
  photo.src = URL.createObjectURL(file);
  isShown = photo.decode().then(() => true, () => false);
  photo.hidden = false;
  invitation.hidden = true;
  readAgain();
}

async function readAgain() {
  if (!current) return;
  controller.abort();
  controller = new AbortController();
  const { signal } = controller;
  showText("Reading …");
  showBoxes({ width: 1, height: 1, digits: [] });
  try {
    const page = await fetchPage(signal);
    showBoxes(page);
    showLines(page);
    document.dispatchEvent(new CustomEvent("answered", { detail: page.model }));
  } catch (error) {
    if (!signal.aborted) showError(error, signal);
  }
}

/** The page; where the browser can't show the picture, such as HEIC, the service draws it, with the boxes. */
async function fetchPage(signal) {
  const layout = document.querySelector("[name=layout]:checked").value;
  const path = `v1/read?layout=${layout}&annotated=${!(await isShown)}`;
  const { content: page, requestId } = await request(path, { file: current, signal });
  if (page.annotated) photo.src = `data:image/png;base64,${page.annotated}`;
  return { ...page, requestId };
}

/** Where the service says when to ask again, do so, unless another reading has begun by then. */
function showError(error, signal) {
  if (!(error instanceof ServiceError)) throw error;
  const { detail, isPassing, retryAfter } = error;
  showText(...describeError(error, retryAfter), quoted(detail));
  retry.hidden = !isPassing;
  if (retryAfter !== null) setTimeout(() => signal.aborted || readAgain(), 1000 * retryAfter);
}

function showText(title, help = "", technical = "") {
  summary.textContent = title;
  explanation.textContent = help;
  reason.textContent = technical;
  lines.hidden = copyButton.hidden = retry.hidden = true;
  announce(`${title}. ${help}`);
}

function showLines(page) {
  const accepted = page.digits.filter((digit) => digit.accepted).length;
  const refused = page.digits.length - accepted;
  const isGrid = document.querySelector("[name=layout]:checked").value === "grid";
  if (isGrid && !page.grid) return showText("No grid is found", "Show all of its outer lines, or choose another layout.");
  if (!page.digits.length) return showText("No digit is found", "Use a sharper picture, with more contrast, or cut out the part with the digits.");
  showText(`${accepted} accepted, ${refused} refused`, refused ? "Select an amber box to see why it is refused." : "");
  text = page.grid ? page.grid.map((row) => row.map((label) => label ?? "").join("\t")).join("\n") : page.lines.join("\n");
  lines.replaceChildren(page.grid ? createTable(page.grid) : createText(text));
  lines.hidden = copyButton.hidden = !text;
}

function createText(content) {
  return Object.assign(document.createElement("pre"), { textContent: content });
}

function createTable(grid) {
  const table = document.createElement("table");
  for (const labels of grid) {
    const row = table.insertRow();
    for (const label of labels) row.insertCell().textContent = label ?? "";
  }
  return table;
}

function showBoxes(page) {
  ({ digits, requestId } = page);
  selected = -1;
  release();
  boxes.classList.toggle("drawn", Boolean(page.annotated)); // into the picture already
  boxes.setAttribute("viewBox", `0 0 ${page.width} ${page.height}`);
  boxes.replaceChildren(...digits.map(createBox));
  for (const [attribute, value] of Object.entries({ role: "listbox", "aria-label": "Digits found", tabindex: 0 })) {
    if (digits.length) boxes.setAttribute(attribute, value);
    else boxes.removeAttribute(attribute);
  }
  boxes.removeAttribute("aria-activedescendant");
  const correcting = isEnabled() && !page.annotated ? "; click it to correct it" : "";
  detail.textContent = digits.length ? `Point to a box, or use the arrow keys, to see its digit${correcting}` : "";
  setPixel();
}

function createBox(digit, position) {
  const [left, top, right, bottom] = digit.box;
  const group = createSvg("g", {
    role: "option",
    id: `box-${position}`,
    class: digit.accepted ? "accepted" : "refused",
    "aria-label": describe(digit),
    "aria-selected": false,
    "data-position": position,
  });
  group.append(createSvg("rect", { x: left, y: top, width: right - left, height: bottom - top }));
  if (digit.line !== null) {
    const caption = createSvg("text", { x: left, y: top });
    caption.textContent = digit.accepted ? digit.label : "?";
    group.append(caption);
  }
  return group;
}

function createSvg(kind, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

function describe({ label, probability, accepted, reason }) {
  if (accepted) return `${label}, ${percent(probability)}, accepted`;
  return `${refusalTitle(reason)}. Best guess ${label}, ${percent(probability)}: ${reason}`;
}

function select(position) {
  boxes.children[selected]?.setAttribute("aria-selected", false);
  selected = position;
  boxes.children[selected].setAttribute("aria-selected", true);
  boxes.setAttribute("aria-activedescendant", `box-${position}`);
  detail.textContent = describe(digits[position]);
}

/** Let people correct the selected digit. A picture with boxes drawn into it, for HEIC, has no digit without one. */
function choose() {
  isChosen = true;
  if (boxes.classList.contains("drawn")) return;
  const { box } = digits[selected];
  correction.offer(() => cutOut(photo, box, boxes.viewBox.baseVal.width), requestId);
}

function release() {
  isChosen = false;
  correction.withdraw();
}

/** Let labels have the same size on the screen, whatever that of the picture. */
function setPixel() {
  boxes.style.setProperty("--pixel", boxes.viewBox.baseVal.width / (boxes.clientWidth || 1));
}

async function copy() {
  const isCopied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  if (!isCopied) getSelection().selectAllChildren(lines);
  copyButton.textContent = isCopied ? "Copied" : "Selected: press Ctrl+C";
  setTimeout(() => (copyButton.textContent = "Copy the text"), 2000);
}

new ResizeObserver(setPixel).observe(boxes);
boxes.addEventListener("pointerover", ({ target }) => {
  const box = target.closest("[data-position]");
  if (box && !isChosen) select(Number(box.dataset.position));
});
boxes.addEventListener("click", ({ target }) => {
  const box = target.closest("[data-position]");
  if (!box) return release();
  select(Number(box.dataset.position));
  choose();
});
boxes.addEventListener("focus", () => digits.length && selected < 0 && select(0));
boxes.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  select(Math.min(digits.length - 1, Math.max(0, selected + step)));
  choose();
});
for (const choice of document.querySelectorAll("[name=layout]")) choice.addEventListener("change", readAgain);
copyButton.addEventListener("click", copy);
retry.addEventListener("click", readAgain);
