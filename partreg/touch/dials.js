// The benchmark's two dials: which vehicles look alike, and which pictures of one vehicle show one street.

const LETTERS = "ABCDEFGH";

export default {
  render({ model, el }) {
    const { near, shortcuts, pictures } = model.get("data");
    const state = { near: 0, shortcuts: 0, chosen: null };
    begin(
      el,
      "Two dials",
      "Turn a dial. One letter stands for one model in one colour; press a vehicle to learn how many share them. Dashed, below: pictures of one vehicle in one street and one light.",
    );

    const [saysNear, saysStreets] = [speaker(), speaker()]; // each beside its dial
    const tenths = (share) => `${(100 * share).toFixed(1)}%`;
    const album = make("div", { class: "touch-album touch-large", role: "group", "aria-label": "Vehicles drawn at random" });
    const streets = make("div");
    const bars = [0, 1].map(() => make("i", { class: "touch-bar" }));
    const scores = [0, 1].map(() => make("p", { class: "touch-numbers" }));
    const meter = (side) => make("div", {}, scores[side], make("div", { class: "touch-share", "aria-hidden": "true" }, bars[side]));
    const show = (side, share, words) => {
      bars[side].style.width = `${100 * share}%`;
      scores[side].textContent = words;
    };

    /** Draw what the first dial does, and say it in a sentence. */
    function drawNear() {
      const { value, informed, vehicles, groups, largest, shown } = near[state.near];
      const kinds = [...new Set(shown.map(({ kind }) => kind))];
      const letter = ({ kind }) => LETTERS[kinds.indexOf(kind)];
      album.replaceChildren(...shown.map((one, number) => {
        const button = make("button", { type: "button", class: "touch-card", "aria-label": `Vehicle ${number + 1}, model and colour ${letter(one)}`, "aria-pressed": String(number === state.chosen), onclick: () => {
          state.chosen = number;
          saysNear.say(drawNear());
          album.children[number].focus();
        } }, staged(pictures[one.picture], ""), make("span", { class: "touch-badge" }, letter(one)));
        button.classList.toggle("touch-chosen", number === state.chosen);
        button.classList.toggle("touch-counted", number !== state.chosen && state.chosen !== null && one.kind === shown[state.chosen].kind);
        return button;
      }));
      show(0, informed, `CMC@1 of who knows model and colour alone: ${tenths(informed)}. ${vehicles} vehicles in ${groups} groups, ${largest} in the largest.`);
      const one = shown[state.chosen];
      if (!one) return `Near-duplicates ${value}: knowing model and colour alone scores ${tenths(informed)}.`;
      const name = `Vehicle ${state.chosen + 1}`;
      if (one.alike === 1) return `${name}: no other of ${vehicles} vehicles has its model and colour. Who knows these alone finds it.`;
      return `${name}: ${one.alike} of ${vehicles} vehicles have its model and colour, itself among them. Who knows these alone finds it once in ${one.alike}.`;
    }

    /** The same for the second dial. */
    function drawStreets() {
      const { value, same, unseen, vehicles } = shortcuts[state.shortcuts];
      streets.replaceChildren(...vehicles.map((shown, number) => {
        const places = shown.map(({ street }) => street);
        const kinds = [...new Set(places)];
        const cards = shown.map(({ picture, street }) => {
          const words = `street ${kinds.indexOf(street) + 1}`;
          const card = make("div", { class: "touch-card" }, staged(pictures[picture], `Training vehicle ${number + 1}, ${words}`), make("span", { class: "touch-badge", "aria-hidden": "true" }, words));
          card.classList.toggle("touch-counted", places.indexOf(street) !== places.lastIndexOf(street));
          return card;
        });
        return make("div", { class: "touch-album touch-four", role: "group", "aria-label": `Training vehicle ${number + 1}` }, ...cards);
      }));
      show(1, same, `Two images of one training vehicle show the same street in the same light in ${tenths(same)} of all pairs, two of a test vehicle in ${tenths(unseen)}.`);
      return `Shortcuts ${value}: ${tenths(same)} of all pairs of images of one training vehicle show the same street and light.`;
    }

    const dial = (name, settings, place, changed) => slider(
      name, { min: 0, max: settings.length - 1, step: 1, value: place, words: (at) => String(settings[at].value) }, changed,
    ).node;
    el.append(
      dial("near_duplicates", near, state.near, (place) => {
        state.near = place;
        state.chosen = null;
        saysNear.say(drawNear());
      }),
      meter(0),
      album,
      saysNear.node,
      dial("shortcuts", shortcuts, state.shortcuts, (place) => {
        state.shortcuts = place;
        saysStreets.say(drawStreets());
      }),
      meter(1),
      streets,
      saysStreets.node,
    );
    saysStreets.say(drawStreets());
    saysNear.say(drawNear());
  },
};
