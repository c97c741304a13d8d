"""
Strict scores of an exported model on token-tagged data. Usage: python evaluate.py --model ../ FILE.jsonl...
The guard's own command is `gaggle guard eval`; this one needs Python only, to look at a model while it is made.
"""
import argparse
import json
from pathlib import Path

from annotated_text import join_tokens
from encode_rows import Encoder
from export import Session
from score import strict_scores


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", type=Path, required=True)
    options.add_argument("files", type=Path, nargs="+")
    given = options.parse_args()
    encoder, session = Encoder(given.model / "tokenizer.json"), Session(given.model / "model.onnx")
    for path in given.files:
        rows = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]
        pairs = session.predict(encoder, [(*join_tokens(row["tokens"], row["tags"]), "gold") for row in rows])
        print(path, {name: round(value, 3) for name, value in strict_scores(pairs, {"PERSON", "ORG", "LOCATION"}).items()})


if __name__ == "__main__":
    main()
