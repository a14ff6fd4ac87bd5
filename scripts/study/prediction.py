"""Predicted against measured: the exchange between nodes from the time of messages, beside what was measured.

Of a vector of V bytes a node sends V / N to each of the other N - 1 nodes, first sums and then parameters; of sums k
pieces, as many as the largest subtrees of its shards are (one where shards and nodes are powers of two). With t(n) the time of
a message of n bytes between two nodes, and a link that carries one message after the other,

    X(N) = (N - 1) (t(k V / N) + t(V / N))

`lockstep bench --network` measures t(n) by ping-pong. A line alpha + beta n through all sizes is too coarse for this:
libraries change their protocol at some size, and links have buffers. So t lies on the lines between neighbouring sizes,
and beyond the largest on that through the last two.

Of an exchange a part may be hidden behind the work of the step. With T the time of a step without it, a step takes
between max(T, X) and T + X. T is T(1) / N in a strong study and T(1) in a weak one, T(1) that of the fastest layout on
one node. What is left out: waiting for the slowest node, messages in both directions that hinder each other, and a
network that many nodes share.
"""
import dataclasses

import numpy as np


@dataclasses.dataclass
class Prediction:
    nodes: list
    sent: list  # bytes that a node sends in a step
    exchange: list  # seconds
    hidden: list  # seconds of a step that hides the exchange as far as can be
    plain: list  # seconds of a step that waits for all of it
    measured_nodes: int  # beyond these it is an extrapolation


def message_seconds(level, size):
    sizes, seconds = level["bytes"], level["seconds"]
    if size > sizes[-1]:
        return seconds[-1] + (size - sizes[-1]) * (seconds[-1] - seconds[-2]) / (sizes[-1] - sizes[-2])
    return float(np.interp(size, sizes, seconds))


def subtrees(low, leaves, first, end):
    """How many of the largest subtrees of the tree over `leaves` leaves from `low` the leaves first … end - 1 make."""
    if first >= low + leaves or end <= low:
        return 0
    if first <= low and low + leaves <= end:
        return 1
    left = 1 << (leaves - 1).bit_length() - 1  # the largest power of two below
    return subtrees(low, left, first, end) + subtrees(low + left, leaves - left, first, end)


def most_pieces(nodes, shards):
    """Partial sums of a node, the most of any."""
    return max(subtrees(0, shards, i * shards // nodes, (i + 1) * shards // nodes) for i in range(nodes))


def exchange_bytes(vector_bytes, nodes, shards):
    """What a node sends in a step: k sums and then parameters, each to all others, (N - 1) (k + 1) V / N."""
    return (nodes - 1) * (most_pieces(nodes, shards) + 1) * vector_bytes / nodes


def exchange_seconds(network, vector_bytes, nodes, shards):
    if nodes == 1:
        return 0.0
    pieces, slice_bytes, level = most_pieces(nodes, shards), vector_bytes / nodes, network["between_nodes"]
    return (nodes - 1) * (message_seconds(level, pieces * slice_bytes) + message_seconds(level, slice_bytes))


def predict(part, network):
    """None where there is nothing to predict from: one node alone, or no network measured."""
    cases = [case for case in part.cases if case.reduce == "shared"]
    most = max((case.nodes for case in cases), default=1)
    alone = [case for case in cases if case.nodes == 1]
    if network is None or "between_nodes" not in network or most < 2 or not alone:
        return None
    per_node = {case.cores // case.nodes for case in cases if case.nodes == most}
    on_one = min((case for case in alone if case.cores in per_node), key=lambda c: c.time.value, default=None)
    if on_one is None:
        return None
    nodes = sorted({case.nodes for case in cases} | {most * 2 ** k for k in range(1, 5)})
    is_strong = part.scaling == "strong"
    nodes = [n for n in nodes if not is_strong or n <= on_one.shards]  # a node without shards has nothing to do
    vector, shards = 4 * part.parameters, [on_one.shards * (1 if is_strong else n) for n in nodes]
    sent = [exchange_bytes(vector, n, s) for n, s in zip(nodes, shards)]
    exchange = [exchange_seconds(network, vector, n, s) for n, s in zip(nodes, shards)]
    own = [on_one.time.value / (n if is_strong else 1) for n in nodes]
    return Prediction(nodes, sent, exchange, [max(pair) for pair in zip(own, exchange)],
                      [sum(pair) for pair in zip(own, exchange)], most)
