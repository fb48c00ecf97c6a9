"""The canonical shape: an implicit MLP with 88 parameters (paper, section 2.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ShapeMLP(nn.Module):
    """log p(s | x, y, r) of canonical coordinates; one shape for the whole data set.

    Three layers with 8, 4 and 1 outputs (3→8, 11→4, 7→1: 88 parameters); ReLU, ReLU, negative
    Softplus; the input (x, y, r) is concatenated to the outputs of the first two layers.

    Args:
        radius: canonical radius of the soft disc that the shape starts near.
        sharpness: slope of its edge: p(s) starts close to sigmoid(sharpness · (radius − r)).
        noise: standard deviation of the start of what the hidden units add to the disc.
    """

    def __init__(self, radius: float = 0.5, sharpness: float = 10.0, noise: float = 0.1) -> None:
        super().__init__()
        self.layer1 = nn.Linear(3, 8)
        self.layer2 = nn.Linear(11, 4)
        self.layer3 = nn.Linear(7, 1)
        # ReLU units left to chance die or invert the shape: the skip of r carries a disc from the start,
        # and the hidden units begin alive, with random directions and a small say.
        with torch.no_grad():
            self.layer3.weight.normal_(0.0, noise)
            self.layer3.weight[0, 4:] = torch.tensor([0.0, 0.0, sharpness])
            self.layer3.bias.fill_(-sharpness * radius)

    def logit(self, points: Tensor) -> Tensor:
        """The last layer's output u; p(s) = sigmoid(−u).

        Args:
            points: (..., 2) canonical (x, y).

        Returns:
            (...) u.
        """
        inputs = torch.cat([points, radius(points)], dim=-1)
        hidden1 = F.relu(self.layer1(inputs))
        hidden2 = F.relu(self.layer2(torch.cat([hidden1, inputs], dim=-1)))
        return self.layer3(torch.cat([hidden2, inputs], dim=-1)).squeeze(-1)

    def forward(self, points: Tensor) -> Tensor:
        """log p(s) = −softplus(u) of ``points`` (..., 2); shape (...), range (−∞, 0)."""
        return -F.softplus(self.logit(points))


def radius(points: Tensor) -> Tensor:
    """r = sqrt(x² + y²) of (..., 2) points, shape (..., 1); its gradient at the origin is 0."""
    squared = (points * points).sum(dim=-1, keepdim=True)
    # sqrt has an infinite slope at 0, and 0 · ∞ would turn every gradient to NaN
    return torch.where(squared > 0, squared, 1.0).sqrt() * (squared > 0)


def shape_from_weights(weights: dict[str, list]) -> ShapeMLP:
    """A ShapeMLP with the 88 weights of a ``*.shape.json`` (tensor name → nested lists)."""
    shape = ShapeMLP()
    shape.load_state_dict({name: torch.tensor(value, dtype=torch.float32) for name, value in weights.items()})
    return shape.eval()


def shape_weights(shape: ShapeMLP) -> dict[str, list]:
    """The 88 weights as nested lists by tensor name, for ``*.shape.json``."""
    return {name: value.detach().float().cpu().tolist() for name, value in shape.state_dict().items()}
