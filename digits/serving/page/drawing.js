// The drawing area: strokes by mouse, touch, pen or keyboard, or a picture; and their history.

const PEN = 0.06; // width of the pen; this and all positions are fractions of the area's side
const KEYBOARD_STEP = { normal: 0.025, fine: 0.008 };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SENT = { side: 160, margin: 20 }; // pixels of the picture that is sent: ink at the edge would look cut off
const EMPTY = { strokes: [], file: null };

export class Drawing {
  #canvas;
  #onChange;
  #history = [EMPTY]; // each state has strokes, arrays of [x, y], or a picture's file
  #stroke = null; // that is being drawn
  #bitmap = null; // of the file
  #pen = null; // position of the keyboard's pen
  #held = new Set(); // arrow keys
  #scheduled = false;

  /** `onChange(isSettled)` is called after each change, with false during a stroke. */
  constructor(canvas, onChange) {
    this.#canvas = canvas;
    this.#onChange = onChange;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    canvas.addEventListener("pointerdown", (event) => this.#pointerDown(event));
    canvas.addEventListener("pointermove", (event) => this.#pointerMove(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => event.isPrimary && this.#end());
    canvas.addEventListener("keydown", (event) => this.#keyDown(event));
    canvas.addEventListener("keyup", (event) => this.#held.delete(event.key));
    canvas.addEventListener("blur", () => this.#blur());
  }

  get #state() {
    return this.#history.at(-1);
  }

  get isEmpty() {
    return !this.file && !this.#state.strokes.length;
  }

  /** The picture in place of strokes, or null. */
  get file() {
    return this.#state.file;
  }

  undo() {
    if (this.#history.length > 1) this.#history.pop();
    this.#stateChanged();
  }

  clear() {
    if (!this.isEmpty) this.#history.push(EMPTY);
    this.#stateChanged();
  }

  /** Show a picture's file in place of the strokes. */
  show(file) {
    this.#history.push({ strokes: [], file });
    this.#stateChanged();
  }

  /** A PNG of the strokes, dark on white, or the picture's file. */
  async picture() {
    if (this.file) return this.file;
    const { side, margin } = SENT;
    const context = Object.assign(document.createElement("canvas"), { width: side, height: side }).getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, side, side);
    context.translate(margin, margin);
    drawStrokes(context, this.#state.strokes, side - 2 * margin);
    return new Promise((resolve) => context.canvas.toBlob(resolve));
  }

  #stateChanged() {
    this.#stroke = null;
    this.#loadBitmap(this.file);
    this.#changed(true);
  }

  #changed(isSettled) {
    this.#drawSoon();
    this.#onChange(isSettled);
  }

  async #loadBitmap(file) {
    const bitmap = file && (await createImageBitmap(file).catch(() => null)); // null: HEIC in most browsers
    if (file !== this.file) return;
    this.#bitmap = bitmap;
    this.#draw();
  }

  #begin(position) {
    this.#stroke = [position];
    this.#history.push({ strokes: [...this.#state.strokes, this.#stroke], file: null });
    this.#changed(false);
  }

  #end() {
    if (!this.#stroke) return;
    this.#stroke = null;
    this.#changed(true);
  }

  #pointerDown(event) {
    if (!event.isPrimary || event.button !== 0) return;
    this.#end();
    this.#pen = null;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#begin(this.#position(event));
  }

  #pointerMove(event) {
    if (!this.#stroke || !event.isPrimary || this.#pen) return;
    const events = event.getCoalescedEvents?.() ?? []; // over plain HTTP only localhost has them
    this.#stroke.push(...(events.length ? events : [event]).map((one) => this.#position(one)));
    this.#changed(false);
  }

  #position(event) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  }

  #keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") this.#togglePen();
    else if (event.key in ARROWS) this.#movePen(event);
    else return;
    event.preventDefault();
  }

  #togglePen() {
    this.#pen ??= [0.5, 0.2];
    if (this.#stroke) this.#end();
    else this.#begin(this.#pen);
  }

  /** Two keys at a time move the pen diagonally. */
  #movePen(event) {
    this.#held.add(event.key);
    const step = event.shiftKey ? KEYBOARD_STEP.fine : KEYBOARD_STEP.normal;
    const moved = (axis) => [...this.#held].reduce((sum, key) => sum + ARROWS[key][axis] * step, 0);
    this.#pen = (this.#pen ?? [0.5, 0.2]).map((place, axis) => Math.min(1, Math.max(0, place + moved(axis))));
    if (!this.#stroke) return this.#drawSoon();
    this.#stroke.push(this.#pen);
    this.#changed(false);
  }

  #blur() {
    this.#held.clear();
    this.#end();
    this.#pen = null;
    this.#drawSoon();
  }

  #drawSoon() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  /** Draw with the pixels of the screen, at most one frame late. */
  #draw() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    if (this.#canvas.width !== side) this.#canvas.width = this.#canvas.height = side;
    const context = this.#canvas.getContext("2d");
    const { color, accentColor } = getComputedStyle(this.#canvas);
    context.clearRect(0, 0, side, side);
    if (this.file && this.#bitmap) drawContained(context, this.#bitmap, side);
    drawStrokes(context, this.#state.strokes, side, color);
    if (this.#pen) drawPen(context, this.#pen, side, accentColor, Boolean(this.#stroke));
  }
}

/** Through the middles of the segments, with the points as control points: smooth at any speed. */
function drawStrokes(context, strokes, side, colour = "black") {
  Object.assign(context, { strokeStyle: colour, lineCap: "round", lineJoin: "round", lineWidth: PEN * side });
  for (const stroke of strokes) {
    const points = stroke.map((point) => point.map((place) => place * side));
    context.beginPath();
    context.moveTo(...points[0]);
    for (let i = 1; i < points.length - 1; i++) {
      const middle = points[i].map((place, axis) => (place + points[i + 1][axis]) / 2);
      context.quadraticCurveTo(...points[i], ...middle);
    }
    context.lineTo(...points.at(-1)); // for a single point a dot
    context.stroke();
  }
}

function drawContained(context, bitmap, side) {
  const scale = side / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  context.imageSmoothingEnabled = scale < 4; // a picture of 28 x 28 shows its pixels
  context.drawImage(bitmap, (side - width) / 2, (side - height) / 2, width, height);
}

function drawPen(context, position, side, colour, isDown) {
  Object.assign(context, { strokeStyle: colour, fillStyle: colour, lineWidth: side / 160 });
  context.beginPath();
  context.arc(position[0] * side, position[1] * side, (PEN * side) / 2, 0, 2 * Math.PI);
  if (isDown) context.fill();
  context.stroke();
}
