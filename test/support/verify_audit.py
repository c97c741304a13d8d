"""Checks an audit export without any code of Gaggle: form, numbering, hash chains, heads and the statement's counts and hash.

Written from docs/audit-format.md alone, with the standard library alone. It does not check Ed25519 signatures, so it proves that the file is
consistent, not who made it. Usage: python3 verify_audit.py FILE; prints one JSON object; exit code 0 only when nothing is wrong.
"""

import base64
import hashlib
import json
import sys

GENESIS = "0" * 64
FIELDS = {
    "manifest": {"jws", "kind", "n"},
    "credential": {"agentId", "jws", "kind", "n"},
    "event": {"event", "kind", "n"},
    "head": {"jws", "kind", "n"},
    "statement": {"jws", "kind", "n"},
}


def canonical(value):
    """RFC 8785. All numbers are integers and all keys are ASCII, so sorted keys and no spaces are the whole of it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def decode(part):
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != part:
        raise ValueError("not canonical base64url")
    return data


def payload(jws, typ):
    """Payload of a compact JWS; its signature is not checked here."""
    head, body, signature = jws.split(".")
    if json.loads(decode(head))["typ"] != typ or len(decode(signature)) != 64:
        raise ValueError("another type of JWS")
    return json.loads(decode(body))


class Verifier:
    def __init__(self):
        self.problems = []
        self.agents = {}
        self.running = hashlib.sha256()
        self.expected = 1
        self.line = 0
        self.stated = False

    def report(self, message):
        self.problems.append({"line": self.line, "message": message})

    def event(self, event):
        agent = self.agents.setdefault(event["agentId"], {"seq": 0, "hash": GENESIS, "closed": False})
        body = {key: value for key, value in event.items() if key != "hash"}
        if sha256(canonical(body)) != event["hash"]:
            self.report("the event was altered")
        if agent["closed"]:
            self.report("an event after its agent's head")
        elif event["seq"] != agent["seq"] + 1:
            self.report(f"expected event {agent['seq'] + 1} of the agent")
        elif event["hashPrev"] != agent["hash"]:
            self.report("the event names another predecessor")
        agent.update(seq=event["seq"], hash=event["hash"])

    def head(self, head):
        agent = self.agents.get(head["agentId"])
        if agent is None or agent["closed"] or (agent["seq"], agent["hash"]) != (head["seq"], head["hash"]):
            self.report("the agent's chain does not end where the agent signed")
        if agent is not None:
            agent["closed"] = True

    def statement(self, statement):
        self.stated = True
        stated = {a["agentId"]: (a["seq"], a["hash"]) for a in statement["agents"]}
        here = {key: (a["seq"], a["hash"]) for key, a in self.agents.items()}
        if stated != here or not all(a["closed"] for a in self.agents.values()):
            self.report("the statement lists other agents or other ends of their chains")
        if statement["lines"] != self.line - 1 or statement["sha256"] != self.running.hexdigest():
            self.report("the lines before the statement are not those that were signed")

    def content(self, line):
        kind = line["kind"]
        if set(line) != FIELDS[kind]:
            raise ValueError("other fields than expected")
        if self.stated:
            self.report("a line after the statement")
        if kind == "event":
            self.event(line["event"])
        elif kind == "head":
            self.head(payload(line["jws"], "gaggle-head+jws"))
        elif kind == "statement":
            self.statement(payload(line["jws"], "gaggle-export+jws"))
        elif kind == "credential":
            if payload(line["jws"], "gaggle-membership+jwt")["agent"] != line["agentId"]:
                self.report("the credential is of another agent")
        else:
            payload(line["jws"], "gaggle-bundle+jws")

    def feed(self, raw):
        self.line += 1
        try:
            text = raw.decode("utf-8")
            if not text.endswith("\n"):
                raise ValueError("no line end")
            line = json.loads(text)
            if canonical(line) + "\n" != text:
                self.report("not in canonical form")
            if line["n"] != self.expected:
                self.report(f"expected line {self.expected} of the export, found line {line['n']}")
            self.expected = line["n"] + 1
            self.content(line)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.report(f"malformed: {type(error).__name__}")
            self.expected = self.line + 1
        self.running.update(raw)

    def finish(self):
        self.line += 1
        if not self.stated:
            self.report("the end of the export is missing")
        return {"ok": not self.problems, "agents": len(self.agents), "problems": self.problems[:20]}


if __name__ == "__main__":
    verifier = Verifier()
    with open(sys.argv[1], "rb") as file:
        for raw_line in file:
            verifier.feed(raw_line)
    verdict = verifier.finish()
    print(json.dumps(verdict))
    sys.exit(0 if verdict["ok"] else 1)
