"""``explain.html``: the nuclei of an image, how each comes from the one learned shape, and where to doubt."""

from .data import ExplainedImage
from .folder import explain_folder
from .page import write_explain

__all__ = ["ExplainedImage", "explain_folder", "write_explain"]
