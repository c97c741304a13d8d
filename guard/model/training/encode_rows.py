"""Rows as token ids: word by word, so that every piece knows its word."""
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer

from annotated_text import Row
from encoder import LABELS
from words import shape_of, tag_words, words_of

MAX_TOKENS = 128
_CLS, _SEP = 101, 102
_LABEL_ID = {label: number for number, label in enumerate(LABELS)}
#: Labels that a corpus does not annotate: an `O` there may be one of these.
_UNKNOWN_IN = {"btc": ("ADDRESS", "DATE"), "wnut17": ("ADDRESS", "DATE"), "wikigold": ("ADDRESS", "DATE"), "gum": ("ADDRESS",)}
IGNORED = -100


@dataclass
class Window:
    """At most MAX_TOKENS tokens. `targets` has a label at each word's first piece, else IGNORED; `places` has these pieces' positions."""

    ids: list[int]
    shapes: list[int]
    targets: list[int]
    unknown: tuple[str, ...]


class Encoder:
    """Cuts rows into windows."""

    def __init__(self, tokenizer: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._known: dict[str, list[int]] = {}

    def pieces(self, word: str) -> list[int]:
        """Token ids of one word; a very long one is cut, as it is no name."""
        if word not in self._known:
            if len(self._known) > 300_000:
                self._known.clear()
            ids = self._tokenizer.encode(word, add_special_tokens=False).ids
            self._known[word] = ids[:32] or [100]
        return self._known[word]

    def windows(self, row: Row, tags: list[str] | None = None) -> list[Window]:
        """The row's windows, in order. Words fill one after the other without overlap."""
        text, spans, source = row
        tags = tag_words(text, spans) if tags is None else tags
        words = [text[start:end] for start, end in words_of(text)]
        unknown = _UNKNOWN_IN.get(source, ())
        out: list[Window] = []
        current: Window | None = None
        for word, tag in zip(words, tags, strict=True):
            pieces = self.pieces(word)
            if current is None or len(current.ids) + len(pieces) + 1 > MAX_TOKENS:
                current = Window([_CLS], [0], [IGNORED], unknown)
                out.append(current)
            current.ids += pieces
            current.shapes += [shape_of(word)] * len(pieces)
            current.targets += [_LABEL_ID[tag]] + [IGNORED] * (len(pieces) - 1)
        for window in out:
            window.ids.append(_SEP)
            window.shapes.append(0)
            window.targets.append(IGNORED)
        return out


def collate(windows: list[Window]) -> tuple[torch.Tensor, ...]:
    """(ids, mask, shapes, targets, unknown) of a batch; `unknown` [batch, labels] is 1 where the window's corpus has no such label."""
    longest = max(len(window.ids) for window in windows)
    fill = lambda lists, value: torch.tensor([row + [value] * (longest - len(row)) for row in lists])
    ids = fill([window.ids for window in windows], 0)
    mask = fill([[1] * len(window.ids) for window in windows], 0)
    shapes = fill([window.shapes for window in windows], 0)
    targets = fill([window.targets for window in windows], IGNORED)
    unknown = torch.tensor([[1.0 if label[2:] in window.unknown else 0.0 for label in LABELS] for window in windows])
    return ids, mask, shapes, targets, unknown
