// The page of partreg.search.live. What the server says is put on it as text, never as HTML.
"use strict";

const by = (id) => document.getElementById(id);
let about = {};
let file = null; // the picture that is looked at
let turn = 0; // grows with each question, so that a late answer to an older one is dropped
let map = null; // the likeness of the pair that is shown

/** Say one sentence; a wrong one is marked. */
function say(text, wrong = false) {
  by("said").textContent = text;
  by("said").classList.toggle("wrong", wrong);
}

/** Ask the server; gives the answer, or null if it is late or an error, which is said. */
async function ask(path, body) {
  const mine = ++turn;
  try {
    const answer = await fetch(path, body ? { method: "POST", body } : {});
    const told = await answer.json();
    if (mine !== turn) return null;
    if (answer.ok) return told;
    say(told.error, true);
  } catch {
    if (mine === turn) say("The server does not answer; look into the terminal where it was started.", true);
  }
  return null;
}

async function look(chosen) {
  const most = `${(about.largest / 2 ** 20).toFixed(0)} MB`;
  by("found").hidden = true;
  if (chosen.size > about.largest) {
    turn += 1;
    say(`${chosen.name}: the file has more than ${most}; choose a smaller one.`, true);
    return;
  }
  file = chosen;
  say(`Searching for ${chosen.name} …`);
  const told = await ask("search", chosen);
  if (!told) return;
  by("found").hidden = false;
  showParts(told);
  by("hits").replaceChildren(...told.hits.map((hit) => make("li", {}, button(hit))));
  if (told.hits.length) await compare(told.hits[0], `${chosen.name}: ${counted(told.hits.length, "picture")} found.`);
}

function showParts(told) {
  const boxes = told.parts.map(({ part, corners }) => {
    const box = make("span", { class: `box ${part}`, "aria-hidden": "true" }, make("b", {}, words(part)));
    place(box, corners);
    return box;
  });
  by("parts").replaceChildren(make("img", { src: told.picture, alt: "Your picture" }), ...boxes);
  const names = told.parts.map(({ part }) => words(part)).join(", ");
  const seen = names ? `Parts that the detector sees: ${names}. It takes this for the ${told.view} of a vehicle` : "The detector sees no part";
  by("parts-said").textContent = about.detector ? seen : "Yours; without --detector no parts are shown";
  by("first").replaceChildren(make("img", { src: told.picture, alt: "Your picture, with its cells" }));
}

function button(hit) {
  const shown = hit.picture ? make("img", { src: hit.picture, alt: "" }) : make("span", { class: "absent" }, "cannot be opened now");
  const same = hit.verdict ? ` · same: ${hit.verdict.same}` : "";
  const node = make("button", { type: "button", "aria-pressed": "false" }, shown, make("b", {}, String(hit.rank)), ` · ${hit.distance.toFixed(3)}${same}`, make("br"), hit.name);
  node.addEventListener("click", async () => {
    await compare(hit, "");
    by("pair").scrollIntoView({ block: "nearest" });
  });
  return node;
}

/** The verdict on a match in words. */
function said({ verdict, distance }) {
  const far = `Distance ${distance.toFixed(3)}.`;
  if (!verdict) return `${far} ${about.uncalibrated}`;
  const share = (rate) => `${Number((100 * rate).toPrecision(2))}%`;
  const rate = verdict.rate ? share(verdict.rate) : `Less than ${share(verdict.least)}`;
  return `Same vehicle? ${verdict.same}. ${far} ${rate} of the pairs of different vehicles are as near.`;
}

/** Show the verdict on one match and, where the network gives cells, the likeness map. */
async function compare(hit, before) {
  [...by("hits").querySelectorAll("button")].forEach((one, at) => one.setAttribute("aria-pressed", String(at === hit.rank - 1)));
  by("verdict").textContent = said(hit);
  by("pair").textContent = `Your picture and match ${hit.rank}`;
  map = null;
  by("all").hidden = true;
  by("cell").textContent = "";
  for (const side of ["first", "second"]) by(side).querySelector(".cells")?.remove();
  by("first").classList.remove("mapped");
  by("second").replaceChildren(...(hit.picture ? [make("img", { src: hit.picture, alt: `Match ${hit.rank}: ${hit.name}` })] : []));
  by("second-said").textContent = `Match ${hit.rank}: ${hit.name}`;
  if (about.mapless) {
    by("cell").textContent = `No likeness map: ${about.mapless}`;
    say(before);
    return;
  }
  const told = await ask(`likeness?match=${encodeURIComponent(hit.name)}`, file);
  if (!told) return;
  map = told;
  by("second").replaceChildren(make("img", { src: told.picture, alt: `Match ${hit.rank}: ${hit.name}, with its cells` }));
  for (const side of ["first", "second"]) {
    by(side).classList.add("mapped");
    by(side).append(cells(side));
  }
  showAll();
  say(before);
}

