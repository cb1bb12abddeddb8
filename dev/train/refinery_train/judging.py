"""Drawn pictures against the emoji: uint8 [n, 128, 128, 3] each."""

import numpy as np
from PIL import Image


def features(pictures):
    """32 x 32 pixels, box filtered: [n, 3072]."""
    n, side = pictures.shape[:2]
    cells = pictures.astype(np.float32).reshape(n, 32, side // 32, 32, side // 32, 3)
    return cells.mean((2, 4)).reshape(n, -1)


def squared_distances(a, b):
    """Between features: [of a, of b]."""
    return (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T


def psnr(made, true):
    """dB, of each."""
    error = (made.astype(np.float32) - true.astype(np.float32)) / 255
    return -10 * np.log10((error**2).mean((1, 2, 3)))


def detail(pictures):
    """High-frequency energy of each: the mean square of the discrete Laplacian of its brightness."""
    y = pictures.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    middle = y[:, 1:-1, 1:-1]
    around = y[:, :-2, 1:-1] + y[:, 2:, 1:-1] + y[:, 1:-1, :-2] + y[:, 1:-1, 2:]
    return ((4 * middle - around) ** 2).mean((1, 2))


def sheet(rows, columns):
    """Rows of as many pictures each, cut into lines of `columns`: each row's line below the one before it."""
    lines = []
    for start in range(0, len(rows[0]), columns):
        for row in rows:
            part = list(row[start : start + columns])
            part += [np.full_like(part[0], 255)] * (columns - len(part))
            lines.append(np.concatenate(part, 1))
    return Image.fromarray(np.concatenate(lines, 0))
