"""Every reader of the project, with small files that it reads, for the two fuzzers beside this file.

A reader gets a folder in which its files lie and whose ``main`` file is then spoilt. It may give a result or raise a
`PartregError`; `judge` says whether the error is one that a person can act on.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from claims import read_claims
from partreg import files
from partreg.annotate import formats
from partreg.datasets import side
from partreg.datasets.check import check
from partreg.datasets.images import images_table
from partreg.datasets.lines import read_lines
from partreg.datasets.own import read_cameras, read_galleries
from partreg.datasets.pictures import picture_header
from partreg.datasets.table_csv import read_csv, read_rows
from partreg.datasets.vehicleid import TRAIN_LIST, read_lists, read_vehicleid
from partreg.datasets.veri import SPLITS, read_labels, read_names, read_tracks, read_veri, read_words
from partreg.errors import PartregError
from partreg.parts.annotation import located
from partreg.parts.boxes import read_boxes
from partreg.parts.formats import read_coco
from partreg.reid.features import load
from partreg.reid.method import PART_REGULARIZED
from partreg.reid.network import built
from partreg.reid.pixels import decode
from partreg.reid.run import Run, from_dict
from partreg.reid.train import learnt_from, resumed
from partreg.retrieval.distances import check_features
from partreg.studies.effects import read_evidence
from partreg.verify import recorded
from partreg.workflow.profile import read_profile, read_yaml, tidy
from tests.conftest import REPOSITORY

NAMES = ["0001_c001_00000010_0.jpg", "0001_c002_00000020_0.jpg", "0002_c001_00000030_0.jpg"]
VEHICLEID = {
    "train_test_split/train_list.txt": b"0000001 11\n0000002 11\n0000003 12\n",
    "train_test_split/test_list_2.txt": b"0000004 21\n0000005 21\n0000006 22\n",
    "attribute/model_attr.txt": b"11 3\n21 0\n",
    "attribute/color_attr.txt": b"12 5\n",
}
LABELS = "".join(
    f'<Item imageName="{n}" vehicleID="{n[:4]}" cameraID="{n[5:9]}" colorID="1" typeID="2"/>' for n in NAMES
)
VERI = {
    "name_train.txt": f"{NAMES[0]}\n{NAMES[1]}\n0003_c001_00000050_0.jpg\n".encode(),
    "name_query.txt": f"{NAMES[2]}\n".encode(),
    "name_test.txt": f"{NAMES[2]}\n0002_c002_00000040_1.jpg\n".encode(),
    "test_track.txt": f"0002_c001_t0001 {NAMES[2]} \n0002_c002_t0002 0002_c002_00000040_1.jpg \n".encode(),
    "train_label.xml": f'<?xml version="1.0" encoding="gb2312" ?>\n<TrainingImages Version="1.0">\n<Items number="3">\n{LABELS}\n</Items></TrainingImages>'.encode(),
    "list_color.txt": "1 yellow\n2 orange 黄\n".encode("gb18030"),
    "list_type.txt": b"1 sedan\n",
}
IMAGES = images_table({"image": ["a.jpg", "b.jpg"], "path": ["a.jpg", "b.jpg"], "vehicle": [1, 2]})
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}],
    "categories": [{"id": 1, "name": "front_window"}, {"id": 2, "name": "vehicle"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 3, 20, 9]},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [1.5, 1, 37, 28], "visibility": 0.5},
    ],
}
SHAPE = {"label": "mug", "points": [[1, 2], [20, 12.5]], "shape_type": "rectangle"}
LABELME = {"shapes": [SHAPE, {**SHAPE, "shape_type": "polygon"}], "imagePath": "a.jpg"}
LABELME |= {"imageWidth": 40, "imageHeight": 30, "imageData": None}
RESULT = {"type": "rectanglelabels", "original_width": 40, "original_height": 30}
PERCENT = {"x": 10, "y": 10, "width": 50, "height": 40.5, "rotation": 0, "rectanglelabels": ["mug"]}
STUDIO = [{"data": {"image": "a.jpg"}, "annotations": [{"result": [{**RESULT, "value": PERCENT}]}]}]
CVAT = b"""<annotations><meta><labels><label><name>mug</name></label></labels></meta>
<image name="a.jpg" width="40" height="30"><box label="mug" xtl="1" ytl="2" xbr="20" ybr="12.5"/>
<polygon label="mug" points="1,2;20,2;9.5,12"/></image></annotations>"""
VOC = b"""<annotation><filename>a.jpg</filename><size><width>40</width><height>30</height></size>
<object><name>mug</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>20</xmax><ymax>12.5</ymax></bndbox></object>
</annotation>"""
BOXES = b"image,view,part,x0,y0,x1,y1,score,source\na.jpg,front,window,0.1,0.1,0.9,0.5,1.0,detected\na.jpg,front,brand,0.4,0.6,0.6,0.7,0.5,inferred\n"
TURNED = Image.Exif()  # a photograph that is to be turned by 90 degrees
TURNED[0x0112] = 6
TINY = Run(backbone="tiny", size=32, dim=8, parts=(), epochs=2)


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes:
        main: the file that is spoilt.
        content: what is in it when it is whole.
        read: reads the folder; called again for each spoilt file.
        beside: the other files of the folder.
        rows: of a reader that collects problems, how many lines it has read, and how many problems it has named; so
            that no line is passed over in silence.
        text: whether the file is text, and not bytes.
    """

    main: str
    content: bytes
    read: Callable[[Path], Any]
    beside: dict[str, bytes] = field(default_factory=dict)
    rows: Callable[[Path], tuple[int, int, int]] | None = None
    text: bool = True


