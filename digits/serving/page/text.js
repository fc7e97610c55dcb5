// What the page says: figures, refusals and errors in plain words.

export const NO_DIGIT = "none"; // what people may say in place of a digit

export const percent = (share) => `${(100 * share).toFixed(1)}%`;

/** Let screen readers say this, once they are idle. */
export function announce(text) {
  const region = document.getElementById("announcement");
  if (region.textContent !== text) region.textContent = text;
}

/** A reason of the service for refusing a digit, as a headline. */
export function refusalTitle(reason) {
  if (reason.startsWith("blank")) return "No ink is found";
  return reason.startsWith("looks like no digit") ? "This looks like no single digit" : "Too uncertain to accept";
}

/** What to do about it. `probabilities` are those of the ten digits; a blank picture has none. */
export function refusalHelp(reason, probabilities) {
  if (reason.startsWith("blank")) {
    return "Nothing stands out from the paper. Use a picture with more contrast, or draw a digit.";
  }
  if (reason.startsWith("looks like no digit")) {
    return "The model answers only for what resembles the digits that it learned from. Show one digit, complete and large.";
  }
  const [first, second] = probabilities.map((share, label) => ({ share, label })).sort((a, b) => b.share - a.share);
  const guesses = `It may be ${first.label} (${percent(first.share)}) or ${second.label} (${percent(second.share)}).`;
  return `${guesses} Write the digit more clearly, or use a sharper picture.`;
}

/** A ServiceError as a headline and what to do; `seconds` until it is tried again, null if it is not. */
export function describeError({ status }, seconds = null) {
  const known = {
    0: ["No connection to the service", "Nothing is lost. Check that the service runs, then try again."],
    401: ["An API key is needed", "Try again to enter the key."],
    408: ["The upload took too long", "Try again, or use a smaller picture."],
    413: ["This picture is too large", "Use a smaller picture, or cut out the part with the digits."],
    415: ["This is not a picture", "Use a PNG, JPEG, HEIC or another common picture format."],
    422: ["This picture can't be read", "Use another picture, or save it anew as PNG or JPEG."],
    429: ["The service is busy", "Nothing is lost. Try again in a moment."],
    503: ["The service can't answer now", "Nothing is lost. Try again in a moment."],
  };
  const [headline, help] = known[status] ?? ["The service has failed", "Nothing is lost. Try again in a moment."];
  return [headline, seconds === null ? help : `Nothing is lost. The page tries again in ${seconds} s.`];
}

/** The technical reason that the service gives; empty where there is none. */
export const quoted = (reason) => (reason ? `The service says: ${reason}` : "");

/** What the service did with a correction: `label` is a digit or NO_DIGIT, `until` its last day unless it is labelled, or null. */
export function describeReceipt(label, isDuplicate, until) {
  const sent = `Sent as ${label === NO_DIGIT ? "no digit" : label}`;
  const thanks = isDuplicate ? "Thank you; this picture is known already." : "Thank you.";
  if (!until) return `${thanks} ${sent}. A person has labelled it, so it is kept.`;
  const day = new Date(until).toLocaleDateString("en", { dateStyle: "long", timeZone: "UTC" });
  return `${thanks} ${sent}. It is deleted on ${day} unless a person has labelled it by then.`;
}

/** Why a correction was not taken, and what to do. */
export function describeFeedbackError({ status, retryAfter }) {
  const known = {
    0: "No connection to the service. Check that it runs, then choose again.",
    401: "An API key is needed: choose again to enter it.",
    403: "This service takes no corrections.",
    413: "The picture is too large. Use a smaller one, or cut out the digit.",
    422: "The service can't use this picture. Use a smaller one, as PNG or JPEG.",
    429: `Too many corrections came. Choose again ${describeWait(retryAfter)}.`,
    503: `Too many corrections wait for a person. Choose again ${describeWait(retryAfter)}.`,
    507: "The service has no room left for it. Tell whoever runs the service.",
  };
  return `${known[status] ?? "The service has failed. Choose again in a moment."} Nothing was sent that is kept; the picture stays here.`;
}

function describeWait(seconds) {
  if (seconds === null) return "later";
  if (seconds < 90) return `in ${seconds} s`;
  return seconds < 5400 ? `in ${Math.ceil(seconds / 60)} minutes` : `in ${Math.ceil(seconds / 3600)} hours`;
}
