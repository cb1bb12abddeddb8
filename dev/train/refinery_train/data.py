"""The data set: Debian's Noto Color Emoji with Unicode's names and keywords.

Three Debian packages hold all of it: `fonts-noto-color-emoji` the pictures, `unicode-data` the names and
groups, `unicode-cldr-core` the keywords.

    python -m refinery_train.data --out RUN
"""

import argparse
import io
import json
import pathlib
import xml.etree.ElementTree as xml

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image

from . import classes

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
NAMES = "/usr/share/unicode/emoji/emoji-test.txt"
KEYWORDS = "/usr/share/unicode/cldr/common/annotations/en.xml"
SIDE = 128
VARIATION_SELECTOR, SKIN_TONES = 0xFE0F, range(0x1F3FB, 0x1F400)


def named_code_points():
    """(code point, name, group, subgroup) of every fully qualified emoji that is one code point."""
    group = subgroup = ""
    for line in pathlib.Path(NAMES).read_text(encoding="utf8").splitlines():
        if line.startswith("# group: "):
            group = line[9:].strip()
        elif line.startswith("# subgroup: "):
            subgroup = line[12:].strip()
        elif "; fully-qualified" in line:
            codes = [int(c, 16) for c in line.split(";")[0].split()]
            codes = [c for c in codes if c != VARIATION_SELECTOR]
            if len(codes) == 1 and codes[0] not in SKIN_TONES:
                name = line.split("# ")[1].split(" ", 2)[2].strip()
                yield codes[0], simple(name), group, subgroup


def simple(text):
    """As people type it: lower case, no hyphens or typographic signs."""
    for old, new in (("-", " "), ("’", "'"), ("“", ""), ("”", ""), ("!", ""), (":", "")):
        text = text.replace(old, new)
    return " ".join(text.lower().split())


def keywords():
    """Code point to the words that CLDR lists for it."""
    found = {}
    for node in xml.parse(KEYWORDS).getroot().iter("annotation"):
        text = node.get("cp").replace("\ufe0f", "")
        if len(text) == 1 and node.get("type") != "tts":
            found[ord(text)] = [simple(word) for word in node.text.split("|")]
    return found


def picture(png):
    """RGB on white, `SIDE` pixels square."""
    glyph = Image.open(io.BytesIO(png)).convert("RGBA")
    side = max(glyph.size)
    square = Image.new("RGBA", (side, side), "white")
    square.alpha_composite(glyph, ((side - glyph.width) // 2, (side - glyph.height) // 2))
    return np.asarray(square.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def build():
    """(list of classes, uint8 [classes, SIDE, SIDE, 3]): the first tier's classes first."""
    font = TTFont(FONT)
    glyphs, pictures = font.getBestCmap(), font["CBDT"].strikeData[0]
    words = keywords()
    found = []
    for code, name, group, subgroup in named_code_points():
        if code in glyphs and glyphs[code] in pictures:
            found.append(
                {
                    "code": code,
                    "name": name,
                    "keywords": [w for w in words.get(code, []) if w != name],
                    "group": group,
                    "subgroup": subgroup,
                    "tier": classes.tier(name, group, subgroup),
                }
            )
    found.sort(key=lambda c: c["tier"])
    images = np.stack([picture(pictures[glyphs[c["code"]]].imageData) for c in found])
    return found, images


def load(run):
    """What `main` wrote."""
    run = pathlib.Path(run)
    return json.loads((run / "classes.json").read_text()), np.load(run / "pictures.npy")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="a run's folder")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    found, images = build()
    (out / "classes.json").write_text(json.dumps(found, ensure_ascii=False, indent=0))
    np.save(out / "pictures.npy", images)
    counts = {tier: sum(c["tier"] == tier for c in found) for tier in (1, 2)}
    print(f"{len(found)} classes, by tier {counts}")


if __name__ == "__main__":
    main()
