// The chapter "By hand" in the page: its cells of plain Python can be edited and run by Pyodide, which lies beside this
// file. One file is two programs: the page, and a worker in which Python runs, so that an endless loop can be stopped.
"use strict";

// ------------------------------------------------------------------------------------------------ the worker

// Runs a cell in the names that all cells share, and gives what it printed, the error's last line, and where it was.
const RUNNER = `
import ast, io, traceback
from contextlib import redirect_stderr, redirect_stdout

space = {"__name__": "__main__"}


def run(source, name):
    out, error, line = io.StringIO(), "", 0
    try:
        with redirect_stdout(out), redirect_stderr(out):
            tree = ast.parse(source, name)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, name, "exec"), space)
            value = eval(compile(ast.Expression(last.value), name, "eval"), space) if last else None
            if value is not None:
                print(repr(value))
    except BaseException as wrong:
        told = traceback.TracebackException.from_exception(wrong)  # with "Did you mean"
        error = list(told.format_exception_only())[-1].strip()
        lines = [at.lineno for at in traceback.extract_tb(wrong.__traceback__) if at.filename == name]
        line = lines[-1] if lines else getattr(wrong, "lineno", 0) or 0
    return out.getvalue(), error, line
`;

async function work() {
  const { loadPyodide } = await import(new URL("pyodide/pyodide.mjs", self.location.href).href);
  const pyodide = await loadPyodide();
  pyodide.runPython(RUNNER);
  const run = pyodide.globals.get("run");
  self.onmessage = ({ data }) => {
    const [printed, error, line] = run(data.source, data.name).toJs();
    self.postMessage({ printed, error, line });
  };
  self.postMessage({ ready: true });
}

// ------------------------------------------------------------------------------------------------ the page

const SCRIPT = typeof document === "undefined" ? "" : document.currentScript.src;

/** Python in a worker; it starts with the first cell that runs. */
class Python {
  constructor() {
    this.worker = null;
  }

  /** The worker's next message; an error in it, or stop(), rejects. */
  answer() {
    return new Promise((resolve, reject) => {
      this.reject = reject;
      this.worker.onmessage = ({ data }) => (data.failed ? reject(new Error(data.failed)) : resolve(data));
      this.worker.onerror = (event) => reject(new Error(event.message || "the worker did not start"));
    });
  }

  async run(source, name) {
    if (!this.worker) {
      this.worker = new Worker(SCRIPT, { type: "module" }); // Pyodide asks for a module
      await this.answer();
    }
    this.worker.postMessage({ source, name });
    return this.answer();
  }

  /** End what runs, and forget all names. */
  stop(reason) {
    this.worker?.terminate();
    this.worker = null;
    this.reject?.(new Error(reason));
  }
}

function element(tag, name, text = "") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

