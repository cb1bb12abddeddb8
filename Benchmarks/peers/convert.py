"""Makes OpenVINO's form of one part of a generation, with weights as float16 as in the files it is made from.

A process of its own: converting takes twice the memory of computing.
"""
import argparse
import json
import pathlib

import numpy as np
import openvino
import openvino.opset13 as ops
import torch

import networks
import records


def keep_exact(model):
    """Vectors that float16 can't hold become sums of two that it can: the weights came as float16, but frequencies of
    sinusoids did not, and rounding those moves every result by a thousandth."""
    for node in model.get_ops():
        if node.get_type_name() != "Constant" or node.get_element_type() != openvino.Type.f32:
            continue
        value = node.data
        high = value.astype(np.float16).astype(np.float32)
        if value.size < 2 or np.array_equal(high, value):
            continue
        shrunk = ops.multiply(ops.constant((value - high) * 1024), ops.constant(np.float32(1 / 1024)))
        total = ops.add(ops.constant(high), shrunk)
        for target in node.output(0).get_target_inputs():
            target.replace_source_output(total.output(0))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--refiner")
    parser.add_argument("--record", required=True, help="the file of refinery bench --save")
    parser.add_argument("output", help="the .xml file to write")
    arguments = parser.parse_args()
    inputs = records.read(arguments.record)
    network = networks.build(arguments.part, arguments.base, arguments.refiner)
    example = tuple(torch.from_numpy(inputs[name]) for name in network.inputs)
    with torch.inference_mode():
        model = openvino.convert_model(network, example_input=example)
    keep_exact(model)
    path = pathlib.Path(arguments.output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps({"inputs": network.inputs, "outputs": network.outputs}))
    openvino.save_model(model, path, compress_to_fp16=True)


if __name__ == "__main__":
    main()
