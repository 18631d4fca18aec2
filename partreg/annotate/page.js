"use strict";

/* Draw and correct boxes. The server keeps the queue and the file; this page holds the boxes of one picture. */

const SLIP = 2; // pixels of the picture; a thinner box is a slip of the mouse
const STILL = 3; // pixels of the screen; a pointer that moves less clicks
const find = (id) => document.getElementById(id);
const [stage, svg] = [find("stage"), find("svg")];
const SIDES = ["x0", "y0", "x1", "y1"];

let work; // what the server said: classes, lights, queue, file
let position = 0; // of the picture in the queue
let size = [1, 1];
let boxes = [];
let saves = 0; // how often the picture was saved when it was opened: another tab may save it, too
let [past, future] = [[], []]; // boxes before and after, to undo and redo
let chosen = -1; // the box that keys move; -1: none
let label = 0; // the class to draw
let armed = false; // a class was just picked: the next drag draws, wherever it starts
let zoom = 1;
let drag = null;
let busy = false; // the server is asked
let shown = 0; // when the picture appeared
const drafts = new Map(); // boxes of pictures that were left unfinished
const skipped = new Set();
const trail = []; // places that were visited

async function ask(path, body) {
  const how = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(path, how).catch(() => {
    throw new Error("The server has stopped: start partreg annotate again, then reload this page.");
  });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

/* One thing at a time: a key that is pressed twice saves once. A fault is shown, not lost. */
const safely = (act) => async () => {
  if (busy) return;
  busy = true;
  try {
    await act();
    find("error").textContent = "";
  } catch (error) {
    find("error").textContent = error.message;
  } finally {
    busy = false;
  }
};
const say = (words) => (find("said").textContent = words);
const copy = (list) => list.map((box) => ({ ...box }));
const image = () => work.queue[position].name;
const edited = () => past.length > 0 || drafts.has(image());

function duration(seconds) {
  if (seconds < 90) return `${Math.max(Math.round(seconds / 10) * 10, 10)} seconds`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
  return `${(seconds / 3600).toFixed(1)} hours`;
}

function showProgress({ done, total, seconds }) {
  [find("bar").max, find("bar").value] = [total, done];
  const left = seconds ? `, about ${duration(seconds)} left` : "";
  const out = work.left_out ? `; ${work.left_out} files were left out, the terminal says why` : "";
  find("progress").textContent = `${done} of ${total} finished${left}${out}`;
}

/* Pictures: load, save, skip, back */

async function open(at) {
  const found = await ask(`boxes?image=${encodeURIComponent(work.queue[at].name)}`);
  position = at;
  size = [found.width, found.height];
  saves = found.saves;
  boxes = drafts.get(image()) || found.boxes;
  [past, future, chosen, zoom, drag] = [[], [], -1, 1, null];
  shown = performance.now();
  find("name").textContent = `Picture ${position + 1} of ${work.queue.length}: ${image()}`;
  svg.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
  const picture = node("image", { width: size[0], height: size[1], href: `picture?image=${encodeURIComponent(image())}` });
  picture.addEventListener("error", () => (find("error").textContent = `${image()} cannot be shown; skip it.`));
  const layer = node("g", {});
  svg.replaceChildren(picture, layer);
  svg.layer = layer;
  fit();
  draw();
  const scored = boxes.some((box) => box.score);
  say(`${image()}: ${counted(boxes.length, "box", "boxes")}${scored ? " proposed" : ""}.`);
}

function following() {
  const order = [...work.queue.keys()].map((step) => (position + 1 + step) % work.queue.length);
  const left = order.filter((at) => !work.queue[at].done);
  return left.find((at) => !skipped.has(at)) ?? left[0] ?? -1;
}

async function go(at) {
  trail.push(position);
  await open(at);
}

const save = safely(async () => {
  const seconds = (performance.now() - shown) / 1000;
  const sent = boxes.map(({ label, x0, y0, x1, y1 }) => ({ label, x0, y0, x1, y1 }));
  const progress = await ask("save", { image: image(), boxes: sent, seconds, saves });
  saves = progress.saves;
  drafts.delete(image());
  past = [];
  skipped.delete(position);
  work.queue[position].done = true;
  showProgress(progress);
  const next = following();
  if (next >= 0) return go(next);
  boxes.forEach((box) => delete box.score);
  draw();
  say(`All ${progress.total} pictures are finished. Their boxes are in ${work.file}.`);
});

const skip = safely(async () => {
  keepDraft();
  if (!work.queue[position].done) skipped.add(position);
  const next = following();
  if (next < 0) return say("There is no unfinished picture left.");
  if (next === position) return say("This is the only picture left.");
  await go(next);
});

const back = safely(async () => {
  if (!trail.length) return say("There is no picture before this one.");
  keepDraft();
  await open(trail.pop());
});

function keepDraft() {
  if (edited()) drafts.set(image(), copy(boxes));
}

/* Changes of boxes */

function change(edit) {
  const before = copy(boxes);
  edit();
  if (JSON.stringify(before) === JSON.stringify(boxes)) return draw();
  past.push(before);
  future = [];
  draw();
}

function undo(from, to, words) {
  if (!from.length) return say(`Nothing to ${words}.`);
  to.push(copy(boxes));
  boxes = from.pop();
  chosen = Math.min(chosen, boxes.length - 1);
  draw();
  say(`${words}: ${counted(boxes.length, "box", "boxes")}.`);
}

function pick(at) {
  if (at >= work.classes.length) return;
  label = at;
  if (chosen >= 0) {
    change(() => touch(boxes[chosen], { label: work.classes[at] }));
    return say(`${named(boxes[chosen])}`);
  }
  armed = true;
  draw();
  say(`Draw: ${work.classes[at]}`);
}

function choose(at) {
  chosen = at < boxes.length ? at : -1;
  draw();
  if (chosen >= 0) say(`Chosen: ${named(boxes[chosen])}`);
}

function step(by) {
  if (boxes.length) choose((chosen + by + boxes.length + (chosen < 0 && by < 0 ? 1 : 0)) % boxes.length);
}

function remove() {
  if (chosen < 0) return say("Choose a box first: click on it, or press ].");
  const gone = named(boxes[chosen]);
  const at = chosen;
  chosen = -1;
  change(() => boxes.splice(at, 1));
  say(`Deleted: ${gone}`);
}

function add() {
  const [width, height] = size;
  const box = { label: work.classes[label], x0: width / 3, y0: height / 3, x1: (2 * width) / 3, y1: (2 * height) / 3 };
  change(() => boxes.push(tidy(box)));
  choose(boxes.length - 1);
}

function nudge(dx, dy, resize) {
  change(() => {
    const box = boxes[chosen];
    const corners = { x1: box.x1 + dx, y1: box.y1 + dy };
    if (!resize) Object.assign(corners, { x0: box.x0 + dx, y0: box.y0 + dy });
    if (resize || inside({ ...box, ...corners })) touch(box, corners);
  });
  say(named(boxes[chosen]));
}

const inside = (box) => box.x0 >= 0 && box.y0 >= 0 && box.x1 <= size[0] && box.y1 <= size[1];

/* A box that a person has touched is no proposal any more. */
function touch(box, values) {
  Object.assign(box, values);
  delete box.score;
  tidy(box);
}

function tidy(box) {
  const keep = (value, most) => Math.round(within(value, 0, most) * 100) / 100;
  const [left, right] = [box.x0, box.x1].sort((a, b) => a - b);
  const [top, bottom] = [box.y0, box.y1].sort((a, b) => a - b);
  [box.x0, box.y0] = [keep(left, size[0] - SLIP), keep(top, size[1] - SLIP)];
  [box.x1, box.y1] = [Math.max(keep(right, size[0]), box.x0 + SLIP), Math.max(keep(bottom, size[1]), box.y0 + SLIP)];
  return box;
}

function named(box) {
  const [width, height] = [box.x1 - box.x0, box.y1 - box.y0].map((side) => side.toFixed(0));
  const sure = box.score ? `, score ${box.score.toFixed(2)}` : "";
  return `${box.label}, ${width} by ${height} pixels at ${box.x0.toFixed(0)}, ${box.y0.toFixed(0)}${sure}`;
}

/* How far down the vehicle reaches: the lowest edge of all boxes, as extend_lights has it. */
const bottom = (list) => Math.max(...list.map((box) => box.y1));
const isLight = (box) => work.lights.includes(box.label);

/* The pointer */

const scale = () => svg.getBoundingClientRect().width / size[0]; // pixels of the screen a pixel of the picture

function point(event) {
  const frame = svg.getBoundingClientRect();
  return { x: (event.clientX - frame.left) / scale(), y: (event.clientY - frame.top) / scale() };
}

const area = (box) => (box.x1 - box.x0) * (box.y1 - box.y0);
const contains = (box, { x, y }) => x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1;

/* The nearer one of two sides, if it is near; inside of a small box, less is near. */
function side(value, low, high, near) {
  const reach = (edge) => (value < low || value > high ? near : Math.min(near, (high - low) / 4)) - Math.abs(value - edge);
  const [first, second] = [reach(low), reach(high)];
  if (Math.max(first, second) < 0) return 0;
  return first >= second ? -1 : 1;
}

/* What a drag would take at a point: the edges or the corner of a box, the chosen box as a whole, or nothing. */
function grabbed(at, near) {
  const order = [...boxes.keys()].sort((a, b) => (b === chosen) - (a === chosen) || area(boxes[a]) - area(boxes[b]));
  for (const index of order) {
    const box = boxes[index];
    if (at.x < box.x0 - near || at.x > box.x1 + near || at.y < box.y0 - near || at.y > box.y1 + near) continue;
    const [dx, dy] = [side(at.x, box.x0, box.x1, near), side(at.y, box.y0, box.y1, near)];
    if (dx || dy) return { index, dx, dy };
    if (index === chosen) return { index, dx: 0, dy: 0 };
  }
  return null;
}

const reach = (event) => (event.pointerType === "touch" ? 14 : 6) / scale();

function press(event) {
  if (event.button === 2 && event.pointerType === "mouse" && !drag) return strike(point(event));
  if (event.button || drag) return;
  const at = point(event);
  stage.focus({ preventScroll: true });
  svg.setPointerCapture(event.pointerId);
  const grab = armed ? null : grabbed(at, reach(event));
  drag = { at, grab, near: reach(event), pointer: event.pointerId, before: copy(boxes), moved: false };
}

function move(event) {
  if (!drag) return hover(event);
  if (event.pointerId !== drag.pointer) return;
  const at = point(event);
  const [dx, dy] = [at.x - drag.at.x, at.y - drag.at.y];
  if (!drag.moved && Math.hypot(dx, dy) * scale() < STILL) return;
  drag.moved = true;
  boxes = copy(drag.before);
  if (!drag.grab) {
    boxes.push({ label: work.classes[label], x0: drag.at.x, y0: drag.at.y, x1: at.x, y1: at.y });
  } else {
    const [box, grab] = [boxes[drag.grab.index], drag.grab];
    const whole = !grab.dx && !grab.dy;
    const shift = (low, high, by, most) => within(by, -low, most - high);
    if (whole || grab.dx < 0) box.x0 += whole ? shift(box.x0, box.x1, dx, size[0]) : dx;
    if (whole || grab.dy < 0) box.y0 += whole ? shift(box.y0, box.y1, dy, size[1]) : dy;
    const first = drag.before[grab.index];
    if (whole) Object.assign(box, { x1: box.x0 + first.x1 - first.x0, y1: box.y0 + first.y1 - first.y0 });
    if (grab.dx > 0) box.x1 += dx;
    if (grab.dy > 0) box.y1 += dy;
    delete box.score;
  }
  const at_work = boxes[drag.grab ? drag.grab.index : boxes.length - 1];
  tidy(at_work);
  snap(at_work);
  draw();
}

/* The lower edge of a light catches the bottom of the vehicle. */
function snap(box) {
  const others = boxes.filter((other) => other !== box);
  if (!isLight(box) || !others.length || (drag.grab && drag.grab.dy <= 0)) return;
  const low = bottom(others);
  if (Math.abs(low - box.y1) <= drag.near && low - box.y0 >= SLIP) box.y1 = low;
}

function release(event) {
  if (!drag || event.pointerId !== drag.pointer) return;
  const { at, before, moved, grab } = drag;
  drag = null;
  if (!moved) return click(at);
  const after = boxes;
  boxes = before;
  const drawn = grab ? null : after[after.length - 1];
  if (drawn && (drawn.x1 - drawn.x0 <= SLIP || drawn.y1 - drawn.y0 <= SLIP)) return draw();
  if (drawn) [chosen, armed] = [-1, false];
  change(() => (boxes = after));
  say(named(boxes[grab ? grab.index : boxes.length - 1]));
}

/* The boxes at a point, the smallest first. */
function under(at) {
  const here = [...boxes.keys()].filter((index) => contains(boxes[index], at));
  return here.sort((a, b) => area(boxes[a]) - area(boxes[b]));
}

/* The right button deletes the chosen box if it is here, or else the smallest one. */
function strike(at) {
  const here = under(at);
  if (!here.length) return;
  chosen = here.includes(chosen) ? chosen : here[0];
  remove();
}

function click(at) {
  armed = false;
  const here = under(at);
  choose(here.length ? here[(here.indexOf(chosen) + 1) % here.length] : -1);
}

function cancel() {
  if (drag) boxes = drag.before;
  drag = null; // the pointer may go on, for nothing
  draw();
}

function hover(event) {
  const grab = armed || !boxes.length ? null : grabbed(point(event), reach(event));
  const kinds = { "-1-1": "nwse", "11": "nwse", "-11": "nesw", "1-1": "nesw", "0-1": "ns", "01": "ns", "-10": "ew", "10": "ew" };
  const kind = grab && kinds[`${grab.dx}${grab.dy}`];
  svg.style.cursor = !grab ? "crosshair" : kind ? `${kind}-resize` : "move";
}

/* Drawing */

function node(name, values, words) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(values).forEach(([key, value]) => made.setAttribute(key, value));
  if (words !== undefined) made.textContent = words;
  return made;
}

