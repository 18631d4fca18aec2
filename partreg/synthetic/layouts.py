"""Write the benchmark in the layouts of VehicleID_V1.0 and VeRi-776, with all side files and the truth."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from partreg.datasets.side import KEYPOINTS
from partreg.errors import PartregError
from partreg.files import read_json, whole, writable, write_json, write_text
from partreg.synthetic.benchmark import Benchmark, Plan, plan_vehicleid, plan_veri
from partreg.synthetic.cameras import camera_distances
from partreg.synthetic.marks import plate_crop, plate_width
from partreg.synthetic.render import Shot, Studio
from partreg.synthetic.truth import describe
from partreg.synthetic.vehicles import COLOR_NAMES, STYLES, TYPE_CODES, TYPE_NAMES

VERSION = 2  # raise it if the same description gives other pictures
PLATE_TURN, PLATE_PIXELS, PLATE_LOST = np.radians(55), 25.0, 0.15  # as large a share of plates as in VeRi-776
BOX_PARTS = ("window", "left_light", "right_light", "brand")
CATEGORIES = ("vehicle", "front_window", "rear_window", "left_light", "right_light", "badge")


def write_vehicleid(benchmark: Benchmark, root: str | Path, jobs: int = 2) -> Path:
    """Render the benchmark in the layout of VehicleID_V1.0 (Section 4.1) at ``root``, unless it is there already.

    Args:
        benchmark: what to render.
        root: the folder to write; its parent must be writable.
        jobs: rendering processes; their number does not change the bytes.

    Returns:
        ``root``.

    Raises:
        PartregError: ``root`` exists and is not a benchmark, or cannot be written, or a process was killed.
    """
    return write_layout(benchmark, root, "vehicleid", jobs)


def write_veri(benchmark: Benchmark, root: str | Path, jobs: int = 2) -> Path:
    """Render the benchmark in the layout of VeRi-776 (Section 4.1) at ``root``; otherwise like `write_vehicleid`."""
    return write_layout(benchmark, root, "veri", jobs)


def description(benchmark: Benchmark, layout: str) -> dict:
    """Describe a layout, to store beside it; a ``fleet`` or ``test_images`` of 0 is left out."""
    unused = [name for name in ("fleet", "test_images") if not getattr(benchmark, name)]
    fields = {name: value for name, value in asdict(benchmark).items() if name not in unused}
    return {"layout": layout, "version": VERSION, **json.loads(json.dumps(fields))}


def write_layout(benchmark: Benchmark, root: str | Path, layout: str, jobs: int) -> Path:
    """Write a layout to a folder beside ``root``, piece by piece, and rename it when it is whole."""
    root, fields = Path(root), description(benchmark, layout)
    if root.exists():
        done = root / "truth" / "done.json"
        if done.is_file() and read_json(root / "truth" / "benchmark.json")["description"] == fields:
            return root
        if not done.is_file() and any(root.iterdir()):
            raise PartregError(
                f"{root}: expected a rendered benchmark or an empty folder; choose another folder or remove this one."
            )
    key = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:12]
    work = root.parent / f".{root.name}.{key}"
    plan = PLANS[layout](benchmark)
    with writable(root):
        rows = render(benchmark, plan, layout, work, jobs)
        LISTS[layout](plan, work)
        write_truth(plan, rows, work, fields, benchmark)
        shutil.rmtree(work / "rows")
        if root.exists():
            shutil.rmtree(root)
        os.replace(work, root)
    return root


def render(benchmark: Benchmark, plan: Plan, layout: str, work: Path, jobs: int) -> list[dict]:
    """Render all pictures into ``work`` and return their truth in the plan's order; keep pieces that are done."""
    for folder in {Path(name).parent for name in plan.names} | {Path("rows")}:
        (work / folder).mkdir(parents=True, exist_ok=True)
    owners = np.array([shot.vehicle for shot in plan.shots])
    vehicles = sorted(set(owners.tolist()), key=lambda v: (plan.vehicles[v - 1].model, v))
    pieces = [vehicles[k : k + 4] for k in range(0, len(vehicles), 4)]
    todo = [piece for piece in pieces if not (work / "rows" / f"{piece[0]}.json").is_file()]
    bar = tqdm(total=len(plan.shots), desc=f"rendering {layout}", unit="image", mininterval=1)
    bar.update(len(plan.shots) - int(np.isin(owners, [v for piece in todo for v in piece]).sum()))
    try:
        # joblib's processes do not import the calling program, so a plain script needs no `if __name__ == "__main__"`.
        with Parallel(max(min(jobs, len(todo)), 1), return_as="generator_unordered", idle_worker_timeout=5) as pool:
            for count in pool(delayed(render_piece)(benchmark, layout, work, piece) for piece in todo):
                bar.update(count)
    except BrokenProcessPool as error:
        raise PartregError(
            f"{work}: a rendering process was killed, perhaps for memory; free some and run it again, which goes on."
        ) from error
    finally:
        bar.close()
    truth = {}
    for piece in pieces:
        truth.update(read_json(work / "rows" / f"{piece[0]}.json"))
    return [truth[name] for name in plan.names]


