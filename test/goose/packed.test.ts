/** The package as npm hands it out: what is in it, and that people and the real Goose can work with it where nothing else of ours is. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { testPort } from "../support/test-port.ts";
import { killAndWait, seen } from "../support/home-processes.ts";
import { until } from "../support/until.ts";
import { skipUnless } from "../support/machine.ts";
import { machineNode, type PackedGaggle, packGaggle, registryAnswers } from "../support/packed-gaggle.ts";
import { gooseBinary, gooseRoot } from "../support/real-goose.ts";
import { startScriptedModel } from "../support/scripted-model.ts";

const NODES = [...new Set([machineNode() ?? process.execPath, process.execPath])].map((node) => [node]);
const [[NODE = process.execPath] = []] = NODES;
const MIB = 1_048_576;

describe.skipIf(skipUnless(await registryAnswers(), "npm's registry (is there a network?)"))("the packed package", () => {
  let gaggle: PackedGaggle;
  beforeAll(async () => {
    gaggle = await packGaggle();
    const unpacked = [...gaggle.files.values()].reduce((sum, size) => sum + size, 0);
    process.stderr.write(
      `The package: ${(gaggle.bytes / MIB).toFixed(2)} MiB, unpacked ${(unpacked / MIB).toFixed(2)} MiB in ${gaggle.files.size} files.\n`,
    );
  }, 300_000);
  afterAll(() => gaggle?.remove());

  it("holds the programs, the recipes, the samples and the licences, and nothing of our workshop", () => {
    const files = [...gaggle.files.keys()];
    expect(files).toEqual(
      expect.arrayContaining([
        ...["mesh", "privacy-guard", "policy", "ledger"].map((name) => `dist/extensions/${name}.js`),
        "bin/gaggle.js",
        "dist/gaggle.js",
        "dist/hook.js",
        "dist/guard-worker.js",
        ...["model.onnx", "tokenizer.json", "config.json"].map((name) => `guard/model/${name}`),
        "LICENSE",
        "NOTICE",
        "dist/THIRD-PARTY-LICENSES.txt",
        "recipes/finance/month-end-close.yaml",
        "profiles/empty/guard.yaml",
        "profiles/empty/models.yaml",
        "profiles/empty/policies/baseline.cedar",
        "profiles/policies/gaggle.cedarschema",
        "profiles/sample/policies/month-end-close.cedar",
        "README.md",
      ]),
    );
    expect(files.filter((path) => /\.tsx?$|\.map$|\.test\.|(^|\/)\.|\.tgz$/.test(path))).toEqual([]);
    expect(new Set(files.map((path) => path.split("/")[0]))).toEqual(
      new Set([
        "CHANGELOG.md",
        "LICENSE",
        "NOTICE",
        "README.md",
        "SECURITY.md",
        "bin",
        "dist",
        "docs",
        "extensions",
        "guard",
        "package.json",
        "profiles",
        "recipes",
      ]),
    );
    expect(readFileSync(join(gaggle.folder, "dist", "THIRD-PARTY-LICENSES.txt"), "utf8")).toContain("@modelcontextprotocol/sdk");
    expect(gaggle.bytes).toBeLessThan(32 * MIB);
  });

  describe.each(NODES)("with %s", (node) => {
    it("shows its help, and says what is missing on a machine that has not joined", async () => {
      const help = await gaggle.npx(node, ["--help"]);
      expect(help).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("Usage: gaggle") });
      const doctor = await gaggle.npx(node, ["doctor"]);
      expect(doctor).toMatchObject({ code: 1, stdout: expect.stringContaining("gaggle join") });
      const status = await gaggle.npx(node, ["status"]);
      expect(status).toMatchObject({ code: 1, stderr: expect.stringMatching(/^NOT_JOINED .*gaggle join/) });
    });

    it("founds an organisation and signs its bundles", async () => {
      const dir = join(gaggle.home, `org-${NODES.findIndex(([one]) => one === node)}`);
      expect(await gaggle.npx(node, ["org", "init", "--empty", "--dir", dir])).toMatchObject({ code: 0, stderr: "" });
      expect(await gaggle.npx(node, ["org", "sign", "--dir", dir])).toMatchObject({ code: 0, stderr: "" });
      expect(existsSync(join(dir, "bootstrap"))).toBe(true);
    });
  });

  it("lets a person join and set Goose up, and the real Goose uses every extension of it", async () => {
    const home = join(gaggle.home, "agent");
    const orgDir = join(gaggle.home, "company");
    const env = { GAGGLE_HOME: home, GAGGLE_GOOSE: gooseBinary() };
    const ok = async (args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await gaggle.npx(NODE, args, env);
      expect(code, `gaggle ${args.join(" ")}: ${stdout}${stderr}`).toBe(0);
      return stdout;
    };
    await ok(["org", "init", "--dir", orgDir]);
    await ok(["org", "sign", "--dir", orgDir]);
    const port = await testPort();
    const url = `http://127.0.0.1:${port}`;
    const where = ["--port", String(port), "--peer-listen", `/ip4/127.0.0.1/tcp/${await testPort()}`, "--no-mdns"];
    const program = [join(gaggle.folder, "bin", "gaggle.js"), "bootstrap", "--dir", join(orgDir, "bootstrap"), ...where];
    const node = spawn(NODE, [...program, "--end-with-stdin"], { env: gaggle.env(NODE), stdio: ["pipe", "ignore", "ignore"] });
    onTestFinished(() => void node.stdin.end());
    await until("the bootstrap node answers", async () => (await fetch(`${url}/healthz`)).ok);
    const invited = await ok(["--json", "org", "invite", "--dir", orgDir, "--role", "finance", "--user", "fiona.berg", "--url", url]);
    const { link } = JSON.parse(invited) as { link: string };

    const model = await startScriptedModel([
      {
        calls: [
          { tool: "mesh__list_agents", input: {} },
          { tool: "privacy-guard__detect", input: { text: "ada@example.com" } },
          { tool: "policy__whoami", input: {} },
          { tool: "ledger__reconcile_bank", input: { period: "2026-10" } },
        ],
      },
      { calls: [{ tool: "shell", input: { command: "touch escaped" } }] },
    ]);
    const goose = gooseRoot(join(gaggle.home, "goose"));
    const ledger = { enabled: true, type: "stdio", name: "ledger", description: "Books", cmd: NODE, timeout: 30 };
    const entry = { ...ledger, args: [join(gaggle.folder, "dist", "extensions", "ledger.js")] };
    writeFileSync(goose.configFile, `GOOSE_MODE: auto\nextensions: ${JSON.stringify({ ledger: entry })}\n`);
    const behindGuard = ["--model-url", model.url.replace("/chat/completions", ""), "--model", "m"];
    await ok(["join", link, "--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns", "--goose-root", goose.root, ...behindGuard]);
    await ok(["setup"]);
    const books = join(gaggle.folder, "profiles", "sample", "data", "finance");
    const run = await goose.run(["run", "-q", "-t", "Go.", "--no-session", "--max-turns", "6"], {
      ...gaggle.env(NODE),
      ...env,
      GAGGLE_BOOKS: books,
      HOME: gaggle.home,
    });
    const { pid } = JSON.parse(await ok(["--json", "status"])) as { pid: number };
    const daemon = seen(pid);
    onTestFinished(() => killAndWait(daemon));
    expect(run.code, run.stdout + run.stderr).toBe(0);
    expect(model.results()).toEqual([
      expect.stringMatching(/^PERSON_\w{10}, .*finance/),
      expect.stringContaining("EMAIL 1"),
      expect.stringMatching(/^This is the agent of PERSON_\w{10}/),
      expect.stringContaining("890745.55"),
      expect.stringMatching(/polic/i),
    ]);
    expect(existsSync(join(goose.root, "escaped"))).toBe(false);
    expect((await gaggle.npx(NODE, ["doctor"], env)).stdout).toContain("fiona.berg");
  });

  it("runs the demo", async () => {
    const dir = join(gaggle.home, "evidence");
    mkdirSync(dir);
    const demo = await gaggle.npx(NODE, ["demo", "--dir", dir], { GAGGLE_GOOSE: gooseBinary() });
    expect(demo.code, demo.stdout.slice(-2_000) + demo.stderr).toBe(0);
    expect(demo.stdout).toContain("The close is posted.");
    for (const file of ["index.html", "report.md", "audit.ndjson"]) expect(existsSync(join(dir, file))).toBe(true);
    expect((await gaggle.npx(NODE, ["audit", "verify", join(dir, "audit.ndjson")])).code).toBe(0);
  });
});
