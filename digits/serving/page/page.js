// The page: its tabs, where pictures come from, the keyboard, and the model that answers.

import * as answer from "./answer.js";
import { request } from "./api.js";
import { Drawing } from "./drawing.js";
import { configure } from "./feedback.js";
import { read } from "./reading.js";

const element = (id) => document.getElementById(id);
const tabs = [element("one-tab"), element("many-tab")];
const isReadingMany = () => tabs[1].ariaSelected === "true";

const drawing = new Drawing(element("drawing"), (isSettled) => {
  element("drawing-invitation").hidden = !drawing.isEmpty;
  element("drawing-name").textContent = drawing.file?.name ?? "";
  if (drawing.isEmpty) answer.clear();
  else answer.ask(() => drawing.picture(), isSettled);
});

function selectTab(tab) {
  for (const one of tabs) {
    one.ariaSelected = String(one === tab);
    one.tabIndex = one === tab ? 0 : -1;
    element(one.getAttribute("aria-controls")).hidden = one !== tab;
  }
}

/** Read the first of these files, in the mode that is chosen. */
function take(files) {
  if (!files?.length) return;
  if (isReadingMany()) read(files[0]);
  else drawing.show(files[0]);
  const name = element(isReadingMany() ? "photo-name" : "drawing-name");
  if (files.length > 1) name.textContent = `Only the first of ${files.length} is read: ${files[0].name}`;
}

async function readAsMany() {
  selectTab(tabs[1]);
  tabs[1].focus();
  read(await drawing.picture());
}

async function showModel() {
  const found = await request("v1/model").catch(() => null);
  if (!found) return;
  const model = found.content;
  shownVersion = model.version;
  configure(model.feedback);
  shownAt = performance.now();
  const { state, text } = model.certificate;
  const certified = { valid: `Certified: ${text}.`, none: "Its error is not certified." }[state];
  element("model").textContent = `Version ${model.version} of the model answers. ${certified ?? `Its certificate is ${state}.`}`;
}

const MODEL_SECONDS = 60; // until the state of the certificate is asked for again
let shownVersion = null;
let shownAt = 0;
document.addEventListener("answered", ({ detail }) => {
  const isOld = performance.now() - shownAt > MODEL_SECONDS * 1000;
  if (isOld || detail.version !== shownVersion) showModel();
});

for (const tab of tabs) {
  tab.addEventListener("click", () => selectTab(tab));
  tab.addEventListener("keydown", ({ key }) => {
    if (key !== "ArrowLeft" && key !== "ArrowRight") return;
    const other = tabs.find((one) => one !== tab);
    selectTab(other);
    other.focus();
  });
}
for (const [name, id] of Object.entries({ choose: "file", photograph: "camera" })) {
  for (const button of document.getElementsByClassName(name)) button.addEventListener("click", () => element(id).click());
  element(id).addEventListener("change", ({ target }) => {
    take([...target.files]);
    target.value = ""; // so that the same picture can be chosen again
  });
}
element("undo").addEventListener("click", () => drawing.undo());
element("clear").addEventListener("click", () => drawing.clear());
element("read-as-many").addEventListener("click", readAsMany);

document.addEventListener("paste", ({ clipboardData }) => take(clipboardData.files));
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault(); // of the browser, which would open the picture in place of the page
    document.body.classList.toggle("dropping", name === "dragover");
    if (name === "drop") take(event.dataTransfer.files);
  });
}
document.addEventListener("keydown", (event) => {
  const isCommand = event.ctrlKey || event.metaKey;
  if (event.target.matches("input:not([type=radio])")) return;
  if (isCommand && event.key === "o") element("file").click();
  else if (isReadingMany()) return;
  else if (isCommand && event.key === "z") drawing.undo();
  else if (event.key === "Delete") drawing.clear();
  else return;
  event.preventDefault();
});

answer.clear();
showModel();
