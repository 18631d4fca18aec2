# Which notebooks and studies run, and in which order: one rule each for chapters, networks, other methods, and studies.
# `make book` calls this file through partreg.workflow.driver. What a chapter waits for stands in
# partreg.workflow.chapters. What is fresh is for partreg.workflow.stages to say: a notebook that runs again makes
# nothing anew that is there under its key.

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

from partreg.workflow import CHAPTERS, CHOICES, DATASETS, networks, open_workspace, other_rows, runs
from partreg.workflow.chapters import NEEDS, chapter_path, copied_run, row_path, run_path
from partreg.workflow.code import notebook_key
from partreg.workflow.dial import SEEDS, points_path, turned
from partreg.workflow.effects import kept_files
from partreg.workflow.evidence import jobs, record_path
from partreg.workflow.keep import PAGES, own_table
from partreg.workflow.keys import data_key, parts_key
from partreg.workflow.profile import REPOSITORY, digest
from partreg.workflow.rows import BUILT_ON, SLOW, is_network, network, row_key, slow_rows
from partreg.workflow.runs import strong_runs
from partreg.workflow.settings import tried_runs

CHOSEN = {name: config[name] for name in CHOICES if config.get(name)}
ws = open_workspace(**CHOSEN)
TABLES, JOBS = runs(ws), jobs(ws)
TRIED, TRIED_OTHERS = tried_runs(ws), tried_runs(ws, others=True)
STRONG = [run for row in strong_runs(ws, SEEDS).values() for run in row]
COPIED = {name: copied_run(ws, name) for name in CHAPTERS if NEEDS[name].copied}
NETWORKS = networks(ws) | {run.key: run for run in [*COPIED.values(), *TRIED, *TRIED_OTHERS, *STRONG]}
METHODS = {str(row_path(ws, name, seed)): (name, seed) for name in slow_rows(ws) for seed in ws.profile.seeds}
METHOD_KEYS = [row_key(ws, name, seed) for name in other_rows(ws, "veri").values() for seed in ws.profile.seeds]
SHARED = [digest(asdict(ws.profile)), *(data_key(ws, name) for name in DATASETS)]
POINTS = {
    every: {str(points_path(ws, near, layout, every)): (str(near), layout) for near, layout in turned(ws, every)}
    for every in (False, True)
}
# Pieces of studies by their files: what they wait for, and the words that ask for them.
PIECES = {
    str(record_path(ws, key)): ([chapter_path(ws, "03_missing_parts")] * job.needs_boxes, ["evidence", key])
    for key, job in JOBS.items()
} | {
    path: ([], ["dial", *words, "every" if every else "own"])
    for every, points in POINTS.items()
    for path, words in points.items()
}
# Targets of `make` beside the book: what they wait for, and the words that ask for their tables.
STUDIES = {
    "settings": ([run_path(ws, run) for run in TRIED], ["settings"]),
    "settings_others": ([run_path(ws, run) for run in TRIED_OTHERS], ["settings", "others"]),
    "photographs": ([], ["photographs"]),
    "evidence": ([record_path(ws, key) for key in JOBS], ["evidence"]),
    "reference": ([*POINTS[True], *(run_path(ws, run) for run in STRONG)], ["dial"]),
}
PAGE = str(ws.folder / "site" / "_build" / "html" / "index.html")
SOURCES = ("_config.yml", "_toc.yml", "book/**/*", "partreg/**/*.py", "partreg/**/*.yaml", "profiles/*.yaml", "reference/**/*")


def texts(paths):
    return list(dict.fromkeys(map(str, paths)))


def source(name):
    return str(REPOSITORY / "notebooks" / f"{name}.ipynb")


def shown(tables):
    """The executed notebooks of every network that the named tables show."""
    return texts(run_path(ws, run) for name in tables for row in TABLES.get(name, {}).values() for run in row)


def trained_by(run):
    """The notebook that trains a network."""
    return "04_reid_training" if run.method == "partreg" else "11_other_methods"


def built_on(method, seed):
    """What a method of Table 3 waits for: its own network, and the methods that it is built on."""
    own = [run_path(ws, network(ws, method, seed))] if is_network(method) else []
    inner = ([row_path(ws, name, seed)] if name in SLOW else built_on(name, seed) for name in BUILT_ON[method])
    return texts([*own, *(path for paths in inner for path in paths)])


