"""The plain semantic network, DeepLabV3 and Mask R-CNN: interface, losses, training."""

import pytest
import torch

from canonuclei.errors import InputError
from canonuclei.models.maskrcnn import targets_of
from canonuclei.models.registry import build_model

RIVALS = ("semantic", "deeplabv3", "maskrcnn")
LOSSES = {"loss_classifier", "loss_box_reg", "loss_mask", "loss_objectness", "loss_rpn_box_reg"}
SETTINGS = {
    "network": {"input_size": 256},
    "loss": {"bce": 1.0, "dice": 1.0, "dice_smooth": 1.0},
    "prediction": {"maskrcnn_score": 0.5},
    "alpha": 0.0,
}


def build(model, encoder="tiny", score=0.5):
    torch.manual_seed(0)
    return build_model(model, encoder, SETTINGS | {"prediction": {"maskrcnn_score": score}})


@pytest.fixture
def batch():
    """Two tiles with discs, and one without."""
    torch.manual_seed(1)
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    instances = torch.zeros(3, 128, 128, dtype=torch.long)
    for label, (tile, row, column) in enumerate([(0, 30, 40), (0, 80, 90), (1, 64, 64)], start=1):
        instances[tile][(y - row) ** 2 + (x - column) ** 2 < 15**2] = label
    mask = (instances > 0).float()
    images = (4 * mask[:, None] - 2).expand(-1, 3, -1, -1) + 0.2 * torch.randn(3, 3, 128, 128)
    return {
        "images": images.contiguous(memory_format=torch.channels_last),
        "mask": mask,
        "valid": torch.ones_like(mask),
        "k": torch.tensor([2.0, 1.0, 0.0]),
        "instances": instances,
    }


def train(model, batch, steps):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    model.train()
    totals = []
    for _ in range(steps):
        optimizer.zero_grad()
        terms = model.loss_terms(batch)
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        totals.append(terms["total"].item())
    return totals


@pytest.mark.parametrize("name", RIVALS)
def test_steps_reduce_the_loss(name, batch):
    torch.manual_seed(0)
    totals = train(build(name), batch, 12)
    assert sum(totals[-3:]) / 3 < 0.8 * totals[0]


@pytest.mark.parametrize("name", RIVALS)
def test_bf16_autocast_trains_and_predicts(name, batch):
    model = build(name, score=0.0).train()
    with torch.autocast("cpu", torch.bfloat16):
        terms = model.loss_terms(batch)
    assert all(value.dtype == torch.float32 and value.ndim == 0 for value in terms.values())
    terms["total"].backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    with torch.autocast("cpu", torch.bfloat16):
        probability, count = model.mask_and_count(batch["images"])
    assert probability.shape == (3, 128, 128) and count.shape == (3,)
    assert probability.dtype == torch.float32
    assert model.training


@pytest.mark.parametrize("name", ["semantic", "deeplabv3"])
@pytest.mark.parametrize("encoder", ["tiny", "efficientnet-lite0"])
def test_pixel_models_give_probabilities(name, encoder, batch):
    model = build(name, encoder)
    assert model.needs_instances is False
    probability = model.predict(batch["images"])
    assert probability.shape == (3, 128, 128)
    assert probability.min() >= 0 and probability.max() <= 1
    assert torch.equal(probability, model.predict(batch["images"]))  # evaluation mode: no dropout


@pytest.mark.parametrize("name", ["semantic", "deeplabv3"])
def test_pixel_models_ignore_padding_and_instances(name, batch):
    model = build(name).eval()
    batch["valid"][:, 100:] = 0
    terms = model.loss_terms({key: batch[key] for key in ("images", "mask", "valid")})
    assert set(terms) == {"total", "bce", "dice"}
    batch["mask"][:, 100:] = 1
    assert torch.equal(terms["total"], model.loss_terms(batch)["total"])


def test_deeplabv3_is_torchvisions_at_stride_16():
    model = build("deeplabv3")
    assert [conv[0].dilation for conv in model.head[0].convs[1:4]] == [(6, 6), (12, 12), (18, 18)]
    assert model.eval().logits(torch.zeros(1, 3, 128, 128)).shape == (1, 1, 8, 8)


def test_resnet50_deeplabv3_runs():
    model = build("deeplabv3", "resnet50")
    assert model.predict(torch.zeros(1, 3, 128, 128)).shape == (1, 128, 128)


def test_targets_are_boxes_with_exclusive_ends():
    instances = torch.zeros(2, 128, 128, dtype=torch.long)
    instances[0, 10:14, 20:26] = 7
    instances[0, 0, 0] = 8  # one pixel: dropped
    instances[0, 127, 50:60] = 9  # one row: dropped
    first, empty = targets_of(instances)
    assert first["boxes"].tolist() == [[20, 10, 26, 14]]
    assert first["labels"].tolist() == [1]
    assert torch.equal(first["masks"][0].bool(), instances[0] == 7)
    assert empty["boxes"].shape == (0, 4) and empty["masks"].shape == (0, 128, 128)


def test_maskrcnn_loss_terms(batch):
    model = build("maskrcnn").train()
    assert model.needs_instances is True
    terms = model.loss_terms(batch)
    assert set(terms) == LOSSES | {"total"}
    torch.testing.assert_close(terms["total"], sum(terms[name] for name in LOSSES))


def test_maskrcnn_trains_on_tiles_without_nuclei(batch):
    batch["instances"].zero_()
    model = build("maskrcnn").train()
    terms = model.loss_terms(batch)
    terms["total"].backward()
    assert torch.isfinite(terms["total"]) and terms["loss_mask"] == 0 and terms["loss_box_reg"] == 0


def test_maskrcnn_predictions(batch):
    model = build("maskrcnn", score=0.0)
    train(model, batch, 2)
    found = model.predict(batch["images"])
    assert len(found) == 3
    for masks, scores in found:
        assert masks.dtype == torch.bool and masks.shape == (len(scores), 128, 128)
        assert len(scores) <= 200 and (scores[:-1] >= scores[1:]).all()
    assert any(len(scores) for _, scores in found)


def test_maskrcnn_without_detections(batch):
    model = build("maskrcnn", score=1.1)
    for masks, scores in model.predict(batch["images"]):
        assert masks.shape == (0, 128, 128) and masks.dtype == torch.bool and scores.shape == (0,)
    union, count = model.mask_and_count(batch["images"])
    assert union.sum() == 0 and count.tolist() == [0, 0, 0]


@pytest.mark.parametrize("model", [*RIVALS, "canonical"])
def test_registry_builds_what_the_config_names(model, repository):
    import yaml

    settings = yaml.safe_load((repository / "config" / "config.yaml").read_text()) | {"alpha": 0.01}
    network = build_model(model, "tiny", settings)
    assert network.needs_instances == (model == "maskrcnn")
    assert all(callable(getattr(network, name)) for name in ("loss_terms", "predict", "mask_and_count"))


def test_unknown_model():
    with pytest.raises(InputError, match="no such model"):
        build_model("unet", "tiny", SETTINGS)
