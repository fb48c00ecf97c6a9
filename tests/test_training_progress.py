"""What a training says of itself on the way."""

from canonuclei.training.progress import FEW_STEPS, Progress


def test_a_training_of_few_steps_is_warned_of(capsys):
    Progress("ours_tiny_s0", 100, 0, 16).close()
    told = capsys.readouterr().err
    assert told.startswith("Warning: ours_tiny_s0: 100 steps in all")
    assert "training.epochs times 10 gives 1,000 and more" in told and told.count("\n") == 1
    Progress("ours_tiny_s0", FEW_STEPS, 0, 16).close()
    assert capsys.readouterr().err == ""
