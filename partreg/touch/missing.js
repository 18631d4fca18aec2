// Missing parts: take a vehicle's box away and see which average takes its place, and how far that is from the truth.

/** Intersection over union of two boxes; null where one of them is. */
function iou(a, b) {
  if (!a || !b) return null;
  const side = (axis) => Math.max(0, Math.min(a[axis + 2], b[axis + 2]) - Math.max(a[axis], b[axis]));
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  const common = side(0) * side(1);
  return common / (area(a) + area(b) - common);
}

/** Add up sums of boxes with their numbers: `[{ sum: [4], count }]`. */
function added(groups) {
  const sum = [0, 1, 2, 3].map((corner) => groups.reduce((all, group) => all + group.sum[corner], 0));
  return { sum, count: groups.reduce((all, group) => all + group.count, 0) };
}

export default {
  render({ model, el }) {
    const { images, parts, levels, own, others } = model.get("data");
    const state = { part: parts[0], chosen: 0, taken: new Set() };
    begin(
      el,
      "Take a box away",
      "Press a picture to take its box away, press again to put it back. Boxes: solid where found, dashed where an average fills in, dotted for the true place. Dashed frames: the pictures whose boxes are averaged for the picture in the solid frame.",
    );

    const key = (image, part) => `${image} ${part}`;
    const found = (image, part) => (state.taken.has(key(image, part)) ? null : images[image].boxes[part]);
    // An image that has no box left tells no view.
    const view = (image) => (parts.some((part) => found(image, part)) ? images[image].view : "unknown");

    /** The boxes of a part over which each level takes the mean, and these means, for one image. */
    function averages(image, part) {
      const here = images.map((_, place) => place).filter((place) => found(place, part));
      const mine = (places) => places.map((place) => ({ sum: found(place, part), count: 1 }));
      const kept = (sums, wanted) => Object.entries(sums).filter(([name]) => wanted(name)).map(([, of]) => of[part]).filter(Boolean);
      const same = (name) => name === view(image);
      const any = () => true;
      const inView = here.filter((place) => same(view(place)));
      const groups = [
        [...mine(inView), ...kept(own, same)],
        [...mine(here), ...kept(own, any)],
        [...mine(inView), ...kept(own, same), ...kept(others, same)],
        [...mine(here), ...kept(own, any), ...kept(others, any)],
      ];
      const means = groups.map(added).map(({ sum, count }) => ({ count, box: count ? sum.map((corner) => corner / count) : null }));
      const places = [inView, here, inView, here];
      const all = [...means, { count: 0, box: [0, 0, 1, 1] }];
      const used = all.findIndex((level) => level.box);
      return { all, used, from: used < 4 ? places[used] : [] };
    }

    const speak = speaker();
    const cards = images.map((image, number) => {
      const boxes = ["truth", "place"].map((name) => make("span", { class: `touch-part touch-${name}` }));
      const badge = make("span", { class: "touch-badge" });
      const button = make("button", { type: "button", class: "touch-card" }, staged(image.picture, `Image ${number + 1}`, ...boxes), badge);
      button.addEventListener("click", () => press(number));
      return { button, truth: boxes[0], place: boxes[1], badge };
    });
    const table = tableOf("mean over", "boxes", "IoU with the truth");

    function press(number) {
      const mark = key(number, state.part);
      state.chosen = number;
      if (images[number].boxes[state.part] && !state.taken.delete(mark)) state.taken.add(mark);
      draw();
    }

    const lay = (node, box) => {
      node.hidden = !box;
      if (box) place(node, box);
    };
    const score = (value) => (value === null ? "–" : value.toFixed(3));

    function draw() {
      const { part, chosen } = state;
      const of = averages(chosen, part);
      const missing = !found(chosen, part);
      cards.forEach((card, number) => {
        const box = found(number, part);
        const mine = averages(number, part);
        lay(card.place, box || mine.all[mine.used].box);
        lay(card.truth, images[number].truth[part]);
        card.place.classList.toggle("touch-filled", !box);
        const detected = images[number].boxes[part];
        const counted = missing && number !== chosen && of.from.includes(number);
        card.badge.textContent = counted ? "averaged" : box ? "found" : detected ? "taken away" : "missed";
        card.button.classList.toggle("touch-counted", counted);
        card.button.classList.toggle("touch-chosen", number === chosen);
        card.button.setAttribute("aria-pressed", String(Boolean(detected) && !box));
        card.button.setAttribute("aria-label", `Image ${number + 1}, ${view(number)} view, ${words(part)}: ${card.badge.textContent}${box ? "" : ", filled"}`);
      });
      table.caption.textContent = missing
        ? `Image ${chosen + 1}, ${words(part)}: the first level that has a box is used`
        : `Image ${chosen + 1}, ${words(part)}: found, so no level is used`;
      table.body.replaceChildren(...of.all.map((level, number) => {
        const used = missing && number === of.used;
        const line = tableLine(
          `${levels[number]}${used ? " (used)" : ""}`, number < 4 ? String(level.count) : "–", score(iou(level.box, images[chosen].truth[part])),
        );
        line.classList.toggle("touch-used", used);
        return line;
      }));
      const how = missing
        ? `its ${words(part)} is filled from: ${levels[of.used]}${of.used < 4 ? `, ${counted(of.all[of.used].count, "box", "boxes")}` : ""}. IoU with the truth`
        : `its ${words(part)} was found. IoU with the truth`;
      const shown = missing ? of.all[of.used].box : found(chosen, part);
      const value = iou(shown, images[chosen].truth[part]);
      speak.say(`Image ${chosen + 1}, ${view(chosen)} view: ${how}: ${value === null ? "no true box to compare with" : value.toFixed(3)}.`);
    }

    el.append(
      make("div", { class: "touch-controls" }, choice("Part", parts.map(words), 0, (chosen) => {
        state.part = parts[chosen];
        draw();
      }), make("button", { type: "button", onclick: () => {
        state.taken.clear();
        draw();
      } }, "Put all back")),
      make("div", { class: "touch-album" }, ...cards.map((card) => card.button)),
      table.node,
      speak.node,
    );
    press(0);
  },
};
