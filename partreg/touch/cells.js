// Boxes to cells: a box over a picture, the cells that it covers, and the average of what these hold.

const LEAST = 0.02; // the smallest side of a box

const css = (colour) => `rgb(${colour.map(Math.round).join(" ")})`;
const dark = ([red, green, blue]) => 0.3 * red + 0.6 * green + 0.1 * blue < 140;

export default {
  render({ model, el }) {
    const { picture, boxes, maps, grid } = model.get("data");
    const state = { box: [...boxes[0].corners], S: grid, map: maps[0], name: boxes[0].name };
    begin(
      el,
      "From a box to cells",
      "Drag the box, or its lower right corner. With the keyboard: Tab to the box, then the arrow keys; with Shift they move the corner.",
    );

    const speak = speaker();
    const under = make("div", { class: "touch-grid", "aria-hidden": "true" });
    const held = make("div", { class: "touch-grid", "aria-hidden": "true" });
    const corner = make("span", { class: "touch-corner" });
    const box = make("div", { class: "touch-box", tabindex: 0, role: "application" }, corner);
    const stage = make("div", { class: "touch-stage" }, make("img", { src: picture, alt: "A vehicle, under the grid and the box" }), under, box);
    const numbers = make("p", { class: "touch-numbers" });
    const swatch = make("span", { class: "touch-swatch", "aria-hidden": "true" });
    const average = make("span", { class: "touch-average" });

    /** The values of one cell, a number for each channel. */
    const values = (row, column) => state.map.values[state.S][row][column];
    const range = () => {
      const all = state.map.values[state.S].flat(2);
      return [Math.min(...all), Math.max(...all)];
    };
    const colour = (found, [low, high]) => (found.length === 3 ? found : tone((found[0] - low) / (high - low || 1)));
    const written = (found) => found.map((value) => value.toFixed(state.map.digits)).join(", ");

    function lay() {
      const limits = range();
      for (const grid of [under, held]) {
        grid.style.gridTemplateColumns = `repeat(${state.S}, 1fr)`;
        grid.replaceChildren(...Array.from({ length: state.S ** 2 }, () => make("span")));
      }
      held.childNodes.forEach((cell, number) => {
        const found = values(Math.floor(number / state.S), number % state.S);
        cell.style.setProperty("--touch-cell", css(colour(found, limits)));
        cell.style.setProperty("--touch-number", dark(colour(found, limits)) ? "#fff" : "#000");
        if (found.length === 1 && state.S <= 6) cell.textContent = written(found);
      });
    }

    function draw() {
      const [x0, y0, x1, y1] = state.box;
      const { S } = state;
      place(box, state.box);
      const sum = state.map.values[S][0][0].map(() => 0);
      let count = 0;
      for (let number = 0; number < S * S; number += 1) {
        const [row, column] = [Math.floor(number / S), number % S];
        const covered = overlaps(x0, x1, column, S) && overlaps(y0, y1, row, S);
        under.childNodes[number].className = held.childNodes[number].className = covered ? "covered" : "";
        if (!covered) continue;
        count += 1;
        values(row, column).forEach((value, channel) => (sum[channel] += value));
      }
      const mean = sum.map((value) => value / count);
      const where = `x ${x0.toFixed(3)} to ${x1.toFixed(3)}, y ${y0.toFixed(3)} to ${y1.toFixed(3)}`;
      box.setAttribute("aria-label", `Box of the ${state.name}: ${where}. Arrow keys move it, with Shift its lower right corner.`);
      swatch.style.background = css(colour(mean, range()));
      numbers.textContent = `Box: ${where}`;
      average.textContent = `${state.map.unit}: ${written(mean)}`;
      const cells = count === 1 ? "1 cell" : `${count} cells`;
      speak.say(`The box covers ${cells} of ${S * S}. ${count === 1 ? "Its value" : "Their average"} is ${written(mean)}.`);
    }

    const fine = (share) => Math.round(1000 * share) / 1000;
    function moveTo([x0, y0, x1, y1], right, down) {
      const [dx, dy] = [within(right, -x0, 1 - x1), within(down, -y0, 1 - y1)];
      state.box = [x0 + dx, y0 + dy, x1 + dx, y1 + dy].map(fine);
      draw();
    }
    function resizeTo([x0, y0, x1, y1], right, down) {
      state.box = [x0, y0, within(x1 + right, x0 + LEAST, 1), within(y1 + down, y0 + LEAST, 1)].map(fine);
      draw();
    }
    for (const [node, change] of [[box, moveTo], [corner, resizeTo]]) {
      const side = () => stage.getBoundingClientRect();
      dragged(node, () => state.box, (x, y, from) => change(from, x / side().width, y / side().height));
    }
    box.addEventListener("keydown", (event) => {
      const step = arrow(event);
      if (!step) return;
      event.preventDefault();
      (event.shiftKey ? resizeTo : moveTo)(state.box, 0.01 * step[0], 0.01 * step[1]);
    });

    const shaped = (grid) => {
      state.S = grid;
      lay();
      draw();
    };
    const sizes = Object.keys(maps[0].values).map(Number);
    el.append(
      make(
        "div",
        { class: "touch-controls" },
        slider("Cells a side, S", { min: Math.min(...sizes), max: Math.max(...sizes), step: 1, value: grid }, shaped).node,
        choice("Box of the", boxes.map((one) => one.name), 0, (chosen) => {
          state.name = boxes[chosen].name;
          state.box = [...boxes[chosen].corners];
          draw();
        }),
        choice("Cells hold", maps.map((map) => map.name), 0, (chosen) => {
          state.map = maps[chosen];
          shaped(state.S);
        }),
      ),
      make(
        "div",
        { class: "touch-panels" },
        make("div", { class: "touch-panel" }, stage, numbers),
        make("div", { class: "touch-panel" }, make("div", { class: "touch-stage" }, held), make("p", { class: "touch-numbers" }, swatch, average)),
      ),
      speak.node,
    );
    shaped(grid);
  },
};
