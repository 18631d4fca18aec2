// Boxes to cells: a box over a picture, the cells that it covers, and the average of what these hold.

const css = (colour) => `rgb(${colour.map(Math.round).join(" ")})`;
const dark = ([red, green, blue]) => 0.3 * red + 0.6 * green + 0.1 * blue < 140;

export default {
  render({ model, el }) {
    const { picture, boxes, maps, grid } = model.get("data");
    const state = { S: grid, map: maps[0] };
    begin(
      el,
      "From a box to cells",
      "Drag the box, or its lower right corner. With the keyboard: Tab to the box, then the arrow keys; with Shift they move the corner.",
    );

    const speak = speaker();
    const under = make("div", { class: "touch-grid", "aria-hidden": "true" });
    const held = make("div", { class: "touch-grid", "aria-hidden": "true" });
    const stage = make("div", { class: "touch-stage" }, make("img", { src: picture, alt: "A vehicle, under the grid and the box" }), under);
    const box = movable(boxes[0].name, stage, draw);
    stage.append(box.node);
    const numbers = make("p", { class: "touch-numbers" });
    const swatch = make("span", { class: "touch-swatch", "aria-hidden": "true" });
    const average = make("span", { class: "touch-average" });

    /** The values of each cell, row after row, a number for each channel. */
    const values = () => state.map.values[state.S].flat();
    const range = () => {
      const all = values().flat();
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
      values().forEach((found, number) => {
        const cell = held.childNodes[number];
        cell.style.setProperty("--touch-cell", css(colour(found, limits)));
        cell.style.setProperty("--touch-number", dark(colour(found, limits)) ? "#fff" : "#000");
        if (found.length === 1 && state.S <= 6) cell.textContent = written(found);
      });
    }

    function draw() {
      const { S } = state;
      const marked = covered([box.corners], S);
      for (const grid of [under, held]) grid.childNodes.forEach((cell, number) => (cell.className = marked[number] ? "covered" : ""));
      const found = values().filter((_, number) => marked[number]);
      const mean = found[0].map((_, channel) => sum(found.map((value) => value[channel])) / found.length);
      swatch.style.background = css(colour(mean, range()));
      numbers.textContent = `Box: ${spanOf(box.corners)}`;
      average.textContent = `${state.map.unit}: ${written(mean)}`;
      speak.say(`The box covers ${counted(found.length, "cell")} of ${S * S}. ${found.length === 1 ? "Its value" : "Their average"} is ${written(mean)}.`);
    }

    const take = ({ name, corners }) => {
      box.name = name;
      box.set(corners);
    };
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
          take(boxes[chosen]);
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
    take(boxes[0]);
    shaped(grid);
  },
};
