// The networks themselves in the reader's browser, on a page that is served; see in_page.py, which writes what they need.
// All files come from the book's own folder, and nothing is sent anywhere.

const HERE = document.currentScript.src;
const LISTED = 6; // pictures of a rank list
const BITS = 22; // of the fractions in Pillow's whole-number arithmetic
const MIDDLE = [0.3, 0.3, 0.7, 0.7]; // where a box begins

async function fetched(name) {
  const answer = await fetch(new URL(name, HERE));
  if (!answer.ok) throw new Error(`${name} is not there`);
  return answer;
}

/** Load ONNX Runtime, the networks, their gallery and the book's pictures: `page.json` with a `run` for each network. */
async function loaded() {
  const [runtime, zipped, page] = await Promise.all([
    import(new URL("onnxruntime/ort.wasm.bundle.min.mjs", HERE).href),
    fetched("onnxruntime/ort-wasm-simd-threaded.wasm.gz"),
    fetched("in_page/page.json").then((answer) => answer.json()),
  ]);
  runtime.env.wasm.numThreads = 1; // several need headers that a plain server does not send
  runtime.env.wasm.wasmBinary = await new Response(zipped.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  for (const network of page.networks) {
    const content = await (await fetched(`in_page/${network.file}`)).arrayBuffer();
    const session = await runtime.InferenceSession.create(new Uint8Array(content), { executionProviders: ["wasm"] });
    const { size } = network;
    network.run = async (pixels) => {
      const { map, features, activation } = await session.run({ pictures: new runtime.Tensor("uint8", pixels, [1, size, size, 3]) });
      return { map, features: features.data, activation };
    };
    const raw = Uint8Array.from(atob(network.features), (letter) => letter.charCodeAt(0));
    network.gallery = new Float32Array(raw.buffer);
  }
  return page;
}

/** All pixels of a picture, upright and with the colours of its file: red, green, blue. */
async function decoded(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none", imageOrientation: "from-image" });
  const { width, height } = bitmap;
  const canvas = make("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  canvas.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = canvas.getImageData(0, 0, width, height);
  const colours = new Uint8Array(3 * width * height);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    if (data[4 * pixel + 3] < 255) throw new Error("it is partly transparent, and a browser hides what lies under that");
    for (let channel = 0; channel < 3; channel += 1) colours[3 * pixel + channel] = data[4 * pixel + channel];
  }
  return { data: colours, width, height };
}

/** How Pillow's bilinear filter weighs `from` pixels for each of `to`: the first pixel, and whole numbers of 2^-BITS. */
function weights(from, to) {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const low = Math.max(Math.trunc(centre - support + 0.5), 0);
    const high = Math.min(Math.trunc(centre + support + 0.5), from);
    const shares = Array.from({ length: high - low }, (_, one) => Math.max(1 - Math.abs((one + low - centre + 0.5) * (1 / support)), 0));
    const all = sum(shares);
    return { low, shares: shares.map((share) => Math.trunc(0.5 + (share / all) * 2 ** BITS)) };
  });
}

/** Resize one side of a picture, rounded to 8 bits: its height where `down`, else its width. */
function along({ data, width, height }, to, down) {
  const [from, lines] = down ? [height, width] : [width, height];
  const [step, line, outLine] = down ? [3 * width, 3, 3] : [3, 3 * width, 3 * to];
  const out = new Uint8Array(3 * lines * to);
  weights(from, to).forEach(({ low, shares }, place) => {
    for (let number = 0; number < lines; number += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        let total = 2 ** (BITS - 1);
        for (let one = 0; one < shares.length; one += 1) total += shares[one] * data[number * line + (low + one) * step + channel];
        out[number * outLine + place * step + channel] = Math.min(total >> BITS, 255);
      }
    }
  });
  return down ? { data: out, width, height: to } : { data: out, width: to, height };
}

/** Resize to size x size exactly as Pillow 13 does, whose first side is the one that leaves it less to do. */
function resized(picture, size) {
  const down = picture.height > size && picture.height + size > 2 * picture.width;
  return along(along(picture, size, down), size, !down).data;
}

/** The gallery by its distance to a feature, nearest first. */
function ranked(features, gallery) {
  const D = features.length;
  const all = Array.from({ length: gallery.length / D }, (_, place) => {
    let square = 0;
    for (let d = 0; d < D; d += 1) square += (features[d] - gallery[place * D + d]) ** 2;
    return { place, distance: Math.sqrt(square) };
  });
  return all.sort((one, other) => one.distance - other.distance);
}

