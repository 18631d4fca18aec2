// CMC, AP and HIT of a rank list of ten: move its images, tie them, and read what each rule makes of it.

const SIGNS = { right: "✓", wrong: "✗", junk: "∅" };

/** Average precision of ranks and of how many matches there are up to each of them, by the three rules. */
function precisions(list) {
  const kept = list.filter((one) => one.kind !== "junk");
  const rights = kept.map((one, place) => ({ ...one, rank: place + 1 })).filter((one) => one.kind === "right");
  const mean = (numbers) => sum(numbers) / numbers.length;
  const upTo = (some, level) => some.filter((one) => one.level <= level).length;
  const before = (count, rank) => (rank > 1 ? (count - 1) / (rank - 1) : 1);
  return {
    ranks: rights.map((one) => one.rank),
    rectangular: mean(rights.map((one, place) => (place + 1) / one.rank)),
    trapezoidal: mean(rights.map((one, place) => ((place + 1) / one.rank + before(place + 1, one.rank)) / 2)),
    sklearn: mean(rights.map((one) => upTo(rights, one.level) / upTo(kept, one.level))),
  };
}

/** Tracks, nearest first: as near as their nearest image that is not junk. Equally near ones keep the list's order. */
function trackList(list) {
  const numbers = [...new Set(list.map((one) => one.track))];
  const tracks = numbers.map((track) => ({ track, images: list.filter((one) => one.track === track && one.kind !== "junk") }));
  const near = tracks.filter((track) => track.images.length).map((track) => ({ ...track, level: Math.min(...track.images.map((one) => one.level)) }));
  return near.sort((a, b) => a.level - b.level || numbers.indexOf(a.track) - numbers.indexOf(b.track));
}

export default {
  render({ model, el }) {
    const { query, camera, images } = model.get("data");
    const state = { order: images.map((_, number) => number), tied: images.map(() => false) };
    begin(
      el,
      "A rank list of ten",
      "Drag an image to another rank, or move it with the arrow keys. “=” makes it as near as the one before it.",
    );

    const speak = speaker();
    const list = make("ol", { class: "touch-ranks", "aria-label": "Rank list, nearest first" });
    const cards = images.map((image, number) => {
      const rank = make("span", { class: "touch-badge" });
      const about = [`${SIGNS[image.kind]} cam ${image.camera}`, make("br"), ` track ${image.track}`];
      const card = make("button", { type: "button", class: `touch-card touch-${image.kind}` }, staged(image.picture, image.kind), rank, " ", make("span", { class: "touch-small" }, ...about));
      const tie = make("button", { type: "button", class: "touch-tie", onclick: () => {
        const at = state.order.indexOf(number);
        state.tied[at] = !state.tied[at];
        draw();
      } }, "=");
      const item = make("li", {}, tie, card);
      card.addEventListener("keydown", (event) => {
        const step = arrow(event);
        if (!step) return;
        event.preventDefault();
        move(number, state.order.indexOf(number) + step[0] + step[1]);
        settle();
        card.focus();
      });
      // While it is dragged the list is only drawn in its new order; the elements move when it is let go.
      dragged(card, () => null, (x, y, from, event) => {
        card.classList.add("touch-held");
        const over = document.elementsFromPoint(event.clientX, event.clientY).map((node) => node.closest("li"));
        const target = cards.findIndex((other) => over.includes(other.item));
        if (target >= 0 && target !== number) move(number, state.order.indexOf(target));
      }, () => {
        card.classList.remove("touch-held");
        settle();
        card.focus();
      });
      return { item, card, tie, rank };
    });

    function move(number, to) {
      const at = state.order.indexOf(number);
      state.order.splice(at, 1);
      state.order.splice(within(to, 0, images.length - 1), 0, number);
      draw();
    }
    function settle() {
      list.append(...state.order.map((number) => cards[number].item));
    }

    const table = tableOf("score", "value", "what counts");
    table.caption.textContent = "What each rule makes of this order";
    const tracks = make("ol", { class: "touch-tracks", "aria-label": "Tracks, nearest first" });

    function draw() {
      let level = -1;
      const ranked = state.order.map((number, place) => {
        level += place && state.tied[place] ? 0 : 1;
        return { ...images[number], number, level };
      });
      let rank = 0;
      ranked.forEach((one, place) => {
        const { item, card, tie, rank: shown } = cards[one.number];
        const words = one.kind === "junk" ? "left out" : `rank ${(rank += 1)}`;
        shown.textContent = words;
        item.style.order = place;
        item.classList.toggle("touch-tied", place > 0 && state.tied[place]);
        card.setAttribute("aria-label", `${words} ${SIGNS[one.kind]} cam ${one.camera} track ${one.track}: ${one.kind}, place ${place + 1}. Arrow keys move it.`);
        tie.hidden = place === 0;
        tie.setAttribute("aria-label", `Place ${place + 1} is as near as place ${place}`);
        tie.setAttribute("aria-pressed", String(state.tied[place]));
      });
      const found = precisions(ranked);
      const near = trackList(ranked);
      const first = near.findIndex((track) => track.images[0].kind === "right") + 1;
      const hit = (k, at) => String(Number(at <= k));
      table.body.replaceChildren(
        tableLine("AP, rectangular", found.rectangular.toFixed(4), "precision at each right image (Eq. 5)"),
        tableLine("AP, trapezoidal", found.trapezoidal.toFixed(4), "mean with the precision one rank before"),
        tableLine("AP, sklearn", found.sklearn.toFixed(4), "tied images count together"),
        tableLine("CMC@1, CMC@5", `${hit(1, found.ranks[0])}, ${hit(5, found.ranks[0])}`, `first right image: rank ${found.ranks[0]}`),
        tableLine("HIT@1, HIT@5", `${hit(1, first)}, ${hit(5, first)}`, `first right track: rank ${first}`),
      );
      tracks.replaceChildren(...near.map((track) => {
        const kind = track.images[0].kind;
        const pictures = track.images.map((one) => make("img", { src: one.picture, alt: `place ${ranked.indexOf(one) + 1}` }));
        return make("li", { class: `touch-${kind}` }, make("span", {}, `${SIGNS[kind]} track ${track.track} `), ...pictures);
      }));
      speak.say(`Right images at ranks ${found.ranks.join(", ")}. AP ${found.rectangular.toFixed(4)}, trapezoidal ${found.trapezoidal.toFixed(4)}, sklearn ${found.sklearn.toFixed(4)}. First right track: rank ${first}.`);
    }

    el.append(
      make("div", { class: "touch-query" }, make("img", { src: query, alt: "The query" }), make("p", { class: "touch-numbers" }, `The query, camera ${camera}. ✓ right: its vehicle in another camera. ✗ wrong: another vehicle. ∅ junk: its vehicle in camera ${camera}, left out of the ranks.`)),
      list,
      table.node,
      make("p", { class: "touch-numbers" }, "The same list by tracks. Images of one track merge; the nearest one counts:"),
      tracks,
      speak.node,
    );
    settle();
    draw();
  },
};