function fit() {
  const room = stage.clientWidth / size[0];
  const high = (getComputedStyle(stage).maxHeight === "none" ? stage.clientHeight : window.innerHeight * 0.7) / size[1];
  const width = Math.max(Math.min(room, high) * size[0] * zoom - 1, 16);
  svg.setAttribute("width", width);
  svg.setAttribute("height", (width * size[1]) / size[0]);
}

function zoomed(factor, middle) {
  const before = zoom;
  zoom = factor ? within(zoom * factor, 1, 16) : 1;
  const x = middle ? middle.clientX - stage.getBoundingClientRect().left : stage.clientWidth / 2;
  const y = middle ? middle.clientY - stage.getBoundingClientRect().top : stage.clientHeight / 2;
  const [left, top] = [stage.scrollLeft, stage.scrollTop];
  fit();
  stage.scrollLeft = ((left + x) * zoom) / before - x;
  stage.scrollTop = ((top + y) * zoom) / before - y;
  draw();
  say(`Zoom ${Math.round(zoom * 100)} %`);
}

const ink = (name) => Math.max(work.classes.indexOf(name), 0) % 8;
const rect = (kind, { x0, y0, x1, y1 }) => node("rect", { class: kind, x: x0, y: y0, width: x1 - x0, height: y1 - y0 });

