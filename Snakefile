# The order of the notebooks: one rule each, and one rule that trains any network. `make book` calls this file through
# partreg.workflow.driver; what a rule needs to know stands in partreg.workflow. Outputs are executed notebooks, which
# are whole or absent; the data, boxes and weights that they leave beside them are made once, whoever asks first.

import json
import shlex
import sys

from partreg.workflow import CHAPTERS, DATASETS, code_key, make_run, open_workspace, runs
from partreg.workflow import CHOICES as NAMES
from partreg.workflow.book import book_sources
from partreg.workflow.driver import chapter_path, run_label, run_path
from partreg.workflow.profile import REPOSITORY, data_key, parts_key
from partreg.workflow.settings import tried_runs

CHOICES = {name: config[name] for name in NAMES if config.get(name)}
ws = open_workspace(**CHOICES)
TABLES = runs(ws)
TRIED = tried_runs(ws)
NETWORKS = {run.key: run for table in TABLES.values() for row in table.values() for run in row}
NETWORKS |= {run.key: run for run in TRIED}
FULL = make_run(ws, "vehicleid")


def source(name):
    return str(REPOSITORY / "notebooks" / f"{name}.ipynb")


def chapter(name):
    return str(chapter_path(ws, name))


def networks(*tables):
    """The executed notebooks of every network that the named tables show."""
    return sorted({str(run_path(ws, run)) for table in tables for row in TABLES[table].values() for run in row})


def command(notebook, output, **more):
    """The shell command that runs one notebook; its parameters travel as one quoted word of JSON."""
    words = [sys.executable, "-m", "partreg.workflow.notebooks", notebook, output, json.dumps({**CHOICES, **more})]
    return shlex.join(words)


def train(run):
    return command("04_reid_training", str(run_path(ws, run)), run=run.to_json(), label=run_label(run))


def python(module):
    return shlex.join([sys.executable, "-m", module, json.dumps(CHOICES)])


# The chapters and networks are asked for by name too, so that one that was lost is made again.
rule all:
    input:
        str(ws.folder / "site" / "_build" / "html" / "index.html"),
        [chapter(name) for name in CHAPTERS],
        networks(*TABLES),


rule near_duplicates:
    input: source("00_near_duplicates")
    output: chapter("00_near_duplicates")
    params:
        key=[data_key(ws, name) for name in DATASETS],
        command=command("00_near_duplicates", chapter("00_near_duplicates")),
    threads: 2
    shell: "{params.command}"


rule part_annotation:
    input: source("01_part_annotation"), chapter("00_near_duplicates")
    output: chapter("01_part_annotation")
    params:
        key=parts_key(ws),
        command=command("01_part_annotation", chapter("01_part_annotation")),
    shell: "{params.command}"


rule detector_training:
    input: source("02_detector_training"), chapter("01_part_annotation")
    output: chapter("02_detector_training")
    params:
        key=parts_key(ws),
        command=command("02_detector_training", chapter("02_detector_training")),
    shell: "{params.command}"


rule missing_parts:
    input: source("03_missing_parts"), chapter("02_detector_training")
    output: chapter("03_missing_parts")
    params:
        key=parts_key(ws),
        command=command("03_missing_parts", chapter("03_missing_parts")),
    shell: "{params.command}"


# Any network: a papermill run of notebook 04 by its description. Those with parts wait for the boxes.
rule network:
    input:
        source("04_reid_training"),
        lambda wildcards: chapter("03_missing_parts" if NETWORKS[wildcards.key].parts else "00_near_duplicates"),
    output: str(ws.folder / "runs" / "{key}" / "notebook.ipynb")
    params: command=lambda wildcards: train(NETWORKS[wildcards.key])
    resources: gpu=1
    shell: "{params.command}"


rule reid_training:
    input: str(run_path(ws, FULL))
    output: chapter("04_reid_training")
    shell: "cp {input:q} {output:q}"


rule vehicleid:
    input: source("05_vehicleid"), networks("table_4")
    output: chapter("05_vehicleid")
    params:
        key=code_key("figures", "retrieval"),
        command=command("05_vehicleid", chapter("05_vehicleid")),
    shell: "{params.command}"


rule veri:
    input: source("06_veri"), networks("table_6")
    output: chapter("06_veri")
    params:
        key=code_key("figures", "retrieval"),
        command=command("06_veri", chapter("06_veri")),
    shell: "{params.command}"


rule ablation:
    input: source("07_ablation"), networks("table_4", "controls")
    output: chapter("07_ablation")
    params:
        key=code_key("figures", "retrieval"),
        command=command("07_ablation", chapter("07_ablation")),
    shell: "{params.command}"


rule resolution:
    input: source("08_resolution"), networks("table_5", "table_6")
    output: chapter("08_resolution")
    params:
        key=code_key("figures", "retrieval"),
        command=command("08_resolution", chapter("08_resolution")),
    shell: "{params.command}"


rule activation_maps:
    input: source("09_activation_maps"), networks("table_4")
    output: chapter("09_activation_maps")
    params:
        key=code_key("figures", "retrieval"),
        command=command("09_activation_maps", chapter("09_activation_maps")),
    shell: "{params.command}"


rule rank_lists:
    input: source("10_rank_lists"), networks("table_4")
    output: chapter("10_rank_lists")
    params:
        key=code_key("figures", "retrieval"),
        command=command("10_rank_lists", chapter("10_rank_lists")),
    shell: "{params.command}"


rule book:
    input:
        [chapter(name) for name in CHAPTERS],
        networks(*TABLES),
        [str(path) for path in book_sources()],
    output: str(ws.folder / "site" / "_build" / "html" / "index.html")
    params: command=python("partreg.workflow.book")
    shell: "{params.command}"


# `make settings`: what was tried on validation identities. Not part of the book's own run.
rule settings:
    input: sorted({str(run_path(ws, run)) for run in TRIED})
    params: command=python("partreg.workflow.settings")
    shell: "{params.command}"
