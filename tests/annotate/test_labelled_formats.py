"""Files of boxes: a round trip loses nothing, other tools' shapes become boxes and are counted, faults are named."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from partreg.annotate import formats
from partreg.errors import PartregError
from partreg.parts.formats import read_coco
from partreg.parts.labelled import Box, Labelled, Picture

NAMES = st.text(
    st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="/\u2028\u2029\ufeff\ufffe\uffff")
)
LABELS = NAMES.map(str.strip).filter(lambda label: 0 < len(label) < 40)
STEMS = st.text(
    st.characters(whitelist_categories=("L", "N"), whitelist_characters=" -_+&<'\"%{}."), min_size=1, max_size=12
)


@st.composite
def drawings(draw):
    """Pictures of several folders with boxes down to a thousandth of a pixel, and classes that some never use."""
    classes = draw(st.lists(LABELS, min_size=1, max_size=5, unique=True))
    stems = draw(st.lists(STEMS.map(lambda stem: f"x{stem}x".casefold()), max_size=4, unique=True))
    pictures = []
    for stem in stems:
        width, height = draw(st.integers(1, 4000)), draw(st.integers(1, 4000))
        folder = draw(st.sampled_from(["", "a/", "labels/", "Annotations/", "a/images/"]))
        boxes = []
        for _ in range(draw(st.integers(0, 4))):
            x = sorted(draw(st.lists(st.integers(0, 1000 * width), min_size=2, max_size=2, unique=True)))
            y = sorted(draw(st.lists(st.integers(0, 1000 * height), min_size=2, max_size=2, unique=True)))
            boxes.append(Box(draw(st.sampled_from(classes)), x[0] / 1000, y[0] / 1000, x[1] / 1000, y[1] / 1000))
        pictures.append(Picture(f"{folder}{stem}.png", width, height, tuple(boxes)))
    return Labelled(tuple(classes), tuple(sorted(pictures, key=lambda picture: picture.name)))


@settings(max_examples=60, deadline=None)
@given(drawings(), st.sampled_from(["coco", "voc"]))
def test_a_round_trip_loses_nothing(drawn, kind):
    with tempfile.TemporaryDirectory() as folder:
        formats.write(drawn, Path(folder) / "out", kind)
        found, notes = formats.read(Path(folder) / "out")
    assert str(notes) == ""
    assert found.classes == drawn.classes
    assert sorted(found.pictures, key=lambda picture: picture.name) == list(drawn.pictures)


@settings(max_examples=30, deadline=None)
@given(drawings())
def test_a_round_trip_by_yolo_loses_nothing_beside_the_pictures(drawn):
    with tempfile.TemporaryDirectory() as folder:
        for picture in drawn.pictures:
            path = Path(folder) / "out" / "images" / picture.name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("1", (picture.width, picture.height)).save(path)
        beside = Path(folder) / "made"
        formats.write(drawn, beside, "yolo")
        found, notes = formats.read(beside, Path(folder) / "out" / "images") if drawn.pictures else (drawn, "")
    assert (found, str(notes)) == (drawn, "")


def test_what_is_written_is_what_the_project_reads(tmp_path):
    drawn = Labelled(("front_window", "vehicle"), (Picture("a.jpg", 40, 20, (Box("vehicle", 4, 2, 36.5, 20),)),))
    formats.write(drawn, tmp_path / "boxes.json", "coco")
    found = read_coco(tmp_path / "boxes.json")
    assert found.objects.to_numpy().tolist() == [["a.jpg", "body", 0.1, 0.1, 0.9125, 1.0, 1.0]]
    mugs = Labelled(("mug", "handle"), (Picture("a.jpg", 40, 20, (Box("handle", 4, 2, 36, 20),)),))
    formats.write(mugs, tmp_path / "mugs.json", "coco")
    assert read_coco(tmp_path / "mugs.json").objects["name"].tolist() == ["handle"]


STUDIO = [
    {
        "data": {"image": "/data/upload/3/0a1b2c3d-a.jpg"},
        "annotations": [
            {"result": [], "was_cancelled": True},
            {
                "result": [
                    {
                        "type": "rectanglelabels",
                        "original_width": 200,
                        "original_height": 100,
                        "value": {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["w"]},
                    },
                    {
                        "type": "rectanglelabels",
                        "value": {
                            "x": 50,
                            "y": 20,
                            "width": 10,
                            "height": 10,
                            "rotation": 90,
                            "rectanglelabels": ["w"],
                        },
                    },
                    {
                        "type": "polygonlabels",
                        "value": {"points": [[0, 0], [50, 10], [20, 50]], "polygonlabels": ["l"]},
                    },
                    {
                        "type": "ellipselabels",
                        "value": {"x": 50, "y": 50, "radiusX": 10, "radiusY": 5, "ellipselabels": ["l"]},
                    },
                    {"type": "brushlabels", "value": {"rle": [1], "brushlabels": ["l"]}},
                ]
            },
        ],
    }
]
CVAT = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>
<meta><job><labels><label><name>w</name></label><label><name>l</name></label><label><name>unused</name></label></labels></job></meta>
<image id="0" name="a.jpg" width="200" height="100">
<tag label="w"/>
<box label="w" xtl="20" ytl="20" xbr="80" ybr="60" occluded="0"/>
<box label="w" xtl="90" ytl="30" xbr="110" ybr="50" rotation="45"/>
<polygon label="l" points="0,0;100,10;40,50"/>
<ellipse label="l" cx="100" cy="50" rx="20" ry="5"/>
<mask label="l" left="1" top="2" width="3" height="4" rle="1"/>
<points label="l" points="5,5"/><cuboid label="l"/>
</image></annotations>"""
LABELME = {
    "version": "5.5.0",
    "imagePath": "..\\photos\\a.jpg",
    "imageWidth": 200,
    "imageHeight": 100,
    "imageData": None,
    "shapes": [
        {"label": "w", "points": [[80, 60], [20, 20]], "shape_type": "rectangle"},
        {"label": "l", "points": [[0, 0], [100, 10], [40, 50]], "shape_type": "polygon"},
        {"label": "l", "points": [[100, 50], [103, 54]], "shape_type": "circle"},
        {"label": "l", "points": [[5, 5]], "shape_type": "point"},
    ],
}
COCO = {
    "images": [{"id": "7", "file_name": "a.jpg", "width": 200, "height": 100}],
    "categories": [{"id": 1, "name": "w"}, {"id": 2, "name": "l"}],
    "annotations": [
        {"image_id": 7, "category_id": 1, "bbox": [20, 20, 60, 40], "segmentation": [[20, 20, 80, 20, 80, 60, 20, 60]]},
        {"image_id": 7, "category_id": 1, "bbox": [90, 30, 20, 20], "attributes": {"rotation": 45.0}},
        {"image_id": 7.0, "category_id": 2, "segmentation": [[0, 0, 100, 10, 40, 50]]},
        {"image_id": 7, "category_id": 2, "bbox": [0, 0, 9, 9], "segmentation": {"counts": [1], "size": [100, 200]}},
    ],
}
VOC = """<annotation><folder>x</folder><filename>a.jpg</filename><size><width>200</width><height>100</height></size>
<object><name>w</name><bndbox><xmin>20</xmin><ymin>20</ymin><xmax>80</xmax><ymax>60</ymax></bndbox></object>
<object><name>w</name><robndbox><cx>100</cx><cy>40</cy><w>20</w><h>20</h><angle>0.785398163</angle></robndbox></object>
</annotation>"""
FIRST = Box("w", 20, 20, 80, 60)
TURNED = Box("w", 85.858, 25.858, 114.142, 54.142)
POLYGON = Box("l", 0, 0, 100, 50)