/** The cells of one side; arrow keys move among them, and each shows what is like it on the other side. */
function cells(side) {
  const [rows, columns] = map.grid;
  const name = side === "first" ? "your picture" : "the match";
  const grid = make("div", { class: "cells", role: "grid", "aria-label": `Cells of ${name}; the arrow keys move among them` });
  const all = [];
  const go = (row, column) => {
    const next = all[within(row, 0, rows - 1)][within(column, 0, columns - 1)];
    all.flat().forEach((cell) => cell.setAttribute("tabindex", cell === next ? "0" : "-1"));
    next.focus();
  };
  for (let row = 0; row < rows; row += 1) {
    all.push([]);
    const line = make("div", { class: "line", role: "row" });
    for (let column = 0; column < columns; column += 1) {
      const cell = make("div", { class: "cell", role: "gridcell", tabindex: row + column ? "-1" : "0" });
      cell.addEventListener("click", () => go(row, column));
      cell.addEventListener("focus", () => showOne(side, row, column));
      cell.addEventListener("keydown", (event) => {
        const step = arrow(event);
        if (event.key === "Escape") showAll();
        if (!step) return;
        event.preventDefault();
        go(row + step[1], column + step[0]);
      });
      all[row].push(cell);
      line.append(cell);
    }
    grid.append(line);
  }
  return grid;
}

/** Colour the cells of a side by values, and number some of them. */
function paint(side, values, numbers = {}, chosen = -1) {
  const top = Math.max(...values, 1e-12);
  [...by(side).querySelectorAll(".cell")].forEach((cell, at) => {
    const share = within(values[at] / top, 0, 1);
    const [row, column] = [Math.floor(at / map.grid[1]) + 1, (at % map.grid[1]) + 1];
    cell.style.backgroundColor = `rgb(${tone(share).map(Math.round).join(" ")} / ${0.3 + 0.35 * share})`;
    cell.textContent = numbers[at] ?? "";
    cell.classList.toggle("chosen", at === chosen);
    const number = numbers[at] ? `, pair ${numbers[at]}` : "";
    cell.setAttribute("aria-label", `row ${row}, column ${column}: ${percent(share)} of the strongest${number}`);
  });
}

const sums = (side) => {
  const size = map.grid[0] * map.grid[1];
  const at = (one, other) => (side === "first" ? map.pairs[one * size + other] : map.pairs[other * size + one]);
  return Array.from({ length: size }, (_, one) => Array.from({ length: size }, (__, other) => at(one, other)));
};

function showAll() {
  const columns = map.grid[1];
  const numbers = { first: {}, second: {} };
  map.best.forEach(([a, b, c, d], at) => {
    numbers.first[a * columns + b] = at + 1;
    numbers.second[c * columns + d] = at + 1;
  });
  for (const side of ["first", "second"]) paint(side, sums(side).map(sum), numbers[side]);
  by("all").hidden = true;
  by("cell").textContent = "Equal numbers are on the cells that are most alike. Choose a cell to see what is like it.";
}

function showOne(side, row, column) {
  const other = side === "first" ? "second" : "first";
  const at = row * map.grid[1] + column;
  const values = sums(side)[at];
  paint(side, sums(side).map(sum), {}, at);
  paint(other, values);
  const best = values.indexOf(Math.max(...values));
  const [mine, theirs] = side === "first" ? ["your picture", "the match"] : ["the match", "your picture"];
  const like = `row ${Math.floor(best / map.grid[1]) + 1}, column ${(best % map.grid[1]) + 1} of ${theirs}`;
  const what = values[best] > 0 ? `is most like ${like}` : `is like nothing in ${theirs}`;
  by("cell").textContent = `Row ${row + 1}, column ${column + 1} of ${mine} ${what}.`;
  by("all").hidden = false;
}

by("all").addEventListener("click", () => {
  showAll();
  by("first").querySelector('[tabindex="0"]').focus({ preventScroll: true });
  showAll(); // the focus chose a cell once more
});
by("file").addEventListener("change", ({ target }) => target.files.length && look(target.files[0]));
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const [one] = event.dataTransfer.files;
  if (one) look(one);
  else say("No file was dropped; drop a picture from a folder.", true);
});

ask("about").then((told) => {
  if (!told) return;
  about = told;
  by("about").textContent = `${counted(told.pictures, "picture")} in ${told.index}. Your picture stays on this machine.`;
});
