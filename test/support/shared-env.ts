// Tests, benches and chaos leave nothing in the machine's keychain, nor a key of its own; the test runner sets it for its own.
process.env["GAGGLE_KEY_PROTECTION"] ??= "none";

/** What processes of tests share with the gate's other processes: the search path, the folder of sockets, and what Node compiled. */
export function sharedEnv(): NodeJS.ProcessEnv {
  const names = ["PATH", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"];
  const shared = Object.fromEntries(Object.entries(process.env).filter(([name]) => names.includes(name)));
  return { ...shared, GAGGLE_KEY_PROTECTION: "none" };
}
