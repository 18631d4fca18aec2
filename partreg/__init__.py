"""partreg: the executable companion of "Part-regularized Near-duplicate Vehicle Re-identification" (CVPR 2019).

The modules follow the paper: `paper` (its numbers), `datasets` and `synthetic` (Section 4.1), `parts` and `reid`
(Section 3), `baselines` (the other methods of its tables), `retrieval` (Equations 4 to 6), `figures`, `workflow`, which
makes each result once, and `studies` of many trainings. For use on pictures of your own there are `annotate` and
`search`, and `touch` for what a reader can try on a page.
"""

__version__ = "0.1.0"
