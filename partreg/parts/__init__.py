"""Section 3.2: part boxes, their annotation and detection, missing parts, and the cells of the grid they cover."""