def written(write: Callable[[Any], None]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def picture(kind: str, size: tuple[int, int] = (12, 16), **how: Any) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return written(lambda file: Image.fromarray(pixels).save(file, kind, **how))


def checked_whole(folder: Path) -> Any:
    """A check of the folder, whose every problem names a file of it and says what to do.

    Raises:
        PartregError: the first problem, but for pictures, of which there are none.
    """
    problems = check(folder).problems
    for problem in problems:
        assert problem.file.startswith(str(folder)), f"no file is named: {problem}"
        assert "\n" not in str(problem), f"more than one line: {problem}"
        assert problem.message.rstrip().endswith((".", ").")), f"no sentence: {problem}"
    for problem in problems:
        if not problem.message.startswith("the image "):
            raise PartregError(str(problem))


def lines_of(path: Path) -> int:
    """Lines of a list that say something; 0 where there is no text at all, and so one problem."""
    try:
        return sum(bool(line.split()) for line in path.read_text(encoding="utf-8-sig").split("\n"))
    except (UnicodeDecodeError, OSError):
        return 0


def counted(name: str, read: Callable[[Path, Callable], int]) -> Callable[[Path], tuple[int, int, int]]:
    def count(folder: Path) -> tuple[int, int, int]:
        problems: list[Any] = []
        good = read(folder, problems.append)
        return lines_of(folder / name), good, len({one.line for one in problems if one.file.endswith(name)})

    return count


def network_bytes() -> bytes:
    net = built(TINY, {"vehicle": 2}, PART_REGULARIZED.network)
    saved = {"network": net.state_dict(), "vehicles": torch.tensor([1, 2]), "classes": {"vehicle": 2}}
    return written(lambda file: torch.save(saved, file))


def learnt_nothing() -> dict[str, str]:
    images = pd.DataFrame({"image": [], "path": [], "vehicle": []})
    return learnt_from(TINY.changed(parts=()), images, None, None, {}, "")


LEARNT = learnt_nothing()


def checkpoint_bytes() -> bytes:
    net = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = {"learnt_from": LEARNT, "history": [{"epoch": 1, "loss": 0.5}], "seconds": 1.0}
    state |= {"network": net.state_dict(), "optimizer": optimizer.state_dict()}
    return written(lambda file: torch.save(state, file))


def resume(folder: Path) -> Any:
    net = torch.nn.Linear(2, 2)
    return resumed(LEARNT, folder, net, torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9))


