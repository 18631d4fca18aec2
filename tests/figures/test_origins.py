"""The line under a number: of the steps that made it, whoever draws it."""

import base64
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from partreg import paper
from partreg.figures import tables
from partreg.figures.origins import RENDERED, Origin, Sourced, collected, recorded, reference_note, source_line
from partreg.figures.tables import Score
from partreg.retrieval.protocols import VehicleIDScores

TRAINED = Origin("trained", RENDERED, "laptop", "NVIDIA A100", "aaaaaaaaaa", True, 1, 96, 1, "2.1", "2026-01-02")
HERE = Origin("judged", RENDERED, "laptop", "CPU (x86_64, 2 cores)", "bbbbbbbbbb", False, torch="2.1", day="2026-03-04")


def scores(*origins):
    hits = np.array([1.0, 0.0, 1.0, 1.0])
    return VehicleIDScores(np.full((2, 5), 0.5), hits, hits, np.arange(4), 4, origins)


def test_a_network_trained_elsewhere_is_shown_with_its_own_seed_device_and_commit():
    assert source_line(scores(TRAINED, HERE)) == (
        '<p class="provenance">Data: rendered benchmark · profile <code>laptop</code> · seed 1 · 96 px · '
        "NVIDIA A100 (trained), CPU (x86_64, 2 cores) (judged) · 1 thread a network · "
        "commit aaaaaaaaaa (trained), bbbbbbbbbb with uncommitted changes (judged) · torch 2.1 · "
        "2026-01-02 to 2026-03-04</p>"
    )


def test_what_is_the_same_for_every_step_is_said_once():
    same = replace(TRAINED, step="judged", seed=None, size=None)
    told = source_line(TRAINED, same)
    assert "commit aaaaaaaaaa · " in told
    assert told.endswith("· 2026-01-02</p>")
    assert source_line() == source_line([], {}) == ""


def test_several_trainings_are_all_listed():
    others = [replace(TRAINED, seed=seed, commit=f"{seed}" * 10, size=48) for seed in (2, 0)]
    told = source_line({"a": [scores(TRAINED)], "b": {60: scores(*others)}})
    assert "seed 0, 1, 2 · 48, 96 px" in told
    assert "commit aaaaaaaaaa, 2222222222, 0000000000 · " in told


def test_a_folders_name_is_shown_as_text():
    assert "<code>&lt;b&gt;</code>" in source_line(replace(TRAINED, data="<b>"))


def test_origins_are_found_in_lists_and_dictionaries_of_scores_once_each():
    assert collected({"a": [scores(TRAINED, HERE)]}, (scores(TRAINED),), HERE, "words", 3) == (TRAINED, HERE)


def test_a_score_and_its_table_carry_where_their_trainings_came_from():
    one = tables.score([scores(TRAINED, HERE)], "cmc1")
    assert one.origins == (TRAINED, HERE)
    both = tables.score([scores(TRAINED), scores(replace(TRAINED, seed=2))], "cmc1")
    html = tables.comparison(4, {paper.FULL: {"CMC@1": both}}, data="here").html
    assert html.endswith(source_line(both))
    assert "seed 1, 2" in html
    assert "NVIDIA A100" in html


def test_a_figure_carries_its_line_beside_its_pixels():
    figure, ax = plt.subplots(figsize=(1, 1))
    ax.plot([0, 1])
    plt.close(figure)
    data, metadata = Sourced(figure, source_line(TRAINED))._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert metadata == {"provenance": source_line(TRAINED)}


def test_a_note_on_kept_scores_counts_the_seeds_of_just_these_scores():
    kept = pd.DataFrame(
        {
            "profile": "reference",
            "device": "CPU",
            "commit": "0123456789ab",
            "clean": True,
            "seed": [0, 1, 2, 3, 4],
            "size": [96, 96, 96, 96, 48],
        }
    )
    five, three = (Score((0.1,) * count, (0.0, 0.2), recorded(kept[:count])) for count in (5, 3))
    table = tables.comparison(4, {}, data="here", kept={paper.FULL: {"CMC@1": five}, paper.BASELINE: {"CMC@1": three}})
    assert "mean of 3–5 seeds and its 95% interval, for other trainings and" in table.html
    assert "48–96 px, CPU, commit 0123456789. " in table.html
    assert "mean of 3 seeds" in reference_note([three])
    assert "one seed, kept" in reference_note([Score((0.1,), None, recorded(kept[:1]))])
    assert "not made yet" in reference_note([])


def test_kept_tables_without_a_size_have_none():
    one = {"profile": "p", "device": "d", "commit": "c" * 12 + " e", "clean": False, "seed": 3}
    assert [(made.seed, made.size, made.commit_words) for made in recorded(pd.DataFrame([one]))] == [
        (3, None, "cccccccccc, e with uncommitted changes")
    ]
