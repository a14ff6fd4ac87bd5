"""The drawing of the network: layers from top to bottom, residual blocks with their shortcut, branches side by side. A chain
of narrow layers is drawn unit by unit, with the weights as lines."""
import h5py
import numpy as np

from report.chart import svg
from report.page import escape, figure, sentence

WIDTH, STEP, BOX = 360, 34, 24
MOST_NEURONS = 12


class Names:
    """Layers with parameters are numbered in the order in which they are computed: dense1, dense2, batch_norm1."""

    def __init__(self):
        self.seen = {}

    def next(self, kind):
        self.seen[kind] = self.seen.get(kind, 0) + 1
        return f"{kind}{self.seen[kind]}"


def kind_of(layer):
    """A layer of config.yaml: its kind and its keys."""
    if isinstance(layer, str):
        return layer, {}
    (kind, keys), = layer.items()
    first = {"dense": "units", "tied": "to"}.get(kind)
    if first and not isinstance(keys, dict):
        keys = {first: keys}
    return kind, keys


def words_of(kind, keys, names):
    if kind == "dense":
        activation = keys.get("activation", "identity")
        return f"{names.next('dense')}: {keys.get('units')}" + (f", {activation}" if activation != "identity" else "")
    if kind == "tied":
        return f"{names.next('tied')}: {keys.get('to')} transposed"
    if kind in ("layer_norm", "batch_norm"):
        return names.next(kind)
    if kind == "activation":
        return str(keys.get("name", "activation") if isinstance(keys, dict) else keys)
    if kind == "dropout":
        return f"dropout {keys.get('rate') if isinstance(keys, dict) else keys}"
    if kind == "noise" and keys:
        return "noise " + str(keys.get("deviation", 0) if isinstance(keys, dict) else keys)
    return kind


def layers_in(keys):
    return keys if isinstance(keys, list) else keys.get("layers", [])


class Drawing:
    def __init__(self):
        self.parts, self.names = [], Names()

    def box(self, left, width, top, text, style="layer"):
        middle = left + width / 2
        most = max(4, int(width / 6.6))
        shown = text if len(text) <= most else text[:most - 1] + "…"
        self.parts.append(f'<rect class="{style}" x="{left + 2:.1f}" y="{top:.1f}" width="{width - 4:.1f}" height="{BOX}" rx="5">'
                          f'<title>{escape(text)}</title></rect>'
                          f'<text x="{middle:.1f}" y="{top + BOX / 2 + 4:.1f}" text-anchor="middle">{escape(shown)}</text>')

    def wire(self, x, top, bottom):
        if bottom > top:
            self.parts.append(f'<path class="wire" d="M{x:.1f} {top:.1f}V{bottom:.1f}"/>')

    def stack(self, layers, left, width, top):
        """Draws layers from `top` on, which is where the wire from above ends; returns where the next wire begins."""
        middle = left + width / 2
        for layer in layers:
            kind, keys = kind_of(layer)
            if kind == "residual":
                top = self.residual(layers_in(keys), left, width, top)
            elif kind == "branches":
                top = self.branches(keys if isinstance(keys, list) else keys.get("branches", []), left, width, top)
            else:
                self.wire(middle, top, top + STEP - BOX)
                style = "layer" if kind in ("dense", "tied") else "plain"
                self.box(left, width, top + STEP - BOX, words_of(kind, keys, self.names), style)
                top += STEP
        return top

    def residual(self, layers, left, width, top):
        """The shortcut goes past the layers on the left."""
        middle, gutter = left + width / 2, min(22, width / 5)
        begin = top + 6
        self.wire(middle, top, begin)
        bottom = self.stack(layers, left + gutter, width - 2 * gutter, begin)
        self.wire(middle, bottom, bottom + 8)
        self.parts.append(f'<path class="wire" d="M{middle:.1f} {begin:.1f}H{left + gutter / 2:.1f}V{bottom + 14:.1f}H{middle - 7:.1f}"/>'
                          f'<circle class="plain" cx="{middle:.1f}" cy="{bottom + 14:.1f}" r="7"/>'
                          f'<text x="{middle:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">+</text>')
        return bottom + 21

    def branches(self, branches, left, width, top):
        each, begin, bottoms = width / max(len(branches), 1), top + 8, []
        middles = [left + each * (i + 0.5) for i in range(len(branches))]
        self.wire(left + width / 2, top, begin)
        self.parts.append(f'<path class="wire" d="M{middles[0]:.1f} {begin:.1f}H{middles[-1]:.1f}"/>')
        for i, branch in enumerate(branches):
            bottoms.append(self.stack(branch if isinstance(branch, list) else layers_in(branch), left + each * i, each, begin))
        bottom = max(bottoms) + 8
        for middle, own in zip(middles, bottoms):
            self.wire(middle, own, bottom)
        self.parts.append(f'<path class="wire" d="M{middles[0]:.1f} {bottom:.1f}H{middles[-1]:.1f}"/>')
        return bottom