function draw() {
  const one = 1 / scale();
  const low = boxes.length ? bottom(boxes) : 0;
  const groups = boxes.map((box, index) => {
    const group = node("g", { "data-ink": ink(box.label), class: index === chosen ? "chosen" : "" });
    if (isLight(box) && box.y1 < low) group.append(rect("reach", { ...box, y0: box.y1, y1: low }));
    group.append(rect("halo", box), rect("edge", box));
    const above = box.y0 > 16 * one ? box.y0 - 4 * one : box.y0 + 13 * one;
    const right = box.x0 + box.x1 > 1.3 * size[0]; // near the right edge the name ends where its box does
    const where = { x: right ? box.x1 : box.x0 + 2 * one, y: above, "text-anchor": right ? "end" : "start" };
    const look = { ...where, "font-size": 12 * one, "stroke-width": 3 * one };
    group.append(node("text", look, `${box.label}${box.score ? ` ${box.score.toFixed(2)}` : ""}`));
    if (index === chosen) {
      for (const x of [box.x0, (box.x0 + box.x1) / 2, box.x1])
        for (const y of [box.y0, (box.y0 + box.y1) / 2, box.y1])
          if (x !== (box.x0 + box.x1) / 2 || y !== (box.y0 + box.y1) / 2)
            group.append(rect("handle", { x0: x - 3.5 * one, y0: y - 3.5 * one, x1: x + 3.5 * one, y1: y + 3.5 * one }));
    }
    return group;
  });
  if (chosen >= 0) groups.push(...groups.splice(chosen, 1));
  svg.layer.replaceChildren(...groups);
  if (!drag) list();
  document.querySelectorAll("#classes input").forEach((input, at) => (input.checked = at === label));
}

