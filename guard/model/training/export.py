"""
Writes the trained model as int8 ONNX with its tokenizer and configuration, and refuses where int8 finds other entities than fp32.
Usage: python export.py --data NER_DATA --base MINILM_FOLDER --checkpoint CHECKPOINT.pt --out ../
"""
import argparse
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.optimizer import optimize_model
from onnxruntime.transformers.fusion_options import FusionOptions

from annotated_text import Row, read_rows
from encode_rows import IGNORED, MAX_TOKENS, Encoder, collate
from encoder import LABELS, Size, Tagger
from score import decode, strict_scores
from train import CORPORA

#: The probability from which a word counts as of a class; below .5 finds more. Chosen on the development sets and the frozen business corpus.
THRESHOLDS = {"PERSON": 0.12, "ORG": 0.3, "LOCATION": 0.25, "ADDRESS": 0.1}
INPUTS = ["input_ids", "attention_mask", "shape_ids"]


class RowwiseEmbedding(nn.Module):
    """Word vectors as int8, each with a scale of its own: one scale for the whole table costs more than a point of F1."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
        self.register_buffer("rows", torch.round(weight / scale).to(torch.int8))
        self.register_buffer("scale", scale)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.rows[ids].to(torch.float32) * self.scale[ids]


def to_onnx(model: Tagger, path: Path) -> None:
    """fp32 graph with free batch and length."""
    example = torch.ones((2, 16), dtype=torch.int64)
    axes = {name: {0: "batch", 1: "tokens"} for name in [*INPUTS, "logits"]}
    torch.onnx.export(model, (example, example, example), str(path), input_names=INPUTS, output_names=["logits"], dynamic_axes=axes, opset_version=17, dynamo=False)


def quantise(source: Path, target: Path) -> None:
    """Fuses what BERT's graph allows and stores weights as int8, per channel."""
    size = Size()
    options = FusionOptions("bert")
    options.enable_embed_layer_norm = False
    fused = optimize_model(str(source), model_type="bert", num_heads=size.heads, hidden_size=size.hidden, optimization_options=options)
    print("fused", {name: count for name, count in fused.get_fused_operator_statistics().items() if count})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fused.onnx"
        fused.save_model_to_file(str(path))
        quantize_dynamic(str(path), str(target), weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul", "Attention"], extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT})


class Session:
    """The model as onnxruntime runs it."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def predict(self, encoder: Encoder, rows: list[Row]) -> list[tuple[list[str], list[str]]]:
        """(gold, predicted) tags of each row."""
        pairs = []
        for row in rows:
            gold: list[str] = []
            log_p: list[list[float]] = []
            for window in encoder.windows(row):
                ids, mask, shapes, targets, _ = collate([window])
                (logits,) = self._session.run(["logits"], {"input_ids": ids.numpy(), "attention_mask": mask.numpy(), "shape_ids": shapes.numpy()})
                words = targets[0].numpy() != IGNORED
                some = logits[0][words].astype(np.float64)
                log_p += (some - np.log(np.exp(some - some.max(-1, keepdims=True)).sum(-1, keepdims=True)) - some.max(-1, keepdims=True)).tolist()
                gold += [LABELS[target] for target in targets[0].tolist() if target != IGNORED]
            pairs.append((gold, decode(log_p) if log_p else []))
        return pairs


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--base", type=Path, required=True)
    options.add_argument("--checkpoint", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--tolerance", type=float, default=0.015, help="F1 that int8 may lose on a development set")
    given = options.parse_args()
    model = Tagger(dropout=0.0)
    model.load_state_dict(torch.load(given.checkpoint)["model"])
    model.eval()
    encoder = Encoder(given.base / "tokenizer.json")
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        to_onnx(model, plain)
        model.words = RowwiseEmbedding(model.words.weight.detach())
        to_onnx(model, Path(folder) / "rowwise.onnx")
        quantise(Path(folder) / "rowwise.onnx", small)
        print(f"int8: {small.stat().st_size / 1e6:.1f} MB")
        wide, narrow = Session(plain), Session(small)
        for corpus in CORPORA:
            rows = read_rows(given.data / corpus, "dev")[:400]
            first, second = wide.predict(encoder, rows), narrow.predict(encoder, rows)
            scores = [strict_scores(pairs, {"PERSON", "ORG", "LOCATION"})["f1"] for pairs in (first, second)]
            print(f"{corpus}: F1 fp32 {scores[0]:.3f}, int8 {scores[1]:.3f}")
            if scores[1] < scores[0] - given.tolerance:
                raise SystemExit(f"int8 loses too much on {corpus}")
        onnx.checker.check_model(str(small))
        shutil.copy(small, given.out / "model.onnx")
    tokenizer = json.loads((given.base / "tokenizer.json").read_text(encoding="utf8"))
    tokenizer["truncation"] = tokenizer["padding"] = None
    (given.out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf8")
    config = {"model_type": "bert", "max_position_embeddings": MAX_TOKENS, "id2label": {str(number): label for number, label in enumerate(LABELS)}, "gaggle": {"thresholds": THRESHOLDS}}
    (given.out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
