"""A trained network for other programs: an ONNX file, which any ONNX runtime computes, or its weights as safetensors.

Section 4.2, "we only use global branch at test stage": pictures alone give the feature, so the ONNX file needs no part
boxes. Both files carry the network's description, and need packages beyond those of partreg: see `packages`.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partreg import files
from partreg.errors import PartregError
from partreg.reid.features import load
from partreg.reid.method import PART_REGULARIZED, Method
from partreg.reid.network import PartRegularizedNet, Trunk, built
from partreg.reid.pixels import decode
from partreg.reid.run import Run, from_dict

OPSET = 17  # of ONNX; runtimes since 2022 know it
TOLERANCE = 1e-4  # between the library's features and ONNX Runtime's, as a share of the largest feature if above 1
CHECKED = (1, 3)  # random pictures, by batch, that are compared before an ONNX file is written
BATCH = 100  # pictures of a folder that are compared at a time


class Exported(nn.Module):
    """The test stage of the paper's network as ONNX gets it."""

    def __init__(self, network: PartRegularizedNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """Features (N, D) float32 of pictures (N, H, H, 3) uint8: red, green, blue.

        The network's own forward pass, in operations that any runtime has: the global branch averages all cells.
        """
        pooled = self.network.feature_map(pictures.permute(0, 3, 1, 2)).mean((2, 3))
        feature: Tensor = self.network.embed["global"](pooled)
        return feature


def packages(*names: str) -> list[Any]:
    """Import packages that partreg alone does not need.

    Raises:
        PartregError: one is not installed; the sentence has the command that installs it.
    """
    try:
        return [import_module(name) for name in names]
    except ImportError as error:
        wanted = " ".join(dict.fromkeys(name.split(".")[0] for name in names))
        raise PartregError(f"{error.name} is not installed here; run: python -m pip install {wanted}") from error


def described(folder: str | Path) -> Run:
    """Return the description of the trained network in a folder.

    Raises:
        PartregError: the folder has none.
    """
    folder = Path(folder)
    lacking = [name for name in ("run.json", "weights.pt") if not (folder / name).is_file()]
    if lacking:
        raise PartregError(
            f"{folder}: no trained network, for {' and '.join(lacking)} cannot be found there; give a folder such as "
            "build/laptop/runs/<digits>."
        )
    return from_dict(files.read_json(folder / "run.json"), str(folder / "run.json"))


def portable(run: Run) -> Run:
    """The run without the folders of the file of weights that it started from: they are of one computer alone."""
    return run.changed(weights=Path(run.weights).name)


def to_onnx(
    folder: str | Path, path: str | Path, method: Method = PART_REGULARIZED, pictures: Sequence[str | Path] = ()
) -> float:
    """Write the test stage of the paper's network as ONNX, once ONNX Runtime agrees with it.

    The file takes ``pictures``, (N, H, H, 3) uint8, red, green, blue, for any N and the run's H, and returns
    ``features``, (N, D) float32. Scaling and the order of the colours are inside. Its metadata has the run, as "run".

    Args:
        folder: the folder of the trained network.
        path: the file to write.
        method: the method that trained the network.
        pictures: files of pictures, on which ONNX Runtime must agree beside a few random ones.

    Returns:
        The largest difference between ONNX Runtime's features and the library's in float32, on all these pictures.

    Raises:
        PartregError: the folder has no trained network; it is not the paper's, or has no global branch; a package is
            missing; a picture cannot be read; or the features differ by more than `TOLERANCE`.
    """
    run = described(folder)
    network = load(folder, "cpu", method)[1]
    if type(network) is not PartRegularizedNet:  # no subclass, which computes something else
        raise PartregError(
            f"{folder}: ONNX files are for the paper's network, not for {run.method}; use --safetensors."
        )
    if not network.use_global:
        raise PartregError(
            f"{folder}: a network without a global branch needs part boxes, which the ONNX file does not take; use "
            "--safetensors, or export a network with a global branch."
        )
    onnx, _ = packages("onnx", "onnxruntime")
    model = onnx.load_model_from_string(traced(Exported(network).eval(), run.size, ["features"]))
    onnx.helper.set_model_props(model, {"run": portable(run).to_json()})
    onnx.checker.check_model(model)
    content = model.SerializeToString(deterministic=True)
    session = session_of(content)
    difference = max(compared(session, network, batch) for batch in _batches(run.size, pictures))
    with files.whole(path) as temporary:
        temporary.write_bytes(content)
    return difference


def traced(stage: nn.Module, size: int, outputs: Sequence[str]) -> bytes:
    """Return an ONNX model of a computation on any number of pictures.

    Args:
        stage: the computation, of pictures (N, size, size, 3) uint8, in evaluation mode.
        size: height and width of the pictures in pixels.
        outputs: a name for each tensor that it returns.
    """
    content: Any = io.BytesIO()
    example = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    free = {name: {0: "N"} for name in ("pictures", *outputs)}
    names: Any = {"input_names": ["pictures"], "output_names": list(outputs), "dynamic_axes": free}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's newer exporter needs two more packages
        torch.onnx.export(stage, (example,), content, dynamo=False, opset_version=OPSET, **names)
    return bytes(content.getvalue())


def session_of(content: bytes) -> Any:
    """Return a session of ONNX Runtime on the CPU, with as many threads as torch has.

    Raises:
        PartregError: the package is missing.
    """
    (runtime,) = packages("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _batches(size: int, files: Sequence[str | Path]) -> Iterator[np.ndarray]:
    """Pictures to compare, (B, size, size, 3) uint8: random ones, then those of the files."""
    for batch in CHECKED:
        yield np.random.default_rng(batch).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    for start in range(0, len(files), BATCH):
        yield np.stack([decode(path, size) for path in files[start : start + BATCH]])


@torch.inference_mode()
def compared(session: Any, network: Trunk, pictures: np.ndarray) -> float:
    """Return the largest difference between ONNX Runtime's features of some pictures and the library's in float32.

    Args:
        session: of ONNX Runtime.
        network: the network, on the CPU.
        pictures: (B, H, H, 3) uint8, red, green, blue.

    Raises:
        PartregError: the difference is above `TOLERANCE`.
    """
    ours = network(torch.from_numpy(pictures).permute(0, 3, 1, 2)).feature.numpy()
    theirs = session.run(None, {"pictures": pictures})[0]
    difference = float(np.abs(theirs - ours).max()) if theirs.shape == ours.shape else float("inf")
    if not difference <= TOLERANCE * max(1.0, float(np.abs(ours).max())):
        raise PartregError(f"ONNX Runtime's features differ by {difference:g} from the library's; use --safetensors.")
    return difference


def from_onnx(path: str | Path) -> tuple[Run, Any]:
    """Load what `to_onnx` wrote: the run, and a session of ONNX Runtime that takes pictures and returns features.

    Raises:
        PartregError: there is no such file, or it is not such a network; or the package is missing.
    """
    packages("onnxruntime")
    again = "give a file that `partreg export` wrote."
    try:
        session = session_of(Path(path).read_bytes())
        facts = json.loads(session.get_modelmeta().custom_metadata_map["run"])
        run = from_dict(facts, str(path))
        (taken,), (given,) = session.get_inputs(), session.get_outputs()
        found = [(one.name, one.type, one.shape[1:]) for one in (taken, given)]
    except FileNotFoundError as error:
        raise PartregError(f"{path}: no such file; {again}") from error
    except Exception as error:  # ONNX Runtime raises errors of many classes
        raise PartregError(
            f"{path}: not a network that partreg wrote as ONNX ({type(error).__name__}); {again}"
        ) from error
    expected = [
        ("pictures", "tensor(uint8)", [run.size, run.size, 3]),
        ("features", "tensor(float)", [run.dim]),
    ]
    if found != expected:
        raise PartregError(f"{path}: expected {expected} in and out, found {found}; {again}")
    return run, session


def to_safetensors(folder: str | Path, path: str | Path, method: Method = PART_REGULARIZED) -> None:
    """Write all tensors of a trained network as safetensors; the metadata "partreg" is JSON that says the rest.

    It has the run, the number of classes by name, and the vehicle of each logit, as "run", "classes" and "vehicles".

    Raises:
        PartregError: the folder has no trained network, or the package is missing.
    """
    run = described(folder)
    _, network, vehicles = load(folder, "cpu", method)
    (safetensors,) = packages("safetensors.torch")
    classes = torch.load(Path(folder) / "weights.pt", map_location="cpu", weights_only=True)["classes"]
    facts = json.dumps({"run": asdict(portable(run)), "classes": classes, "vehicles": vehicles})
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    with files.whole(path) as temporary:
        temporary.write_bytes(safetensors.save(tensors, metadata={"partreg": facts}))


def from_safetensors(path: str | Path, method: Method = PART_REGULARIZED) -> tuple[Run, Trunk, list[int]]:
    """Load what `to_safetensors` wrote, as `partreg.reid.features.load` does: on the CPU and ready for testing.

    Raises:
        PartregError: there is no such file, or it has no network of this method; or the package is missing.
    """
    (safetensors,) = packages("safetensors")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["partreg"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        run, vehicles = from_dict(facts["run"], str(path)), list(facts["vehicles"])
        network = built(run.changed(weights=""), facts["classes"], method.network)
        network.load_state_dict(tensors)
    except FileNotFoundError as error:
        raise PartregError(f"{path}: no such file; check the path.") from error
    except Exception as error:  # safetensors and torch raise errors of many classes
        raise PartregError(
            f"{path}: not a network that partreg wrote as safetensors ({type(error).__name__}); export it again."
        ) from error
    network.eval()
    network.to(memory_format=torch.channels_last)
    return run, network, vehicles
