/**
 * Brings the Debian packages that some tests need, where they are missing and can be had: as root, by apt-get. Elsewhere it says what will be
 * skipped; on CI (`CI=true`) a missing one is an error, since there nothing may be skipped.
 *
 * Usage: node scripts/test-packages.mjs
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** @type {readonly {program: string, debianPackage: string, use: string}[]} */
const NEEDED = [
  { program: "ip", debianPackage: "iproute2", use: "the network tests (several hosts on one machine)" },
  { program: "chromium", debianPackage: "chromium", use: "the test that opens the close's page" },
];

/**
 * @param {string} name
 * @returns {string | undefined} where the program is, on PATH or where Debian puts programs for root
 */
export const findProgram = (name) =>
  [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"]
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });

/** @returns {typeof NEEDED} */
const missing = () => NEEDED.filter(({ program }) => findProgram(program) === undefined);

/**
 * @param {readonly string[]} args
 * @returns {boolean} true where apt-get succeeded
 */
const aptGet = (args) =>
  spawnSync("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=120", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "ignore", "inherit"],
    timeout: 300_000,
  }).status === 0;

/**
 * @param {readonly string[]} packages
 * @returns {boolean}
 */
const install = (packages) => {
  const args = ["install", "-y", "--no-install-recommends", ...packages];
  return aptGet(args) || (aptGet(["update"]) && aptGet(args));
};

/** @returns {boolean} true where apt-get may be used */
const canInstall = () => process.getuid?.() === 0 && existsSync("/etc/debian_version") && findProgram("apt-get") !== undefined;

const main = () => {
  const wanted = missing();
  if (wanted.length > 0 && canInstall()) {
    const packages = wanted.map(({ debianPackage }) => debianPackage);
    process.stdout.write(`Installing the Debian packages that tests need: ${packages.join(", ")} …\n`);
    install(packages);
  }
  const left = missing();
  for (const { program, debianPackage, use } of left) {
    process.stdout.write(`There is no \`${program}\`, so ${use} will be skipped; install the package ${debianPackage} to run it.\n`);
  }
  if (left.length > 0 && process.env["CI"] === "true") process.exitCode = 1;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
