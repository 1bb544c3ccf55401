// Runs on whatever Node the host has (20 or later), with nothing installed yet: it installs the workspace when that is
// stale, then hands over to the workspace's own Node 24.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, "node_modules", ".bin");
const node = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
const stamp = join(root, "node_modules", ".cache", "orbit", "installed");

const [target, ...args] = process.argv.slice(2);
const targets = {
  start: ["packages/cli/src/main.ts", "serve"],
  test: ["tools/verify.ts"],
};

/** Ends with one sentence that names what is wrong and the command that mends it. */
function refuse(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

function checkPrerequisites() {
  if (Number(process.versions.node.split(".")[0]) < 20) {
    refuse(`Node ${process.versions.node} is too old: run "npx --yes node@24 tools/bootstrap.mjs ${target}".`);
  }
  if (spawnSync("npx", ["--version"], { stdio: "ignore" }).status !== 0) {
    refuse('npx is missing: install npm, as with "apt-get install npm" or "brew install node".');
  }
}

/** What an installation depends on: the lock file, the settings, and the machine its binaries are for. */
function fingerprint() {
  const hash = createHash("sha256").update(`${process.platform}-${process.arch}`);
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml"]) hash.update(readFileSync(join(root, file)));
  return hash.digest("hex");
}

function isInstalled(wanted) {
  return existsSync(node) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted;
}

function install() {
  const wanted = fingerprint();
  if (isInstalled(wanted)) return;
  checkPrerequisites();
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  process.stderr.write("Installing the workspace ...\n");
  const result = spawnSync("npx", ["--yes", packageManager, "install", "--frozen-lockfile"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (result.status !== 0) {
    const output = `${result.stdout}${result.stderr}`;
    process.stderr.write(output);
    if (/ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|META_FETCH_FAIL/.test(output)) {
      refuse(
        'The package registry can\'t be reached: mend the network or the registry setting until "npm ping" passes.',
      );
    }
    refuse(`The installation failed: see above, then run "npx ${packageManager} install" to try again.`);
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

/** Runs the target under the workspace's Node, passes signals on, and ends as it ends. */
function run() {
  const [entry, ...first] = targets[target];
  if (!existsSync(join(root, entry))) refuse(`${entry} is missing: run "git checkout -- ${entry}".`);
  const child = spawn(node, [entry, ...first, ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` },
  });
  const passedOn = new Map();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      // One Ctrl-C arrives twice when npm is the parent (from the terminal and from npm); a later one counts again.
      const now = Date.now();
      if (now - (passedOn.get(signal) ?? 0) < 1000) return;
      passedOn.set(signal, now);
      child.kill(signal);
    });
  }
  child.on("error", (cause) =>
    refuse(`${node} can't be run (${cause.message}): run "rm -rf node_modules", then again.`),
  );
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

if (!Object.hasOwn(targets, target ?? "")) refuse("Say what to run: node tools/bootstrap.mjs start|test [arguments].");
install();
run();
