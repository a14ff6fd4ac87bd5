"""Predicted against measured: the exchange between nodes as a model of latency and bandwidth.

`lockstep bench --network` fits an exchange over N0 nodes by alpha0 + beta n, n the bytes that a node sends. A node sends
N - 1 messages each way, so one message costs alpha = alpha0 / (2 (N0 - 1)); of a vector of V bytes it sends V (N - 1) / N
each way, first sums and then parameters. So on N nodes an exchange takes

    X(N) = 2 (N - 1) alpha + 2 V (N - 1) / N beta

and a step T(N) = T(1) / N + X(N) in a strong study, T(1) + X(N) in a weak one, T(1) that of the fastest layout on one
node. What it leaves out: waiting for the slowest node, more than one partial sum a node, and a network that many nodes
share.
"""
import dataclasses


@dataclasses.dataclass
class Prediction:
    nodes: list
    exchange: list  # seconds
    step: list  # seconds
    measured_nodes: int  # beyond these it is an extrapolation


def exchange_seconds(network, vector_bytes, nodes):
    measured = network["exchange"]
    alpha = measured["alpha"] / (2 * (network["nodes"] - 1))
    return 2 * (nodes - 1) * alpha + 2 * vector_bytes * (nodes - 1) / nodes * measured["beta"]


def predict(part, network):
    """None where there is nothing to predict from: one node alone, or no network measured."""
    cases = [case for case in part.cases if case.reduce == "shared"]
    most = max((case.nodes for case in cases), default=1)
    alone = [case for case in cases if case.nodes == 1]
    if network is None or "exchange" not in network or most < 2 or not alone:
        return None
    per_node = {case.cores // case.nodes for case in cases if case.nodes == most}
    on_one = min((case for case in alone if case.cores in per_node), key=lambda c: c.time.value, default=None)
    if on_one is None:
        return None
    nodes = sorted({case.nodes for case in cases} | {most * 2 ** k for k in range(1, 5)})
    exchange = [exchange_seconds(network, 4 * part.parameters, n) if n > 1 else 0.0 for n in nodes]
    own = [on_one.time.value / (n if part.scaling == "strong" else 1) for n in nodes]
    return Prediction(nodes, exchange, [a + b for a, b in zip(own, exchange)], most)
