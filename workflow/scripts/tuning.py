"""Rule tuning: the log of all trials, as a table and as a page."""

from typing import TYPE_CHECKING, Any

from canonuclei.errors import InputError
from canonuclei.files import atomic_path, read_json
from canonuclei.logs import log_to
from canonuclei.tuning.table import tuning_markdown, tuning_table

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(trials: list[str], about: dict[str, Any], table: str, page: str) -> None:
    """Write both.

    Args:
        trials: files of the rule trial.
        about: the section ``tuning`` of the configuration.
        table: CSV.
        page: Markdown.

    Raises:
        InputError: there are no trials.
    """
    if not trials:
        raise InputError("tuning.trials", "no trials", "lay config/tuning.yaml over the configuration")
    found = tuning_table(read_json(path) for path in trials)
    with atomic_path(table) as temporary:
        found.to_csv(temporary, index=False)
    with atomic_path(page) as temporary:
        temporary.write_text(tuning_markdown(found, about), encoding="utf-8")
    print(f"{found['trial'].nunique()} trials")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            list(snakemake.input),
            dict(snakemake.params.about),
            snakemake.output.table,
            snakemake.output.page,
        )
