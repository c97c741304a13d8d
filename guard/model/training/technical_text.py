"""Text without entities: code and its comments from Python's own library, and made-up logs, so that the model learns what is no name."""
import json
import random
import re
import sysconfig
from pathlib import Path

from annotated_text import Row

_MODULES = """argparse ast asyncio/events asyncio/tasks base64 bisect calendar cmd codecs collections/__init__ concurrent/futures/thread configparser
contextlib copy csv dataclasses difflib dis enum fileinput fnmatch fractions ftplib functools gettext glob gzip hashlib heapq html/parser http/client
http/server inspect io ipaddress json/decoder json/encoder logging/__init__ logging/handlers mailbox mimetypes multiprocessing/pool nntplib numbers
operator optparse os pathlib pickle platform plistlib pprint queue random re/_parser sched secrets selectors shelve shlex shutil socket socketserver
sqlite3/dump ssl statistics string subprocess tarfile tempfile textwrap threading timeit tokenize traceback types typing unittest/case unittest/mock
urllib/parse urllib/request uuid venv/__init__ warnings wave weakref xmlrpc/client zipfile""".split()
#: Lines that may hold a person's, a company's or a place's name.
_NAMED = re.compile(r"author|copyright|written by|contribut|maintain|thanks|Inc\b|Ltd|Corp|\(c\)|@\w|licen[cs]e|Microsoft|Apple|Google|Europe|America|[A-Z][a-z]+ [A-Z][a-z]+")
_LEVELS = ["INFO", "WARN", "ERROR", "DEBUG", "info", "warn", "TRACE"]
_LOGGERS = ["http.server", "scheduler", "db.pool", "auth", "kernel", "nginx", "kafka.Consumer", "gc", "worker-3", "org.apache.catalina.core", "systemd[1]", "vite", "pytest"]
_EVENTS = [
    "request completed in {n} ms", "connection reset, retry {n} of 5", "cache miss for key {hex}", "started on port {n}", "GC pause {n} ms", "commit {hex}",
    "job {hex} finished with exit code {n}", "slow query ({n} ms): SELECT id, total FROM orders WHERE status = 'open'", "GET /api/v{n}/items?page={n} 200 {n}",
    "Traceback (most recent call last):", "  File \"/usr/lib/python3/site.py\", line {n}, in main", "    at Object.<anonymous> (/app/src/index.ts:{n}:{n})",
    "Caused by: java.lang.IllegalStateException: Pool is closed", "panic: runtime error: index out of range [{n}] with length {n}", "npm warn deprecated package@{n}.0.0",
    "Compiling serde v1.0.{n}", "✓ {n} tests passed ({n} ms)", "diff --git a/src/main.rs b/src/main.rs", "@@ -{n},7 +{n},9 @@ fn main() {{", "index {hex}..{hex} 100644",
    "Step {n}/12 : RUN apt-get update", "Pulling fs layer {hex}", "loss={n}.31 acc=0.{n} lr=3e-4", "| {n} | {n} | {n} | ok |", "uuid={hex}-{hex} status=active", "build #{n} succeeded",
    "kubectl get pods -n production", "docker run --rm -p {n}:80 web:latest", "export PATH=$HOME/bin:$PATH", "chmod +x ./run.sh && ./run.sh --jobs {n}",
]

_VERBS = "Read|List|Write|Create|Delete|Search|Fetch|Update|Run|Open|Close|Send|Check|Show|Count|Load|Move|Copy|Rename|Validate|Convert|Parse|Sort|Merge|Approve|Cancel".split("|")
_NOUNS = "file|folder|task|message|inbox item|session|ledger|journal entry|report|recipe|extension|tool|command|document|page|branch|commit|record|table|column|approval|invoice|period|agent|skill|prompt|context|shell".split("|")
_TYPES = ["string", "integer", "boolean", "array", "object", "number"]
_ADVICE = """Use {0} only when the user asks for it.|Never guess a {1}; ask instead.|If the {1} is missing, say so and stop.|You can {0} and {2} in parallel.|Prefer {0} over {2}.
Answer in Markdown.|Always explain what you did.|The current directory is the working directory.|Instructions of the developer come before those of a {1}.|Do not repeat the {1}.
# Response Guidelines|# Available tools|# Extensions|# Working with a {1}|## When to {0}|You are an AI agent made by a company; your knowledge ends some months ago.|Be brief and polite.
You have no access to the internet.|Return a JSON object with the keys `{3}` and `{4}`.|Example: `{3} --{4} value`|The operating system is Linux, the shell is bash.|There are {5} extensions enabled.
The user can add or remove a {1} at any time.|Copy each {1} exactly as it is.|Step {5}: {0}.|Delegate to a subagent where a step needs many calls.|Stop after {5} turns.""".replace("\n", "|").split("|")


def _prompt(dice: random.Random) -> str:
    """Instructions and tool definitions, such as agents send with every request."""
    action = lambda: f"{dice.choice(_VERBS).lower()} a {dice.choice(_NOUNS)}"
    name = lambda: f"{dice.choice(_VERBS).lower()}_{dice.choice(_NOUNS).replace(' ', '_')}"
    if dice.random() < 0.5:
        return "\n".join(dice.choice(_ADVICE).format(action(), dice.choice(_NOUNS), action(), name(), name(), dice.randint(1, 20)) for _ in range(dice.randint(2, 7)))
    fields = {name(): {"type": dice.choice(_TYPES), "description": f"{action().capitalize()} by its {dice.choice(_NOUNS)}"} for _ in range(dice.randint(1, 3))}
    tool = {"name": f"{dice.choice(['', 'mesh__', 'files__', 'web__'])}{name()}", "description": f"{action().capitalize()}. {dice.choice(_ADVICE).format(action(), dice.choice(_NOUNS), action(), name(), name(), 3)}"}
    return json.dumps({"type": "function", "function": {**tool, "parameters": {"type": "object", "properties": fields, "required": list(fields)[:1]}}})


def _log(dice: random.Random) -> str:
    lines = []
    for _ in range(dice.randint(2, 8)):
        event = dice.choice(_EVENTS).replace("{{", "{")
        while "{n}" in event:
            event = event.replace("{n}", str(dice.randint(0, 9999)), 1)
        while "{hex}" in event:
            event = event.replace("{hex}", f"{dice.getrandbits(48):012x}", 1)
        clock = f"{dice.randint(0, 23):02}:{dice.randint(0, 59):02}:{dice.randint(0, 59):02}.{dice.randint(0, 999):03}"
        lines.append(dice.choice([f"{clock} {dice.choice(_LEVELS)} {dice.choice(_LOGGERS)}: {event}", f"[{clock}] {event}", event]))
    return "\n".join(lines)


class TechnicalText:
    """An endless source of rows without spans."""

    def __init__(self) -> None:
        folder = Path(sysconfig.get_path("stdlib"))
        self._files = [
            [line for line in path.read_text(encoding="utf8").splitlines() if not _NAMED.search(line)]
            for path in (folder / f"{module}.py" for module in _MODULES)
            if path.exists()
        ]

    def row(self, dice: random.Random) -> Row:
        """A few lines of code or log, or of an agent's instructions."""
        roll = dice.random()
        if roll < 0.6:
            return _log(dice) if roll < 0.3 else _prompt(dice), [], "technical"
        lines = dice.choice(self._files)
        start = dice.randrange(len(lines))
        return "\n".join(lines[start : start + dice.randint(3, 12)]), [], "technical"
