# The order of the notebooks: one rule each, and one rule that trains any network. `make book` calls this file through
# partreg.workflow.driver; what a rule needs to know stands in partreg.workflow. Outputs are executed notebooks, which
# are whole or absent; the data, boxes and weights that they leave beside them are made once, whoever asks first.

import json
import shlex
import sys
from dataclasses import asdict

from partreg.workflow import CHAPTERS, DATASETS, make_run, networks, open_workspace, runs
from partreg.workflow import CHOICES as NAMES
from partreg.workflow.code import notebook_key
from partreg.workflow.dial import SEEDS, points_path, turned
from partreg.workflow.driver import book_sources, chapter_path, row_label, row_path, run_label, run_path
from partreg.workflow.effects import COLUMNS, kept_files
from partreg.workflow.evidence import jobs, record_path
from partreg.workflow.keep import PAGES, own_table
from partreg.workflow.keys import data_key, parts_key
from partreg.workflow.profile import REPOSITORY, digest
from partreg.workflow.rows import BUILT_ON, SLOW, is_network, network, row_key, slow_rows
from partreg.workflow.runs import lacking, method_run, other_rows, strong_runs
from partreg.workflow.settings import tried_runs

CHOICES = {name: config[name] for name in NAMES if config.get(name)}
ws = open_workspace(**CHOICES)
TABLES = runs(ws)
TRIED, TRIED_OTHERS = tried_runs(ws), tried_runs(ws, others=True)
STRONG_SEEDS = [run for row in strong_runs(ws, SEEDS).values() for run in row]
OTHER = method_run(ws, "vehicleid", "vgg_ccl" if lacking(ws, "vehicleid", "oife") else "oife")
NETWORKS = networks(ws) | {run.key: run for run in [OTHER, *TRIED, *TRIED_OTHERS, *STRONG_SEEDS]}
FULL = make_run(ws, "vehicleid")
JOBS = jobs(ws)
PROFILE, DATA = digest(asdict(ws.profile)), [data_key(ws, name) for name in DATASETS]
KEPT = [str(path) for path in kept_files(*COLUMNS)]
TABLE_3_KEYS = [row_key(ws, name, seed) for name in other_rows(ws, "veri").values() for seed in ws.profile.seeds]


def source(name):
    return str(REPOSITORY / "notebooks" / f"{name}.ipynb")


def chapter(name):
    return str(chapter_path(ws, name))


def key(name, *inputs):
    """What a notebook is run anew for, besides newer inputs: its cells, the code that they use, profile, data, inputs."""
    return [notebook_key(source(name)), PROFILE, *DATA, *inputs]


def trained_by(run):
    """The notebook that trains a network."""
    return "04_reid_training" if run.method == "partreg" else "11_other_methods"


def shown(*tables):
    """The executed notebooks of every network that the named tables show."""
    named = [TABLES[table] for table in tables if table in TABLES]
    return sorted({str(run_path(ws, run)) for table in named for row in table.values() for run in row})


def rows():
    """The executed notebooks of the rows of Table 3 that are more than a network."""
    return [str(row_path(ws, method, seed)) for method in slow_rows(ws) for seed in ws.profile.seeds]


def built_on(method, seed):
    """What a row of Table 3 waits for: its own network, and the rows that it is built on."""
    own = [str(run_path(ws, network(ws, method, seed)))] if is_network(method) else []
    return [*own, *(path for name in BUILT_ON[method] for path in made(name, seed))]


def made(method, seed):
    """The notebooks after which a row of Table 3 is there, or can be had in no time."""
    return [str(row_path(ws, method, seed))] if method in SLOW else built_on(method, seed)


def points(every=False):
    """The points of the dial: of the book's own run, or of every row and setting."""
    return [str(points_path(ws, n, layout, every)) for n, layout in turned(ws, every)]


def command(notebook, output, choices=CHOICES, **more):
    """The shell command that runs one notebook; its parameters travel as one quoted word of JSON."""
    words = [sys.executable, "-m", "partreg.workflow.notebooks", notebook, output, json.dumps({**choices, **more})]
    return shlex.join(words)


def train(run):
    return command(
        trained_by(run), str(run_path(ws, run)), run=run.to_json(), seeds=str(run.seed), label=run_label(run)
    )


