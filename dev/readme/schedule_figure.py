#!/usr/bin/env python3
"""Draws dev/readme/schedule.svg from what a server resolved: standard input is the output of

    refinery generate "a lighthouse" --steps 40 --refiner emoji-refiner --refiner-start-percentage 90 \
        --seed 7 --json

Only the standard library is needed.
"""
import json
import math
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 300, 56, 16, 34, 44
BASE, REFINER, INK = "#3b6fb6", "#d9822b", "#888888"


def accepted(lines):
    for line in lines:
        event = json.loads(line)
        plan = event.get("accepted")
        if plan:
            return plan
    sys.exit("there is no accepted event on standard input: run with --json")


def main():
    plan = accepted(line for line in sys.stdin if line.startswith("{"))
    sigmas = plan["sigmas"][:-1]
    base_steps = plan["baseSteps"]
    low, high = math.log(min(sigmas)), math.log(max(sigmas))
    step = (WIDTH - LEFT - RIGHT) / len(sigmas)

    def y(sigma):
        return TOP + (high - math.log(sigma)) / (high - low) * (HEIGHT - TOP - BOTTOM)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">'
    ]
    for index, sigma in enumerate(sigmas):
        colour = BASE if index < base_steps else REFINER
        x = LEFT + index * step
        out.append(
            f'<rect x="{x + 1:.1f}" y="{y(sigma):.1f}" width="{step - 2:.1f}" '
            f'height="{HEIGHT - BOTTOM - y(sigma) + 4:.1f}" fill="{colour}"/>'
        )
    for sigma in (10, 3, 1, 0.3, 0.1):
        if low <= math.log(sigma) <= high:
            out.append(
                f'<text x="{LEFT - 8}" y="{y(sigma) + 4:.1f}" text-anchor="end" '
                f'fill="{INK}">{sigma}</text>'
            )
    handoff = LEFT + base_steps * step
    out += [
        f'<line x1="{handoff:.1f}" x2="{handoff:.1f}" y1="{TOP - 8}" y2="{HEIGHT - BOTTOM + 10}" '
        f'stroke="{INK}" stroke-dasharray="4 3"/>',
        f'<text x="{LEFT}" y="20" fill="{BASE}">base: steps 1 to {base_steps}</text>',
        f'<text x="{WIDTH - RIGHT}" y="20" text-anchor="end" fill="{REFINER}">'
        f"refiner: steps {base_steps + 1} to {len(sigmas)}</text>",
        f'<text x="{LEFT}" y="{HEIGHT - 12}" fill="{INK}">sigma of each step: '
        "one schedule, one set of latents, two experts</text>",
        "</svg>",
    ]
    print("\n".join(out))


if __name__ == "__main__":
    main()
