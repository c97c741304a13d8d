/** Cedar itself, as WebAssembly. Loaded only when first used: 4 MB and some 30 ms that most commands don't need. docs/decisions/0100-cedar.md */
import { createRequire } from "node:module";

/** The parts of Cedar's API that are used here, as its own types have them. */
export type Cedar = typeof import("@cedar-policy/cedar-wasm/nodejs");

/** Where the package is looked for: its CommonJS build is synchronous, as {@link PolicyEngine.decide} has to be. */
const load = createRequire(import.meta.url);

/** Cedar; the first call loads it. @throws where the package is damaged or missing */
export const loadCedar = (): Cedar => load("@cedar-policy/cedar-wasm/nodejs") as Cedar;