STUDIOS: dict[tuple, tuple[Plan, Studio]] = {}  # at most one in a process, which builds models and streets once


def render_piece(benchmark: Benchmark, layout: str, work: Path, identities: list[int]) -> int:
    """Render all images of a few identities; return their number."""
    if (benchmark, layout) not in STUDIOS:
        plan = PLANS[layout](benchmark)
        STUDIOS.clear()
        STUDIOS[benchmark, layout] = plan, Studio(plan.models, plan.vehicles, plan.cameras, benchmark.size)
    plan, studio = STUDIOS[benchmark, layout]
    rows = {}
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # one thread in each process
    try:
        for name, shot in plan.of(identities):
            picture = studio.take(shot)
            save(work / name, picture.image, plan.cameras[shot.moment.camera - 1].quality)
            rows[name] = describe(picture, studio.body(plan.vehicles[shot.vehicle - 1].model), shot)
    finally:
        cv2.setNumThreads(threads)
    write_json(work / "rows" / f"{identities[0]}.json", rows)
    return len(rows)


def save(path: Path, image: np.ndarray, quality: int) -> None:
    """Write RGB as JPEG."""
    good, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not good:
        raise PartregError(f"{path}: the picture could not be encoded as JPEG; check the OpenCV installation.")
    path.write_bytes(data.tobytes())


def write_vehicleid_lists(plan: Plan, root: Path) -> None:
    """Write attribute/ and train_test_split/ of VehicleID_V1.0: lines `name identity`, without extensions."""
    pairs = [(Path(name).stem, shot.vehicle) for name, shot in zip(plan.names, plan.shots, strict=True)]
    shown = [plan.vehicles[v - 1] for v in sorted({v for _, v in pairs})]
    attribute, lists = root / "attribute", root / "train_test_split"
    write_lines(attribute / "model_attr.txt", [f"{v.identity} {v.model}" for v in shown])
    write_lines(attribute / "color_attr.txt", [f"{v.identity} {v.color - 1}" for v in shown])
    tests = {lists / f"test_list_{size}.txt": set(identities) for size, identities in plan.tests.items()}
    everyone = {v.identity for v in shown}
    for path, chosen in ({attribute / "img2vid.txt": everyone, lists / "train_list.txt": plan.train} | tests).items():
        write_lines(path, [f"{s} {v}" for s, v in pairs if v in chosen])


def write_lines(path: Path, lines: list[str]) -> None:
    """Write lines, each with a newline."""
    write_text(path, "".join(line + "\n" for line in lines))


def write_veri_lists(plan: Plan, root: Path) -> None:
    """Write all side files of VeRi-776; the first image of each test track is a query and stays in the gallery."""
    files = [Path(name).name for name in plan.names]
    train = [k for k, s in enumerate(plan.shots) if s.vehicle in plan.train]
    test = [k for k, s in enumerate(plan.shots) if s.vehicle not in plan.train]
    query = [k for k in test if k == 0 or plan.tracks[k] != plan.tracks[k - 1]]
    (root / "image_query").mkdir(exist_ok=True)
    for k in query:
        shutil.copyfile(root / plan.names[k], root / "image_query" / files[k])
    for name, chosen in (("train", train), ("test", test), ("query", query)):
        write_lines(root / f"name_{name}.txt", [files[k] for k in chosen])
    tracks: dict[str, list[str]] = {}
    for k in test:
        tracks.setdefault(plan.tracks[k], []).append(files[k])
    write_lines(root / "test_track.txt", [f"{name} {' '.join(images)} " for name, images in tracks.items()])
    write_labels(root / "train_label.xml", "TrainingImages", plan, train)
    write_labels(root / "test_label.xml", "TestImages", plan, test)
    for file, names in (("list_color.txt", COLOR_NAMES), ("list_type.txt", TYPE_NAMES)):
        write_lines(root / file, [f"{k} {name}" for k, name in enumerate(names, 1)])
    write_lines(root / "camera_ID.txt", [f"c{c.number:03d}" for c in plan.cameras])
    write_lines(root / "camera_Dist.txt", [" ".join(str(d) for d in row) for row in camera_distances(plan.cameras)])
    write_indices(plan, root, test, query)