LISTS = {
    f"vehicleid {Path(name).stem}": Reader(
        name,
        VEHICLEID[name],
        read_vehicleid,
        VEHICLEID,
        counted(name, lambda folder, problem, name=name: len(read_lists(folder, problem).get(name, ())))
        if "list" in name
        else None,
    )
    for name in VEHICLEID
}
NAMED = {
    f"veri {split}": Reader(
        name,
        VERI[name],
        read_veri,
        VERI,
        counted(name, lambda folder, problem, split=split: len(read_names(folder, split, problem))),
    )
    for split, name in SPLITS.items()
}
OWN = b"path,vehicle,camera,track,split\na.jpg,KA,1,,train\nb.jpg,007,1,,query\nc.jpg,007,2,t,gallery\n"
OWN += b"d.jpg,7,,u,gallery\ne.jpg,x,1,,train\n"
READERS: dict[str, Reader] = {
    **LISTS,
    **NAMED,
    "veri tracks": Reader("test_track.txt", VERI["test_track.txt"], read_veri, VERI),
    "veri tracks alone": Reader("test_track.txt", VERI["test_track.txt"], read_tracks),
    "veri labels": Reader(
        "train_label.xml", VERI["train_label.xml"], lambda folder: read_labels(folder / "train_label.xml")
    ),
    "words": Reader("list_type.txt", VERI["list_type.txt"], lambda folder: read_words(folder / "list_type.txt")),
    "check vehicleid": Reader("train_test_split/train_list.txt", VEHICLEID[TRAIN_LIST], checked_whole, VEHICLEID),
    "check veri": Reader("name_query.txt", VERI["name_query.txt"], checked_whole, VERI),
    "check csv": Reader("images.csv", b"path,vehicle,camera,split\na.jpg,1,2,query\nb.jpg,1,,gallery\n", checked_whole),
    "check side files": Reader(
        "models.csv", b"image,model\nimage_test/" + NAMES[2].encode() + b",3\n", checked_whole, VERI
    ),
    "veri colours": Reader("list_color.txt", VERI["list_color.txt"], read_veri, VERI),
    "lines": Reader("l.txt", b"a 1\nb 2\n", lambda folder: read_lines(folder / "l.txt", 2, "two words")),
    "csv": Reader(
        "images.csv",
        b"path,vehicle,camera,split\na.jpg,1,2,train\nsub/b b.jpg,2,,gallery\n",
        lambda folder: read_csv(folder / "images.csv"),
        rows=lambda folder: csv_rows(folder),
    ),
    "own galleries": Reader("images.csv", OWN.replace(b",split", b",note"), read_galleries),
    "own cameras": Reader("images.csv", OWN, read_cameras),
    "keypoints": Reader(
        "keypoints.csv",
        (
            ",".join(["image", *(f"{p}_{w}" for p in side.KEYPOINTS for w in ("x", "y", "seen"))])
            + "\na.jpg"
            + ",0.5,0.5,1" * len(side.KEYPOINTS)
            + "\n"
        ).encode(),
        lambda folder: side.read_keypoints(folder, IMAGES),
    ),
    "orientation": Reader(
        "orientation.csv", b"image,orientation\na.jpg,front\nb.jpg,\n", lambda f: side.read_orientation(f, IMAGES)
    ),
    "plates": Reader(
        "plates.csv", b"image,plate,crop\na.jpg,AB12,crops/a.jpg\nb.jpg,,\n", lambda f: side.read_plates(f, IMAGES)
    ),
    "models": Reader("models.csv", b"image,model\na.jpg,3\nb.jpg,-1\n", lambda f: side.read_models(f, IMAGES)),
    "camera distances": Reader(
        "camera_Dist.txt", b"0 1.5\n1.5 0\n", side.read_camera_distances, {"camera_ID.txt": b"c001 c002\n"}
    ),
    "camera names": Reader(
        "camera_ID.txt", b"c001 c002\n", side.read_camera_distances, {"camera_Dist.txt": b"0 1.5\n1.5 0\n"}
    ),
    "coco": Reader("boxes.json", json.dumps(COCO).encode(), lambda folder: read_coco(folder / "boxes.json")),
    "coco with its pictures": Reader(
        "boxes.json",
        json.dumps(COCO).encode(),
        lambda folder: located(read_coco(folder / "boxes.json"), folder),
        {"a.jpg": picture("JPEG", size=(30, 40), exif=TURNED)},
    ),
    "coco of any classes": Reader("b.json", json.dumps(COCO).encode(), lambda folder: formats.read(folder / "b.json")),
    "label studio": Reader("b.json", json.dumps(STUDIO).encode(), lambda folder: formats.read(folder / "b.json")),
    "labelme": Reader("b.json", json.dumps(LABELME).encode(), lambda folder: formats.read(folder / "b.json")),
    "cvat": Reader("b.xml", CVAT, lambda folder: formats.read(folder / "b.xml")),
    "pascal voc": Reader("b.xml", VOC, formats.read),
    "yolo": Reader(
        "labels/a.txt",
        b"0 0.5 0.5 0.25 0.5\n1 0.1 0.1 0.9 0.1 0.5 0.8\n",
        formats.read,
        {"data.yaml": b"names: [mug, cup]\n", "images/a.jpg": picture("JPEG")},
    ),
    "yolo classes": Reader(
        "data.yaml",
        b"train: images\nnames:\n  0: mug\n  1: cup\n",
        formats.read,
        {"labels/a.txt": b"1 0.5 0.5 0.25 0.5\n", "images/a.jpg": picture("JPEG")},
    ),
    "boxes": Reader("boxes.csv", BOXES, lambda folder: read_boxes(folder / "boxes.csv")),
    "profile": Reader(
        "mine.yaml",
        (REPOSITORY / "profiles/smoke.yaml").read_bytes(),
        lambda folder: read_profile(str(folder / "mine.yaml")),
    ),
    "choices": Reader(
        "c.yaml", b"profile: smoke\nseeds: '0,1'\n", lambda f: tidy(read_yaml(f / "c.yaml"), f, str(f / "c.yaml"))
    ),
    "claims": Reader(
        "claims.yaml",
        (REPOSITORY / "book/claims.yaml").read_bytes()[:3000].rsplit(b"\n\n", 1)[0],
        lambda f: read_claims(f / "claims.yaml"),
    ),
    "kept trainings": Reader(
        "runs.csv",
        b"key,study,row,seed,cmc1_large\nab,rows,Full,0,0.25\n",
        read_evidence,
        {"curves.csv": b"key,epoch\n", "hits.csv": b"key\n"},
    ),
    "run": Reader(
        "run.json",
        TINY.to_json().encode(),
        lambda f: from_dict(files.read_json(f / "run.json"), str(f / "run.json")),
    ),
    "run text": Reader(
        "run.json",
        TINY.to_json().encode(),
        lambda f: from_dict(files.read_json(f / "run.json"), str(f / "run.json")),
    ),
    "text": Reader("some.txt", "größer\n".encode(), lambda folder: files.read_text(folder / "some.txt")),
    "json": Reader("some.json", b'{"a": [1, 2.5, null, "x"]}\n', lambda folder: files.read_json(folder / "some.json")),
    "record": Reader("SHA256SUMS", b"0" * 64 + b"  runs/a/weights.pt\n", recorded),
    "features": Reader(
        "features.npy",
        written(lambda file: np.save(file, np.arange(6.0).reshape(2, 3), allow_pickle=False)),
        lambda folder: checked(folder / "features.npy"),
        text=False,
    ),
    "network": Reader("weights.pt", network_bytes(), load, {"run.json": TINY.to_json().encode()}, text=False),
    "checkpoint": Reader("checkpoint.pt", checkpoint_bytes(), resume, text=False),
    "jpeg": Reader("a.jpg", picture("JPEG", quality=80), lambda folder: decode(folder / "a.jpg", 8), text=False),
    "exif": Reader("a.jpg", picture("JPEG", exif=TURNED), lambda folder: picture_header(folder / "a.jpg"), text=False),
    "png": Reader("a.png", picture("PNG"), lambda folder: decode(folder / "a.png", 8), text=False),
    "gif": Reader("a.gif", picture("GIF"), lambda folder: decode(folder / "a.gif", 8), text=False),
    "tiff": Reader("a.tif", picture("TIFF"), lambda folder: decode(folder / "a.tif", 8), text=False),
    "bmp": Reader("a.bmp", picture("BMP"), lambda folder: decode(folder / "a.bmp", 8), text=False),
    "webp": Reader("a.webp", picture("WEBP"), lambda folder: decode(folder / "a.webp", 8), text=False),
}


