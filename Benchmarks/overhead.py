"""What serving costs: what a request takes beyond the work on it, for one client alone.

    pip install ./clients/python
    python Benchmarks/overhead.py --refinery .build/release/refinery

The seconds of text encoding, steps and decoding that a picture's summary tells are taken off the summary's total (what
happens between them on the lane: events, checkpoints, the PNG) and off the client's wall time (that and the queue, the
store's writes to disk, and the connection). So that it is the server's, and no Python that competes for the cores, the
client here counts frames and looks into the last one only.
"""
import argparse
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
    parser.add_argument("--rounds", type=int, default=40, help="pictures that are asked for; one more does not count")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", help="where the server's store goes, such as /dev/shm; the temporary folder without")
    return parser.parse_args()


def main():
    arguments = parse()
    with tempfile.TemporaryDirectory(dir=arguments.data) as data, Server(arguments, data) as address:
        ask(address, arguments, seed=0)
        rounds = [ask(address, arguments, seed=1 + number) for number in range(arguments.rounds)]
    medians = [
        1000 * statistics.median(values)
        for values in (
            (wall for wall, _, _ in rounds),
            (total - work for _, total, work in rounds),
            (wall - work for wall, _, work in rounds),
        )
    ]
    print("medians: a picture {:.0f} ms; beyond its work {:.1f} ms on the lane, {:.1f} ms in all".format(*medians))


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

    def __init__(self, arguments, data):
        self.command = [
            arguments.refinery, "serve", "--listen", "127.0.0.1:0", "--data", data,
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
