"""Shapes made by hand, as unlike a disc as a ReLU network may be, and the plain formula of their u."""

import numpy as np
import torch

from canonuclei.models.shape import ShapeMLP
from canonuclei.nuclei.fused import FusedShape


def disc(radius: float = 0.5, sharpness: float = 10.0) -> ShapeMLP:
    """An exact soft disc, its hidden units 0, to be built upon."""
    shape = ShapeMLP(radius, sharpness, noise=0.0)
    with torch.no_grad():
        for layer in (shape.layer1, shape.layer2):
            layer.weight.zero_()
            layer.bias.zero_()
    return shape


def ellipse() -> ShapeMLP:
    """Off-centre and elongated: u also rises with |x − 0.4| and falls with y."""
    shape = disc(0.6, 8.0)
    with torch.no_grad():
        shape.layer1.weight[:2, 0] = torch.tensor([1.0, -1.0])
        shape.layer1.bias[:2] = torch.tensor([-0.4, 0.4])
        shape.layer2.weight[0, :2] = 1.0
        shape.layer3.weight[0, 0], shape.layer3.weight[0, 5] = 6.0, -3.0
    return shape


def second_piece(distance: float, depth: float = 1e4) -> ShapeMLP:
    """A disc, and far outside at x = distance a dent, depth deep, that no look at the middle tells of."""
    shape = disc()
    with torch.no_grad():
        # a tent of |x − distance| that is 1 at its top, and 0 a unit away
        shape.layer1.weight[:2, 0] = torch.tensor([1.0, -1.0])
        shape.layer1.bias[:2] = torch.tensor([-distance, distance])
        shape.layer2.weight[0, :2], shape.layer2.bias[0] = -1.0, 1.0
        shape.layer3.weight[0, 0] = -depth
    return shape


def unbounded() -> ShapeMLP:
    """A disc with an arm along +x that never ends: u sinks there however far one goes."""
    shape = disc()
    with torch.no_grad():
        shape.layer1.weight[0], shape.layer1.bias[0] = torch.tensor([12.0, 0.0, 0.0]), -20.0
        shape.layer2.weight[0, 0] = 1.0
        shape.layer3.weight[0, 0] = -1.0
    return shape


def noisy(seed: int, noise: float) -> ShapeMLP:
    torch.manual_seed(seed)
    return ShapeMLP(noise=noise)


SHAPES = {
    "disc": disc(),
    "ellipse": ellipse(),
    "large": disc(3.0, 4.0),
    "piece at 6": second_piece(6.0, 100.0),
    "piece at 200": second_piece(200.0),
    "piece at 900": second_piece(900.0),
    "arm": unbounded(),
    "inverted": disc(0.5, -10.0),
    "noise 1": noisy(1, 1.0),
    "noise 5": noisy(3, 5.0),
    "noise 20": noisy(5, 20.0),
}
FUSED = {name: FusedShape(shape) for name, shape in SHAPES.items()}


def plain_u(shape: ShapeMLP, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """u by the paper's formula in float64, not by the library's code."""
    w = {name: value.detach().numpy().astype(np.float64) for name, value in shape.state_dict().items()}
    inputs = np.stack([x, y, np.hypot(x, y)], axis=-1)
    hidden = np.maximum(inputs @ w["layer1.weight"].T + w["layer1.bias"], 0)
    hidden = np.maximum(np.concatenate([hidden, inputs], -1) @ w["layer2.weight"].T + w["layer2.bias"], 0)
    return (np.concatenate([hidden, inputs], -1) @ w["layer3.weight"].T + w["layer3.bias"])[..., 0]
