"""Section 4.1: distances, CMC, average precision and HIT, and the protocols of the two benchmarks (Equations 4 to 6)."""
