#!/usr/bin/python3
"""Shows that the CUDA run-time libraries work, and which GPUs the container has.

Each library is found by the dynamic linker. A kernel is compiled (NVRTC) and linked to machine code (nvJitLink), which
needs no GPU and no driver.
"""

import ctypes
import sys
from collections.abc import Callable

KERNEL = b'extern "C" __global__ void scale(float *x, float a) { x[blockIdx.x * blockDim.x + threadIdx.x] *= a; }'
ARCHITECTURE = "75"
INPUT_PTX = 2  # nvJitLink's number for "this input is PTX"


class CudaError(Exception):
    """A library can't be loaded, or one of its functions failed."""


def load(name: str) -> ctypes.CDLL:
    """The library of that name, wherever the dynamic linker finds it."""
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise CudaError(str(error)) from error


def call(function: Callable[..., int], *arguments: object) -> None:
    """Call a function whose result is a status, 0 for success."""
    status = function(*arguments)
    if status != 0:
        raise CudaError(f"{getattr(function, '__name__', function)} failed with status {status}")


def runtime_version() -> str:
    """Version of the CUDA runtime, as 12.8."""
    number = ctypes.c_int()
    call(load("libcudart.so.12").cudaRuntimeGetVersion, ctypes.byref(number))
    return version(number.value)


def version(number: int) -> str:
    """12080 is version 12.8."""
    return f"{number // 1000}.{number % 1000 // 10}"


def cublas_version() -> str:
    """Version of cuBLAS, as 12.8.4."""
    cublas = load("libcublas.so.12")
    parts = []
    for wanted in range(3):
        part = ctypes.c_int()
        call(cublas.cublasGetProperty, wanted, ctypes.byref(part))
        parts.append(str(part.value))
    return ".".join(parts)


def compile_kernel() -> tuple[str, bytes]:
    """Version of NVRTC, and the kernel as PTX."""
    nvrtc = load("libnvrtc.so.12")
    major, minor, size = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    call(nvrtc.nvrtcVersion, ctypes.byref(major), ctypes.byref(minor))
    program = ctypes.c_void_p()
    options = (ctypes.c_char_p * 1)(f"--gpu-architecture=compute_{ARCHITECTURE}".encode())
    call(nvrtc.nvrtcCreateProgram, ctypes.byref(program), KERNEL, b"scale.cu", 0, None, None)
    call(nvrtc.nvrtcCompileProgram, program, len(options), options)
    call(nvrtc.nvrtcGetPTXSize, program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    call(nvrtc.nvrtcGetPTX, program, ptx)
    call(nvrtc.nvrtcDestroyProgram, ctypes.byref(program))
    return f"{major.value}.{minor.value}", ptx.raw


def link_kernel(ptx: bytes) -> tuple[str, bytes]:
    """Version of nvJitLink, and the kernel as a program for the GPU."""
    nvjitlink = load("libnvJitLink.so.12")
    major, minor, size = ctypes.c_uint(), ctypes.c_uint(), ctypes.c_size_t()
    call(nvjitlink.nvJitLinkVersion, ctypes.byref(major), ctypes.byref(minor))
    # Its functions carry the version that a program is written for.
    handle = ctypes.c_void_p()
    options = (ctypes.c_char_p * 1)(f"-arch=sm_{ARCHITECTURE}".encode())
    call(nvjitlink.__getattr__("__nvJitLinkCreate_12_0"), ctypes.byref(handle), len(options), options)
    add = nvjitlink.__getattr__("__nvJitLinkAddData_12_0")
    call(add, handle, INPUT_PTX, ptx, ctypes.c_size_t(len(ptx)), b"scale")
    call(nvjitlink.__getattr__("__nvJitLinkComplete_12_0"), handle)
    call(nvjitlink.__getattr__("__nvJitLinkGetLinkedCubinSize_12_0"), handle, ctypes.byref(size))
    cubin = ctypes.create_string_buffer(size.value)
    call(nvjitlink.__getattr__("__nvJitLinkGetLinkedCubin_12_0"), handle, cubin)
    call(nvjitlink.__getattr__("__nvJitLinkDestroy_12_0"), ctypes.byref(handle))
    return f"{major.value}.{minor.value}", cubin.raw


def driver() -> str:
    """The host's driver and its GPUs, which only a container that was started with GPUs has."""
    try:
        cuda = load("libcuda.so.1")
    except CudaError:
        return "none: the container was started without GPUs"
    number, count = ctypes.c_int(), ctypes.c_int()
    call(cuda.cuDriverGetVersion, ctypes.byref(number))
    call(cuda.cuInit, 0)
    call(cuda.cuDeviceGetCount, ctypes.byref(count))
    names = []
    for index in range(count.value):
        device, name = ctypes.c_int(), ctypes.create_string_buffer(128)
        call(cuda.cuDeviceGet, ctypes.byref(device), index)
        call(cuda.cuDeviceGetName, name, len(name), device)
        names.append(name.value.decode())
    return f"for CUDA {version(number.value)}; GPUs: {', '.join(names) or 'none'}"


def main() -> int:
    """Print one line a library."""
    try:
        print(f"CUDA runtime {runtime_version()}")
        print(f"cuBLAS {cublas_version()}")
        compiler, ptx = compile_kernel()
        print(f"NVRTC {compiler}: a kernel compiled to {len(ptx)} bytes of PTX")
        linker, cubin = link_kernel(ptx)
        print(f"nvJitLink {linker}: linked to {len(cubin)} bytes for sm_{ARCHITECTURE}")
        print(f"Driver {driver()}")
    except CudaError as error:
        print(f"codeopen-cuda: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
