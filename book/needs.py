"""Say what each chapter waits for, and where executed notebooks go. The Snakefile schedules by it."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from partreg.baselines import declarations, table_methods
from partreg.datasets import DATASETS
from partreg.reid.run import Run
from partreg.studies.effects import COLUMNS
from partreg.workflow import keys
from partreg.workflow.code import closure, code_key, imported
from partreg.workflow.methods import method_key
from partreg.workflow.profile import PROFILES, REFERENCE, REPOSITORY, Workspace, digest, read_yaml
from partreg.workflow.runs import lacking, make_run, method_run, other_methods
from partreg.workflow.stages import run_folder

Tables = dict[str, dict[str, list[Run]]]
KEPT = (*COLUMNS, "regime")  # all that `partreg.studies.effects.read_evidence` reads under reference/


@dataclass(frozen=True)
class Needs:
    """What a chapter waits for."""

    after: str = ""  # another chapter
    boxes: bool = False  # due again with the part boxes; a chapter that trains or shows networks follows them
    networks: tuple[str, ...] = ()  # shows those of these tables of `partreg.workflow.runs`
    methods: bool = False  # shows the methods of Table 3 that are more than a network
    points: bool = False  # shows the points of this book's own study
    kept: tuple[str, ...] = ()  # shows these tables under ``reference/``
    copied: bool = False  # is the executed notebook of one network, see `copied_run`


NEEDS = {
    "00_near_duplicates": Needs(),
    "01_part_annotation": Needs(after="00_near_duplicates", boxes=True),
    "02_detector_training": Needs(after="01_part_annotation", boxes=True),
    "03_missing_parts": Needs(after="02_detector_training", boxes=True),
    "04_reid_training": Needs(copied=True),
    "05_vehicleid": Needs(networks=("table_4", "table_1"), kept=KEPT),
    "06_veri": Needs(networks=("table_6", "table_3"), methods=True, kept=KEPT),
    "07_ablation": Needs(networks=("table_4", "controls"), kept=KEPT),
    "08_resolution": Needs(networks=("table_5", "table_6"), kept=KEPT),
    "09_activation_maps": Needs(networks=("table_4",), kept=KEPT),
    "10_rank_lists": Needs(networks=("table_4", "controls")),
    "11_other_methods": Needs(copied=True),
    "12_where_it_breaks": Needs(networks=("table_4", "strong"), points=True, kept=("dial", "strong", *KEPT)),
    "13_when_parts_pay": Needs(kept=("gpu/table_4", "gpu/hits", *KEPT)),
    "14_every_rule": Needs(networks=("table_4", "table_6")),
    "15_what_pays": Needs(networks=("table_4",), kept=("gpu/tried", *KEPT)),
    "16_same_or_not": Needs(networks=("table_4", "table_6")),
    "17_in_the_page": Needs(networks=("table_4",)),
    "by_hand": Needs(),
}
EXAMPLE = "oife"  # chapter 11 shows it: it learns from more than identities, by a sum of losses


def source(name: str) -> Path:
    """Return the path of a chapter's notebook."""
    return REPOSITORY / "notebooks" / f"{name}.ipynb"


def notebook_key(path: Path) -> str:
    """Return twelve hexadecimal digits of a notebook: its cells, and the code of all that its code cells import."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    code = "\n".join(text for text, cell in zip(texts, cells, strict=True) if cell["cell_type"] == "code")
    roots = sorted(imported([ast.parse(code)]))
    told = repr(declarations()) if "partreg.baselines" in closure(*roots) else ""  # what methods say of themselves
    return hashlib.sha256(json.dumps([texts, code_key(*roots), told]).encode()).hexdigest()[:12]


def data_key(ws: Workspace, dataset: str) -> str:
    """Return a digest of which images of which vehicles ``dataset`` holds, and in which lists."""
    return digest(keys.images(ws, dataset, "train"), keys.tests(ws, dataset))


def parts_key(ws: Workspace) -> str:
    """Return a digest of how all part boxes come about; for chapters 01 to 03."""
    return digest(*(keys.boxes_key(ws, dataset, "filled") for dataset in DATASETS))


def kept_files(*names: str) -> list[Path]:
    """Return the files that say what is kept, as far as they are there: tables, corrections, profiles."""
    tables = [REFERENCE / f"{name}.csv" for name in (*names, "corrections")]
    profile = "regime" if "regime" in names else "reference"  # the first takes over the second
    return [path for path in (*tables, *profile_files(profile)) if path.exists()]


def profile_files(name: str) -> list[Path]:
    """Return the files of a profile under ``profiles/``: its own, and those of the profiles that it extends."""
    path = PROFILES / f"{name}.yaml"
    parent = read_yaml(path).get("extends")
    return [path, *(profile_files(parent) if parent else ())]


def slow_methods(ws: Workspace) -> list[str]:
    """Return the methods of Table 3 that take a while besides a network's training, and that can be run here."""
    return [method for method in other_methods(ws, "veri").values() if declarations()[method].takes_a_while]


