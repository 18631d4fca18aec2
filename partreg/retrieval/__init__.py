"""Section 4.1: distances, CMC, average precision, HIT, and the protocols of both benchmarks (Equations 4 to 6)."""
