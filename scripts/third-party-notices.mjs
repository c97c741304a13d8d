/** The licence notices of the npm packages whose code went into a bundle: their licences ask that the notice travels with the code. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @param {string} module path of a module
 * @returns {string | undefined} folder of the npm package it is from; undefined for our own
 */
const packageFolder = (module) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(module.replace(/^\0/, ""))?.[0];

/**
 * @param {string} folder of a package
 * @returns {string} its licence and notice files
 * @throws {Error} where it has no licence at all
 */
const noticeOf = (folder) => {
  /** @type {{name: string, version: string, license?: string}} */
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const { name, version, license } = manifest;
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[sc]e|notice|copying)/i.test(file))
    .map((file) => readFileSync(join(folder, file), "utf8").trim());
  if (texts.length === 0 && license === undefined)
    throw new Error(`${name}@${version} is bundled and names no licence: leave it out or find its terms.`);
  return [`${name} ${version} (${license ?? "see below"})`, ...texts].join("\n\n");
};

/**
 * @param {readonly string[]} modules paths of all modules in the bundles
 * @returns {string} one text with the notices of every npm package among them
 */
export const thirdPartyNotices = (modules) => {
  const folders = new Set(modules.map(packageFolder).filter((folder) => folder !== undefined));
  const packages = [...folders].filter((folder) => existsSync(join(folder, "package.json"))).sort();
  const head = "Gaggle's programs contain code of these packages.";
  return `${[head, ...packages.map(noticeOf)].join(`\n\n${"-".repeat(80)}\n`)}\n`;
};
