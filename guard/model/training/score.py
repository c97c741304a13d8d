"""Strict entity scores: a span counts only with exact bounds and label."""
from collections import Counter

from encoder import LABELS


def entities(tags: list[str]) -> set[tuple[int, int, str]]:
    """Spans (first word, word behind the last, label) of BIO tags; an I without its B begins one."""
    found = set()
    start, label = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        kind, _, name = tag.partition("-")
        if label and (kind != "I" or name != label):
            found.add((start, place, label))
            label = ""
        if kind == "B" or (kind == "I" and not label):
            start, label = place, name
    return found


def strict_scores(pairs: list[tuple[list[str], list[str]]], labels: set[str]) -> dict[str, float]:
    """F1 overall and by label, precision and recall; `pairs` are (gold, predicted) tags of each row."""
    right: Counter[str] = Counter()
    given: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    for gold, predicted in pairs:
        gold_spans = {span for span in entities(gold) if span[2] in labels}
        spans = {span for span in entities(predicted) if span[2] in labels}
        for counter, some in ((right, gold_spans & spans), (given, spans), (wanted, gold_spans)):
            counter.update(span[2] for span in some)
    f1 = lambda hit, made, due: 0.0 if hit == 0 else 2 * hit / (made + due)
    scores = {label: f1(right[label], given[label], wanted[label]) for label in sorted(labels)}
    total = [sum(counter.values()) for counter in (right, given, wanted)]
    return {"f1": f1(*total), "precision": total[0] / max(total[1], 1), "recall": total[0] / max(total[2], 1), **scores}


def decode(log_probabilities: list[list[float]]) -> list[str]:
    """The likeliest BIO tags (Viterbi): an I follows only a B or I of its label."""
    allowed = lambda before, after: not after.startswith("I-") or before[2:] == after[2:]
    best = [score if not label.startswith("I-") else -1e9 for label, score in zip(LABELS, log_probabilities[0], strict=True)]
    back: list[list[int]] = []
    for row in log_probabilities[1:]:
        choices = [max((best[before], before) for before in range(len(LABELS)) if allowed(LABELS[before], after)) for after in LABELS]
        back.append([before for _, before in choices])
        best = [value + score for (value, _), score in zip(choices, row, strict=True)]
    place = max(range(len(LABELS)), key=best.__getitem__)
    path = [place]
    for pointers in reversed(back):
        path.append(pointers[path[-1]])
    return [LABELS[number] for number in reversed(path)]
