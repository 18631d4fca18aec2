"""The near-duplicate benchmark: rendered vehicles that differ in small marks, in the layouts of the real sets (Section 4.1)."""

from partreg.synthetic.benchmark import Benchmark
from partreg.synthetic.layouts import write_vehicleid, write_veri

__all__ = ["Benchmark", "write_vehicleid", "write_veri"]