def write_labels(path: Path, tag: str, plan: Plan, chosen: list[int]) -> None:
    """Write a label file like VeRi's: XML that declares gb2312."""
    lines = ['<?xml version="1.0" encoding="gb2312"?>', f'<{tag} Version="1.0">', f'  <Items number="{len(chosen)}">']
    for k in chosen:
        shot, vehicle = plan.shots[k], plan.vehicles[plan.shots[k].vehicle - 1]
        kind = TYPE_CODES[plan.models[vehicle.model].style]
        lines.append(
            f'    <Item imageName="{Path(plan.names[k]).name}" vehicleID="{vehicle.identity:04d}" '
            f'cameraID="c{shot.moment.camera:03d}" colorID="{vehicle.color}" typeID="{kind}"/>'
        )
    lines += ["  </Items>", f"</{tag}>"]
    with whole(path) as temporary:
        temporary.write_bytes(("\r\n".join(lines) + "\r\n").encode("gb2312"))


def write_indices(plan: Plan, root: Path, test: list[int], query: list[int]) -> None:
    """Write gt_index.txt and jk_index.txt: gallery positions, from 1, of each query's good and junk images."""
    vehicles = np.array([plan.shots[k].vehicle for k in test])
    cameras = np.array([plan.shots[k].moment.camera for k in test])
    for name, same_camera in (("gt_index.txt", False), ("jk_index.txt", True)):
        lines = []
        for shot in (plan.shots[k] for k in query):
            found = (vehicles == shot.vehicle) & ((cameras == shot.moment.camera) == same_camera)
            lines.append(" ".join(str(n + 1) for n in np.flatnonzero(found)))
        write_lines(root / name, lines)


def write_truth(plan: Plan, rows: list[dict], root: Path, fields: dict, benchmark: Benchmark) -> None:
    """Write the truth/ folder: boxes, visibility, COCO parts, key points, orientation, plates and the description."""
    folder = root / "truth"
    pairs = list(zip(plan.names, rows, strict=True))
    columns = [f"{name}_{axis}" for name in KEYPOINTS for axis in ("x", "y", "seen")]
    poses, seen = ("orientation", "azimuth", "view", "occluder"), ("visibility", "present")
    tables = {
        "boxes": box_rows(pairs),
        "visibility": [
            {"image": name, "part": part, **{key: float(row["parts"][part][key]) for key in seen}}
            for name, row in pairs
            for part in BOX_PARTS
        ],
        "keypoints": [
            {"image": name, **dict(zip(columns, [v for point in row["keypoints"] for v in point], strict=True))}
            for name, row in pairs
        ],
        "orientation": [{"image": name, **{key: row[key] for key in poses}} for name, row in pairs],
        "images": [image_row(plan, k) for k in range(len(plan.names))],
    }
    for name, table in tables.items():
        write_frame(folder / f"{name}.csv", table)
    write_json(folder / "parts.json", coco(pairs, benchmark.size))
    if fields["layout"] == "veri":
        write_plates(plan, rows, folder)
    missing = [any(not row["parts"][part]["present"] for part in BOX_PARTS) for row in rows]
    write_json(folder / "benchmark.json", {
        "description": fields, "colors": dict(enumerate(COLOR_NAMES, 1)), "styles": list(STYLES),
        "cameras": [asdict(c) for c in plan.cameras], "models": [asdict(m) for m in plan.models],
        "vehicles": [asdict(v) | {"train": v.identity in plan.train} for v in plan.vehicles],
    })  # fmt: skip
    shares = {"missing_a_part": float(np.mean(missing)), "missing_a_branch": missing_branch(rows)}
    shares = {name: round(share, 4) for name, share in shares.items()}
    write_json(folder / "done.json", {"images": len(rows), **shares})


def missing_branch(rows: list[dict]) -> float:
    """Return the share of images that lack the window, both lights or the brand."""
    shown = [{name: part["present"] for name, part in row["parts"].items()} for row in rows]
    whole = [s["window"] and (s["left_light"] or s["right_light"]) and s["brand"] for s in shown]
    return float(np.mean([not w for w in whole]))


