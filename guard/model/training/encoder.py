"""A BERT encoder that tags words, with the shape of each word as one more input. Starts from all-MiniLM-L6-v2's weights."""
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from words import SHAPES

LABELS = ["O"] + [f"{kind}-{label}" for label in ("PERSON", "ORG", "LOCATION", "ADDRESS", "DATE") for kind in "BI"]


@dataclass(frozen=True)
class Size:
    """Dimensions; the defaults are MiniLM's."""

    layers: int = 6
    hidden: int = 384
    heads: int = 12
    vocabulary: int = 30522
    positions: int = 512


class Layer(nn.Module):
    """Self-attention and feed-forward, each with its residual and norm behind it."""

    def __init__(self, size: Size, dropout: float) -> None:
        super().__init__()
        self.heads = size.heads
        self.query, self.key, self.value, self.out = (nn.Linear(size.hidden, size.hidden) for _ in range(4))
        self.norm1, self.norm2 = (nn.LayerNorm(size.hidden, eps=1e-12) for _ in range(2))
        self.up, self.down = nn.Linear(size.hidden, 4 * size.hidden), nn.Linear(4 * size.hidden, size.hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        """`states` [batch, tokens, hidden]; `bias` [batch, 1, 1, tokens], very negative where a token is padding."""
        batch, tokens, hidden = states.shape
        split = lambda part: part.view(batch, tokens, self.heads, hidden // self.heads).transpose(1, 2)
        query, key, value = split(self.query(states)), split(self.key(states)), split(self.value(states))
        scores = torch.matmul(query, key.transpose(-1, -2)) / (hidden // self.heads) ** 0.5 + bias
        mixed = torch.matmul(self.dropout(torch.softmax(scores, dim=-1)), value)
        mixed = mixed.transpose(1, 2).reshape(batch, tokens, hidden)
        states = self.norm1(states + self.dropout(self.out(mixed)))
        return self.norm2(states + self.dropout(self.down(functional.gelu(self.up(states)))))


class Tagger(nn.Module):
    """logits [batch, tokens, labels] from `input_ids`, `attention_mask` and `shape_ids`, each int64 [batch, tokens]."""

    def __init__(self, size: Size = Size(), dropout: float = 0.1) -> None:
        super().__init__()
        self.words = nn.Embedding(size.vocabulary, size.hidden)
        self.positions = nn.Embedding(size.positions, size.hidden)
        self.types = nn.Parameter(torch.zeros(size.hidden))
        self.shapes = nn.Embedding(len(SHAPES), size.hidden)
        nn.init.zeros_(self.shapes.weight)
        self.norm = nn.LayerNorm(size.hidden, eps=1e-12)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(Layer(size, dropout) for _ in range(size.layers))
        self.head = nn.Linear(size.hidden, len(LABELS))
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, shape_ids: Tensor) -> Tensor:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        states = self.words(input_ids) + self.positions(places) + self.types + self.shapes(shape_ids)
        states = self.dropout(self.norm(states))
        bias = (1.0 - attention_mask[:, None, None, :].to(states.dtype)) * -10000.0
        for layer in self.layers:
            states = layer(states, bias)
        return self.head(self.dropout(states))


def load_minilm(model: Tagger, folder: Path) -> None:
    """Copies the sentence encoder's weights in; its pooler is not used."""
    source = load_file(folder / "model.safetensors")
    take = lambda name: source[name] if name in source else source[f"bert.{name}"]
    renamed = {
        "words.weight": take("embeddings.word_embeddings.weight"),
        "positions.weight": take("embeddings.position_embeddings.weight"),
        "types": take("embeddings.token_type_embeddings.weight")[0],
        "norm.weight": take("embeddings.LayerNorm.weight"),
        "norm.bias": take("embeddings.LayerNorm.bias"),
    }
    parts = {
        "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value", "out": "attention.output.dense",
        "norm1": "attention.output.LayerNorm", "up": "intermediate.dense", "down": "output.dense", "norm2": "output.LayerNorm",
    }
    for number in range(len(model.layers)):
        for ours, theirs in parts.items():
            for kind in ("weight", "bias"):
                renamed[f"layers.{number}.{ours}.{kind}"] = take(f"encoder.layer.{number}.{theirs}.{kind}")
    missing, unexpected = model.load_state_dict(renamed, strict=False)
    if unexpected or {name.split(".")[0] for name in missing} != {"shapes", "head"}:
        raise ValueError(f"weights do not fit: {missing} {unexpected}")
