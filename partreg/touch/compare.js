// Rank lists of two networks for one query, side by side: what moved, and the parts of query and answer enlarged.

/** A part cut out of a picture: the picture, so large and so far moved that only the box shows. */
function cutOut({ picture, aspect }, [x0, y0, x1, y1], alt) {
  const [wide, high] = [x1 - x0, y1 - y0];
  const image = make("img", { src: picture, alt });
  Object.assign(image.style, {
    width: `${100 / wide}%`, height: `${100 / high}%`, left: `${(-100 * x0) / wide}%`, top: `${(-100 * y0) / high}%`,
  });
  const frame = make("span", { class: "touch-crop" }, image);
  frame.style.aspectRatio = (aspect * wide) / high;
  return frame;
}

/** What became of an image that the left list has at rank `before`, the right one at `after`; null: not shown there. */
function moved(before, after) {
  if (after === null) return ["gone", "not shown on the right"];
  if (before === null) return ["new", "not shown on the left"];
  if (before === after) return ["=", "at the same rank on both sides"];
  const places = Math.abs(before - after);
  return after < before ? [`▲ ${places}`, `${places} higher on the right`] : [`▼ ${places}`, `${places} lower on the right`];
}

export default {
  render({ model, el }) {
    const { images, networks, queries, parts } = model.get("data");
    const boxed = ({ image, right }) => parts.filter((part) => images[image].boxes[part] && images[right].boxes[part]).length;
    const most = Math.max(...queries.map(boxed)); // of the query that the reader meets first
    const state = { query: queries.findIndex((query) => boxed(query) === most), sides: [networks.length - 1, 0] };
    state.chosen = queries[state.query].right;
    begin(
      el,
      "One query, two networks",
      "Choose a query and two networks. Press an image in a list to enlarge its parts beside the query's. ✓ right vehicle. ▲ ▼ places that the right list gains or loses; new, gone: shown on one side alone. The right answer is always shown: last, with its rank, where it is farther back.",
    );

    const speak = speaker();
    const asked = queries.map((query, number) => make("button", { type: "button", class: "touch-card", "aria-label": `Query ${number + 1}`, onclick: () => {
      state.query = number;
      state.chosen = query.right;
      draw();
    } }, staged(images[query.image].picture, ""), make("span", { class: "touch-small" }, String(number + 1))));
    const lists = ["left", "right"].map((side) => make("ol", { class: "touch-row", "aria-label": `The ${side} list, nearest first` }));
    const parted = tableOf("part", "query", "chosen image");

    /** The rank of each image that a network shows for the query. */
    function ranked(network) {
      const { lists: shown, ranks, right } = queries[state.query];
      return new Map(shown[network].map((image, place) => [image, image === right ? ranks[network] : place + 1]));
    }

    function about(image) {
      const { image: query, right } = queries[state.query];
      const { kind } = images[image];
      if (image === right) return "the right vehicle";
      if (kind < 0 || images[query].kind < 0) return "another vehicle";
      return kind === images[query].kind ? "another vehicle of this model and colour" : "a vehicle of another model or colour";
    }

    function draw() {
      const { image: query, right, ranks } = queries[state.query];
      const [left, other] = state.sides.map(ranked);
      pressOne(asked, state.query);
      [left, other].forEach((mine, side) => {
        const items = [...mine].map(([image, rank]) => {
          const at = (list) => (list.has(image) ? list.get(image) : null);
          const [sign, words] = moved(at(left), at(other));
          const tick = image === right ? " ✓" : "";
          const card = make("button", { type: "button", class: "touch-card", "aria-pressed": String(image === state.chosen), "aria-label": `Rank ${rank}${tick} ${sign}: ${about(image)}, ${words}`, onclick: () => {
            state.chosen = image;
            draw();
            [...lists[side].querySelectorAll("button")][[...mine.keys()].indexOf(image)].focus();
          } }, staged(images[image].picture, ""), make("span", { class: "touch-badge" }, `${rank}${tick}`), " ", make("span", { class: "touch-small" }, sign));
          card.classList.toggle("touch-chosen", image === state.chosen);
          card.classList.toggle("touch-answer", image === right);
          return make("li", {}, card);
        });
        lists[side].replaceChildren(...items);
      });
      const both = [...left.keys()].filter((image) => other.has(image));
      const still = both.filter((image) => left.get(image) === other.get(image)).length;
      const where = [left, other].map((list, side) => (list.has(state.chosen) ? `rank ${list.get(state.chosen)} on the ${["left", "right"][side]}` : null)).filter(Boolean);
      parted.caption.textContent = `The chosen image: ${about(state.chosen)}, ${where.join(", ")}`;
      parted.body.replaceChildren(...["whole", ...parts].map((part) => {
        const cells = [query, state.chosen].map((image) => {
          const box = part === "whole" ? [0, 0, 1, 1] : images[image].boxes[part];
          return box ? cutOut(images[image], box, `${words(part)} of the ${image === query ? "query" : "chosen image"}`) : "no box found";
        });
        return tableLine(words(part), ...cells);
      }));
      const [l, r] = state.sides;
      speak.say(`Query ${state.query + 1}: the right vehicle has rank ${ranks[l]} by ${networks[l]} and rank ${ranks[r]} by ${networks[r]}. ${both.length} of the images shown are in both lists, ${still} at the same rank.`);
    }

    const sides = ["Left", "Right"].map((name, side) => choice(name, networks, state.sides[side], (network) => {
      state.sides[side] = network;
      // The chosen image may no longer be in a list.
      if (!state.sides.some((one) => ranked(one).has(state.chosen))) state.chosen = queries[state.query].right;
      draw();
    }));
    el.append(
      make("div", { class: "touch-album touch-many", role: "group", "aria-label": "Queries" }, ...asked),
      speak.node,
      make("div", { class: "touch-panels" }, ...lists.map((list, side) => make("div", { class: "touch-panel" }, sides[side], list))),
      parted.node,
    );
    draw();
  },
};
