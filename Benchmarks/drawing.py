"""What the benchmarks that draw share: where results go, and how plots look."""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent


def parse(parser, name):
    """The arguments, with those for where the results named so come from and go to."""
    parser.add_argument("--refinery", help="the executable, built for release")
    parser.add_argument("--models", help="the folder of models; the small built-in ones without")
    parser.add_argument("--output", type=pathlib.Path, default=HERE / name, help="without extension")
    parser.add_argument("--from", dest="source", type=pathlib.Path, help="draw this file instead of measuring")
    arguments = parser.parse_args()
    if not (arguments.refinery or arguments.source):
        parser.error("give --refinery, or --from")
    return arguments


def report(arguments, measure, table, draw):
    """Measures and keeps the results, or reads those of before; prints them, and draws on two axes."""
    if arguments.source:
        result = json.loads(arguments.source.read_text())
    else:
        result = measure(arguments)
        arguments.output.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))

    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "refinery", "font.family": "sans-serif"})
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    draw(result, *axes)
    for axis in axes:
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(arguments.output.with_suffix(".svg"), metadata={"Date": None})


def say(text):
    print(text, file=sys.stderr, flush=True)


def flags(pairs):
    """Those of a command that have a value."""
    return [word for flag, value in pairs if value for word in (flag, value)]
