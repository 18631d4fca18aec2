"""How the network computes: the device, its number format, and settings that make runs reproducible."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from partreg.errors import PartregError


def choose_device(name: str = "") -> torch.device:
    """Choose a device by name ("cpu", "cuda", "cuda:1"); for an empty name, the first GPU if there is one.

    Raises:
        PartregError: there is no such device.
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as error:
        raise PartregError(f"device: {name!r} is not a device's name; expected 'cpu' or 'cuda'.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise PartregError(f"device: {name!r} needs a GPU, but torch sees none here; use 'cpu' or ''.")
    return device


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 faster than in float32: most GPUs, and CPUs with avx512_bf16 or AMX.

    A CPU counts as one without AVX-512 if torch may not use it (``ATEN_CPU_CAPABILITY=avx2``).
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    return any(getattr(torch.cpu, f"_is_{name}_supported", bool)() for name in ("avx512_bf16", "amx_tile"))


def mixed_precision(device: torch.device) -> torch.autocast:
    """Context that computes the backbone's convolutions in bfloat16 where that is faster."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=has_fast_bfloat16(device))


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """On a GPU, compute on a separate stream, beside the computations of other threads."""
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream(device).wait_stream(stream)


@contextmanager
def reproducible(threads: int, device: torch.device) -> Iterator[None]:
    """Compute with ``threads`` threads and deterministic algorithms, then restore the settings.

    On one machine the same run then gives the same bytes, whatever else runs there. On a GPU, an operation without a
    deterministic form still runs, with a warning.
    """
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    threads_before = torch.get_num_threads()
    settings: Any = torch.utils.deterministic  # a module whose settings torch's type hints lack
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled_before = settings.fill_uninitialized_memory
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    settings.fill_uninitialized_memory = False  # a debugging aid that takes 5% of a step
    try:
        yield
    finally:
        torch.set_num_threads(threads_before)
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        settings.fill_uninitialized_memory = filled_before
