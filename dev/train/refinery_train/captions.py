"""What people might write for a class: its name in several forms, other words for it, and words around it."""

import random

from . import classes

TEMPLATES = (
    "a picture of {a}", "a photo of {a}", "an emoji of {a}", "{name} emoji", "a drawing of {a}", "an icon of {a}",
    "{a} on a white background", "the {name}", "a cute {name}", "a small {name}",
)


def article(name):
    """With "a" or "an", unless it is a plural or begins with a determiner."""
    first, last = name.split()[0], name.split()[-1]
    plural = last.endswith("s") and not last.endswith(("ss", "us")) and last not in ("tennis",)
    if plural or first in ("two", "the", "a", "an", "face"):
        return name
    return ("an " if name[0] in "aeiou" and not name.startswith(("unic", "eu", "one")) else "a ") + name


def of_all(found):
    """Per class: (captions with its own name, captions with other words)."""
    shared = {}
    for c in found:
        for word in [c["name"], *c["keywords"]]:
            shared[word] = shared.get(word, 0) + 1
    every = []
    for c in found:
        name = c["name"]
        own = [name, article(name)] * 4 + [t.format(name=name, a=article(name)) for t in TEMPLATES]
        # A keyword of three classes or more says too little.
        words = classes.ALIASES.get(name, []) + [w for w in c["keywords"] if shared[w] <= 2]
        other = [form for w in words for form in (w, article(w))]
        every.append((own, other))
    return every


class Captions:
    """Draws captions as rows of tokens, for classes by their index."""

    def __init__(self, found, tokens):
        self.tokens = tokens
        self.every = [tuple([tokens(c) for c in kind] for kind in pair) for pair in of_all(found)]

    def draw(self, index, unknown=0.15):
        """Padded rows and the end's position. With the chance `unknown`, words that no caption has come before,
        after or within: so they will do little harm."""
        own, other = self.every[index]
        rows = random.choice(other if other and random.random() < 0.2 else own)
        if random.random() < unknown:
            rows = list(rows)
            for _ in range(random.randint(1, 4)):
                rows.insert(random.randint(1, len(rows) - 1), 0)
        return self.tokens.padded(rows)