def python(module, *words):
    return shlex.join([sys.executable, "-m", module, json.dumps(CHOICES), *words])


# The chapters and networks are asked for by name too, so that one that was lost is made again.
rule all:
    input:
        str(ws.folder / "site" / "_build" / "html" / "index.html"),
        [chapter(name) for name in CHAPTERS],
        shown(*TABLES),
        rows(),
        points(),


rule near_duplicates:
    input: source("00_near_duplicates")
    output: chapter("00_near_duplicates")
    params:
        key=key("00_near_duplicates"),
        command=command("00_near_duplicates", chapter("00_near_duplicates")),
    threads: 2
    shell: "{params.command}"


rule part_annotation:
    input: source("01_part_annotation"), chapter("00_near_duplicates")
    output: chapter("01_part_annotation")
    params:
        key=key("01_part_annotation", parts_key(ws)),
        command=command("01_part_annotation", chapter("01_part_annotation")),
    shell: "{params.command}"


rule detector_training:
    input: source("02_detector_training"), chapter("01_part_annotation")
    output: chapter("02_detector_training")
    params:
        key=key("02_detector_training", parts_key(ws)),
        command=command("02_detector_training", chapter("02_detector_training")),
    shell: "{params.command}"


rule missing_parts:
    input: source("03_missing_parts"), chapter("02_detector_training")
    output: chapter("03_missing_parts")
    params:
        key=key("03_missing_parts", parts_key(ws)),
        command=command("03_missing_parts", chapter("03_missing_parts")),
    shell: "{params.command}"


# Any network: a papermill run of notebook 04 by its description. Those with parts wait for the boxes. After a newer
# chapter the notebook runs again, but nothing is trained: its folder is named by the key of all that it is made of.
rule network:
    input:
        lambda wildcards: source(trained_by(NETWORKS[wildcards.key])),
        lambda wildcards: chapter("03_missing_parts" if NETWORKS[wildcards.key].detects else "00_near_duplicates"),
    output: str(ws.folder / "runs" / "{key}" / "notebook.ipynb")
    params:
        key=lambda wildcards: key(trained_by(NETWORKS[wildcards.key])),
        command=lambda wildcards: train(NETWORKS[wildcards.key]),
    resources: gpu=1
    shell: "{params.command}"


# A row of Table 3 that is more than a network: hand-crafted features, plates, or what knows of time and place.
rule row:
    input:
        source("11_other_methods"),
        chapter("00_near_duplicates"),
        lambda wildcards: built_on(wildcards.method, int(wildcards.seed)),
    output: str(ws.folder / "rows" / "{method}-{seed}-{key}.ipynb")
    wildcard_constraints: seed="[0-9]+", key="[0-9a-f]+"
    params:
        key=key("11_other_methods"),
        command=lambda wildcards, output: command(
            "11_other_methods", output[0], dataset="veri", method=wildcards.method, seeds=wildcards.seed,
            label=row_label(wildcards.method, int(wildcards.seed)),
        ),
    shell: "{params.command}"


# The dial of chapter 12: a setting and a layout at a time, on a small benchmark of its own.
rule dial:
    output: str(ws.folder / "dial" / "{layout}-{near}-{which}-{key}.json")
    wildcard_constraints: layout="vehicleid|veri", which="own|every", key="[0-9a-f]+"
    params:
        command=lambda wildcards: python("partreg.workflow.dial", wildcards.near, wildcards.layout, wildcards.which),
    shell: "{params.command}"


rule reid_training:
    input: str(run_path(ws, FULL))
    output: chapter("04_reid_training")
    shell: "cp {input:q} {output:q}"


rule vehicleid:
    input: source("05_vehicleid"), shown("table_4", "table_1"), KEPT
    output: chapter("05_vehicleid")
    params:
        key=key("05_vehicleid"),
        command=command("05_vehicleid", chapter("05_vehicleid")),
    shell: "{params.command}"


rule veri:
    input: source("06_veri"), shown("table_6", "table_3"), rows(), KEPT
    output: chapter("06_veri")
    params:
        key=key("06_veri", *TABLE_3_KEYS),
        command=command("06_veri", chapter("06_veri")),
    shell: "{params.command}"