/* The boxes in words, each a button that chooses it. */
function list() {
  const focused = [...find("boxes").querySelectorAll("button")].indexOf(document.activeElement);
  const items = boxes.map((box, index) => {
    const [name, ...rest] = named(box).split(", ");
    const current = index === chosen && "true";
    const focus = () => index !== chosen && choose(index);
    return make("li", {}, make("button", { "data-ink": ink(box.label), "aria-current": current, onfocus: focus }, name, make("small", {}, rest.join(", "))));
  });
  find("boxes").replaceChildren(...items);
  if (focused < 0) return;
  const again = find("boxes").querySelectorAll("button")[chosen];
  (again || stage).focus({ preventScroll: true });
}

function classes() {
  find("classes").replaceChildren(
    ...work.classes.map((name, at) => {
      const input = make("input", { type: "radio", name: "class", value: name, onchange: () => pick(at) });
      return make("label", { "data-ink": at % 8 }, input, make("span", { class: "swatch" }), name, ...(at < 9 ? [make("kbd", {}, at + 1)] : []));
    }),
  );
}

/* Keys and buttons */

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LETTERS = {
  s: skip, b: back, n: add, "[": () => step(-1), "]": () => step(1), "+": () => zoomed(1.5), "=": () => zoomed(1.5),
  "-": () => zoomed(1 / 1.5), 0: () => zoomed(0),
};

