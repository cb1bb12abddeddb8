"""One part of a generation in another engine, in the protocol of `refinery bench --turns`.

Reads the inputs that Refinery recorded, runs once, says {"ready": true, ...} with how far its results lie from
Refinery's, then runs once for each line on standard input and prints a line of JSON with the seconds.
"""
import argparse
import json
import pathlib
import sys
import time

import records


class Torch:
    def __init__(self, arguments, inputs):
        import torch

        import networks
        torch.set_num_threads(arguments.threads)
        torch.set_num_interop_threads(1)
        self.mode = torch.inference_mode
        self.network = networks.build(arguments.part, arguments.base, arguments.refiner)
        self.outputs = self.network.outputs
        self.inputs = [torch.from_numpy(inputs[name]) for name in self.network.inputs]

    def run(self):
        with self.mode():
            out = self.network(*self.inputs)
        return dict(zip(self.outputs, out if isinstance(out, tuple) else (out,), strict=True))


class OpenVINO:
    """Computes in float32, whatever the CPU could do faster; weights are stored as float16 and widened at loading."""

    def __init__(self, arguments, inputs):
        import openvino
        names = json.loads(arguments.network.with_suffix(".json").read_text())
        self.outputs = names["outputs"]
        self.inputs = [inputs[name] for name in names["inputs"]]
        core = openvino.Core()
        model = core.read_model(arguments.network)
        model.reshape({index: list(value.shape) for index, value in enumerate(self.inputs)})
        self.model = core.compile_model(model, "CPU", {
            "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": arguments.threads})

    def run(self):
        results = self.model(self.inputs)
        return {name: results[index] for index, name in enumerate(self.outputs)}


def anonymous_bytes():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=["torch", "openvino"])
    parser.add_argument("--part", required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--refiner")
    parser.add_argument("--record", required=True, help="the file of refinery bench --save")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--network", type=pathlib.Path, help="for OpenVINO: what convert.py wrote")
    arguments = parser.parse_args()
    record = records.read(arguments.record)
    started = time.perf_counter()
    engine = (Torch if arguments.engine == "torch" else OpenVINO)(arguments, record)
    loaded = time.perf_counter()
    results = engine.run()
    first = time.perf_counter() - loaded
    print(json.dumps({
        "ready": True, "loadSeconds": loaded - started, "firstSeconds": first,
        "distance": records.distance(results, record), "anonymousBytes": anonymous_bytes()}), flush=True)
    for _ in sys.stdin:
        before = time.perf_counter()
        engine.run()
        print(json.dumps({"seconds": time.perf_counter() - before}), flush=True)


if __name__ == "__main__":
    main()
