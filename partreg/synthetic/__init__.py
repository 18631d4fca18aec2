"""The near-duplicate benchmark: rendered vehicles that differ in small marks (Section 4.1).

It has the layouts of the real sets, and the readers of those layouts read it.
"""

from partreg.synthetic.benchmark import Benchmark
from partreg.synthetic.layouts import write_vehicleid, write_veri

__all__ = ["Benchmark", "write_vehicleid", "write_veri"]
