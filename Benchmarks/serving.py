"""What serving costs, and how many lanes are best: closed-loop clients against `refinery serve`.

    pip install ./clients/python
    python Benchmarks/serving.py --refinery .build/release/refinery                        # the built-in models
    python Benchmarks/serving.py --refinery .build/release/refinery --models M --steps 4 --rounds 1 --size 512

Each row is a server of its own with as many lanes, all of them sharing the same threads, and as many clients, each of
which asks for the next picture when it has the last. `overhead` is what a request takes beyond the work on it, for one
client alone: the seconds of text encoding, steps and decoding that the picture's summary tells are taken off the
summary's total (what happens between them on the lane: events, checkpoints, the PNG) and off the client's wall time
(that and the queue, the store's writes to disk, and the connection). So that it is the server's, and no Python that
competes for the cores, the clients here count frames and look into the last one only.
"""
import argparse
import json
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

from refinery_client._proto.refinery_pb2 import Event, GenerateRequest
from refinery_client._proto.ttrpc_pb2 import Request

# ttrpc's: data length, stream, type, flags.
HEADER = struct.Struct(">IIBB")
REQUEST, DATA, REMOTE_CLOSED = 1, 3, 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refinery", required=True, help="the executable, built for release")
    parser.add_argument("--models", help="the folder of models; the small built-in ones without")
    parser.add_argument("--model", default="tiny-base", help="the base")
    parser.add_argument("--refiner", default="tiny-refiner", help="the refiner")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--size", type=int, help="side of the pictures; the model's own without")
    parser.add_argument("--guidance", type=float, default=7.0)
    parser.add_argument("--rounds", type=int, default=10, help="pictures each client asks for; the first does not count")
    parser.add_argument("--lanes", default="1,2")
    parser.add_argument("--clients", default="1,2,8")
    parser.add_argument("--threads", type=int, default=2, help="of all lanes together")
    parser.add_argument("--data", help="where the servers' stores go, such as /dev/shm; the temporary folder without")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main():
    arguments = parse()
    rows = [
        measure(arguments, lanes, clients)
        for clients in map(int, arguments.clients.split(","))
        for lanes in map(int, arguments.lanes.split(","))
    ]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    print("| clients | lanes | pictures/s | median | slowest | overhead, on the lane | in all |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        overhead = " | "
        if row["clients"] == 1:
            overhead = f"{1000 * row['lane_overhead_seconds']:.1f} ms | {1000 * row['overhead_seconds']:.1f} ms"
        print(
            f"| {row['clients']} | {row['lanes']} | {row['pictures_per_second']:.3g} "
            f"| {row['median_seconds']:.3g} s | {row['slowest_seconds']:.3g} s | {overhead} |"
        )


def measure(arguments, lanes, clients):
    with tempfile.TemporaryDirectory(dir=arguments.data) as data, Server(arguments, lanes, data) as address:
        ask(address, arguments, seed=0)
        finished = []
        start = time.monotonic()
        threads = [
            threading.Thread(target=closed_loop, args=(address, arguments, number, finished)) for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.monotonic() - start
    if len(finished) != clients * arguments.rounds:
        sys.exit(f"{clients * arguments.rounds - len(finished)} requests failed")
    walls = [wall for wall, _, _ in finished]
    return {
        "clients": clients,
        "lanes": lanes,
        "pictures_per_second": len(finished) / elapsed,
        "median_seconds": statistics.median(walls),
        "slowest_seconds": max(walls),
        "lane_overhead_seconds": statistics.median(total - work for _, total, work in finished),
        "overhead_seconds": statistics.median(wall - work for wall, _, work in finished),
    }


def closed_loop(address, arguments, number, finished):
    for turn in range(arguments.rounds):
        finished.append(ask(address, arguments, seed=1 + number * arguments.rounds + turn))


def ask(address, arguments, seed):
    """Seconds a request took, of these the seconds on a lane, and of these the seconds of work."""
    request = GenerateRequest(
        positive_prompt="a red fox", model=arguments.model, steps=arguments.steps, seed=seed,
        cfg_scale=arguments.guidance,
    )
    if arguments.size:
        request.width = request.height = arguments.size
    request.refiner.model = arguments.refiner
    request.refiner.start_step_percentage = 80
    call = Request(
        service="refinery.v1.ImageGeneration", method="Generate", payload=request.SerializeToString()
    ).SerializeToString()
    start = time.monotonic()
    with socket.create_connection(address.rsplit(":", 1)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(HEADER.pack(len(call), 1, REQUEST, REMOTE_CLOSED) + call)
        stream = connection.makefile("rb")
        while True:
            length, _, kind, flags = HEADER.unpack(stream.read(HEADER.size))
            data = stream.read(length)
            if kind != DATA:
                sys.exit(f"the server refused: {data!r}")
            if flags & REMOTE_CLOSED:
                break
            last = data
    wall = time.monotonic() - start
    summary = Event.FromString(last).image.summary
    return wall, summary.total_seconds, (
        summary.text_encoding_seconds + summary.base_seconds + summary.refiner_seconds + summary.decoding_seconds
    )


class Server:
    """`refinery serve` on a free port, until the block ends."""

    def __init__(self, arguments, lanes, data):
        self.command = [
            arguments.refinery, "serve", "--listen", "127.0.0.1:0", "--data", data, "--lanes", str(lanes),
            "--threads", str(arguments.threads),
        ] + (["--models", arguments.models] if arguments.models else [])

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "127.0.0.1:" in line:
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return line[line.index("127.0.0.1:") :].split()[0].rstrip(".,;")
        sys.exit("the server ended: " + "".join(lines))

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


if __name__ == "__main__":
    main()
