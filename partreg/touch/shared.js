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
const percent = (share) => `${Math.round(100 * share)}\u00a0%`;

/** Corners x0, y0, x1, y1, relative to the picture, as the style of an element that lies on it. */
function place(node, [x0, y0, x1, y1]) {
  Object.assign(node.style, {
    left: `${100 * x0}%`, top: `${100 * y0}%`, width: `${100 * (x1 - x0)}%`, height: `${100 * (y1 - y0)}%`,
  });
}
