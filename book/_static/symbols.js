// Symbols of an equation say on hover, tap or focus what they are and which shape they have. The words are those of the
// table of symbols on the page: a row explains the class that its first cell's symbol carries (\class{s-...}{...}).
(() => {
  "use strict";
  const SYMBOL = ".katex-html [class*='s-'].enclosing";
  const name = (symbol) => [...symbol.classList].find((one) => one.startsWith("s-"));

  function meanings() {
    const found = new Map();
    for (const row of document.querySelectorAll(".symbols tbody tr")) {
      const symbol = row.cells[0].querySelector(SYMBOL);
      if (symbol) found.set(name(symbol), [...row.cells].slice(1).map((cell) => cell.textContent.trim()).join("; "));
    }
    return found;
  }

  function tip() {
    const shown = document.createElement("div");
    shown.id = "symbol-tip";
    shown.setAttribute("role", "tooltip");
    shown.hidden = true;
    document.body.append(shown);
    document.addEventListener("keydown", (event) => event.key === "Escape" && (shown.hidden = true));
    return shown;
  }

  function show(shown, button) {
    shown.textContent = button.getAttribute("aria-label");
    shown.hidden = false;
    const at = button.getBoundingClientRect();
    const left = Math.min(at.left, document.documentElement.clientWidth - shown.offsetWidth - 8);
    shown.style.left = `${Math.max(left, 8) + window.scrollX}px`;
    shown.style.top = `${at.bottom + 6 + window.scrollY}px`;
  }

  // A button over each symbol: the picture of the equation itself is hidden from screen readers, which have its MathML.
  function cover(equation, words, shown) {
    equation.querySelectorAll("button.symbol").forEach((button) => button.remove());
    const frame = equation.getBoundingClientRect();
    const seen = new Set();
    for (const symbol of equation.querySelectorAll(SYMBOL)) {
      if (!words.has(name(symbol))) continue;
      const at = symbol.getBoundingClientRect();
      const button = document.createElement("button");
      button.type = "button";
      button.className = "symbol";
      button.setAttribute("aria-label", words.get(name(symbol)));
      button.tabIndex = seen.has(name(symbol)) ? -1 : 0; // one stop for each symbol of an equation
      seen.add(name(symbol));
      Object.assign(button.style, {
        left: `${at.left - frame.left + equation.scrollLeft}px`,
        top: `${at.top - frame.top}px`,
        width: `${at.width}px`,
        height: `${at.height}px`,
      });
      for (const event of ["mouseenter", "focus", "click"]) button.addEventListener(event, () => show(shown, button));
      for (const event of ["mouseleave", "blur"]) button.addEventListener(event, () => (shown.hidden = true));
      equation.append(button);
    }
  }

  document.addEventListener("DOMContentLoaded", async () => {
    if (!document.querySelector(".symbols")) return;
    await document.fonts.ready; // symbols have their places then
    const words = meanings();
    const shown = tip();
    const all = () => document.querySelectorAll("div.math").forEach((equation) => cover(equation, words, shown));
    all();
    window.addEventListener("resize", all);
  });
})();
