"""
Trains the NER model. Usage: python train.py --data NER_DATA --base MINILM_FOLDER --out CHECKPOINT.pt [--epochs 3]

Two cores with bf16 take about an hour. Prints scores after every epoch; nothing of a test split is looked at.
"""
import argparse
import copy
import random
import time
from pathlib import Path

import torch

from annotated_text import Row, change_case, read_rows, swap_entities
from business_text import BusinessText, read_templates
from encode_rows import IGNORED, Encoder, Window, collate
from encoder import LABELS, Tagger, load_minilm
from gazetteers import Gazetteers
from score import decode, strict_scores
from structured_text import StructuredText
from technical_text import TechnicalText

CORPORA = ("btc", "wnut17", "wikigold", "gum-named")
TOKENS_PER_BATCH = 2_304
#: Share of words that are hidden in training, and the token that hides them.
HIDDEN_SHARE = 0.1
MASK_TOKEN = 103


def joined(rows: list[Row], dice: random.Random) -> list[Row]:
    """Some rows joined with those behind them, since a window in use holds several sentences."""
    out: list[Row] = []
    at = 0
    while at < len(rows):
        count = dice.choice([1, 1, 1, 1, 2, 3])
        text, spans, source = rows[at]
        for more, more_spans, _ in rows[at + 1 : at + count]:
            gap = dice.choice([" ", " ", "\n", "\n\n"])
            spans = spans + [(start + len(text + gap), end + len(text + gap), label) for start, end, label in more_spans]
            text += gap + more
        out.append((text, spans, source))
        at += count
    return out


#: How many copies of a corpus one epoch has; a share means some of its rows. Tweets are the largest corpus and the noisiest.
COPIES = {"btc": 0.6, "wnut17": 1.0, "wikigold": 2.0, "gum-named": 1.5}


def drawn(corpus: list[Row], copies: float, dice: random.Random) -> list[Row]:
    """The rows of a corpus as often as an epoch has them."""
    whole, rest = divmod(copies, 1)
    return [row for _ in range(int(whole)) for row in corpus] + [row for row in corpus if dice.random() < rest]


def epoch_rows(annotated: dict[str, list[Row]], business: BusinessText, structured: StructuredText, technical: TechnicalText, names: Gazetteers, dice: random.Random) -> list[Row]:
    """One epoch: each annotated row, half of them again with other names, and fresh synthetic text."""
    rows: list[Row] = []
    for name, whole in annotated.items():
        corpus = drawn(whole, COPIES[name], dice)
        rows += joined(corpus, dice)
        swapped = [swap_entities(row, names, dice) for row in corpus if row[1] and dice.random() < 0.5]
        rows += joined(swapped, dice)
    rows += [business.row(dice) for _ in range(9_500)]
    rows = [change_case(row, dice) for row in rows]
    return rows + [structured.row(dice) for _ in range(2_600)] + [technical.row(dice) for _ in range(2_600)]


def batches(windows: list[Window], dice: random.Random) -> list[list[Window]]:
    """Batches of similar length and about TOKENS_PER_BATCH tokens."""
    windows = sorted(windows, key=lambda window: len(window.ids) + dice.random() * 6)
    out: list[list[Window]] = [[]]
    for window in windows:
        if (len(out[-1]) + 1) * len(window.ids) > TOKENS_PER_BATCH:
            out.append([])
        out[-1].append(window)
    dice.shuffle(out)
    return out


