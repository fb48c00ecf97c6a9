"""Files of tensors: the same content gives the same bytes, which digests in published results rely on."""

import json

import numpy as np
import torch
from safetensors.numpy import load_file

from canonuclei.tensor_files import read_tensors, save_tensors


def test_the_same_content_gives_the_same_bytes_in_whatever_order_it_comes(tmp_path):
    tensors = {f"layer{i}.weight": torch.arange(i + 3.0) for i in range(5)}
    # what JSON escapes, and what it does not
    state = json.dumps({"rows": [1, 2.5], "name": 'é "quoted" \\ back\nline\x01'}, ensure_ascii=False)
    texts = {
        "state": state,
        "source": "μ/ü",
        "encoder": "tiny",
        "zero": "",
        **{f"key{i}": str(i) for i in range(9)},
    }
    written = set()
    for turn in range(12):
        names, keys = (list(np.random.default_rng(turn).permutation(list(part))) for part in (tensors, texts))
        path = tmp_path / f"{turn}.safetensors"
        save_tensors(path, {str(n): tensors[n] for n in names}, {str(k): texts[k] for k in keys})
        written.add(path.read_bytes())
        found, told = read_tensors(path)
        assert told == texts
        assert all(torch.equal(found[name], value) for name, value in tensors.items())
        # by another reader, too
        assert set(load_file(path)) == set(tensors)
    assert len(written) == 1
    content = written.pop()
    size = int.from_bytes(content[:8], "little")
    assert size % 8 == 0
    header = json.loads(content[8 : 8 + size])["__metadata__"]
    assert list(header) == sorted(header)
