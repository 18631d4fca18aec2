"""Test what the paper says by many trainings: the studies, and the statistics and words on what is kept of them.

A study declares its measurements (`partreg.studies.study`): `evidence`, `regime`, `dial`, `settings` and `photographs`.
The other modules read what is kept under ``reference/``: `effects` turns it into differences with intervals, which
`curve`, `points` and `pays` arrange for a chapter each.
"""

from partreg.studies.dial import OWN as OWN_DIAL
from partreg.studies.dial import STUDY as DIAL
from partreg.studies.evidence import STUDY as EVIDENCE
from partreg.studies.photographs import STUDY as PHOTOGRAPHS
from partreg.studies.regime import STUDY as REGIME
from partreg.studies.settings import STUDY as SETTINGS

STUDIES = {study.name: study for study in (EVIDENCE, REGIME, DIAL, OWN_DIAL, SETTINGS, PHOTOGRAPHS)}