rule ablation:
    input: source("07_ablation"), shown("table_4", "controls"), KEPT
    output: chapter("07_ablation")
    params:
        key=key("07_ablation"),
        command=command("07_ablation", chapter("07_ablation")),
    shell: "{params.command}"


rule resolution:
    input: source("08_resolution"), shown("table_5", "table_6"), KEPT
    output: chapter("08_resolution")
    params:
        key=key("08_resolution"),
        command=command("08_resolution", chapter("08_resolution")),
    shell: "{params.command}"


rule activation_maps:
    input: source("09_activation_maps"), shown("table_4"), KEPT
    output: chapter("09_activation_maps")
    params:
        key=key("09_activation_maps"),
        command=command("09_activation_maps", chapter("09_activation_maps")),
    shell: "{params.command}"


rule rank_lists:
    input: source("10_rank_lists"), shown("table_4")
    output: chapter("10_rank_lists")
    params:
        key=key("10_rank_lists"),
        command=command("10_rank_lists", chapter("10_rank_lists")),
    shell: "{params.command}"


# Chapter 11 is the run of one network, as chapter 04 is; it is there without the other rows, too.
rule other_methods:
    input: str(run_path(ws, OTHER))
    output: chapter("11_other_methods")
    shell: "cp {input:q} {output:q}"


rule where_it_breaks:
    input:
        source("12_where_it_breaks"),
        shown("table_4", "strong"),
        points(),
        [str(path) for path in kept_files("dial", "strong")],
    output: chapter("12_where_it_breaks")
    params:
        key=key("12_where_it_breaks"),
        command=command("12_where_it_breaks", chapter("12_where_it_breaks")),
    shell: "{params.command}"


# What the trainings say that are kept in the repository, whatever is chosen here.
rule when_parts_pay:
    input: source("13_when_parts_pay"), KEPT
    output: chapter("13_when_parts_pay")
    params:
        key=key("13_when_parts_pay"),
        command=command("13_when_parts_pay", chapter("13_when_parts_pay"), choices={}),
    shell: "{params.command}"


# One set of features under every rule: nothing is trained for it.
rule every_rule:
    input: source("14_every_rule"), shown("table_4", "table_6")
    output: chapter("14_every_rule")
    params:
        key=key("14_every_rule"),
        command=command("14_every_rule", chapter("14_every_rule")),
    shell: "{params.command}"


rule book:
    input:
        [chapter(name) for name in CHAPTERS],
        shown(*TABLES),
        rows(),
        [str(path) for path in book_sources()],
        [str(path) for name in PAGES if (path := own_table(ws, name)).exists()],
    output: str(ws.folder / "site" / "_build" / "html" / "index.html")
    params: command=shlex.join([sys.executable, str(REPOSITORY / "book" / "publish.py"), json.dumps(CHOICES)])
    shell: "{params.command}"


# `make settings`: what was tried on validation identities. Not part of the book's own run.
rule settings:
    input: sorted({str(run_path(ws, run)) for run in TRIED})
    params: command=python("partreg.workflow.settings")
    shell: "{params.command}"


rule settings_others:
    input: sorted({str(run_path(ws, run)) for run in TRIED_OTHERS})
    params: command=python("partreg.workflow.settings", "others")
    shell: "{params.command}"


# `make photographs`: every row that the reader's photographs allow. Not part of the book's own run.
rule photographs:
    params: command=python("partreg.workflow.photographs")
    shell: "{params.command}"


# `make reference`: the many trainings of partreg.workflow.evidence, one at a time and in any order. Takes hours.
rule evidence_run:
    input: lambda wildcards: ancient(chapter("03_missing_parts")) if JOBS[wildcards.key].needs_boxes else []
    output: str(ws.folder / "evidence" / "{key}.json")
    params: command=lambda wildcards: python("partreg.workflow.evidence", wildcards.key)
    resources: gpu=1
    shell: "{params.command}"


rule evidence:
    input: [str(record_path(ws, key)) for key in JOBS]
    params: command=python("partreg.workflow.evidence")
    shell: "{params.command}"


# And every row at every setting of the dial, and the strong baseline with three seeds. Takes hours, too.
rule reference:
    input:
        points(every=True),
        sorted({str(run_path(ws, run)) for run in STRONG_SEEDS}),
    params: command=python("partreg.workflow.dial")
    shell: "{params.command}"
