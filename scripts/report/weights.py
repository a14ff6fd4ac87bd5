"""The weights of the first dense layer, as pictures where rows are pictures."""
import h5py
import numpy as np

from report import images
from report.page import figure, sentence

MOST_UNITS = 64


def order_of(rows):
    """Units by the length of their weights, longest first."""
    return np.argsort(-np.linalg.norm(rows, axis=1), kind="stable")[:MOST_UNITS]


def panels(view):
    """Nothing where rows are no pictures."""
    if view.image is None or view.run.model is None:
        return []
    try:
        with h5py.File(view.run.model) as model:
            weights = model["parameters/dense1/weight"][:].astype(float)
    except (OSError, KeyError):
        return [sentence("The weights of its first layer cannot be read.")]
    height, width, channels = view.image
    if weights.shape[1] != height * width * channels:
        return [sentence("Inputs of its first layer are not the pixels (`data.basis`, or categories), so its weights are no pictures.")]
    chosen = order_of(weights)
    most = np.quantile(np.abs(weights[chosen]), 0.99)  # a few large ones leave colour to the others
    tiles = []
    for unit in weights[chosen].reshape(-1, height, width, channels):
        tiles.append(images.signed(unit.mean(axis=2), most))
    columns = min(8, len(tiles))
    picture = images.image(images.mosaic(tiles, columns), f"weights of {len(tiles)} units of the first layer as pictures")
    which = f"the {len(tiles)} units"
    if len(tiles) < len(weights):
        which = f"{len(tiles)} of {len(weights)} units, those with the longest weights first"
    return [figure(picture, f"Weights of the first layer: {which}. Orange pixels raise the unit's sum, blue ones lower it, white ones do "
                            f"not matter; ±{most:.3g} is the strongest colour. Weights apply to scaled pixels.")]
