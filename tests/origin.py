"""Where the figures come from that `make faults`, `make fuzz` and `make machines` leave."""

from __future__ import annotations

from typing import Any

from partreg.workflow.profile import open_workspace
from partreg.workflow.provenance import provenance


def origin() -> dict[str, Any]:
    """Where such a figure comes from: device, commit, whether it was clean, and the day."""
    facts = provenance(open_workspace("smoke"))
    return {**{name: facts[name] for name in ("device", "commit", "clean")}, "made": facts["made"][:10]}
