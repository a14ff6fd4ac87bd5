"""Charts as SVG: lines, points, bands, bars, matrices. Colours are variables of the page's style, so a chart follows light and
dark; text stays text. A chart is 360 units wide, legible on a phone; the page puts several beside each other."""
import math

import numpy as np

from report.page import Html, escape, figure

WIDTH, HEIGHT = 360, 230
LEFT, RIGHT, TOP, BOTTOM = 50, 12, 10, 38
SERIES = 6  # colours, --s0 to --s5
MOST_POINTS = 400  # of a line; more cannot be told apart

STYLE = """
svg { display: block; width: 100%; height: auto; max-width: 34rem; }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
svg .soft { fill: var(--soft); }
svg .grid { stroke: var(--line); stroke-width: 0.7; }
svg .rule { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 3; fill: none; }
svg .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
svg .dashed { stroke-dasharray: 5 3; }
svg .ring { fill: var(--paper); stroke-width: 2; }
.legend { display: flex; flex-wrap: wrap; gap: 0.1rem 1rem; font-size: 0.86rem; list-style: none; padding: 0; margin: 0.2rem 0; }
.legend svg { display: inline-block; width: 26px; height: 10px; overflow: visible; vertical-align: middle; margin-right: 0.3rem; }
""" + "".join(f"svg .s{i} {{ stroke: var(--s{i}); }} svg .f{i} {{ fill: var(--s{i}); }}\n" for i in range(SERIES))


def short(value):
    """A number with four digits: 0.1234, 1e-5, 12,500."""
    if value is None or not math.isfinite(value):
        return "–" if value is None or math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == int(value) and abs(value) < 1e7:
        text = f"{int(value):,}"
    else:
        text = f"{value:.4g}"
    mantissa, e, power = text.partition("e")
    return f"{mantissa}{e}{int(power)}".replace("-", "−") if e else text.replace("-", "−")


def tick_text(value):
    """Short enough for the margin: 25k, 1.5M."""
    for power, letter in ((9, "G"), (6, "M"), (3, "k")):
        if abs(value) >= max(10.0 ** power, 1e4) and abs(value) < 1e12:
            return short(float(f"{value / 10 ** power:.12g}")) + letter
    return short(value)


def linear_ticks(low, high, whole=False):
    """Four to seven round numbers, as a rule."""
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6.5)
    if whole:
        step = max(1.0, math.ceil(step))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [0.0 if i == 0 else float(f"{i * step:.12g}") for i in range(first, last + 1)]


def log_ticks(low, high):
    """Decades, or 1, 2, 5 where there are few; every second or third decade where there are many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1,) if math.log10(high / low) > 2.5 else (1, 2, 5)
    every = max(1, (last - first) // 6)
    ticks = [factor * 10.0 ** d for d in range(first, last + 1, every) for factor in factors]
    shown = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
    return shown if len(shown) > 1 else linear_ticks(low, high)


class Axis:
    """From values to places; `begin` and `end` are in units of the SVG."""

    def __init__(self, values, begin, end, log=False, zero=False, whole=False):
        values = np.asarray(values, dtype=float)
        values = values[np.isfinite(values)]
        self.log = log and values.size > 0 and values.min() > 0
        self.begin, self.end = begin, end
        low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
        if zero:
            low, high = min(low, 0.0), max(high, 0.0)
        if high - low <= 1e-12 * max(abs(low), abs(high)):
            low, high = (low / 2, high * 2) if self.log else (low - (abs(low) / 10 or 0.5), high + (abs(high) / 10 or 0.5))
        elif not whole and self.log:
            low, high = low * (low / high) ** 0.03, high * (high / low) ** 0.03
        elif not whole:
            margin = 0.04 * (high - low)
            low, high = (low if zero and low == 0 else low - margin), high + margin
        self.low, self.high = low, high
        self.ticks = log_ticks(low, high) if self.log else linear_ticks(low, high, whole)

    def place(self, value):
        """Not finite stays not finite."""
        value = np.asarray(value, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (np.log(value / self.low) / math.log(self.high / self.low) if self.log else
                     (value - self.low) / (self.high - self.low))
        return self.begin + share * (self.end - self.begin)


def is_wide(values):
    """Whether values ask for a logarithmic axis: all positive, over more than a factor of 50."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    return bool(values.size > 1 and values.min() > 0 and values.max() > 50 * values.min())


