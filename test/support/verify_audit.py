"""Checks an audit export without any code of Gaggle: form, chains, stubs, anchors, receipts and all Ed25519 signatures. Written from
docs/audit-format.md alone, with the standard library alone. Usage: python3 verify_audit.py FILE [ROOT_FINGERPRINT]; exit code 0 when all is well."""
import base64, hashlib, json, sys
from datetime import datetime, timedelta
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
FIELDS = {"manifest": "jws", "log": "jws", "credential": "agentId jws", "anchor": "agentId jws", "event": "event", "head": "jws",
          "stub": "agentId body hash seq", "gap": "agentId anchor hash index log proof seq", "receipt": "agentId index proof", "statement": "jws"}

def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    return ((b - a) * (d - c) % P, (d + c) * (b + a) % P, (d - c) * (d + c) % P, (b - a) * (b + a) % P)
def times(s, p):
    q = (0, 1, 1, 0)
    while s: q, p, s = (add(q, p) if s & 1 else q), add(p, p), s >> 1
    return q
def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign): raise ValueError("no point")
    x = x if x & 1 == sign else P - x
    return (x, y, 1, x * y % P)
BASE = point(bytes([0x58]) + bytes([0x66] * 31))
def signed_by(key, message, signature):
    """Ed25519 of RFC 8032, section 5.1.7, without the cofactor."""
    r, s = point(signature[:32]), int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    a, b = times(s, BASE), add(r, times(k, point(key)))
    return s < Q and (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0

def canonical(value):
    """RFC 8785. All numbers are integers and all keys are ASCII, so sorted keys and no spaces are the whole of it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()
def check(condition, problem):
    if not condition: raise ValueError(problem)
def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
def when(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
def leaf_of(agent, end):
    return sha256(b"\0" + canonical({"agentId": agent, "hash": end["hash"], "seq": end["seq"]}).encode())
def b64(part):
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    return check(url64(data) == part, "base64url is not canonical") or data
def thumbprint(key):
    return url64(hashlib.sha256(canonical({"crv": "Ed25519", "kty": "OKP", "x": key["x"]}).encode()).digest())

def agent_key(agent):
    number = 0
    for letter in agent: number = number * 58 + B58.index(letter)
    data = number.to_bytes(37, "big")
    check(data[:5] == bytes.fromhex("2408011220"), "no agent id")
    return {"x": url64(data[5:])}

def opened(jws, typ, keys):
    """Payload of a compact JWS that one of the keys has signed; `keys` may be a function of the payload."""
    head, body, signature = jws.split(".")
    header, payload = json.loads(b64(head)), json.loads(b64(body))
    known = {thumbprint(key): key for key in (keys(payload) if callable(keys) else keys)}
    check(header == {"alg": "EdDSA", "kid": header["kid"], "typ": typ} and header["kid"] in known, "another key or type")
    check(signed_by(b64(known[header["kid"]]["x"]), f"{head}.{body}".encode(), b64(signature)), "the signature is wrong")
    return payload
def included(leaf, index, size, proof, root):
    """RFC 9162, section 2.1.3.2."""
    at, last, value = index, size - 1, leaf
    check(0 <= at <= last, "no such leaf")
    for sibling in proof:
        check(last > 0, "the proof is too long")
        left = at % 2 == 1 or at == last
        value = sha256(b"\1" + bytes.fromhex(sibling + value if left else value + sibling))
        while left and at % 2 == 0 and at: at, last = at // 2, last // 2
        at, last = at // 2, last // 2
    return last == 0 and value == root

def verify(lines, pinned):
    root, org, issuers, manifests, agents, log, stated, stubbed, expected, running, number = pinned, None, [], [], {}, None, False, False, 1, hashlib.sha256(), 0
    chain = lambda agent: agents.setdefault(agent, {"after": 0, "seq": 0, "hash": "0" * 64, "closed": False, "count": 0, "signed": [], "owed": {}})
    for number, raw in enumerate(lines, 1):
        line = json.loads(raw.decode())
        check(canonical(line) + "\n" == raw.decode() and set(line) == {"kind", "n", *FIELDS[line["kind"]].split()}, "not canonical")
        check(line["n"] == expected and not stated, f"expected line {expected}")
        expected, kind = expected + 1, line["kind"]
        if kind == "manifest":
            manifest = opened(line["jws"], "gaggle-bundle+jws", lambda payload: [payload["root"]])
            root, org = root or thumbprint(manifest["root"]), org or manifest["org"]
            check((thumbprint(manifest["root"]), manifest["org"]) == (root, org), "another root or organisation")
            issuers, manifests = issuers + manifest["issuers"], manifests + [manifest]
        elif kind == "log":
            log = opened(line["jws"], "gaggle-log+jws", issuers)
        elif kind == "credential":
            claims = opened(line["jws"], "gaggle-membership+jwt", issuers)
            check((claims["agent"], claims["iss"]) == (line["agentId"], org) and chain(claims["agent"]), "of another agent")
            check(claims["cnf"]["jkt"] == thumbprint(agent_key(claims["agent"])), "of another key")
        elif kind in ("event", "stub"):
            item = line.get("event", line)
            state = chain(item["agentId"])
            body = line.get("body") or sha256(canonical({key: value for key, value in item.items() if key not in ("hash", "hashPrev")}))
            check(item["hash"] == sha256(item.get("hashPrev", state["hash"]) + body), "the event was altered")
            stubbed |= kind == "stub"
            check(item["seq"] == state["seq"] + 1 and not state["closed"], f"expected event {state['seq'] + 1} of the agent")
            check(item.get("hashPrev", state["hash"]) == state["hash"] and item.get("tenantId", org) == org, "of another chain")
            state.update(seq=item["seq"], hash=item["hash"], count=state["count"] + 1)
            check(state["owed"].pop(item["seq"], item["hash"]) == item["hash"], "another event than the node had a receipt for")
        elif kind == "gap":
            head, held = opened(line["anchor"], "gaggle-head+jws", [agent_key(line["agentId"])]), opened(line["log"], "gaggle-log+jws", issuers)
            state, leads = chain(line["agentId"]), head["seq"] < line["seq"] or (head["seq"], head["hash"]) == (line["seq"], line["hash"])
            check(0 < state["count"] and state["seq"] < head["seq"] and leads and head["org"] == held["org"] == org, "no gap of this chain")
            check(included(leaf_of(line["agentId"], line), line["index"], held["size"], line["proof"], held["root"]), "no receipt for the gap")
            state.update(seq=head["seq"], hash=head["hash"], signed=state["signed"] + [head["ts"]])
            state["owed"].update({line["seq"]: line["hash"]} if head["seq"] < line["seq"] else {})
        elif kind in ("anchor", "head"):
            head = opened(line["jws"], "gaggle-head+jws", lambda payload: [agent_key(payload["agentId"])])
            state = chain(head["agentId"])
            check(head["org"] == org and line.get("agentId", head["agentId"]) == head["agentId"], "of another agent")
            check((state["count"] == state["after"] == 0) if kind == "anchor" else not state["closed"], "not at its place")
            check(kind == "anchor" or ((state["seq"], state["hash"]) == (head["seq"], head["hash"]) and not state["owed"]), "the chain ends elsewhere")
            state.update({"seq": head["seq"], "hash": head["hash"]}, **{"after": head["seq"], "signed": [head["ts"]]} if kind == "anchor" else {"closed": True})
        elif kind == "receipt":
            state = chain(line["agentId"])
            check(state["closed"] and included(leaf_of(line["agentId"], state), line["index"], log["size"], line["proof"], log["root"]), "not in the log")
        else:
            stated, said = True, opened(line["jws"], "gaggle-export+jws", issuers)
            check((said["org"], said["lines"], said["sha256"]) == (org, number - 1, running.hexdigest()), "other lines than signed")
            check("filter" in said or not stubbed, "events are left out without a filter")
            kept = max(min(when(said["createdAt"]), when(one["expiresAt"])) - timedelta(one.get("retentionDays", 90), -120) for one in manifests)
            check(all(when(ts) <= kept for one in agents.values() for ts in one["signed"]), "forgotten sooner than was signed")
            ends = {one["agentId"]: (one["after"], one["seq"], one["hash"], True) for one in said["agents"]}
            check(ends == {key: (one["after"], one["seq"], one["hash"], one["closed"]) for key, one in agents.items()}, "other agents")
        running.update(raw)
        yield number
    yield number + 1
    check(stated, "the end of the export is missing")

if __name__ == "__main__":
    at, problem, file = 0, None, open(sys.argv[1], "rb")
    try:
        for at in verify(file, (sys.argv[2:] or [None])[0]):
            pass
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        problem = {"line": at if "end of the export" in str(error) else at + 1, "message": f"{type(error).__name__}: {error}"[:200]}
    print(json.dumps({"ok": problem is None, "problem": problem}))
    sys.exit(0 if problem is None else 1)
