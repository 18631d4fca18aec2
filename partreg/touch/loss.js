// Eq. 3 of one image: logits and lambda as sliders, each branch's cross entropy, the sum, and the gradient of each logit.

const LIMIT = 8; // of a logit's slider
const signed = (number) => `${number < 0 ? "−" : "+"}${Math.abs(number).toFixed(3)}`;

function softmax(logits) {
  const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
  return powers.map((power) => power / sum(powers));
}

/** Of every branch: the softmax, the cross entropy, its weight in Eq. 3, the term and the gradient of each logit. */
function terms({ branches, lambda, globalWeight, right }) {
  return branches.map(({ name, logits, present }) => {
    const weight = name === "global" ? globalWeight : lambda;
    const shares = softmax(logits);
    const top = Math.max(...logits);
    const loss = present ? top + Math.log(sum(logits.map((logit) => Math.exp(logit - top)))) - logits[right] : 0;
    const gradient = shares.map((share, vehicle) => (present ? weight * (share - (vehicle === right)) : 0));
    return { name, shares, loss, weight, term: weight * loss, gradient, pull: sum(gradient.map(Math.abs)) };
  });
}

export default {
  render({ model, el }) {
    const data = model.get("data");
    const state = { lambda: data.lambda, globalWeight: data.global_weight, right: 0 };
    const fresh = () => data.branches.map((branch) => ({ ...branch, logits: [...branch.logits] }));
    state.branches = fresh();
    begin(
      el,
      "Eq. 3 of one image",
      "Move the logits of a branch, or λ. The gradient says how much the loss grows with a logit: a step of training moves the logit the other way.",
    );

    const speak = speaker();
    const parts = state.branches.map((branch, number) => card(branch, number));
    const lambda = slider(
      "λ, the weight of each part", { min: 0, max: 2, step: 0.01, value: state.lambda, words: (value) => value.toFixed(2) },
      (value) => {
        state.lambda = value;
        draw();
      },
    );

    /** A branch: whether the image has its part, and a slider for each logit with its probability and gradient. */
    function card(branch, number) {
      const lines = data.vehicles.map((vehicle, place) => {
        const share = make("span", { class: "touch-number" });
        const bar = make("i", { class: "touch-bar" });
        const pull = make("span", { class: "touch-number touch-gradient" });
        const moved = (value) => {
          state.branches[number].logits[place] = value;
          draw();
        };
        const own = slider(
          `${branch.name}: logit of ${vehicle}`,
          { min: -LIMIT, max: LIMIT, step: 0.1, value: branch.logits[place], words: (value) => value.toFixed(1).replace("-", "−"), label: vehicle }, moved,
        );
        const node = make("div", { class: "touch-logit" }, own.node, make("span", { class: "touch-share", "aria-hidden": "true" }, bar), share, pull);
        return { node, share, bar, pull, set: own.set };
      });
      const box = make("input", { type: "checkbox", checked: branch.present, onchange: () => {
        state.branches[number].present = box.checked;
        draw();
      } });
      const has = branch.name === "global" ? [] : [make("label", { class: "touch-check" }, box, ` the image has the ${branch.name}`)];
      const head = make("legend", {}, make("i", { class: `touch-dot touch-branch-${number}` }), ` ${branch.name}`);
      const columns = make("div", { class: "touch-logit touch-columns", "aria-hidden": "true" }, make("span", {}, "logit"), make("span", {}, "softmax"), make("span"), make("span", {}, "gradient"));
      return { node: make("fieldset", {}, head, ...has, columns, ...lines.map((line) => line.node)), lines, box };
    }

    const table = tableOf("branch", "loss", "weight", "term", "of sum", "of gradient");
    table.caption.textContent = "What each branch adds to Eq. 3";
    const bars = ["Where the sum comes from", "Where the gradient goes: sums of its numbers below, without signs"].map((what) => {
      const bar = make("div", { class: "touch-stack", "aria-hidden": "true" });
      return { bar, node: make("div", {}, make("span", { class: "touch-numbers" }, what), bar) };
    });

    function draw() {
      const found = terms(state);
      const whole = sum(found.map((one) => one.term));
      const pull = sum(found.map((one) => one.pull));
      const of = (number, all) => (all ? number / all : 0);
      found.forEach((one, number) => {
        parts[number].lines.forEach(({ share, bar, pull: shown }, vehicle) => {
          share.textContent = one.shares[vehicle].toFixed(3);
          bar.style.width = `${100 * one.shares[vehicle]}%`;
          shown.textContent = signed(one.gradient[vehicle]);
        });
      });
      table.body.replaceChildren(
        ...found.map((one) => tableLine(one.name, one.loss.toFixed(4), one.weight.toFixed(2), one.term.toFixed(4), percent(of(one.term, whole)), percent(of(one.pull, pull)))),
        tableLine("Eq. 3", "", "", whole.toFixed(4), "", ""),
      );
      table.body.lastChild.className = "touch-sum";
      for (const [place, [all, name]] of [[whole, "term"], [pull, "pull"]].entries()) {
        bars[place].bar.replaceChildren(...found.map((one, number) => {
          const piece = make("span", { class: `touch-branch-${number}` });
          piece.style.width = `${100 * of(one[name], all)}%`;
          return piece;
        }));
      }
      const goes = found.map((one) => `${one.name} ${percent(of(one.pull, pull))}`).join(", ");
      speak.say(`Eq. 3 is ${whole.toFixed(4)}. Of the gradient: ${goes}.`);
    }

    function reset(branches, weight) {
      state.branches = branches;
      state.lambda = weight;
      lambda.set(weight);
      branches.forEach((branch, number) => {
        parts[number].box.checked = branch.present;
        branch.logits.forEach((logit, vehicle) => parts[number].lines[vehicle].set(logit));
      });
      draw();
    }
    const sure = (of) => fresh().map((branch) => ({ ...branch, logits: branch.logits.map((_, vehicle) => (branch.name === of && vehicle === state.right ? 5 : 0)) }));
    const buttons = [
      ["As in the chapter", () => reset(fresh(), data.lambda)],
      ["A guess: all logits 0", () => reset(sure(""), state.lambda)],
      ["Only the global branch is right", () => reset(sure("global"), state.lambda)],
    ];
    el.append(
      make("div", { class: "touch-controls" }, lambda.node),
      make("div", { class: "touch-controls" }, ...buttons.map(([text, onclick]) => make("button", { type: "button", onclick }, text))),
      ...bars.map((one) => one.node),
      speak.node,
      make("div", { class: "touch-cards" }, ...parts.map((part) => part.node)),
      table.node,
    );
    draw();
  },
};