def blocks(run, inputs):
    drawing = Drawing()
    drawing.box(0, WIDTH, 4, f"input: {inputs} values" if inputs else "input", "plain")
    bottom = drawing.stack(run.setting("model", "layers", otherwise=[]), 0, WIDTH, 4 + BOX)
    heads = [f"{head.name}: {head.loss}" if head.name else head.loss for head in run.heads] or ["loss"]
    each = WIDTH / len(heads)
    for i, words in enumerate(heads):
        drawing.wire(each * (i + 0.5), bottom, bottom + STEP - BOX)
        drawing.box(each * i, each, bottom + STEP - BOX, words, "loss")
    return svg(WIDTH, bottom + STEP + 6, "layers of the network from input to loss", "".join(drawing.parts))


def chain(run):
    """The weights of a chain of dense layers, in their order, if all are narrow enough to be drawn; or None."""
    kinds = [kind_of(layer)[0] for layer in run.setting("model", "layers", otherwise=[])]
    if run.model is None or not kinds or any(kind in ("residual", "branches") for kind in kinds):
        return None
    with h5py.File(run.model) as model:
        weights = [model[f"parameters/dense{i}/weight"] for i in range(1, kinds.count("dense") + 1)]
        if not weights or max(max(w.shape) for w in weights) > MOST_NEURONS:
            return None
        return [w[:] for w in weights]


def neurons(weights):
    """Circles in columns; the width of a line is the size of its weight, orange for positive ones, blue for negative."""
    sizes = [weights[0].shape[1]] + [w.shape[0] for w in weights]
    height = max(60, 22 * max(sizes))
    xs = np.linspace(24, WIDTH - 24, len(sizes))

    def y(layer, unit):
        return height / 2 + (unit - (sizes[layer] - 1) / 2) * min(22, height / sizes[layer])

    parts = []
    for layer, w in enumerate(weights):
        most = np.abs(w).max() or 1.0
        for (out, inp), value in np.ndenumerate(w):
            parts.append(f'<line class="s{1 if value > 0 else 0}" stroke-width="{0.3 + 2.7 * abs(value) / most:.2f}" stroke-opacity="0.7" '
                         f'x1="{xs[layer]:.1f}" y1="{y(layer, inp):.1f}" x2="{xs[layer + 1]:.1f}" y2="{y(layer + 1, out):.1f}">'
                         f"<title>{value:.4g}</title></line>")
    for layer, size in enumerate(sizes):
        parts += [f'<circle class="unit" cx="{xs[layer]:.1f}" cy="{y(layer, unit):.1f}" r="7"/>' for unit in range(size)]
    return svg(WIDTH, height, "units of the network, joined by their weights", "".join(parts))


def embeddings(model):
    return [(name, group["weight"]) for name, group in model["parameters"].items() if name.startswith("embedding")]


def is_statistic(name):
    """Of batch_norm: not a parameter."""
    return name.startswith("batch_norm") and name.endswith(("/mean", "/variance"))


def counts(run):
    """Inputs and parameters, from the model; or what the summary says."""
    if run.model is None:
        return None, run.summary.get("parameters")
    with h5py.File(run.model) as model:
        sizes = []
        model["parameters"].visititems(lambda name, item: sizes.append(
            item.size if isinstance(item, h5py.Dataset) and not is_statistic(name) else 0))
        return int(model.attrs["inputs"]), sum(sizes)


def panels(run):
    try:
        inputs, parameters = counts(run)
        drawn, weights = blocks(run, inputs), chain(run)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        return [sentence("The network cannot be drawn: {}", error)]
    about = f"{parameters:,} parameters" if parameters else "the number of parameters is known with the first checkpoint"
    if run.model is not None:
        with h5py.File(run.model) as model:
            tables = [f"{array.shape[1]} × {array.shape[0]}" for name, array in embeddings(model)]
        if tables:
            about += f", some of them in {len(tables)} tables of embeddings (categories × width: {', '.join(tables)})"
    members = int(run.setting("train", "members", otherwise=1))
    if members > 1:
        about += f" in each of {members} networks, whose predictions are averaged"
    found = [figure(drawn, f"The network: {about}.")]
    if weights is not None:
        found.append(figure(neurons(weights), "Every unit, inputs on the left: a line is a weight, thick where it is large in its layer, "
                                              "orange if positive, blue if negative. Biases are not drawn."))
    return found


STYLE = """
svg .layer { fill: var(--s0); fill-opacity: 0.18; stroke: var(--s0); }
svg .plain { fill: var(--shade); stroke: var(--soft); }
svg .loss { fill: var(--s1); fill-opacity: 0.15; stroke: var(--s1); }
svg .wire { stroke: var(--soft); fill: none; }
svg .unit { fill: var(--paper); stroke: var(--ink); stroke-width: 1.5; }
"""
