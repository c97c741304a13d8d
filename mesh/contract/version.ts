/** Gaggle's own version: read from `package.json` in sources, set into the bundles when they are built. */
import manifest from "../../package.json" with { type: "json" };

/** Version of this program, such as `0.1.0`. */
export const VERSION: string = manifest.version;
