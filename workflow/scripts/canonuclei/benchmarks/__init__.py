"""Plain references and what the rule `benchmark` measures."""