def thin(xs, ys):
    """At most MOST_POINTS points of a line: of each bin the lowest and the highest."""
    xs, ys = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
    if len(xs) <= MOST_POINTS:
        return xs, ys
    bins = np.array_split(np.arange(len(xs)), MOST_POINTS // 2)
    filled = np.where(np.isfinite(ys), ys, np.inf)
    lowest = [bin[np.argmin(filled[bin])] for bin in bins]
    highest = [bin[np.argmax(np.where(np.isfinite(ys[bin]), ys[bin], -np.inf))] for bin in bins]
    kept = np.unique([0, *lowest, *highest, len(xs) - 1])
    return xs[kept], ys[kept]


def path(xs, ys):
    """Broken where a value is not finite."""
    words, pen_down = [], False
    for x, y in zip(xs, ys):
        if not (math.isfinite(x) and math.isfinite(y)):
            pen_down = False
            continue
        words.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
        pen_down = True
    return "".join(words)


def svg(width, height, label, content):
    return Html(f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">{content}</svg>')


class Chart:
    """Marks are collected, axes follow from them, `figure` draws. x, y: values in units of the data."""

    def __init__(self, x_label, y_label, log_x=False, log_y=False, zero=False, whole=False, square=False):
        """log_x, log_y: True, False, or None for whatever suits the values; zero: y begins there; whole: x counts; square:
        both axes have one scale."""
        self.x_label, self.y_label = x_label, y_label
        self.log, self.zero, self.whole, self.square = (log_x, log_y), zero, whole, square
        self.marks, self.seen, self.legend = [], ([], []), []

    def add(self, draw, xs, ys):
        self.marks.append(draw)
        self.seen[0].append(np.ravel(np.asarray(xs, dtype=float)))
        self.seen[1].append(np.ravel(np.asarray(ys, dtype=float)))

    def name(self, label, swatch):
        if label is not None:
            self.legend.append((label, swatch))

    def line(self, xs, ys, series=0, dashed=False, label=None):
        xs, ys = thin(xs, ys)
        style = f"line s{series % SERIES}{' dashed' if dashed else ''}"
        if np.isfinite(ys).sum() == 1:  # a line needs two points
            self.points(xs, ys, series, radius=3)
        self.add(lambda x, y: f'<path class="{style}" d="{path(x(xs), y(ys))}"/>', xs, ys)
        self.name(label, f'<line class="{style}" x1="0" y1="5" x2="26" y2="5"/>')

    def rule(self, xs, ys, label=None, extends=False):
        """A dashed grey line to compare with; extends: the axes hold it."""
        self.add(lambda x, y: f'<path class="rule" d="{path(x(xs), y(ys))}"/>', xs if extends else [], ys if extends else [])
        self.name(label, '<line class="rule" x1="0" y1="5" x2="26" y2="5"/>')

    def points(self, xs, ys, series=0, radius=2, titles=None, label=None, opacity=0.7):
        def draw(x, y):
            dots = []
            for i, (px, py) in enumerate(zip(x(xs), y(ys))):
                if math.isfinite(px) and math.isfinite(py):
                    title = f"<title>{escape(titles[i])}</title></circle>" if titles else ""
                    dots.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="{radius:g}"{">" + title if title else "/>"}')
            return f'<g class="f{series % SERIES}" fill-opacity="{opacity:g}">{"".join(dots)}</g>'

        self.add(draw, xs, ys)
        self.name(label, f'<circle class="f{series % SERIES}" cx="13" cy="5" r="3"/>')

    def spans(self, xs, lows, highs, series=0, label=None):
        """A vertical line at each x, from low to high."""
        def draw(x, y):
            d = "".join(f"M{px:.1f} {a:.1f}V{b:.1f}" for px, a, b in zip(x(xs), y(lows), y(highs))
                        if math.isfinite(px + a + b))
            return f'<path class="s{series % SERIES}" stroke-opacity="0.45" d="{d}"/>'

        self.add(draw, np.r_[xs, xs], np.r_[lows, highs])
        self.name(label, f'<line class="s{series % SERIES}" stroke-opacity="0.45" x1="13" y1="0" x2="13" y2="10"/>')

    def band(self, xs, lows, highs, series=0, label=None):
        xs, lows, highs = (np.asarray(a, dtype=float) for a in (xs, lows, highs))

        def draw(x, y):
            there = np.isfinite(lows) & np.isfinite(highs)
            around = path(np.r_[x(xs[there]), x(xs[there])[::-1]], np.r_[y(highs[there]), y(lows[there])[::-1]])
            return f'<path class="f{series % SERIES}" fill-opacity="0.22" d="{around}Z"/>'

        self.add(draw, np.r_[xs, xs], np.r_[lows, highs])
        self.name(label, f'<rect class="f{series % SERIES}" fill-opacity="0.3" width="26" height="10"/>')

    def bars(self, edges, heights, series=0, label=None, titles=None):
        """Bar i from edges[i] to edges[i + 1], from y = 0."""
        def draw(x, y):
            places, tops, floor = x(edges), y(heights), float(y(0.0))
            shown = []
            for i, top in enumerate(tops):
                if not math.isfinite(top) or heights[i] == 0:
                    continue
                title = f"<title>{escape(titles[i])}</title>" if titles else ""
                shown.append(f'<rect x="{places[i] + 0.5:.1f}" y="{min(top, floor):.1f}" '
                             f'width="{max(places[i + 1] - places[i] - 1, 0.5):.1f}" height="{abs(floor - top):.1f}">{title}</rect>')
            return f'<g class="f{series % SERIES}" fill-opacity="0.65">{"".join(shown)}</g>'

        self.zero = True
        self.add(draw, edges, heights)
        self.name(label, f'<rect class="f{series % SERIES}" fill-opacity="0.65" width="26" height="10"/>')

    def mark(self, at_x, at_y, series=0, label=None, square=False):
        """A ring, or a square, round a point that matters."""
        if not math.isfinite(at_x) or not math.isfinite(at_y):
            return

        def shape(px, py):
            style = f'class="ring s{series % SERIES}"'
            if square:
                return f'<rect {style} x="{px - 4:.1f}" y="{py - 4:.1f}" width="8" height="8"/>'
            return f'<circle {style} cx="{px:.1f}" cy="{py:.1f}" r="4.5"/>'

        self.add(lambda x, y: shape(float(x(at_x)), float(y(at_y))), [at_x], [at_y])
        self.name(label, shape(13, 5))

    def is_empty(self):
        return not any(np.isfinite(ys).any() for ys in self.seen[1])

    def axes(self):
        xs, ys = (np.concatenate(seen) if seen else np.zeros(0) for seen in self.seen)
        log_x, log_y = (is_wide(values) if log is None else log for log, values in zip(self.log, (xs, ys)))
        if self.square:
            xs = ys = np.r_[xs, ys]
        side = WIDTH - LEFT - RIGHT if self.square else HEIGHT - TOP - BOTTOM
        return (Axis(xs, LEFT, WIDTH - RIGHT, log_x, whole=self.whole), Axis(ys, TOP + side, TOP, log_y, self.zero),
                side + TOP + BOTTOM)

    def frame(self, x, y, height):
        floor = height - BOTTOM
        lines = []
        for tick in y.ticks:
            at = float(y.place(tick))
            lines.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
                         f'<text x="{LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">{tick_text(tick)}</text>')
        for tick in x.ticks:
            at = float(x.place(tick))
            lines.append(f'<line class="grid" y1="{floor}" y2="{floor + 4}" x1="{at:.1f}" x2="{at:.1f}"/>'
                         f'<text x="{at:.1f}" y="{floor + 15}" text-anchor="middle">{tick_text(tick)}</text>')
        lines.append(f'<text class="soft" x="{(LEFT + WIDTH - RIGHT) / 2:g}" y="{height - 6}" text-anchor="middle">'
                     f"{escape(self.x_label)}</text>")
        return "".join(lines)

    def figure(self, caption):
        """The chart under the name of its y axis, above its legend; caption: also for readers who do not see it."""
        x, y, height = self.axes()
        inside = "".join(draw(x.place, y.place) for draw in self.marks)
        left, wide, high = LEFT - 6, WIDTH - LEFT - RIGHT + 12, height - BOTTOM + 6  # nothing reaches out of the frame
        clip = (f'<svg x="{left}" y="0" width="{wide}" height="{high}" viewBox="{left} 0 {wide} {high}" style="max-width:none">'
                f"{inside}</svg>")
        picture = svg(WIDTH, height, f"{self.y_label} over {self.x_label}. {caption}", self.frame(x, y, height) + clip)
        legend = "".join(f'<li><svg viewBox="0 0 26 10" aria-hidden="true">{swatch}</svg>{escape(label)}</li>'
                         for label, swatch in self.legend)
        legend = f'<ul class="legend">{legend}</ul>' if legend else ""
        return figure(f'<div class="axis">{escape(self.y_label)}</div>{picture}{legend}', caption)


def matrix(counts, names, row_label, column_label, caption):
    """Counts in cells whose shade is the share of their row. Names are cut to fit; the whole is in the cell's title."""
    counts = np.asarray(counts)
    n = len(names)
    longest = max(map(len, names))
    side = min(44.0, 290.0 / n)
    letters = max(9, min(longest, int((WIDTH - side * n) / 6.2)))
    gap = 8 + 6.2 * min(letters, max(longest, 3))
    rows = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, rows, out=np.zeros(counts.shape), where=rows > 0)

    def cut(name, most=letters):
        return name if len(name) <= most else name[:most - 1] + "…"

    parts = []
    for r in range(n):
        middle = gap + side * (r + 0.5)
        parts.append(f'<text x="{gap - 4}" y="{middle + 4:.1f}" text-anchor="end">{escape(cut(names[r]))}</text>')
        across = longest <= 3
        parts.append(f'<text x="{middle:.1f}" y="{gap - 5}" text-anchor="middle">{escape(cut(names[r]))}</text>' if across else
                     f'<text transform="translate({middle + 4:.1f} {gap - 5}) rotate(-60)">{escape(cut(names[r]))}</text>')
        for c in range(n):
            left, top, share = gap + side * c, gap + side * r, shares[r, c]
            title = f"{row_label} {names[r]}, {column_label} {names[c]}: {counts[r, c]} ({share:.1%})"
            cell = (f'<rect x="{left:.1f}" y="{top:.1f}" width="{side - 1:.1f}" height="{side - 1:.1f}" class="cell" '
                    f'fill-opacity="{0.04 + 0.96 * share:.2f}"><title>{escape(title)}</title></rect>')
            if side >= 20 and counts[r, c] > 0:
                tone = "on" if share > 0.65 else "off"
                size_of_text = min(11, 1.7 * side / max(len(str(counts[r, c])), 2))
                cell += (f'<text class="{tone}" style="font-size:{size_of_text:.1f}px" x="{left + side / 2:.1f}" '
                         f'y="{top + side / 2 + 4:.1f}" text-anchor="middle">{counts[r, c]}</text>')
            parts.append(cell)
    picture = svg(max(WIDTH, gap + side * n + 34), gap + side * n + 4, caption, "".join(parts))
    return figure(f'<div class="axis">{escape(row_label)} (rows) and {escape(column_label)} (columns)</div>{picture}', caption)


STYLE += """
.axis { font-size: 0.86rem; font-weight: 600; margin-bottom: 0.1rem; }
svg .cell { fill: var(--deep); }
svg .on { fill: var(--on-deep); pointer-events: none; }
svg .off { fill: var(--ink); pointer-events: none; }
"""
