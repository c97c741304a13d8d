"""
Makes a token classifier of BERT-base's size with random weights: what the bench of the guard is held against. Weights don't matter for the time.
Layers, heads and widths are those of bert-base-uncased; exported and quantised as its users do (onnxruntime, dynamic int8), without more.

    python -m venv venv && . venv/bin/activate && pip install torch onnx onnxruntime
    python make_bert_base.py --out FOLDER          # FOLDER/model.onnx (fp32), FOLDER/model_quantized.onnx (int8)
"""
import argparse
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn

LAYERS, HEADS, HIDDEN, INNER, WORDS, PLACES, LABELS = 12, 12, 768, 3072, 30522, 512, 11


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))
        self.wide, self.narrow = nn.Linear(HIDDEN, INNER), nn.Linear(INNER, HIDDEN)
        self.first, self.second = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)

    def heads(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(x.shape[0], x.shape[1], HEADS, HIDDEN // HEADS).transpose(1, 2)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        scores = self.heads(self.query(x)) @ self.heads(self.key(x)).transpose(-1, -2) / (HIDDEN // HEADS) ** 0.5
        mixed = torch.softmax(scores + mask, -1) @ self.heads(self.value(x))
        x = self.first(x + self.out(mixed.transpose(1, 2).reshape(x.shape)))
        return self.second(x + self.narrow(nn.functional.gelu(self.wide(x))))


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places, self.types = nn.Embedding(WORDS, HIDDEN), nn.Embedding(PLACES, HIDDEN), nn.Embedding(2, HIDDEN)
        self.norm, self.layers, self.labels = nn.LayerNorm(HIDDEN), nn.ModuleList(Layer() for _ in range(LAYERS)), nn.Linear(HIDDEN, LABELS)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(input_ids.shape[1]).unsqueeze(0)
        x = self.norm(self.words(input_ids) + self.places(places) + self.types(token_type_ids))
        mask = (1 - attention_mask[:, None, None, :].to(x.dtype)) * -1e4
        for layer in self.layers:
            x = layer(x, mask)
        return self.labels(x)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, required=True)
    out = options.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    model = Classifier().eval()
    for weight in model.parameters():
        if weight.dim() > 1:
            nn.init.normal_(weight, std=0.02)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    example = torch.ones((1, 16), dtype=torch.int64)
    axes = {name: {0: "batch", 1: "tokens"} for name in [*names, "logits"]}
    plain = out / "model.onnx"
    torch.onnx.export(model, (example, example, example), str(plain), input_names=names, output_names=["logits"], dynamic_axes=axes, opset_version=17, dynamo=False)
    quantize_dynamic(str(plain), str(out / "model_quantized.onnx"), weight_type=QuantType.QInt8)


if __name__ == "__main__":
    main()
