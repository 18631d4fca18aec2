# Which notebooks and studies run, and in which order: one rule each for chapters, networks, other methods, and studies.
# `make book` calls this file through partreg.workflow.driver. What a chapter waits for stands in
# partreg.workflow.chapters. What is fresh is for partreg.workflow.stages to say: a notebook that runs again makes
# nothing anew that is there under its key.

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

from partreg.baselines import declarations
from partreg.workflow import CHAPTERS, CHOICES, DATASETS, networks, open_workspace, other_methods, runs
from partreg.workflow.chapters import NEEDS, chapter_path, copied_run, row_path, run_path
from partreg.workflow.code import notebook_key
from partreg.workflow.effects import kept_files
from partreg.workflow.keep import PAGES
from partreg.workflow.keys import data_key, parts_key
from partreg.workflow.methods import method_key, network, slow_methods
from partreg.workflow.profile import REPOSITORY, digest
from partreg.workflow.studies import STUDIES, record_path, table_path

CHOSEN = {name: config[name] for name in CHOICES if config.get(name)}
ws = open_workspace(**CHOSEN)
TABLES = runs(ws)
JOBS = {name: study.jobs(ws) for name, study in STUDIES.items()}
COPIED = {name: copied_run(ws, name) for name in CHAPTERS if NEEDS[name].copied}
NETWORKS = networks(ws) | {run.key: run for run in COPIED.values()}
METHODS = {str(row_path(ws, name, seed)): (name, seed) for name in slow_methods(ws) for seed in ws.profile.seeds}
METHOD_KEYS = [method_key(ws, name, seed) for name in other_methods(ws, "veri").values() for seed in ws.profile.seeds]
SHARED = [digest(asdict(ws.profile)), *(data_key(ws, name) for name in DATASETS)]
PAGE = str(ws.folder / "site" / "_build" / "html" / "index.html")
SOURCES = ("_config.yml", "_toc.yml", "book/**/*", "partreg/**/*.py", "partreg/**/*.yaml", "profiles/*.yaml", "reference/**/*")


def texts(paths):
    return list(dict.fromkeys(map(str, paths)))


def source(name):
    return str(REPOSITORY / "notebooks" / f"{name}.ipynb")


def shown(tables):
    """The executed notebooks of every network that the named tables show."""
    return texts(run_path(ws, run) for name in tables for row in TABLES.get(name, {}).values() for run in row)


def records(study):
    """The records of all jobs of a study."""
    return texts(record_path(ws, STUDIES[study], key) for key in JOBS[study])


def trained_by(run):
    """The notebook that trains a network."""
    return "04_reid_training" if run.method == "partreg" else "11_other_methods"


def built_on(method, seed):
    """What a method of Table 3 waits for: its own network, and the methods that it is built on."""
    about = declarations()
    own = [run_path(ws, network(ws, method, seed))] if about[method].trains else []
    inner = (
        [row_path(ws, name, seed)] if about[name].takes_a_while else built_on(name, seed)
        for name in about[method].built_on
    )
    return texts([*own, *(path for paths in inner for path in paths)])


def awaited(name):
    """What a chapter waits for, see `partreg.workflow.chapters.Needs`."""
    needs = NEEDS[name]
    if needs.copied:
        return texts([run_path(ws, COPIED[name])])
    chapters = [chapter_path(ws, needs.after)] if needs.after else []
    kept = kept_files(*needs.kept) if needs.kept else []
    points = records("own_dial") if needs.points else []
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
    input: PAGE, [chapter_path(ws, name) for name in CHAPTERS], shown(TABLES), list(METHODS), records("own_dial")


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


# A job of a study leaves one record, alone and in any order; the study's tables are made of all of them.
rule study:
    input: lambda wildcards: ancient(texts([chapter_path(ws, "03_missing_parts")] * JOBS[wildcards.name][wildcards.key].needs_boxes))
    output: str(ws.folder / "studies" / "{name}" / "{key}.json")
    wildcard_constraints: name="[a-z_]+", key="[^/]+"
    params: command=lambda wildcards: asked("studies", wildcards.name, wildcards.key)
    resources: gpu=1
    shell: "{params.command}"


for name in STUDIES:

    rule:
        name: name
        input: records(name)
        params: command=asked("studies", name)
        shell: "{params.command}"


rule book:
    input:
        rules.all.input[1:],
        texts(path for pattern in SOURCES for path in sorted(REPOSITORY.glob(pattern)) if path.is_file() and "__pycache__" not in path.parts),
        texts(path for name in PAGES if (path := table_path(ws, name)).exists()),
    output: PAGE
    params: command=shlex.join([sys.executable, str(REPOSITORY / "book" / "publish.py"), json.dumps(CHOSEN)])
    shell: "{params.command}"