def hide_some(ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Ids with a few words hidden, so that the model reads the words around a name, too."""
    return torch.where((torch.rand(ids.shape) < HIDDEN_SHARE) & (targets != IGNORED), MASK_TOKEN, ids)


def loss_of(logits: torch.Tensor, targets: torch.Tensor, unknown: torch.Tensor) -> torch.Tensor:
    """Cross entropy at words; where a corpus doesn't annotate a label, its `O` may as well be that label."""
    log_p = torch.log_softmax(logits.float(), dim=-1)
    ways = unknown.clone()
    ways[:, 0] = 1.0
    outside = torch.logsumexp(log_p + torch.log(ways)[:, None, :].clamp(min=-1e4), dim=-1)
    word = targets != IGNORED
    plain = log_p.gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    chosen = torch.where(targets == 0, outside, plain)
    return -(chosen * word).sum() / word.sum()


@torch.no_grad()
def predict(model: Tagger, encoder: Encoder, rows: list[Row]) -> list[tuple[list[str], list[str]]]:
    """(gold, predicted) tags of each row."""
    model.eval()
    owned = [(number, window) for number, row in enumerate(rows) for window in encoder.windows(row)]
    gold: list[list[str]] = [[] for _ in rows]
    scores: list[dict[int, list[list[float]]]] = [{} for _ in rows]
    order = sorted(range(len(owned)), key=lambda place: len(owned[place][1].ids))
    for start in range(0, len(order), 32):
        places = order[start : start + 32]
        ids, mask, shapes, targets, _ = collate([owned[place][1] for place in places])
        log_p = torch.log_softmax(model(ids, mask, shapes).float(), dim=-1)
        for place, row_scores, row_targets in zip(places, log_p, targets, strict=True):
            words = row_targets != IGNORED
            scores[owned[place][0]][place] = row_scores[words].tolist()
    for number, window in owned:
        gold[number] += [LABELS[target] for target in window.targets if target != IGNORED]
    return [(tags, decode([word for _, part in sorted(found.items()) for word in part]) if tags else []) for tags, found in zip(gold, scores, strict=True)]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--base", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--epochs", type=int, default=3)
    options.add_argument("--rate", type=float, default=1.2e-4)
    options.add_argument("--seed", type=int, default=7)
    given = options.parse_args()

    dice = random.Random(given.seed)
    torch.manual_seed(given.seed)
    names, other_names = Gazetteers(given.data / "gazetteers"), Gazetteers(given.data / "gazetteers", held_out=True)
    business, structured, technical = BusinessText(names, read_templates(held_out=False)), StructuredText(names), TechnicalText()
    unseen = BusinessText(other_names, read_templates(held_out=True))
    annotated = {corpus: read_rows(given.data / corpus, "train", clean=True) for corpus in CORPORA}
    tests = {corpus: read_rows(given.data / corpus, "dev") for corpus in CORPORA}
    tests["business"] = [unseen.row(random.Random(number)) for number in range(600)]
    tests["structured"] = [StructuredText(other_names).row(random.Random(number)) for number in range(300)]
    encoder = Encoder(given.base / "tokenizer.json")

    model = Tagger()
    load_minilm(model, given.base)
    average = copy.deepcopy(model)
    groups = [
        {"params": [weight for name, weight in model.named_parameters() if not name.startswith(("head", "shapes"))], "lr": given.rate},
        {"params": [*model.head.parameters(), *model.shapes.parameters()], "lr": given.rate * 5},
    ]
    steps_each = len(batches([w for row in epoch_rows(annotated, business, structured, technical, names, random.Random(0)) for w in encoder.windows(row)], dice))
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=[group["lr"] for group in groups], total_steps=steps_each * given.epochs + 500, pct_start=0.06, anneal_strategy="linear"
    )
    step = 0
    for epoch in range(given.epochs):
        begin = time.time()
        model.train()
        rows = epoch_rows(annotated, business, structured, technical, names, dice)
        plan = batches([window for row in rows for window in encoder.windows(row)], dice)
        total = 0.0
        for number, batch in enumerate(plan):
            ids, mask, shapes, targets, unknown = collate(batch)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(hide_some(ids, targets), mask, shapes)
            loss = loss_of(logits, targets, unknown)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            if step < steps_each * given.epochs + 499:
                schedule.step()
            step += 1
            total += loss.item()
            keep = min(0.999, (step + 1) / (step + 20))
            with torch.no_grad():
                for mean, weight in zip(average.parameters(), model.parameters(), strict=True):
                    mean.lerp_(weight, 1 - keep)
            if number % 50 == 0:
                print(f"epoch {epoch + 1} step {number}/{len(plan)} loss {total / (number + 1):.4f} {time.time() - begin:.0f} s", flush=True)
        torch.save({"model": average.state_dict(), "epoch": epoch + 1}, given.out)
        for corpus, test in tests.items():
            labels = {"PERSON", "ORG", "LOCATION"} | ({"ADDRESS", "DATE"} if corpus in ("business", "structured") else set())
            print(corpus, {name: round(value, 3) for name, value in strict_scores(predict(average, encoder, test), labels).items()}, flush=True)


if __name__ == "__main__":
    main()
