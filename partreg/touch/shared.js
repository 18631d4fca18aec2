// Helpers of all things. This text stands before each thing's own code, in JupyterLab and on pages alike.

/** An element with attributes, listeners ("onclick") and children; false, null and undefined leave an attribute out. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** Turn the element that a page or JupyterLab gives into a named group with a line on how to use it. */
function begin(el, title, how) {
  el.classList.add("touch");
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", title);
  el.append(make("p", { class: "touch-title" }, title), make("p", { class: "touch-how" }, how));
}

/** The sentence that says what a change did. Screen readers read it once the hand rests. */
function speaker() {
  const node = make("p", { class: "touch-said", role: "status" });
  let waiting;
  const say = (text) => {
    clearTimeout(waiting);
    if (node.textContent) waiting = setTimeout(() => (node.textContent = text), 200);
    else node.textContent = text;
  };
  return { node, say };
}

/** A slider with its name and value; `words` writes the value, and `label` is a shorter name to show. Gives the node and
 * a function that sets the value. */
function slider(name, { min, max, step, value, words = String, label = name }, changed) {
  const shown = make("span", { class: "touch-value", "aria-hidden": "true" });
  const input = make("input", { type: "range", min, max, step, "aria-label": name });
  const show = () => {
    shown.textContent = words(Number(input.value));
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  const set = (number) => {
    input.value = number;
    show();
  };
  input.addEventListener("input", () => {
    show();
    changed(Number(input.value));
  });
  set(value);
  return { node: make("label", { class: "touch-slider" }, make("span", {}, label, " ", shown), input), set };
}

/** A choice of one of several names; `changed` receives its place, from 0. */
function choice(name, options, chosen, changed) {
  const select = make("select", { "aria-label": name, onchange: () => changed(select.selectedIndex) });
  select.append(...options.map((option, place) => make("option", { selected: place === chosen }, option)));
  return make("label", { class: "touch-choice" }, `${name} `, select);
}

/** Follow a mouse, pen or finger from where it takes hold of a node. `start` gives what `move` then receives, with the
 * distance in CSS pixels and the event; `end` is called when it lets go. */
function dragged(node, start, move, end = () => {}) {
  node.addEventListener("pointerdown", (down) => {
    if (down.button) return;
    down.preventDefault();
    down.stopPropagation();
    node.focus();
    node.setPointerCapture(down.pointerId);
    const from = start(down);
    const follow = (event) => move(event.clientX - down.clientX, event.clientY - down.clientY, from, event);
    const stop = (event) => {
      node.removeEventListener("pointermove", follow);
      node.removeEventListener("pointerup", stop);
      node.removeEventListener("pointercancel", stop);
      end(event);
    };
    node.addEventListener("pointermove", follow);
    node.addEventListener("pointerup", stop);
    node.addEventListener("pointercancel", stop);
  });
}

/** What an arrow key asks for as [right, down]; null for any other key. */
function arrow(event) {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  return event.ctrlKey || event.altKey || event.metaKey ? null : steps[event.key] || null;
}

const within = (number, low, high) => Math.min(Math.max(number, low), high);
/** The name of a part in words. */
const words = (name) => name.replaceAll("_", " ");

/** A number with its noun: "1 box", or "2 boxes" with `more` for several. */
const counted = (number, one, more = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : more}`;

const percent = (share) => `${Math.round(100 * share)}%`;

/** Corners x0, y0, x1, y1, relative to the picture, as the style of an element that lies on it. */
function place(node, [x0, y0, x1, y1]) {
  Object.assign(node.style, {
    left: `${100 * x0}%`, top: `${100 * y0}%`, width: `${100 * (x1 - x0)}%`, height: `${100 * (y1 - y0)}%`,
  });
}

const LEAST = 0.02; // the smallest side of a box that is moved, in shares of the picture

/** Corners x0, y0, x1, y1 in words. */
function spanOf(corners) {
  const [x0, y0, x1, y1] = corners.map((share) => share.toFixed(3));
  return `x ${x0} to ${x1}, y ${y0} to ${y1}`;
}

/** A part's box to move, with the mouse, a finger or the keyboard; `changed` is called after each step. */
function movable(name, stage, changed) {
  const corner = make("span", { class: "touch-corner" });
  const node = make("div", { class: "touch-box", tabindex: 0, role: "application" }, corner);
  const box = { name, node, corners: null, set };
  function set(corners) {
    box.corners = corners && corners.map((share) => Math.round(1000 * share) / 1000);
    node.hidden = !corners;
    if (!corners) return;
    place(node, box.corners);
    node.setAttribute("aria-label", `Box of the ${words(box.name)}: ${spanOf(box.corners)}. Arrow keys move it, with Shift its lower right corner.`);
  }
  const move = ([x0, y0, x1, y1], right, down) => {
    const [dx, dy] = [within(right, -x0, 1 - x1), within(down, -y0, 1 - y1)];
    set([x0 + dx, y0 + dy, x1 + dx, y1 + dy]);
    changed();
  };
  const resize = ([x0, y0, x1, y1], right, down) => {
    set([x0, y0, within(x1 + right, x0 + LEAST, 1), within(y1 + down, y0 + LEAST, 1)]);
    changed();
  };
  for (const [held, change] of [[node, move], [corner, resize]]) {
    dragged(held, () => box.corners, (x, y, from) => change(from, x / stage.clientWidth, y / stage.clientHeight));
  }
  node.addEventListener("keydown", (event) => {
    const step = arrow(event);
    if (!step) return;
    event.preventDefault();
    (event.shiftKey ? resize : move)(box.corners, 0.01 * step[0], 0.01 * step[1]);
  });
  return box;
}

const EDGE = 1e-4; // cells; an overlap thinner than this is a touch, as in partreg.parts.cells

/** Whether cell number `cell` of `S` overlaps the span from `low` to `high`, in shares of the picture. */
const overlaps = (low, high, cell, S) => low * S < cell + 1 - EDGE && high * S > cell + EDGE && high > low;

/** The colour of a number between 0 and 1, dark blue to yellow; it grows lighter throughout. */
function tone(share) {
  const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const place = within(share, 0, 1) * 4;
  const low = Math.min(Math.floor(place), 3);
  return stops[low].map((from, channel) => from + (place - low) * (stops[low + 1][channel] - from));
}

/** A picture on its stage, with nodes that lie on it. */
const staged = (src, alt, ...more) => make("span", { class: "touch-stage" }, make("img", { src, alt, draggable: "false" }), ...more);

/** The lines of a table's body, of which the first cell is the line's name. */
const tableLine = (name, ...cells) => make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell)));

/** A table in a frame that scrolls where it is too wide. Gives the node, its caption and its body. */
function tableOf(...heads) {
  const [caption, body] = [make("caption"), make("tbody")];
  const head = make("tr", {}, ...heads.map((one) => make("th", { scope: "col" }, one)));
  return { node: make("div", { class: "touch-wide" }, make("table", {}, caption, make("thead", {}, head), body)), caption, body };
}

/** Of several buttons, press the one at a place, from 0, and release the others. */
function pressOne(buttons, chosen) {
  buttons.forEach((button, place) => {
    button.setAttribute("aria-pressed", String(place === chosen));
    button.classList.toggle("touch-chosen", place === chosen);
  });
}

const sum = (numbers) => numbers.reduce((all, number) => all + number, 0);

/** For each cell of S x S, row after row, whether one of the boxes overlaps it. */
function covered(boxes, S) {
  return Array.from({ length: S * S }, (_, number) => {
    const [row, column] = [Math.floor(number / S), number % S];
    return boxes.some(([x0, y0, x1, y1]) => overlaps(x0, x1, column, S) && overlaps(y0, y1, row, S));
  });
}

/** The share of a map's positive part that lies on cells; null where there are none. */
function shareOn(map, cells) {
  if (!cells.some(Boolean)) return null;
  const positive = map.map((value) => Math.max(value, 0));
  return sum(positive.filter((_, number) => cells[number])) / Math.max(sum(positive), 1e-9);
}

/** Draw a map's positive part, scaled by its maximum, a pixel a cell; the page makes it as large as the picture. */
function paint(canvas, map, S) {
  canvas.width = canvas.height = S;
  const most = Math.max(...map, 1e-9);
  const pixels = new Uint8ClampedArray(map.flatMap((value) => [...tone(Math.max(value, 0) / most), 255]));
  canvas.getContext("2d").putImageData(new ImageData(pixels, S, S), 0, 0);
}
