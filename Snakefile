# Which notebooks and studies run, and in which order: one rule each for chapters, networks, other methods, and studies.
# `make book` calls this file through book/driver.py. What a notebook waits for stands in book/needs.py. What is fresh is
# for partreg.workflow.stages to say: a notebook that runs again makes nothing anew that is there under its key.

import json
import shlex
import sys
from dataclasses import asdict

from partreg.studies import STUDIES
from partreg.studies.study import record_path, table_path
from partreg.workflow import CHOICES, DATASETS, networks, open_workspace, other_methods, runs
from partreg.workflow.methods import method_key
from partreg.workflow.profile import REPOSITORY, digest

sys.path.append(str(REPOSITORY / "book"))
from needs import NEEDS, awaited, built_on, chapter_path, copied_run, data_key, method_path, notebook_key, parameters
from needs import parts_key, run_path, shown, slow_methods, source, trained_by

CHOSEN = {name: config[name] for name in CHOICES if config.get(name)}
ws = open_workspace(**CHOSEN)
CHAPTERS = {name: str(chapter_path(ws, name)) for name in NEEDS}
TABLES = runs(ws)
NETWORKS = networks(ws) | {run.key: run for name in NEEDS if NEEDS[name].copied for run in [copied_run(ws, name)]}
METHODS = {str(method_path(ws, name, seed)): (name, seed) for name in slow_methods(ws) for seed in ws.profile.seeds}
JOBS = {name: study.jobs(ws) for name, study in STUDIES.items()}
RECORDS = {name: [str(record_path(ws, STUDIES[name], key)) for key in jobs] for name, jobs in JOBS.items()}
# What a notebook is run anew for, besides newer inputs: its cells, the code that they use, profile and data.
SHARED = [digest(asdict(ws.profile)), *(data_key(ws, name) for name in DATASETS)]
KEYS = {name: [notebook_key(source(name)), *SHARED] for name in NEEDS}
METHOD_KEYS = [method_key(ws, name, seed) for name in other_methods(ws, "veri").values() for seed in ws.profile.seeds]
STEP = REPOSITORY / "book" / "step.py"
PAGE = str(ws.folder / "site" / "_build" / "html" / "index.html")
SOURCES = "_config.yml _toc.yml book/**/* partreg/**/*.py partreg/**/*.yaml partreg/touch/*.js partreg/touch/*.css profiles/*.yaml reference/**/*".split()


def notebook(name, output, **more):
    """The shell command that runs one notebook; its parameters travel as one quoted word of JSON."""
    return python(STEP, "notebook", name, output, json.dumps({**CHOSEN, **more}))


def python(*words):
    return shlex.join([sys.executable, *map(str, words)])


# The chapters and networks are asked for by name too, so that one that was lost is made again.
rule all:
    input: PAGE, list(CHAPTERS.values()), shown(ws, TABLES, TABLES), list(METHODS), RECORDS["own_dial"]


for name, path in CHAPTERS.items():
    needs, inputs = NEEDS[name], awaited(ws, name, TABLES, METHODS, RECORDS["own_dial"])
    boxes = [parts_key(ws)] if needs.boxes else []
    methods = METHOD_KEYS if needs.methods else []

    rule:
        name: name
        input: inputs
        output: path
        params:
            key=[] if needs.copied else KEYS[name] + boxes + methods,
            command=shlex.join(["cp", *map(str, inputs), path]) if needs.copied else notebook(name, path),
        threads: 2 if name == "00_near_duplicates" else 1  # it renders with all cores
        shell: "{params.command}"


# A network with parts waits for the boxes.
rule network:
    input:
        lambda wildcards: source(trained_by(NETWORKS[wildcards.key])),
        lambda wildcards: CHAPTERS["03_missing_parts" if NETWORKS[wildcards.key].detects else "00_near_duplicates"],
    output: str(ws.folder / "runs" / "{key}" / "notebook.ipynb")
    params:
        key=lambda wildcards: KEYS[trained_by(NETWORKS[wildcards.key])],
        command=lambda wildcards, output: notebook(
            trained_by(run := NETWORKS[wildcards.key]), output, **parameters(ws, run), label=f"{run.name} ({run.key})",
        ),
    resources: gpu=1
    shell: "{params.command}"


# A method of Table 3 that is more than a network: hand-crafted features, plates, or what knows of time and place.
rule method:
    input:
        source("11_other_methods"),
        CHAPTERS["00_near_duplicates"],
        lambda wildcards: built_on(ws, *METHODS[str(ws.folder / "methods" / f"{wildcards.name}.ipynb")]),
    output: str(ws.folder / "methods" / "{name}.ipynb")
    params:
        key=KEYS["11_other_methods"],
        command=lambda wildcards, output: notebook(
            "11_other_methods", output, dataset="veri", method=(of := METHODS[output[0]])[0], seeds=str(of[1]),
            label="veri, {}, seed {}".format(*of),
        ),
    shell: "{params.command}"


# A job of a study leaves one record, alone and in any order; the study's tables are made of all of them.
rule study:
    input: lambda wildcards: ancient([CHAPTERS["03_missing_parts"]] * JOBS[wildcards.name][wildcards.key].needs_boxes)
    output: str(ws.folder / "studies" / "{name}" / "{key}.json")
    wildcard_constraints: name="[a-z_]+", key="[^/]+"
    params:
        command=lambda wildcards: python(STEP, "study", json.dumps(CHOSEN), wildcards.name, wildcards.key),
    priority: lambda wildcards: JOBS[wildcards.name][wildcards.key].priority
    resources: gpu=1
    shell: "{params.command}"


for name, records in RECORDS.items():

    rule:
        name: name
        input: records
        params: command=python(STEP, "study", json.dumps(CHOSEN), name)
        shell: "{params.command}"


rule book:
    input:
        rules.all.input[1:],
        [path for some in SOURCES for path in sorted(REPOSITORY.glob(some)) if path.suffix != ".pyc" and path.is_file()],
        sorted(table_path(ws, "").parent.glob("*.csv")),
    output: PAGE
    params: command=python(REPOSITORY / "book" / "publish.py", json.dumps(CHOSEN))
    shell: "{params.command}"