function button(text, label, act) {
  const made = element("button", "hand-button", text);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

/** One cell of plain Python: its code, an editor, and what it gave. */
class Cell {
  constructor(block, book) {
    this.place = book.cells.length;
    this.ran = null; // the source that ran last, with all cells above as they are now
    const next = block.nextElementSibling;
    this.check = block.classList.contains("tag_exercise") && next?.classList.contains("tag_check") ? next : null;
    this.checking = this.check ? this.check.querySelector(".cell_input pre").textContent : "";
    this.shown = block.querySelector(".cell_input");
    this.first = this.shown.querySelector("pre").textContent.trimEnd();
    this.still = block.querySelector(".cell_output");
    const title = this.check && block.previousElementSibling?.querySelector(".admonition-title");
    const name = (this.name = title ? title.textContent.trim().toLowerCase() : `cell ${this.place + 1}`);
    this.bar = element("div", "hand-bar");
    this.edit = button("Edit", `Edit ${name}`, () => this.open());
    this.reset = button("Reset", `Reset ${name} to the book's`, () => this.restore());
    this.run = button("Run", `Run ${name}`, () => book.run(this));
    this.end = button("Stop", `Stop ${name}`, () => book.stop());
    this.end.hidden = true;
    this.state = element("span", "hand-number", name);
    this.shows = this.first; // the source behind what the cell shows, at first the book's own output
    this.old = element("span", "hand-note", "Shown is what it gave before a change above: run it again.");
    this.old.hidden = true;
    this.bar.append(this.run, this.end, this.edit, this.reset, this.state, this.old);
    this.editor = this.makeEditor(name, book);
    this.result = element("div", "hand-result");
    this.result.setAttribute("aria-live", "polite");
    this.shown.after(this.editor, this.bar, this.result);
    this.check?.setAttribute("hidden", "");
    this.restore();
  }

  makeEditor(name, book) {
    const editor = element("textarea", "hand-editor");
    editor.spellcheck = false;
    editor.autocapitalize = editor.autocomplete = "off";
    editor.wrap = "off";
    editor.setAttribute("aria-label", `Python code of ${name}. Control and Enter runs it, Escape leaves it.`);
    editor.addEventListener("input", () => this.fit());
    editor.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.run.focus();
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey || event.shiftKey)) {
        event.preventDefault();
        book.run(this);
      } else if (event.key === "Enter" && !event.isComposing) {
        // The next line begins where this one does, and four spaces further after a colon.
        const before = editor.value.slice(0, editor.selectionStart).split("\n").pop();
        const indent = before.match(/^ */)[0] + (before.trimEnd().endsWith(":") ? "    " : "");
        event.preventDefault();
        document.execCommand("insertText", false, "\n" + indent); // the one way that Undo knows
      }
    });
    return editor;
  }

  /** Say beside the cell's name what Python does with it; the page's status says it to screen readers. */
  say(text = "") {
    this.state.textContent = text ? `${this.name}: ${text}` : this.name;
  }

  get source() {
    return this.editor.value;
  }

  fit() {
    this.editor.rows = this.source.split("\n").length + 1;
    this.reset.hidden = this.source === this.first && !this.result.textContent;
  }

  open() {
    this.shown.hidden = this.edit.hidden = true;
    this.editor.hidden = false;
    this.editor.focus();
  }

  restore() {
    const had = document.activeElement === this.reset;
    this.editor.value = this.first;
    this.result.replaceChildren();
    if (this.still) this.still.hidden = false;
    this.shown.hidden = this.edit.hidden = Boolean(this.check); // an exercise is always open
    this.editor.hidden = !this.check;
    this.fit();
    if (had) this.run.focus();
  }

  /** Show what a run gave: text that was printed, and an error's last line. */
  show(note, printed, error, line) {
    if (this.still) this.still.hidden = true;
    const wrong = (line ? `Line ${line}: ` : "") + error;
    const parts = [
      note && element("p", "hand-note", note),
      printed && element("pre", this.check ? "hand-verdict" : "hand-printed", printed.trimEnd()),
      error && element("pre", "hand-error", wrong),
      !printed && !error && element("p", "hand-note", "It prints nothing."),
    ];
    this.result.replaceChildren(...parts.filter(Boolean));
    this.old.hidden = true;
    this.fit();
  }

  /** A cell above has changed: say so where this one shows an output. */
  outdate() {
    this.old.hidden = !this.result.textContent && (!this.still || this.still.hidden);
  }
}

/** The page's cells in their order, which share their names. */
class Book {
  constructor(place, blocks) {
    this.python = new Python();
    this.busy = false;
    this.cells = [];
    for (const block of blocks) this.cells.push(new Cell(block, this));
    this.status = element("span", "hand-status");
    this.status.setAttribute("role", "status");
    this.all = button("Run all", "Run all cells of this page", () => this.runAll());
    this.end = button("Stop", "Stop Python", () => this.stop());
    this.end.hidden = true;
    const bar = element("div", "hand-bar hand-top");
    bar.append(this.all, this.end, this.status);
    place.append(bar);
  }

  say(text) {
    this.status.textContent = text;
  }

