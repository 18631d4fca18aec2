// Reads a JSON list of [LaTeX, whether it stands alone on its line]; writes the list of their HTML, by KaTeX.
const katex = require(process.argv[2]);
const equations = JSON.parse(require("fs").readFileSync(0, "utf8"));
const strict = (fault) => (fault === "htmlExtension" ? "ignore" : "error");
const trust = ({ command }) => command === "\\htmlClass";
const drawn = equations.map(([text, displayMode]) =>
  // \class{...}{...} gives a symbol a class, as in MathJax.
  katex.renderToString(text, { displayMode, strict, trust, macros: { "\\class": "\\htmlClass" } }),
);
process.stdout.write(JSON.stringify(drawn));
