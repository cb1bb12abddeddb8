"""Fixes the latents: from now on the small encoder stays, and the experts may be trained.

    python -m refinery_train.latents --run RUN [--tier 1]

Writes `latents.pt`: the whitened latents of every class; and of the classes to train, those of enlarged smaller
pictures and of cut ones, with the sizes and corners that say so to the experts.
"""

import argparse
import pathlib
import time

import torch

from . import autoencoder, data

SMALL = (32, 48, 64, 80, 96)  # sides of the smaller pictures
CORNERS = ((0, 8), (8, 0), (8, 8), (0, 16), (16, 0), (16, 16))  # top, left, in pixels


def frozen_encoder(run):
    """The encoder that the trainer froze; waits until it has."""
    marker = run / "latents.frozen"
    marker.touch()
    while True:
        state = torch.load(run / "autoencoder.pt", weights_only=False)
        if state.get("frozen"):
            break
        time.sleep(5)
    encoder = autoencoder.PatchEncoder()
    weights = {k[8:]: v for k, v in state["modules"].items() if k.startswith("encoder.")}
    encoder.load_state_dict(weights)
    return encoder.eval()


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--tier", type=int, default=1)
    arguments = parser.parse_args()
    run = arguments.run
    torch.set_num_threads(1)
    encoder = frozen_encoder(run)
    found, images = data.load(run)
    pictures = autoencoder.floats(images)

    count = sum(c["tier"] <= arguments.tier for c in found)

    def encode(change, count=count):
        parts = pictures[:count].split(32)
        return torch.cat([encoder(torch.stack([change(p) for p in part])) for part in parts])

    # Always the first tier's, so that a second run gives the same latents.
    plain = encode(lambda p: p, len(pictures))
    first = plain[: sum(c["tier"] == 1 for c in found)]
    mean, deviation = first.mean((0, 2, 3)), first.std((0, 2, 3))

    def whitened(x):
        return (x - mean[:, None, None]) / deviation[:, None, None]

    torch.save(
        {
            "mean": mean, "deviation": deviation, "plain": whitened(plain),
            "small": {s: whitened(encode(lambda p, s=s: autoencoder.blurred(p, s))) for s in SMALL},
            "cut": {c: whitened(encode(lambda p, c=c: autoencoder.moved(p, -c[0], -c[1]))) for c in CORNERS},
        },
        run / "latents.pt",
    )
    print(f"mean {mean.tolist()}, deviation {deviation.tolist()}")


if __name__ == "__main__":
    main()
