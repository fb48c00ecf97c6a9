"""Fast compositing against the plain reference and a slow numpy version; and without a compiler."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from canonuclei.benchmarks.plain import (
    plain_compose,
    plain_instances_masks,
    plain_log_shape,
)
from canonuclei.models import compositing
from canonuclei.models.compositing import compose, compose_mask
from canonuclei.models.shape import ShapeMLP
from canonuclei.models.transform import grid_points
from test_canonical import random_instances

NAMES = ("L", "t", "z", "w1", "b1", "w2", "b2", "w3", "b3")


def numpy_composed(shape, lower, t, logit, points):
    """Eq. 1 and 2 pixel by pixel in float64, without anything of the library."""
    w1, b1, w2, b2, w3, b3 = (p.detach().double().numpy() for p in shape.parameters())
    lower, t, logit, points = (x.detach().double().numpy() for x in (lower, t, logit, points))
    composed = np.full((len(lower), len(points)), -np.inf)
    for b in range(len(lower)):
        for i in range(lower.shape[1]):
            for j, point in enumerate(points):
                x, y = lower[b, i] @ point + t[b, i]
                inputs = np.array([x, y, math.hypot(x, y)])
                hidden = np.concatenate([np.maximum(w1 @ inputs + b1, 0), inputs])
                hidden = np.concatenate([np.maximum(w2 @ hidden + b2, 0), inputs])
                u = float((w3 @ hidden + b3)[0])
                log_p = -np.logaddexp(0, u) - np.logaddexp(0, -logit[b, i])
                composed[b, j] = max(composed[b, j], log_p)
    return composed


def separated(shape, lower, t, log_presence, points, gap=1e-5):
    """(B, P) whether the two best instances differ by more than ``gap``, in log p and in p."""
    canonical = torch.einsum("bnij,pj->bnpi", lower, points) + t.unsqueeze(-2)
    terms = plain_log_shape(shape, canonical) + log_presence.unsqueeze(-1)
    if terms.shape[1] == 1:
        return torch.ones(len(terms), len(points), dtype=torch.bool)
    best = terms.topk(2, dim=1).values
    return best[:, 0] - best[:, 1] > gap


# compiling takes seconds a shape: fewer of them
CASES = [
    *[
        (batch, count, grid, False)
        for batch, count, grid in [(1, 1, 5), (3, 7, 31), (2, 40, 33), (16, 128, 32)]
    ],
    *[(batch, count, grid, True) for batch, count, grid in [(1, 1, 5), (3, 41, 31), (16, 128, 32)]],
]


@pytest.mark.parametrize(("batch", "count", "grid", "compiled"), CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_values_and_gradients_are_those_of_plain_autograd(batch, count, grid, compiled, seed):
    torch.manual_seed(seed)
    shape = ShapeMLP(noise=0.3)
    points = grid_points(grid, grid)
    inputs = random_instances(batch, count, seed)
    clear = separated(shape, *inputs[:2], F.logsigmoid(inputs[2]), points)
    assert clear.float().mean() > 0.99
    weight = torch.randn(batch, grid * grid) * clear
    results = []
    for function in (plain_compose, compose):
        lower, t, logit = (x.clone().requires_grad_() for x in inputs)
        shape.zero_grad()
        more = {"compiled": compiled} if function is compose else {}
        composed = function(shape, lower, t, F.logsigmoid(logit), points, **more)
        (composed.exp() * weight + 0.01 * composed * weight).sum().backward()
        gradients = [x.grad for x in (lower, t, logit, *shape.parameters())]
        results.append((composed.detach(), [g.clone() for g in gradients]))
    (expected, gradients), (found, found_gradients) = results
    assert (found.exp() - expected.exp()).abs().max() <= 1e-5
    assert (found - expected).abs().max() <= 1e-5 * (1 + expected.abs().max())
    for name, g, h in zip(NAMES, gradients, found_gradients, strict=True):
        assert (g - h).norm() <= 1e-4 * g.norm(), name


@pytest.mark.parametrize(("batch", "count", "grid"), [(1, 1, 3), (2, 5, 7)])
def test_plain_and_fast_are_the_papers_equations_in_numpy(batch, count, grid):
    torch.manual_seed(2)
    shape = ShapeMLP(noise=0.5)
    lower, t, logit = random_instances(batch, count, 2)
    points = grid_points(grid, grid)
    expected = torch.from_numpy(numpy_composed(shape, lower, t, logit, points)).float()
    for composed in (
        plain_compose(shape, lower, t, F.logsigmoid(logit), points),
        compose(shape, lower, t, F.logsigmoid(logit), points, compiled=False),
        plain_instances_masks(shape, lower, t, logit, grid).composed.flatten(1).log(),
    ):
        torch.testing.assert_close(composed.detach(), expected, atol=1e-4, rtol=1e-5)
    masks = plain_instances_masks(shape, lower, t, logit, grid, threshold=0.3)
    assert torch.equal(masks.masks.any(dim=1), masks.composed >= 0.3)


def test_the_compilers_softplus_is_softplus():
    u = torch.linspace(-60, 60, 20001)
    exact = F.softplus(u.double())
    assert (compositing._softplus(u).double() - exact).abs().max() <= 1e-6 * 60
    near = u.abs() < 5
    assert (compositing._softplus(u).double() - exact)[near].abs().max() <= 1e-6
    assert torch.isfinite(compositing._softplus(torch.tensor([-1e30, 1e30]))).all()


WITHOUT_COMPILER = """
import sys, warnings
sys.path.insert(0, sys.argv[1])
import torch
from canonuclei.models.compositing import compose
from canonuclei.models.shape import ShapeMLP
from canonuclei.models.transform import grid_points
torch.manual_seed(0)
shape = ShapeMLP()
lower, t = 4 * torch.eye(2).expand(1, 5, 2, 2), torch.randn(1, 5, 2)
log_presence = -torch.rand(1, 5)
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    found = [compose(shape, lower, t, log_presence, grid_points(6, 6), True) for _ in range(3)]
    found[0].exp().sum().backward()
expected = compose(shape, lower, t, log_presence, grid_points(6, 6), False)
assert all(torch.equal(value, expected) for value in found)
assert shape.layer1.weight.grad.abs().sum() > 0
print([str(warning.message) for warning in seen if "compiled" in str(warning.message)])
"""


def test_without_a_compiler_it_says_so_once_and_goes_on(repository, tmp_path):
    """A process that finds no C++ compiler, and no kernel that another one has compiled."""
    environment = {
        **os.environ,
        "CXX": str(tmp_path / "no-such-compiler"),
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"),
    }
    scripts = str(repository / "workflow" / "scripts")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_COMPILER, scripts],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("no working compiler was found") == 1
    assert "training goes on" in done.stdout


def test_masks_of_odd_sizes_compose():
    shape = ShapeMLP()
    lower, t, logit = random_instances(3, 9)
    mask = compose_mask(shape, lower, t, F.logsigmoid(logit), 17, 50, compiled=False)
    assert mask.shape == (3, 50, 50)
    assert mask.min() >= 0
    assert mask.max() <= 1
