// Corrections: what people say about a wrong answer is sent with its picture, once they agree.

import { request, ServiceError } from "./api.js";
import { PictureError, shrink } from "./pictures.js";
import { announce, describeFeedbackError, describeReceipt, NO_DIGIT, quoted } from "./text.js";

const CONSENT = "digits-feedback-consent"; // in sessionStorage: until the tab is closed
const LABELS = [..."0123456789", NO_DIGIT];

let settings = { enabled: false, keep_days: 0, max_side: null }; // of the service
const corrections = [];

/** Offer corrections as the service takes them: `feedback` of GET v1/model. */
export function configure(feedback) {
  settings = feedback ?? { ...settings, enabled: false };
  for (const correction of corrections) correction.render();
}

export const isEnabled = () => settings.enabled;

/** The controls that correct one answer at a time, in the element `place`. */
export class Correction {
  #place;
  #answered = null; // {picture, requestId}
  #isBusy = false;
  #isSent = false; // the correction of this answer

  constructor(place) {
    this.#place = place;
    place.append(document.getElementById("correction").content.cloneNode(true));
    place.querySelector(".choices").append(...LABELS.map((label) => this.#createButton(label)));
    this.#consent.addEventListener("change", () => this.#setConsent());
    corrections.push(this);
    this.render();
  }

  get #consent() {
    return this.#place.querySelector(".consent input");
  }

  /** Let people correct the answer of the request `requestId` to the file that `picture()` gives, of one digit. */
  offer(picture, requestId) {
    this.#answered = { picture, requestId };
    this.#reset();
  }

  /** There is no answer to correct. */
  withdraw() {
    if (!this.#answered) return;
    this.#answered = null;
    this.#reset();
  }

  #reset() {
    this.#isSent = false;
    this.#place.querySelector("details").open = false;
    this.#show("");
    this.render();
  }

  render() {
    const [details, terms] = ["details", ".terms"].map((one) => this.#place.querySelector(one));
    this.#place.hidden = !settings.enabled;
    details.classList.toggle("withdrawn", !this.#answered);
    terms.textContent =
      "I agree that the picture and my correction are sent and kept: " +
      `for up to ${settings.keep_days} days, and longer as training data if a person confirms a label by then.`;
    this.#consent.checked = sessionStorage.getItem(CONSENT) === "yes";
    const canSend = this.#consent.checked && !this.#isBusy && !this.#isSent;
    for (const button of this.#place.querySelectorAll(".choices button")) button.disabled = !canSend;
  }

  #setConsent() {
    if (this.#consent.checked) sessionStorage.setItem(CONSENT, "yes");
    else sessionStorage.removeItem(CONSENT);
    for (const correction of corrections) correction.render();
  }

  #createButton(label) {
    const [text, name] = label === NO_DIGIT ? ["no digit", "It is no digit"] : [label, `It is ${label}`];
    const button = Object.assign(document.createElement("button"), { textContent: text, ariaLabel: name });
    button.addEventListener("click", () => this.#send(label, button));
    return button;
  }

  async #send(label, button) {
    if (!this.#answered) return;
    this.#isBusy = true;
    this.render();
    const answered = this.#answered;
    this.#show("Sending …");
    try {
      const receipt = await post(answered, label);
      if (this.#answered === answered) this.#showReceipt(receipt, label);
    } catch (error) {
      if (!(error instanceof ServiceError || error instanceof PictureError)) throw error;
      if (this.#answered === answered) this.#showError(error);
    } finally {
      this.#isBusy = false;
      this.render();
      if (document.activeElement === document.body) button.focus(); // it lost the focus while it was disabled
    }
  }

  #showReceipt({ duplicate, kept_until: until, request_id: id }, label) {
    this.#isSent = true;
    this.#show(describeReceipt(label, duplicate, until), "", id);
  }

  #showError(error) {
    if (error instanceof PictureError) this.#show(error.message);
    else this.#show(describeFeedbackError(error), quoted(error.detail));
  }

  #show(text, technical = "", id = "") {
    const [outcome, reason, receipt] = [".outcome", ".reason", ".receipt"].map((one) => this.#place.querySelector(one));
    outcome.textContent = text;
    reason.textContent = technical;
    receipt.hidden = !id;
    receipt.querySelector("code").textContent = id;
    if (text) announce(text);
  }
}

async function post({ picture, requestId }, label) {
  const options = new URLSearchParams({ label, consent: true });
  if (requestId) options.set("answer", requestId);
  const file = await shrink(await picture(), settings.max_side);
  const { content } = await request(`v1/feedback?${options}`, { file });
  return content;
}
