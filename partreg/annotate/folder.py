"""A folder of pictures, for files of boxes that do not say sizes, or name pictures by paths of another machine."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from partreg.datasets.pictures import picture_size
from partreg.errors import PartregError
from partreg.files import inside
from partreg.parts.labelled import Labelled, labelled, picture_name
from partreg.search.pictures import find_pictures

UPLOADED = re.compile(r"[0-9a-f]{8}-")  # what Label Studio puts before the name of a picture


@dataclass(frozen=True)
class Folder:
    """The pictures under a folder."""

    root: Path
    names: tuple[str, ...]

    @classmethod
    def of(cls, root: str | Path) -> Folder:
        """All pictures under ``root``; errors are those of `find_pictures`."""
        return cls(Path(root), tuple(find_pictures(root)[0]))

    def find(self, name: str, where: str) -> str:
        """The picture that a file means: the one of this path, or else the only one of this name.

        Raises:
            PartregError: there is none, or several.
        """
        if name in self.names:
            return name
        last = PurePosixPath(name).name
        for known in (last, UPLOADED.sub("", last, count=1)):
            found = [one for one in self.names if PurePosixPath(one).name == known]
            if len(found) == 1:
                return found[0]
        how_many = "several" if found else "no"
        raise PartregError(f"{where}: {how_many} pictures of {self.root} have the name {name!r}; expected one.")

    def size(self, name: str) -> tuple[int, int]:
        """Width and height of an upright picture; errors are those of `picture_size`."""
        return picture_size(inside(self.root, name))


def size_in(pictures: Folder | None, name: str, where: str) -> tuple[int, int]:
    """Width and height of a picture whose file of boxes does not say them.

    Raises:
        PartregError: there is no folder of pictures, or the picture is not in it or cannot be read.
    """
    if pictures is None:
        raise PartregError(f"{where}: the size of {name!r} is unknown; say where the pictures are with --pictures.")
    return pictures.size(pictures.find(name, where))


def located(found: Labelled, folder: Folder, where: str) -> Labelled:
    """The same with the names that the pictures have in ``folder``, see `Folder.find`.

    Raises:
        PartregError: `Folder.find` does; or a picture's size is that of the stored picture, which is shown turned.
    """
    pictures = [replace(one, name=folder.find(one.name, where)) for one in found.pictures]
    for one in pictures:
        width, height = folder.size(one.name)
        if (one.width, one.height) == (height, width) and width != height:
            what = (
                f"{one.name!r} has {height} x {width} pixels as it is stored, and is shown turned, {width} x {height}"
            )
            raise PartregError(f"{where}: {what}; give boxes of the picture as it is shown.")
    return labelled(found.classes, pictures, where)


def meant(value: object, pictures: Folder | None, where: str) -> str:
    """A picture's path as a file says it; with a folder of pictures, that of the one it means, see `Folder.find`.

    Raises:
        PartregError: it is no such path, or the picture is not in the folder.
    """
    if pictures and isinstance(value, str):
        return pictures.find(value.replace("\\", "/"), where)
    return picture_name(value, where)