def write_frame(path: Path, rows: list[dict], columns: tuple[str, ...] | None = None) -> None:
    """Write rows as CSV, whole or not at all; give ``columns`` if there may be no rows."""
    with whole(path) as temporary:
        pd.DataFrame(rows, columns=columns).to_csv(temporary, index=False, lineterminator="\n")


def image_row(plan: Plan, k: int) -> dict:
    """Collect in one row all that a layout's side files say about an image."""
    shot, vehicle = plan.shots[k], plan.vehicles[plan.shots[k].vehicle - 1]
    moment, style = shot.moment, plan.models[vehicle.model].style
    return {
        "image": plan.names[k], "vehicle": vehicle.identity, "camera": moment.camera, "time": moment.time,
        "track": plan.tracks[k], "model": vehicle.model, "color": vehicle.color, "type": TYPE_CODES[style],
        "train": int(vehicle.identity in plan.train),
    }  # fmt: skip


def box_rows(pairs: list[tuple[str, dict]]) -> list[dict]:
    """Make the rows of the boxes table, lights extended to the bottom of the vehicle (Section 3.2)."""
    table = []
    for name, row in pairs:
        bottom = (row["parts"]["vehicle"]["box"] or (0, 0, 1, 1))[3]
        for part in (part for part in BOX_PARTS if row["parts"][part]["present"]):
            x0, y0, x1, y1 = row["parts"][part]["box"]
            y1 = max(y1, bottom) if part.endswith("light") else y1
            box = {"x0": x0, "y0": y0, "x1": x1, "y1": y1}
            table.append({"image": name, "view": row["view"], "part": part, **box, "score": 1.0, "source": "truth"})
    return table


def coco(pairs: list[tuple[str, dict]], size: int) -> dict:
    """Make a COCO file of the tight boxes; every annotation has its visibility."""
    annotations = []
    for image, (_, row) in enumerate(pairs, 1):
        for part in ("vehicle", "window", "left_light", "right_light", "badge"):
            truth = row["parts"][part]
            if not truth["present"]:
                continue
            x0, y0, x1, y1 = (v * size for v in truth["box"])
            category = CATEGORIES.index(f"{row['view']}_window" if part == "window" else part) + 1
            annotations.append({
                "id": len(annotations) + 1, "image_id": image, "category_id": category,
                "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0,
                "visibility": truth["visibility"],
            })  # fmt: skip
    images = [{"id": k, "file_name": name, "width": size, "height": size} for k, (name, _) in enumerate(pairs, 1)]
    categories = [{"id": k, "name": name} for k, name in enumerate(CATEGORIES, 1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_plates(plan: Plan, rows: list[dict], folder: Path) -> None:
    """Write text and crop of each visible plate; the plates in the images are blank, as in both real sets."""
    (folder / "plates").mkdir(exist_ok=True, parents=True)
    table = []
    for name, shot, row in zip(plan.names, plan.shots, rows, strict=True):
        turn = plate_turn(shot, row)
        if turn is None:
            continue
        camera, text = plan.cameras[shot.moment.camera - 1], plan.vehicles[shot.vehicle - 1].plate
        crop = f"plates/{Path(name).stem}.jpg"
        picture = plate_crop(text, camera, turn, shot.elevation, shot.roll, shot.distance, shot.seed)
        save(folder / crop, picture, camera.quality)
        table.append({"image": name, "plate": text, "crop": crop})
    write_frame(folder / "plates.csv", table, ("image", "plate", "crop"))


def plate_turn(shot: Shot, row: dict) -> float | None:
    """Return the angle in radians of the camera to the side of the plate; None if nobody could annotate the plate.

    An annotator needs to see the front or the rear plate, less than `PLATE_TURN` from its side and at least
    `PLATE_PIXELS` wide; dirt and glare hide some.
    """
    for end, middle in (("front", 0.0), ("rear", np.pi)):
        turn = float((shot.azimuth - middle + np.pi) % (2 * np.pi) - np.pi)
        seen = row["keypoints"][KEYPOINTS.index(f"{end}_plate")][2]
        if seen and abs(turn) < PLATE_TURN and plate_width(turn, shot.distance) >= PLATE_PIXELS:
            lost = np.random.default_rng([shot.seed, 18]).random() < PLATE_LOST
            return None if lost else turn
    return None


PLANS = {"vehicleid": plan_vehicleid, "veri": plan_veri}
LISTS = {"vehicleid": write_vehicleid_lists, "veri": write_veri_lists}
