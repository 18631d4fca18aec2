"""A page of rank lists that opens offline: pictures are in it, and nothing in it runs."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from partreg.errors import PartregError

SIDE = 240  # pixels of a picture's longer side on the page
STYLE = """
:root { color-scheme: light dark; }
body { margin: 1rem auto; max-width: 76rem; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif;
       background: Canvas; color: CanvasText; }
h1, h2 { overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; }
ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .75rem; padding: 0;
     list-style: none; }
li, figure { margin: 0; overflow-wrap: anywhere; font-size: .875rem; }
figure { max-width: 12rem; }
img { display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: contain; background: #808080; }
img.wide { max-width: 36rem; aspect-ratio: auto; }
table { margin-top: 1rem; }
caption { text-align: left; }
th, td { padding: .1rem .75rem .1rem 0; text-align: left; font-weight: normal; }
.absent { display: block; padding: 1rem; border: 1px dashed; }
"""


@dataclass(frozen=True)
class Hit:
    """One picture of a rank list: its rank from 1, its distance from the query, its name and the path to open."""

    rank: int
    distance: float
    name: str
    path: Path


@dataclass(frozen=True)
class RankList:
    """A query, by the path to open, and what was found, nearest first."""

    query: Path
    hits: list[Hit]


def rank_page(lists: Sequence[RankList], title: str) -> str:
    """An HTML page with the rank list of each query, each picture in it as a small JPEG with a text beside it.

    A picture that is not there any more, or is broken now, is replaced by a sentence.
    """
    return document(title, "\n".join(_section(one) for one in lists))


def document(title: str, body: str) -> str:
    """A whole HTML page: a title in text, and what stands below it in HTML."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{html.escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _section(one: RankList) -> str:
    name = html.escape(str(one.query))
    hits = "\n".join(f"<li>{_picture(hit.path, _alt(hit))}{_line(hit)}</li>" for hit in one.hits)
    query = f"<figure>{_picture(one.query, f'The query {one.query}')}</figure>"
    return f"<section>\n<h2>Nearest to {name}</h2>\n{query}\n<ol>\n{hits}\n</ol>\n</section>"


def _line(hit: Hit) -> str:
    return f"<b>{hit.rank}</b> · {hit.distance:.3f}<br>{html.escape(hit.name)}"


def _alt(hit: Hit) -> str:
    return f"Rank {hit.rank}, distance {hit.distance:.3f}: {hit.name}"


def _picture(path: Path, alt: str) -> str:
    from partreg.touch.thing import picture  # which loads matplotlib: no rank list that is only printed waits for it

    try:
        source = picture(path, SIDE)
    except PartregError:
        return f'<span class="absent">{html.escape(alt)}. The picture cannot be opened now.</span>'
    return f'<img src="{source}" alt="{html.escape(alt)}">'
