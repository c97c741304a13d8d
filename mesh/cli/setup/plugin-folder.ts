/**
 * Where Gaggle's plugin lies in a Goose. Goose tells plugins apart by the name of their folder alone: a project's `.agents/plugins/<name>` replaces
 * the user's of that name, and a project's settings switch plugins off by name. So the name has a part that no project can know.
 * Verified with Goose 1.52; docs/threat-model.md.
 */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { GoosePaths } from "./goose-paths.ts";
import { ifThere } from "./replace-file.ts";

const OURS = /^gaggle(?:-[0-9a-f]{12})?$/;

/** Folder name of the plugin. @param gatewayToken what only this user and agent know */
export const pluginName = (gatewayToken: string): string =>
  `gaggle-${createHash("sha256").update(`gaggle plugin folder\n${gatewayToken}`).digest("hex").slice(0, 12)}`;

/** Whether a path is that of a plugin of ours, of any agent. */
export const isPluginFolder = ({ plugins }: Pick<GoosePaths, "plugins">, path: string): boolean =>
  dirname(path) === plugins && OURS.test(basename(path));

/** The plugins of ours that lie in a Goose: one, but after an agent joined anew. */
export const pluginFoldersIn = (paths: Pick<GoosePaths, "plugins">): string[] =>
  (ifThere(() => readdirSync(paths.plugins)) ?? []).map((name) => join(paths.plugins, name)).filter((path) => isPluginFolder(paths, path));