def written(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def boxes_of(found):
    (picture,) = found.pictures
    assert (picture.name, picture.width, picture.height) == ("a.jpg", 200, 100)
    return list(picture.boxes)


def test_label_studio(tmp_path):
    found, notes = formats.read(written(tmp_path, "export.json", STUDIO))
    assert boxes_of(found) == [FIRST, Box("w", 90, 20, 100, 40), POLYGON, Box("l", 80, 45, 120, 55)]
    assert str(notes) == (
        "The box around each replaces: rotated boxes (1), polygons (1), ellipses (1). "
        "Left out: results of the type brushlabels (1)."
    )


def test_boxes_of_a_stored_picture_that_is_shown_turned_are_refused(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    (tmp_path / "p").mkdir()
    Image.new("RGB", (60, 40)).save(tmp_path / "p" / "a.jpg", exif=turned)
    formats.write(Labelled(("w",), (Picture("a.jpg", 60, 40),)), tmp_path / "stored.json", "coco")
    formats.write(Labelled(("w",), (Picture("a.jpg", 40, 60),)), tmp_path / "shown.json", "coco")
    with pytest.raises(
        PartregError, match=r"'a\.jpg' has 60 x 40 pixels as it is stored, and is shown turned, 40 x 60"
    ):
        formats.read(tmp_path / "stored.json", tmp_path / "p")
    assert formats.read(tmp_path / "shown.json", tmp_path / "p")[0].pictures[0].width == 40


@pytest.mark.parametrize("name", ["/data/a.jpg", "../a.jpg", "C:\\\\pics\\\\a.jpg"])
def test_a_path_of_another_machine_means_the_picture_of_its_name(tmp_path, name):
    (tmp_path / "p").mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "p" / "a.jpg")
    image = {"id": 1, "file_name": name.replace("\\\\", "\\"), "width": 8, "height": 6}
    path = written(tmp_path, "b.json", json.dumps({"images": [image], "categories": [], "annotations": []}))
    assert formats.read(path, tmp_path / "p")[0].pictures[0].name == "a.jpg"
    cvat = f'<annotations><image id="0" name="{image["file_name"]}" width="8" height="6"/></annotations>'
    assert formats.read(written(tmp_path, "c.xml", cvat), tmp_path / "p")[0].pictures[0].name == "a.jpg"


def test_the_picture_of_a_task_is_the_text_that_ends_as_one(tmp_path):
    task = {"data": {"note": "hello", "picture": "/data/upload/1/abcdef12-a.jpg"}}
    result = [{"type": "choices", "value": {}}, {"type": "x", "value": {}, "original_width": 8, "original_height": 6}]
    path = written(tmp_path, "s.json", json.dumps([{**task, "annotations": [{"result": result}]}]))
    (picture,) = formats.read(path)[0].pictures
    assert (picture.name, picture.width) == ("a.jpg", 8)
    task["data"]["note"] = "b.jpg"
    with pytest.raises(PartregError, match=r"expected the address of a picture in data\.image"):
        formats.read(written(tmp_path, "s.json", json.dumps([{**task, "annotations": [{"result": result}]}])))


def test_cvat_for_video_is_refused(tmp_path):
    track = '<track id="0" label="w"><box frame="0" xtl="1" ytl="1" xbr="9" ybr="9"/></track>'
    path = written(tmp_path, "video.xml", f"<annotations>{track}</annotations>")
    with pytest.raises(PartregError, match=r"found the tracks of CVAT for video; export the task as `CVAT for images"):
        formats.read(path)


def test_cvat(tmp_path):
    found, notes = formats.read(written(tmp_path, "annotations.xml", CVAT))
    assert boxes_of(found) == [FIRST, TURNED, POLYGON, Box("l", 80, 45, 120, 55), Box("l", 1, 2, 4, 6)]
    assert found.classes == ("w", "l", "unused")
    assert str(notes) == (
        "The box around each replaces: rotated boxes (1), polygons (1), ellipses (1), masks (1). "
        "Left out: points (1), shapes of the kind cuboid (1)."
    )


def test_labelme_one_file_and_a_folder(tmp_path):
    path = written(tmp_path, "json/a.json", LABELME)
    for place in (path, path.parent):
        found, notes = formats.read(place)
        assert boxes_of(found) == [FIRST, POLYGON, Box("l", 95, 45, 105, 55)]
        assert notes.boxed == {"polygons": 1, "circles": 1}
        assert notes.left_out == {"points": 1}


def test_coco(tmp_path):
    found, notes = formats.read(written(tmp_path, "coco.json", COCO))
    assert boxes_of(found) == [FIRST, TURNED, POLYGON, Box("l", 0, 0, 9, 9)]
    assert notes.boxed == {"rotated boxes": 1, "polygons": 1, "masks": 1}


def test_pascal_voc(tmp_path):
    written(tmp_path, "VOC/Annotations/a.xml", VOC)
    for place in ("VOC", "VOC/Annotations", "VOC/Annotations/a.xml"):
        found, notes = formats.read(tmp_path / place)
        assert boxes_of(found) == [FIRST, TURNED]
        assert notes.boxed == {"rotated boxes": 1}


@pytest.fixture
def pictures(tmp_path):
    """Two pictures of 200 x 100 pixels, one in a folder."""
    for name in ("a.jpg", "deep/b.jpg"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (200, 100)).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def test_yolo(tmp_path, pictures):
    written(tmp_path, "y/data.yaml", "names: {0: w, 1: l}")
    written(tmp_path, "y/labels/a.txt", "0 0.25 0.4 0.3 0.4\n1 0 0 0.5 0.1 0.2 0.5\n")
    found, notes = formats.read(tmp_path / "y", pictures)
    assert boxes_of(found) == [FIRST, POLYGON]
    assert str(notes) == "The box around each replaces: polygons (1). Left out: pictures without a text file (1)."


def test_pictures_are_found_by_their_names_and_give_sizes(tmp_path, pictures):
    bare = {**LABELME, "imagePath": "elsewhere/b.jpg", "imageWidth": None}
    path = written(tmp_path, "b.json", bare)
    found, _ = formats.read(path, pictures)
    assert [(one.name, one.width) for one in found.pictures] == [("deep/b.jpg", 200)]
    with pytest.raises(PartregError, match=r"b\.json: the size of 'elsewhere/b\.jpg' is unknown"):
        formats.read(path)
    written(tmp_path, "c.json", {**COCO, "images": [{**COCO["images"][0], "file_name": "none.jpg"}]})
    with pytest.raises(PartregError, match=r"c\.json: image 7: no pictures of .*photos have the name 'none\.jpg'"):
        formats.read(tmp_path / "c.json", pictures)


def spoilt(entries, at, **changes):
    """A copy of a list of dictionaries in which one is changed."""
    return [{**entry, **changes} if place == at else entry for place, entry in enumerate(entries)]


BROKEN = {
    "x.json": ["", "{", "3", '{"a": 1}', "[{}]", '[{"data": {}, "annotations": []}]'],
    "coco.json": [
        {**COCO, "images": spoilt(COCO["images"], 0, width="wide")},
        {**COCO, "images": COCO["images"] * 2},
        {**COCO, "images": [*COCO["images"], {**COCO["images"][0], "id": 8}]},
        {**COCO, "images": spoilt(COCO["images"], 0, file_name="../a.jpg")},
        {**COCO, "categories": spoilt(COCO["categories"], 0, name="")},
        {**COCO, "annotations": spoilt(COCO["annotations"], 0, image_id=9)},
        {**COCO, "annotations": spoilt(COCO["annotations"], 0, bbox=[1, 2, 3])},
        {**COCO, "annotations": spoilt(COCO["annotations"], 0, bbox=[1, 2, 0, 3])},
        {**COCO, "annotations": spoilt(COCO["annotations"], 0, bbox=[1, 2, 300, 3])},
        {**COCO, "annotations": spoilt(COCO["annotations"], 0, bbox=[1, 2, True, float("nan")])},
        {**COCO, "annotations": {}},
    ],
    "labelme.json": [
        {**LABELME, "shapes": spoilt(LABELME["shapes"], 0, points=[[1, 2, 3]])},
        {**LABELME, "shapes": spoilt(LABELME["shapes"], 0, label=" ")},
        {**LABELME, "imagePath": 3},
        {**LABELME, "imageWidth": -1},
    ],
    "a.xml": [
        "",
        "<annotation>",
        "<other/>",
        VOC.replace("<xmin>20", "<xmin>twenty"),
        VOC.replace("<xmin>20", "<xmin>nan"),
        VOC.replace("<xmin>20", "<xmin>90"),
        VOC.replace("a.jpg", ""),
        VOC.replace("<name>w", "<name>"),
        VOC.replace("bndbox", "box"),
        CVAT.replace('xtl="20"', 'xtl="x"'),
        CVAT.replace('width="200"', ""),
        CVAT.replace("0,0;100,10", "0;0"),
        CVAT.replace('name="a.jpg"', 'name="/etc/passwd"'),
        '<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><annotations/>',
    ],
}


@pytest.mark.parametrize(("name", "content"), [(name, one) for name, all_ in BROKEN.items() for one in all_])
def test_a_broken_file_is_named_in_one_sentence(tmp_path, name, content):
    path = written(tmp_path, name, content)
    with pytest.raises(PartregError) as raised:
        formats.read(path)
    said = str(raised.value)
    assert said.startswith(str(path)), said
    assert "\n" not in said
    assert len(said) < 500


@pytest.mark.parametrize(
    ("labels", "line"),
    [("2 0.1 0.1 0.1 0.1", 1), ("0 0.5 0.5 0.1 0.1\n\n-1 1 1 1 1", 3), ("0 0.5 0.5 0.1", 1), ("0 0.5 0.5 0.1 x", 1),
     ("0 0.5 0.5 1.5 0.1", 1), ("0 0.5 0.5 0.1 0.1 0.9", 1), ("0 nan 0.5 0.1 0.1", 1),
     ("0 0.5 0.5 0.1 0_1", 1), ("0 0.5 0.5 0.1 ٣", 1)],
)  # fmt: skip
def test_a_broken_line_of_yolo_is_named(tmp_path, pictures, labels, line):
    written(tmp_path, "y/classes.txt", "w\nl\n")
    path = written(tmp_path, "y/a.txt", labels)
    with pytest.raises(PartregError, match=rf"{path}:{line}: "):
        formats.read(tmp_path / "y", pictures)


def test_yolo_needs_classes_and_pictures(tmp_path, pictures):
    written(tmp_path, "y/labels/a.txt", "")
    with pytest.raises(PartregError, match=r"expected the classes in data\.yaml or classes\.txt"):
        formats.read(tmp_path / "y", pictures)
    for names in ("names: 3", "names: {1: w}", "- a", "names: [']"):
        path = written(tmp_path, "y/data.yaml", names)
        with pytest.raises(PartregError, match=rf"{path}: expected"):
            formats.read(tmp_path / "y", pictures)
    written(tmp_path, "y/data.yaml", "names: [w]")
    written(tmp_path, "y/labels/other.txt", "")
    with pytest.raises(PartregError, match=r"other\.txt: no picture of this name .*; --pictures says where"):
        formats.read(tmp_path / "y", pictures)
    with pytest.raises(PartregError, match="expected files of YOLO"):
        formats.read(pictures)


def test_nothing_is_overwritten_and_no_file_shared(tmp_path):
    two = Labelled(("w",), (Picture("a.jpg", 9, 9), Picture("a.png", 9, 9)))
    for kind in ("yolo", "voc"):
        with pytest.raises(PartregError, match=r"'a\.jpg' and 'a\.png' would share one file"):
            formats.write(two, tmp_path / kind, kind)
    formats.write(two, tmp_path / "boxes.json", "coco")
    with pytest.raises(PartregError, match=r"boxes\.json: there already"):
        formats.write(two, tmp_path / "boxes.json", "coco")