def copied_run(ws: Workspace, name: str) -> Run:
    """Return the network whose executed notebook is chapter 04, the paper's own, or chapter 11.

    In chapter 11 that is `EXAMPLE`, or the first of Table 1 that can be run; also where the other methods are left out.
    """
    if name == "04_reid_training":
        return make_run(ws, "vehicleid")
    methods = sorted(table_methods("vehicleid").values(), key=lambda method: method != EXAMPLE)
    runnable = (method for method in methods if not lacking(ws, "vehicleid", method))
    return method_run(ws, "vehicleid", next(runnable))


def trained_by(run: Run) -> str:
    """Return the chapter whose notebook trains a network."""
    return "04_reid_training" if run.method == "partreg" else "11_other_methods"


def parameters(ws: Workspace, run: Run) -> dict[str, Any]:
    """Return the parameters with which the notebook `trained_by` trains a network: what differs from the profile's.

    Several words are one text, as papermill takes it: "window,light".
    """
    own = run.method == "partreg"
    usual = make_run(ws, run.dataset) if own else method_run(ws, run.dataset, run.method)
    described = {"dataset": run.dataset} if own else {"method": run.method, "dataset": run.dataset}
    like = asdict(run.changed(data=usual.data, seed=usual.seed))
    changed = {name: value for name, value in like.items() if value != getattr(usual, name)}
    words = {name: ",".join(value) if isinstance(value, tuple) else value for name, value in changed.items()}
    return {**described, "seeds": str(run.seed), **words}


def chapter_path(ws: Workspace, name: str) -> Path:
    """Return the path of a chapter's executed notebook."""
    return ws.folder / "notebooks" / f"{name}.ipynb"


def run_path(ws: Workspace, run: Run) -> Path:
    """Return the path of a training's executed notebook, beside its weights."""
    return run_folder(ws, run) / "notebook.ipynb"


def method_path(ws: Workspace, method: str, seed: int) -> Path:
    """Return the path of the executed notebook of a method of Table 3 that is more than a network."""
    return ws.folder / "methods" / f"{method}-{seed}-{method_key(ws, method, seed)}.ipynb"


def shown(ws: Workspace, tables: Tables, names: Iterable[str]) -> list[Path]:
    """Return the executed notebooks of every network in the named tables of `partreg.workflow.runs`."""
    found = (run for name in names for row in tables.get(name, {}).values() for run in row)
    return list(dict.fromkeys(run_path(ws, run) for run in found))


def built_on(ws: Workspace, method: str, seed: int) -> list[Path]:
    """Return what a method of Table 3 waits for: its own network, and the methods that it is built on."""
    about = declarations()
    found = [run_path(ws, method_run(ws, "veri", method, seed=seed))] if about[method].trains else []
    for name in about[method].built_on:
        found += [method_path(ws, name, seed)] if about[name].takes_a_while else built_on(ws, name, seed)
    return list(dict.fromkeys(found))


def awaited(
    ws: Workspace, name: str, tables: Tables, methods: Iterable[str], points: Iterable[str]
) -> list[str | Path]:
    """Return what a chapter waits for, by `NEEDS`: networks, executed notebooks of methods, and own records."""
    needs = NEEDS[name]
    if needs.copied:
        return [run_path(ws, copied_run(ws, name))]
    found = [source(name), *shown(ws, tables, needs.networks), *(kept_files(*needs.kept) if needs.kept else ())]
    found += [chapter_path(ws, needs.after)] if needs.after else []
    return [*found, *(methods if needs.methods else ()), *(points if needs.points else ())]
