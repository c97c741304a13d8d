import { describe, expect, it } from "vitest";
import { runEnvironment } from "../../../../mesh/executor/run-environment.ts";

const RUN = { gooseRoot: "/srv/goose", runId: "ab", maxTurns: 7, extra: {} };

describe("the environment of a run", () => {
  it("passes on only what is listed", () => {
    const env = {
      PATH: "/bin",
      HOME: "/h",
      OPENAI_API_KEY: "k",
      GOOSE_PROVIDER: "openai",
      GOOSE_MODE: "auto",
      HTTPS_PROXY: "p",
      NODE_OPTIONS: "-r x",
      UNSET: undefined,
    };
    expect(runEnvironment({ ...RUN, env })).toEqual({
      PATH: "/bin",
      HOME: "/h",
      GOOSE_PATH_ROOT: "/srv/goose",
      GOOSE_PROVIDER: "privacy_guard",
      GOOSE_MODE: "approve",
      GOOSE_MAX_TURNS: "7",
      GOOSE_DISABLE_KEYRING: "1",
      GOOSE_DISABLE_SESSION_NAMING: "true",
      CONTEXT_FILE_NAMES: "[]",
      GAGGLE_RUN_ID: "ab",
      GAGGLE_AUTOSTART: "never",
    });
  });

  it("lets nobody change what makes the run safe", () => {
    const extra = { GOOSE_PROVIDER: "openai", GOOSE_MODE: "auto", GOOSE_PATH_ROOT: "/elsewhere", GAGGLE_BOOKS: "/books" };
    const made = runEnvironment({ ...RUN, env: {}, extra, model: "m" });
    expect(made).toMatchObject({ GOOSE_PROVIDER: "privacy_guard", GOOSE_MODE: "approve", GOOSE_PATH_ROOT: "/srv/goose" });
    expect(made).toMatchObject({ GAGGLE_BOOKS: "/books", GOOSE_MODEL: "m" });
  });
});
