"""Inputs and results of one part as `refinery bench --save` writes them."""
import numpy as np
import safetensors.numpy


def read(path):
    """Tensors by name, in the types that torch takes."""
    record = safetensors.numpy.load_file(path)
    record = {name: value.astype(np.int64) if value.dtype == np.int32 else value for name, value in record.items()}
    if "timestep" in record:
        record["timestep"] = record["timestep"].reshape(-1)
    return record


def distance(got, wanted):
    """The largest relative L2 distance of any result."""
    return max(
        float(np.linalg.norm(np.asarray(got[name], np.float64) - wanted[name]) / np.linalg.norm(wanted[name]))
        for name in got)
