"""Section 4.1, the annotation, as a tool: draw boxes in a folder of pictures, compare annotators, convert files."""
