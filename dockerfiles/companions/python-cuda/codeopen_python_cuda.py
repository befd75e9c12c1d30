#!/usr/bin/python3
"""Shows that PyTorch and TensorFlow are CUDA builds that find their libraries, and that they use a GPU if there is one.

All but the last needs neither a GPU nor a driver: every library that the frameworks are linked with, or open by name,
is found once, in the gpu add-on or here; and every package that they require is there in a version that they allow.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow says at length that there is no GPU

import tensorflow as tf
import torch
from packaging.requirements import Requirement

PACKAGES = Path("/opt/codeopen/python-cuda/packages")
ADDON = Path("/opt/codeopen/gpu")
# What the driver brings, and what only machines with special networks have.
FROM_OUTSIDE = re.compile(r"lib(?:cuda|nvidia-ml)\.so\.1|lib(?:mlx5|rdmacm|ibverbs|fabric|mpi|oshmem|uc[pst]|pmix)\b.*")
# TensorFlow opens these when it finds a GPU.
OPENED = (
    "libcudart.so.12",
    "libcublas.so.12",
    "libcublasLt.so.12",
    "libcufft.so.11",
    "libcusolver.so.11",
    "libcusparse.so.12",
    "libcudnn.so.9",
    "libnccl.so.2",
    "libcupti.so.12",
    "libnvrtc.so.12",
    "libnvJitLink.so.12",
)
# A newer patch than PyTorch pins: TensorFlow asks for it, and what was built with an older one runs with a newer one.
NEWER = {"nvidia-nccl-cu12": "2.27.5"}
EXTRAS = {"torch": ("",), "tensorflow": ("", "and-cuda")}


class CheckError(Exception):
    """Something that the image promises doesn't hold."""


def check_builds() -> Iterator[str]:
    """The frameworks are those of this part, built for CUDA, and load cuDNN and NCCL."""
    for module in (torch, tf):
        if not Path(str(module.__file__)).is_relative_to(PACKAGES):
            raise CheckError(f"{module.__name__} comes from {module.__file__}, not from {PACKAGES}")
    if not torch.version.cuda:
        raise CheckError(f"torch {torch.__version__} is no CUDA build")
    # PyTorch itself tells the version of NCCL that it was compiled with.
    number = ctypes.c_int()
    ctypes.CDLL("libnccl.so.2").ncclGetVersion(ctypes.byref(number))
    nccl = f"{number.value // 10000}.{number.value // 100 % 100}.{number.value % 100}"
    yield f"PyTorch {torch.__version__}: CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, NCCL {nccl}"
    build = tf.sysconfig.get_build_info()
    if not tf.test.is_built_with_cuda():
        raise CheckError(f"tensorflow {tf.__version__} is no CUDA build")
    yield f"TensorFlow {tf.__version__}: CUDA {build['cuda_version']}, cuDNN {build['cudnn_version']}"


def check_libraries() -> str:
    """The dynamic linker finds all libraries, and none of CUDA is there twice."""
    linked = [*PACKAGES.glob("torch/lib/*.so*"), *PACKAGES.glob("tensorflow/libtensorflow*.so*")]
    linked += PACKAGES.glob("nvidia/*/lib/lib*.so*")
    done = subprocess.run(["ldd", *map(str, linked)], capture_output=True, text=True, check=False)
    missing = set(re.findall(r"(\S+) => not found", done.stdout))
    if unexpected := sorted(name for name in missing if not FROM_OUTSIDE.fullmatch(name)):
        raise CheckError(f"not found: {', '.join(unexpected)}")
    for name in OPENED:
        ctypes.CDLL(name)
    folders = (ADDON / "lib", *PACKAGES.glob("nvidia/*/lib"))
    names = [path.name for folder in folders for path in folder.glob("*.so*")]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CheckError(f"twice: {', '.join(twice)}")
    return f"Libraries: {len(linked)} linked and {len(OPENED)} opened, each found once"


def installed(name: str) -> str:
    """The version of a package, or of the wheel that the gpu add-on has the libraries of."""
    try:
        return version(name)
    except PackageNotFoundError:
        for licence in (ADDON / "licenses").glob(f"{name.replace('-', '_')}-*.txt"):
            return licence.stem.rpartition("-")[2]
        raise CheckError(f"{name} is required and not there") from None


def check_requirements() -> str:
    """What the frameworks require is there, in versions that they allow."""
    count = 0
    for name, extras in EXTRAS.items():
        for text in distribution(name).requires or ():
            required = Requirement(text)
            if required.marker and not any(required.marker.evaluate({"extra": extra}) for extra in extras):
                continue
            found = installed(required.name)
            accepted = {found, NEWER.get(required.name, found)} if name == "torch" else {found}
            if not any(required.specifier.contains(each, prereleases=True) for each in accepted):
                raise CheckError(f"{name} requires {required}, not {found}")
            count += 1
    return f"Requirements: {count} met"


def check_gpu() -> str:
    """Both multiply matrices on the GPU as on the CPU."""
    if not torch.cuda.is_available():
        return "GPU none: not exercised"
    left, right = torch.rand(64, 64), torch.rand(64, 64)
    expected = left @ right
    product = (left.cuda() @ right.cuda()).cpu()
    with tf.device("/GPU:0"):
        other = torch.from_numpy(tf.linalg.matmul(left.numpy(), right.numpy()).numpy())
    if not tf.config.list_physical_devices("GPU"):
        raise CheckError("PyTorch has a GPU and TensorFlow has none")
    for name, found in (("PyTorch", product), ("TensorFlow", other)):
        if not torch.allclose(found, expected, rtol=1e-2):
            raise CheckError(f"{name} multiplies otherwise on {torch.cuda.get_device_name(0)}")
    return f"GPU {torch.cuda.get_device_name(0)}: both multiply as the CPU does"


def main() -> int:
    """Print one line a check."""
    try:
        for line in (*check_builds(), check_libraries(), check_requirements(), check_gpu()):
            print(line)
    except (CheckError, OSError) as error:
        print(f"codeopen-python-cuda: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
