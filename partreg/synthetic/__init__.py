"""The near-duplicate benchmark: rendered vehicles that differ in small marks (Section 4.1).

It is written in the layouts of the real sets and only ever read back through the readers of those layouts.
"""

from partreg.synthetic.benchmark import Benchmark
from partreg.synthetic.layouts import write_vehicleid, write_veri

__all__ = ["Benchmark", "write_vehicleid", "write_veri"]