  stop() {
    this.python.stop("stopped");
  }

  /** Run one cell, without those above it. Whether it ran to its end. */
  async runOne(cell, note = "") {
    const source = cell.source;
    if (cell.ran !== source) this.cells.slice(cell.place).forEach((below) => (below.ran = null));
    const doing = `${this.python.worker ? "" : "Loading Python, 13 MB, once. "}Running ${cell.name} ...`;
    this.running = cell;
    this.say(doing);
    if (this.asked !== cell) cell.say("running ...");
    this.asked?.say(doing);
    let given = await this.python.run(source, `<${cell.name}>`);
    let { printed, error, line } = given;
    if (cell.check && !error) {
      given = await this.python.run(cell.checking, "<check>");
      printed += given.printed;
      error = given.error && `The check could not use this answer. ${given.error}`;
    }
    cell.say();
    cell.show(note, printed, error, line);
    if (source !== cell.shows) this.cells.slice(cell.place + 1).forEach((below) => below.outdate());
    cell.shows = source;
    cell.ran = error ? null : source;
    return !error;
  }

  /** Run cells in order until one fails; gives that one, or undefined. */
  async inOrder(cells) {
    for (const cell of cells) if (!(await this.runOne(cell))) return cell;
  }

  run(cell) {
    return this.alone(cell, async () => {
      const above = this.cells.slice(0, cell.place).filter((one) => !one.check && one.ran !== one.source);
      const failed = await this.inOrder(above);
      if (failed) {
        cell.show("", "", `Not run, because ${failed.name} above failed.`, 0);
        return this.say(`Stopped: ${failed.name} failed.`);
      }
      const cells = above.length === 1 ? "1 cell" : `${above.length} cells`;
      const ended = await this.runOne(cell, above.length ? `Ran ${cells} above first.` : "");
      this.say(ended ? `Done: ${cell.name} ran.` : `Stopped: ${cell.name} failed.`);
    });
  }

  runAll() {
    return this.alone(null, async () => {
      const failed = await this.inOrder(this.cells);
      this.say(failed ? `Stopped: ${failed.name} failed.` : `All ${this.cells.length} cells ran.`);
    });
  }

  /** One run at a time, which a cell or, if null, the page's own button asks for; what cannot be run is said. */
  async alone(cell, act) {
    if (this.busy) {
      const wait = `Not run: ${this.running.name} still runs. Wait, or press Stop.`;
      if (cell !== this.running) cell?.say(wait);
      return this.say(wait);
    }
    const ends = [this.end, cell?.end].filter(Boolean);
    this.busy = true;
    this.asked = cell;
    ends.forEach((end) => (end.hidden = false));
    let why = "";
    try {
      await act();
    } catch (error) {
      this.python.stop("");
      this.cells.forEach((cell) => (cell.ran = null));
      why = error.message === "stopped" ? "Stopped." : `Python could not run (${error.message}).`;
      why += " Names are forgotten; the next run starts anew.";
      this.say(why);
    }
    const had = ends.indexOf(document.activeElement);
    ends.forEach((end) => (end.hidden = true));
    if (had >= 0) [this.all, cell?.run][had].focus();
    this.cells.forEach((one) => one.say());
    cell?.say(why);
    this.asked = this.running = null;
    this.busy = false;
  }
}

function start() {
  const place = document.querySelector(".admonition.in-the-page");
  const plain = ".cell:not(.tag_library, .tag_diagram, .tag_check)";
  const blocks = [...document.querySelectorAll(plain)].filter((block) => block.querySelector(".cell_input pre"));
  if (!place || !blocks.length) return;
  if (location.protocol === "file:") {
    const words = "This page was opened as a file, so its cells cannot run: the outputs are those of the book's own run.";
    place.append(element("p", "hand-status", words));
    return;
  }
  new Book(place, blocks);
}

if (typeof document === "undefined") work().catch((error) => self.postMessage({ failed: error.message }));
else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
