"""Scores of predictions against ground truth, and the tables made of them; never imports training."""
