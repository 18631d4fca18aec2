"""Small data sets on disk, written by hand in each layout."""

from pathlib import Path

import numpy as np
from PIL import Image


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def write_vehicleid(root: Path) -> Path:
    split = root / "train_test_split"
    write(split / "train_list.txt", "0000001 11", "0000002 11", "0000003 12")
    write(split / "test_list_2.txt", "0000004 21", "0000005 21", "0000006 22")
    write(split / "test_list_10.txt", *(f"{number:07d} {20 + number // 2}" for number in range(10, 30)))
    write(root / "attribute/img2vid.txt", "0000001 11", "0000002 11", "0000003 12", "0000004 21")
    write(root / "attribute/model_attr.txt", "11 3", "21 0")
    write(root / "attribute/color_attr.txt", "12 5")
    for number in (*range(1, 7), *range(10, 30)):
        picture(root / f"image/{number:07d}.jpg")
    return root


TRAIN = ["0001_c001_00000010_0.jpg", "0001_c002_00000020_0.jpg", "0004_c001_00000080_0.jpg"]
TEST = [
    "0002_c001_00000030_0.jpg",
    "0002_c001_00000031_0.jpg",
    "0002_c002_00000040_1.jpg",
    "0003_c001_00000050_0.jpg",
    "0003_c020_00000060_0.jpg",
]
QUERY = [TEST[0], TEST[3]]


def label_xml(kind: str, items: list[str]) -> bytes:
    rows = "\n".join(
        f'<Item imageName="{name}" vehicleID="{name[:4]}" cameraID="{name[5:9]}" colorID="{number + 1}" typeID="2"/>'
        for number, name in enumerate(items)
    )
    text = f'<?xml version="1.0" encoding="gb2312"?>\n<{kind} Version="1.0">\n<Items number="{len(items)}">\n{rows}\n'
    return f"{text}</Items>\n<!-- 车辆 -->\n</{kind}>\n".encode("gb2312")


def write_veri(root: Path) -> Path:
    for split, names in (("train", TRAIN), ("test", TEST), ("query", QUERY)):
        write(root / f"name_{split}.txt", *names)
        for name in names:
            picture(root / f"image_{split}" / name)
    write(
        root / "test_track.txt",
        f"0002_c001_t0001 {TEST[0]} {TEST[1]} ",
        f"0002_c002_t0002 {TEST[2]} ",
        f"0003_c001_t0003 {TEST[3]} ",
        f"0003_c020_t0004 {TEST[4]} ",
    )
    (root / "train_label.xml").write_bytes(label_xml("TrainingImages", TRAIN[:1]))
    (root / "test_label.xml").write_bytes(label_xml("TestImages", TEST))
    write(root / "list_color.txt", "1 yellow", "2 orange")
    (root / "list_type.txt").write_bytes("种类\n1 sedan\n2 suv\n".encode("gb2312"))
    return root


def write_csv(root: Path) -> Path:
    write(
        root / "images.csv",
        "path,vehicle,camera,split,note",
        "cars/a.jpg,1,0,train,x",
        "cars/b.jpg,1,,train,",
        "cars/c.jpg,2,3,query,",
        "cars/d.jpg,2,4,gallery,",
        "cars/e.jpg,5,4,train,",
    )
    for name in "abcde":
        picture(root / f"cars/{name}.jpg")
    return root