def awaited(name):
    """What a chapter waits for, see `partreg.workflow.chapters.Needs`."""
    needs = NEEDS[name]
    if needs.copied:
        return texts([run_path(ws, COPIED[name])])
    chapters = [chapter_path(ws, needs.after)] if needs.after else []
    kept = kept_files(*needs.kept) if needs.kept else []
    points = POINTS[False] if needs.points else []
    return texts([source(name), *chapters, *shown(needs.networks), *(METHODS if needs.methods else []), *points, *kept])


def key(name, boxes=False, methods=False):
    """What a notebook is run anew for, besides newer inputs: its cells, the code that they use, profile and data."""
    return [notebook_key(source(name)), *SHARED, *([parts_key(ws)] if boxes else []), *(METHOD_KEYS if methods else [])]


def notebook(name, output, **more):
    """The shell command that runs one notebook; its parameters travel as one quoted word of JSON."""
    return python("notebooks", name, str(output), json.dumps({**CHOSEN, **more}))


def python(module, *words):
    return shlex.join([sys.executable, "-m", f"partreg.workflow.{module}", *words])


def asked(module, *words):
    return python(module, json.dumps(CHOSEN), *words)


# The chapters and networks are asked for by name too, so that one that was lost is made again.
rule all:
    input: PAGE, [chapter_path(ws, name) for name in CHAPTERS], shown(TABLES), list(METHODS), list(POINTS[False])


for name in CHAPTERS:
    needs, path = NEEDS[name], str(chapter_path(ws, name))
    copy = shlex.join(["cp", *awaited(name), path])

    rule:
        name: name
        input: awaited(name)
        output: path
        params:
            key=[] if needs.copied else key(name, needs.boxes, needs.methods),
            command=copy if needs.copied else notebook(name, path),
        threads: 2 if name == "00_near_duplicates" else 1  # it renders with all cores
        shell: "{params.command}"


# Those with parts wait for the boxes.
rule network:
    input:
        lambda wildcards: source(trained_by(NETWORKS[wildcards.key])),
        lambda wildcards: chapter_path(ws, "03_missing_parts" if NETWORKS[wildcards.key].detects else "00_near_duplicates"),
    output: str(ws.folder / "runs" / "{key}" / "notebook.ipynb")
    params:
        key=lambda wildcards: key(trained_by(NETWORKS[wildcards.key])),
        command=lambda wildcards, output: notebook(
            trained_by(run := NETWORKS[wildcards.key]), output, run=run.to_json(), seeds=str(run.seed),
            label=f"{run.name} ({run.key})",
        ),
    resources: gpu=1
    shell: "{params.command}"


# A method of Table 3 that is more than a network: hand-crafted features, plates, or what knows of time and place.
rule method:
    input:
        source("11_other_methods"),
        chapter_path(ws, "00_near_duplicates"),
        lambda wildcards: built_on(*METHODS[str(ws.folder / "rows" / f"{wildcards.name}.ipynb")]),
    output: str(ws.folder / "rows" / "{name}.ipynb")
    params:
        key=key("11_other_methods"),
        command=lambda wildcards, output: notebook(
            "11_other_methods", output, dataset="veri", method=(of := METHODS[output[0]])[0], seeds=str(of[1]),
            label="veri, {}, seed {}".format(*of),
        ),
    shell: "{params.command}"


rule study:
    input: lambda wildcards: ancient(PIECES[str(ws.folder / wildcards.study / f"{wildcards.piece}.json")][0])
    output: str(ws.folder / "{study}" / "{piece}.json")
    wildcard_constraints: study="dial|evidence", piece="[^/]+"
    params: command=lambda wildcards, output: asked(*PIECES[output[0]][1])
    resources: gpu=1
    shell: "{params.command}"


for name, (waits, words) in STUDIES.items():

    rule:
        name: name
        input: texts(waits)
        params: command=asked(*words)
        shell: "{params.command}"


rule book:
    input:
        rules.all.input[1:],
        texts(path for pattern in SOURCES for path in sorted(REPOSITORY.glob(pattern)) if path.is_file() and "__pycache__" not in path.parts),
        texts(path for name in PAGES if (path := own_table(ws, name)).exists()),
    output: PAGE
    params: command=shlex.join([sys.executable, str(REPOSITORY / "book" / "publish.py"), json.dumps(CHOSEN)])
    shell: "{params.command}"
