"""What the text tower for other languages costs, beside the English one of ``vit-b-16``, in the same run.

    python benchmarks/languages.py --threads 1 --json languages.json

Both towers have their real shapes and random weights. Encoded are the texts of 20 words: in the 7 templates
of a language, and in the 80 of ImageNet. The pieces of words are no part of this: a text has 9 tokens, start
and end counted, or as many as are asked for.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import resource
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import open_clip
import torch

from napari_corrclip.devices import describe_device, plain_torch
from napari_corrclip.encoders.clip_text import ClipTextEncoder, encode_sorted
from napari_corrclip.weights.presets import MULTILINGUAL
from napari_corrclip.weights.text_towers import PUBLISHED, build_clip

WORDS = 20
TEMPLATES = (7, 80)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="The text tower for other languages: its time.")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    document: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "device": describe_device(torch.device("cpu")),
        "machine": platform.machine(),
        "threads": options.threads,
        "tokens": options.tokens,
        "rows": [],
    }
    for name, make in (("vit-b-16", english), (MULTILINGUAL, multilingual)):
        began = perf_counter()
        with plain_torch(building=True):
            embed, padding = make()
        built = perf_counter() - began
        for templates in TEMPLATES:
            seconds = timed(embed, padding, WORDS * templates, options)
            row = {"preset": name, "build_s": built, "templates": templates, "text_s": seconds}
            document["rows"].append(row)
            print(f"{name:<26} {WORDS} words x {templates:>2} templates: {seconds:6.2f} s")
        print(f"{name:<26} built in {built:.1f} s")
    document["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    print(f"peak memory {document['peak_gib']:.1f} GiB")
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n")


Embed = Callable[[torch.Tensor], torch.Tensor]


def english() -> tuple[Embed, int]:
    """The text tower of ``vit-b-16``, and the token that pads its texts."""
    model = open_clip.CLIP(**open_clip.get_model_config("ViT-B-16-quickgelu")).eval()
    encoder = ClipTextEncoder(model, open_clip.tokenizer.SimpleTokenizer(), name="vit-b-16")
    return encoder.embed, 0


def multilingual() -> tuple[Embed, int]:
    """The text tower of the preset for other languages, likewise."""
    config = open_clip.get_model_config(MULTILINGUAL)
    model: Any = build_clip(config, PUBLISHED[config["text_cfg"]["hf_model_name"]]).eval()
    return model.text, 1


@torch.no_grad()
def timed(embed: Embed, padding: int, texts: int, options: argparse.Namespace) -> float:
    """Seconds of the quickest of a few encodings of so many texts."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 40_000, (texts, options.tokens), generator=generator).tolist()
    found = []
    for _ in range(options.repeats):
        began = perf_counter()
        features = encode_sorted(ids, padding, torch.device("cpu"), embed)
        found.append(perf_counter() - began)
        assert features.shape == (texts, 512)
    return min(found)


if __name__ == "__main__":
    main()