/** Map number `number` of a tensor (1, maps, S, S), row after row. */
function oneMap({ data, dims }, number) {
  const cells = dims[2] * dims[3];
  return Array.from(data.subarray(number * cells, (number + 1) * cells));
}

/** Draw all that a page holds; `figure.computed` has the numbers for whoever looks with the browser's tools. */
function render(figure, el, page) {
  const { networks, parts, gallery, pictures } = page;
  const names = Object.values(parts).flat();
  const state = { right: null, results: null, map: 0, channel: 0, turn: 0, address: "" };
  begin(el, "Two networks in your browser", "Press a picture, choose a file, or drop one here. Drag a box or its corner; with the keyboard, Tab to it, arrow keys move it, with Shift the corner. Nothing leaves this computer.");
  const speak = speaker();

  const grid = make("div", { class: "touch-grid", "aria-hidden": "true" });
  const image = make("img", { alt: "The picture, squeezed to a square as the networks see it", draggable: "false" });
  const stage = make("div", { class: "touch-stage" }, image, grid);
  const boxes = names.map((name) => movable(name, stage, () => cells()));
  stage.append(...boxes.map(({ node }) => node));
  const checks = boxes.map((box) => {
    const tick = make("input", { type: "checkbox", onchange: () => {
      box.set(tick.checked ? MIDDLE : null);
      cells();
    } });
    return { tick, node: make("label", { class: "touch-check" }, tick, ` ${words(box.name)}`) };
  });
  const panels = networks.map(({ name }) => {
    const canvas = make("canvas", { "aria-hidden": "true", style: "opacity: 0.5" });
    const under = make("img", { alt: `The picture under the map of the network ${name}`, draggable: "false" });
    const title = make("p", { class: "touch-numbers" });
    const list = make("ol", { class: "touch-row touch-three", "aria-label": `Nearest vehicles by the network ${name}` });
    const node = make("div", { class: "touch-panel touch-half" }, make("p", {}, name), make("div", { class: "touch-stage touch-map" }, under, canvas), title, list);
    return { canvas, under, title, list, node };
  });
  const table = tableOf("part", "cells", ...networks.map(({ name }) => `activation there, ${name}`), "logit of its branch");

  /** What the table says of some boxes: their cells, the share of each network's activation there, and a branch's logit. */
  function line(part, some) {
    const corners = boxes.filter((box) => some.includes(box.name) && box.corners).map((box) => box.corners);
    const shares = state.results.map(({ activation }) => shareOn(oneMap(activation, 0), covered(corners, activation.dims[2])));
    const { activation } = state.results[0];
    const marked = covered(corners, activation.dims[2]);
    const branch = networks[0].branches.indexOf(part);
    const held = branch < 0 ? [] : oneMap(activation, branch).filter((_, cell) => marked[cell]);
    const there = shares.map((share) => (share === null ? "–" : `${(100 * share).toFixed(1)}%`));
    return { marked, words: [part, String(sum(marked.map(Number))), ...there, held.length ? (sum(held) / held.length).toFixed(3) : "–"] };
  }

  function cells() {
    if (!state.results) return;
    const S = state.results[0].activation.dims[2];
    const lines = Object.entries(parts).map(([part, some]) => line(part, some));
    const any = line("any part", names);
    table.body.replaceChildren(...[...lines, any].map(({ words }) => tableLine(...words)));
    grid.style.gridTemplateColumns = `repeat(${S}, 1fr)`;
    grid.replaceChildren(...any.marked.map((marked) => make("span", { class: marked && "covered" })));
    boxes.forEach((box, number) => (checks[number].tick.checked = Boolean(box.corners)));
    speak.say(`${state.said} The boxes mark ${any.words[1]} of ${S * S} cells.`);
  }

  function maps() {
    slide.node.hidden = state.map < networks[0].branches.length;
    state.results?.forEach(({ map, activation }, number) => {
      const branches = networks[number].branches.length;
      const shown = slide.node.hidden ? oneMap(activation, state.map < branches ? state.map : 0) : oneMap(map, state.channel);
      paint(panels[number].canvas, shown, activation.dims[2]);
    });
  }

  function lists() {
    state.results.forEach(({ list }, number) => {
      const { title } = panels[number];
      const at = list.findIndex(({ place }) => place === state.right) + 1;
      title.textContent = state.right === null ? `Nearest of ${gallery.length} vehicles` : `Nearest of ${gallery.length} vehicles; the right one has rank ${at}`;
      panels[number].list.replaceChildren(...list.slice(0, LISTED).map(({ place, distance }, rank) => {
        const right = place === state.right;
        const card = make("div", { class: right ? "touch-card touch-answer" : "touch-card" }, staged(gallery[place], `Rank ${rank + 1}${right ? ", the right vehicle" : ""}`), make("span", { class: "touch-badge" }, `${right ? "✓ " : ""}${distance.toFixed(2)}`));
        return make("li", {}, card);
      }));
    });
  }

  /** Compute a picture with every network, and show it; a newer one takes the place of one that is under way. */
  async function take(blob, right, corners, name) {
    const turn = (state.turn += 1);
    const began = performance.now();
    try {
      const pixels = await decoded(blob);
      const results = [];
      for (const network of networks) {
        const found = await network.run(resized(pixels, network.size));
        results.push({ ...found, list: ranked(found.features, network.gallery) });
      }
      if (turn !== state.turn) return;
      const seconds = (performance.now() - began) / 1000;
      URL.revokeObjectURL(state.address);
      Object.assign(state, { results, right, address: URL.createObjectURL(blob), said: `${name}: computed in ${seconds.toFixed(2)} seconds.` });
      figure.computed = { name, results, seconds, pixels: networks.map(({ size }) => resized(pixels, size)) };
    } catch (error) {
      speak.say(`${name} cannot be used: ${error.message.replace(/\.$/, "")}. Take another picture.`);
      return;
    }
    for (const one of [image, ...panels.map(({ under }) => under)]) one.src = state.address;
    boxes.forEach((box) => box.set(corners[box.name]));
    maps();
    lists();
    cells();
  }

  const album = pictures.map(({ picture, boxes: corners, right }, number) => make("button", { type: "button", class: "touch-card", "aria-label": `Picture ${number + 1}`, onclick: () => book(number) }, staged(picture, "")));
  async function book(number) {
    const { picture, boxes: corners, right } = pictures[number];
    pressOne(album, number);
    await take(pictureBlob(picture), right, corners, `Picture ${number + 1}`);
  }
  async function own(file) {
    if (!file) return;
    pressOne(album, -1);
    await take(file, null, {}, file.name);
  }
  const input = make("input", { type: "file", accept: "image/*", onchange: () => own(input.files[0]) });
  el.addEventListener("dragover", (event) => event.preventDefault());
  el.addEventListener("drop", (event) => {
    event.preventDefault();
    own(event.dataTransfer.files[0]);
  });
  const kinds = [...networks[0].branches.map((branch) => (branch === "global" ? "activation" : `activation of the ${branch} branch`)), "one channel of the feature map"];
  const slide = slider("Channel", { min: 0, max: page.channels - 1, step: 1, value: 0 }, (channel) => {
    state.channel = channel;
    maps();
  });
  el.append(
    make("div", { class: "touch-album touch-many", role: "group", "aria-label": "Pictures of the book" }, ...album),
    make("div", { class: "touch-controls" }, make("label", {}, "Your own picture ", input), choice("Map", kinds, 0, (chosen) => {
      state.map = chosen;
      maps();
    }), slide.node),
    make("div", { class: "touch-panels" }, make("div", { class: "touch-panel" }, make("p", {}, "part boxes and their cells"), stage, make("div", { class: "touch-controls" }, ...checks.map(({ node }) => node))), ...panels.map(({ node }) => node)),
    speak.node,
    table.node,
  );
  maps();
  return book(0);
}

/** A data URI as a file's bytes; a page's policy may forbid to fetch one. */
function pictureBlob(address) {
  const [kind, text] = address.slice(5).split(";base64,");
  return new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type: kind });
}

for (const figure of document.querySelectorAll("figure.in-page")) {
  const said = make("p", { role: "status" });
  if (location.protocol === "file:") {
    said.textContent = "This page was opened as a file, so the networks cannot run. The command make serve shows the book where they can.";
    figure.append(said);
    continue;
  }
  const size = Math.round(Number(figure.dataset.bytes) / 1e6 + 4); // with ONNX Runtime itself
  const button = make("button", { type: "button", class: "in-page-start", onclick: async () => {
    button.disabled = true;
    said.textContent = "Loading ...";
    try {
      const page = await loaded();
      const el = make("div");
      figure.replaceChildren(el);
      await render(figure, el, page);
      el.querySelector(".touch-album button").focus();
    } catch (error) {
      console.error(error);
      button.disabled = false;
      said.textContent = `The networks cannot run here (${error.message}).`;
    }
  } }, `Load both networks (${size} MB) and run them here`);
  figure.append(make("div", { class: "touch" }, button, said));
}