function key(event) {
  const { target } = event;
  const [control, name] = [event.ctrlKey || event.metaKey, event.key];
  const own = target.matches("button, summary, input[type=checkbox]"); // they answer Enter and space themselves
  if (control && name.toLowerCase() === "z" && !event.shiftKey) undo(past, future, "undo");
  else if (control && ["z", "y"].includes(name.toLowerCase())) undo(future, past, "redo");
  else if (name === "Enter" && (control || !own)) save();
  else if (name in ARROWS && chosen >= 0 && !target.matches("input[type=radio]")) {
    nudge(...ARROWS[name].map((by) => by * (control ? 10 : 1)), event.shiftKey);
  } else if (name === "Delete" || name === "Backspace") remove();
  else if (name === "Escape") {
    armed = false;
    cancel();
    choose(-1);
    stage.focus({ preventScroll: true });
  } else if (control || event.altKey || !find("keys").checked) return;
  else if (/^[1-9]$/.test(name)) pick(Number(name) - 1);
  else if (LETTERS[name.toLowerCase()]) LETTERS[name.toLowerCase()]();
  else return;
  event.preventDefault();
}

function button(id, act) {
  find(id).addEventListener("click", (event) => {
    act();
    if (event.detail) stage.focus({ preventScroll: true }); // a mouse pressed it: keys go back to the picture
  });
}

async function start() {
  work = await ask("work");
  document.title = work.title;
  find("title").textContent = work.title;
  find("lights").hidden = !work.lights.length;
  classes();
  showProgress(work.progress);
  const buttons = { save, skip, back, add, remove, undo: () => undo(past, future, "undo") };
  Object.assign(buttons, { redo: () => undo(future, past, "redo"), in: () => zoomed(1.5), out: () => zoomed(1 / 1.5) });
  Object.entries({ ...buttons, fit: () => zoomed(0) }).forEach(([id, act]) => button(id, act));
  svg.addEventListener("pointerdown", press);
  svg.addEventListener("contextmenu", (event) => event.preventDefault());
  svg.addEventListener("pointermove", move);
  svg.addEventListener("pointerup", release);
  svg.addEventListener("pointercancel", cancel);
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoomed(event.deltaY < 0 ? 1.25 : 0.8, event);
  }, { passive: false });
  document.addEventListener("keydown", key);
  window.addEventListener("resize", () => { fit(); draw(); });
  window.addEventListener("beforeunload", (event) => { if (past.length || drafts.size) event.preventDefault(); });
  position = work.queue.length - 1;
  const next = following();
  await open(Math.max(next, 0));
  if (next < 0) say(`All ${work.queue.length} pictures are finished. Their boxes are in ${work.file}.`);
  stage.focus({ preventScroll: true });
}

safely(start)();
