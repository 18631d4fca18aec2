// When parts pay: gains over the baseline with their intervals, by what changes, and the trainings behind each.

const ALL = "all";

/** A name that may break after each plus sign. */
const broken = (name) => make("span", {}, ...name.split("+").flatMap((word, place) => (place ? ["+", make("wbr"), word] : [word])));

export default {
  render({ model, el }) {
    const { points, trainings } = model.get("data");
    const each = (some, name) => [...new Set(some.map((one) => one[name]))];
    const series = each(points, "series");
    const state = { series: series[0], network: ALL, budget: ALL, chosen: null };
    begin(
      el,
      "When do parts pay?",
      "Choose what changes. Each line is a gain over the baseline in points of CMC@1: a dot, and its 95% interval as a bar. Press a line to list the trainings behind it.",
    );

    const speak = speaker();
    const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;
    const chart = make("div", { class: "touch-gains", role: "group", "aria-label": "Gains" });
    const behind = tableOf("network", "seed", "CMC@1", "vehicles learnt", "thousand passes");
    const made = make("p", { class: "touch-numbers" });
    const filters = make("div", { class: "touch-controls" });

    const inSeries = () => points.filter((one) => one.series === state.series);
    const matching = () => inSeries().filter((one) => [ALL, one.network].includes(state.network) && [ALL, one.budget].includes(state.budget));

    /** The words of a point: its value, and what else differs within its series. */
    function label(one) {
      const differs = (name) => each(inSeries(), name).length > 1;
      return [one.value, differs("network") && one.network, differs("budget") && `${one.budget} budget`].filter(Boolean).join(", ");
    }
    const interval = ({ low, high }) => (low === null ? "no interval: one training" : `${signed(low)} to ${signed(high)}`);

    /** The names of networks and budgets to choose from follow what changes. */
    function offer() {
      state.network = state.budget = ALL;
      filters.replaceChildren(...["network", "budget"].map((name) => {
        const names = [ALL, ...each(inSeries(), name)];
        return choice(name === "network" ? "Network" : "Budget", names, 0, (chosen) => {
          state[name] = names[chosen];
          draw();
        });
      }));
      draw();
    }

    function draw() {
      const shown = matching();
      if (!shown.includes(state.chosen)) state.chosen = shown[0] || null;
      const numbers = shown.flatMap(({ mean, low, high }) => [mean, low, high]).filter((value) => value !== null);
      const [least, most] = [Math.min(0, ...numbers), Math.max(0, ...numbers)];
      const at = (value) => `${(100 * (value - least)) / (most - least || 1)}%`;
      chart.replaceChildren(...shown.map((one, number) => {
        const [zero, bar, dot] = ["zero", "span", "mean"].map((name) => make("i", { class: `touch-${name}` }));
        zero.style.left = at(0);
        dot.style.left = at(one.mean);
        if (one.low !== null) Object.assign(bar.style, { left: at(one.low), right: `calc(100% - ${at(one.high)})` });
        else bar.hidden = true;
        const words = `${signed(one.mean)} (${interval(one)})`;
        const button = make("button", { type: "button", "aria-pressed": String(one === state.chosen), onclick: () => {
          state.chosen = one;
          draw();
          chart.children[number].focus();
        } }, make("span", {}, label(one)), make("span", { class: "touch-track", "aria-hidden": "true" }, zero, bar, dot), make("span", { class: "touch-number" }, words));
        button.classList.toggle("touch-chosen", one === state.chosen);
        return button;
      }));
      list();
    }

    function list() {
      const one = state.chosen;
      const sides = one ? one.keys.map((keys) => keys.map((key) => trainings[key])) : [];
      behind.caption.textContent = one ? `The trainings behind “${label(one)}”` : "No training";
      behind.body.replaceChildren(...sides.flat().map((run) => tableLine(broken(run.network), String(run.seed), `${run.score.toFixed(1)}%`, String(run.vehicles), String(run.passes))));
      made.textContent = one ? `Trained on ${each(sides.flat(), "device").join("; ")}, commit ${each(sides.flat(), "commit").join(", ")}. ${one.said}` : "";
      if (!one) return speak.say("No kept training is of this network and budget.");
      const verdict = one.low === null ? "" : one.low > 0 ? " The interval lies above zero." : one.high < 0 ? " The interval lies below zero." : " The interval holds zero.";
      speak.say(`${label(one)}: the gain is ${signed(one.mean)} points (${interval(one)}).${verdict} Behind it: ${sides[0].length} trainings, and ${sides[1].length} of the baseline.`);
    }

    el.append(
      make("div", { class: "touch-controls" }, choice("What changes", series, 0, (chosen) => {
        state.series = series[chosen];
        offer();
      })),
      filters,
      chart,
      speak.node,
      behind.node,
      made,
    );
    offer();
  },
};
