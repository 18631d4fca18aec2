// Activation maps over their images, with parts and without: opacity, and the share of each map that lies on parts.

export default {
  render({ model, el }) {
    const { networks, parts, vehicles } = model.get("data");
    const state = { vehicle: 0, image: 0, counted: new Set(Object.keys(parts)) };
    begin(
      el,
      "Where two networks look",
      "Choose a vehicle and press one of its images. Slide the maps in and out. Untick a part, and it no longer counts. Outlined: the boxes that the detector found.",
    );

    const speak = speaker();
    const album = make("div", { class: "touch-album", role: "group", "aria-label": "Images of the vehicle" });
    const stages = networks.map((name) => {
      const canvas = make("canvas", { "aria-hidden": "true" });
      const image = make("img", { alt: "", draggable: "false" });
      const boxes = make("div", { "aria-hidden": "true" });
      const share = make("strong");
      const node = make("div", { class: "touch-panel touch-half" }, make("p", {}, `${name}: `, share), make("div", { class: "touch-stage touch-map" }, image, canvas, boxes));
      return { node, canvas, image, boxes, share };
    });
    const shares = tableOf("image", ...networks, "the same everywhere");
    const words = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)}%`);

    /** The share of each network's map of an image on the parts that count, then that of an even map. */
    function sharesOf({ boxes, maps, grids }) {
      const counted = [...state.counted].flatMap((part) => parts[part]).map((name) => boxes[name]).filter(Boolean);
      const even = (S) => shareOn(Array(S * S).fill(1), covered(counted, S));
      return [...maps.map((map, one) => shareOn(map, covered(counted, grids[one]))), even(grids[0])];
    }

    function draw() {
      const { images } = vehicles[state.vehicle];
      const one = images[state.image];
      pressOne([...album.children], state.image);
      const all = images.map(sharesOf);
      const mine = all[state.image];
      stages.forEach(({ canvas, image, boxes, share }, number) => {
        image.src = one.picture;
        image.alt = `Image ${state.image + 1} under the map of ${networks[number]}`;
        paint(canvas, one.maps[number], one.grids[number]);
        const counted = [...state.counted].flatMap((part) => parts[part]).filter((name) => one.boxes[name]);
        boxes.replaceChildren(...counted.map((name) => {
          const box = make("span", { class: "touch-part" });
          place(box, one.boxes[name]);
          return box;
        }));
        share.textContent = words(mine[number]);
      });
      shares.caption.textContent = `Share of the map on ${[...state.counted].join(", ") || "no part"}`;
      const means = mine.map((_, column) => {
        const known = all.map((line) => line[column]).filter((value) => value !== null);
        return known.length ? sum(known) / known.length : null;
      });
      shares.body.replaceChildren(...all.map((line, number) => tableLine(`image ${number + 1}`, ...line.map(words))), tableLine("mean", ...means.map(words)));
      shares.body.children[state.image].className = "touch-used";
      const said = networks.map((name, number) => `${name} ${words(mine[number])}`).join(", ");
      speak.say(`Image ${state.image + 1}: share of the map on parts: ${said}; of an even map ${words(mine.at(-1))}.`);
    }

    function show(vehicle) {
      state.vehicle = vehicle;
      state.image = 0;
      album.replaceChildren(...vehicles[vehicle].images.map((image, number) => make("button", { type: "button", class: "touch-card", "aria-label": `Image ${number + 1}`, onclick: () => {
        state.image = number;
        draw();
      } }, staged(image.picture, ""))));
      draw();
    }

    const see = (share) => stages.forEach(({ canvas }) => (canvas.style.opacity = share / 100));
    const checks = Object.keys(parts).map((part) => {
      const box = make("input", { type: "checkbox", checked: true, onchange: () => {
        state.counted[box.checked ? "add" : "delete"](part);
        draw();
      } });
      return make("label", { class: "touch-check" }, box, ` ${part}`);
    });
    el.append(
      make("div", { class: "touch-controls" },
        choice("Vehicle", vehicles.map(({ name }) => name), 0, show),
        slider("Opacity of the maps", { min: 0, max: 100, step: 5, value: 50, words: (value) => `${value}%` }, see).node,
        ...checks),
      album,
      make("div", { class: "touch-panels" }, ...stages.map(({ node }) => node)),
      speak.node,
      shares.node,
    );
    see(50);
    show(0);
  },
};