def csv_rows(folder: Path) -> tuple[int, int, int]:
    """Rows of a CSV by pandas, where it can say; and ours."""
    problems: list[Any] = []
    good = len(read_rows(folder / "images.csv", problems.append))
    whole = [one for one in problems if one.line <= 1]
    try:
        there = len(
            pd.read_csv(folder / "images.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
        )
    except Exception:
        return good + len(problems), good, len(problems)
    return (0, 0, 0) if whole else (there, good, len(problems))


def checked(path: Path) -> Any:
    try:
        return check_features(files.read_array(path), "test")
    except PartregError as error:
        if str(path) in str(error):
            raise
        return None  # of another shape or not finite: the sentence names the features, not a file


def lay(folder: Path, reader: Reader) -> Path:
    """Write a reader's files into a folder, the one to be spoilt whole; gives its path."""
    for name, content in {**reader.beside, reader.main: reader.content}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder / reader.main


def judge(reader: Reader, folder: Path) -> bool:
    """Read a spoilt file; True where there is a result, False where there is an error that a person can act on.

    Raises:
        AssertionError: the error names no file or nothing to do, or a line was passed over in silence.
        Exception: of any other kind, which is the fault that is looked for.
    """
    try:
        reader.read(folder)
        result = True
    except PartregError as error:
        told = str(error)
        assert str(folder) in told, f"no file is named: {told!r}"
        assert "\n" not in told.strip(), f"more than one line: {told!r}"
        assert len(told) < 2000, f"too long a sentence: {len(told)} characters"
        assert told.rstrip().endswith((".", ").")), f"no sentence: {told!r}"
        result = False
    if reader.rows is not None:
        there, good, bad = reader.rows(folder)
        assert good + bad >= there, f"{there} lines, of which {good} were read and {bad} named"
    return result
