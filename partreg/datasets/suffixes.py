"""By which suffixes the files of a reader are known as pictures, whatever reads them."""

from __future__ import annotations

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")  # in any case
