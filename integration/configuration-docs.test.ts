// The examples of docs/configuration.md run as they are written.
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { type ConfigSource, loadConfig } from "@orbit/persistence";
import { afterAll, beforeAll, expect, test } from "vitest";

const here = import.meta.dirname;
const run = promisify(execFile);

const text = readFileSync(join(here, "..", "docs", "configuration.md"), "utf8");
const blocks = [...text.matchAll(/^```(\w+)( faulty)?\n(.*?)^```$/gms)].map(
  ([, language = "", faulty, code = ""], index) => ({
    name: `${index + 1} (${language})`,
    language,
    faulty: faulty !== undefined,
    code,
  }),
);
const [faulty] = blocks.filter((block) => block.faulty);
const sound = blocks.filter((block) => !block.faulty);

let folder = "";

beforeAll(() => {
  // An application with the dependencies of this package.
  folder = mkdtempSync(join(tmpdir(), "orbit-examples-"));
  copyFileSync(join(here, "package.json"), join(folder, "package.json"));
  symlinkSync(join(here, "node_modules"), join(folder, "node_modules"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function sourceOf(language: string, code: string): ConfigSource {
  if (language === "toml") return { toml: code };
  if (language === "json") return { json: code };
  const variables = [...code.matchAll(/^export (\w+)='?(.*?)'?$/gm)];
  return { env: Object.fromEntries(variables.map(([, name = "", value = ""]) => [name, value])) };
}

test("the page has an example of each kind", () => {
  expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(["ts", "toml", "json", "sh", "text"]));
});

test.each(sound.filter(({ language }) => ["toml", "json", "sh"].includes(language)))(
  "example $name is a configuration",
  async ({ language, code }) => {
    const config = await loadConfig(sourceOf(language, code), { from: here });
    const { provider, options } = config.providers[0] ?? {};
    expect(provider?.name).toBe("btree");
    expect(options).toMatchObject({ path: "/var/lib/orbit", mapSize: 2 ** 30 });
  },
);

test.each(sound.filter(({ language }) => language === "ts"))("example $name runs", async ({ name, code }) => {
  const file = join(folder, `${name.replaceAll(/\W/g, "")}.ts`);
  writeFileSync(file, code);
  const { stderr } = await run(process.execPath, [file], { cwd: mkdtempSync(join(folder, "cwd-")) });
  expect(stderr).toBe("");
});

test("the faulty example is refused in the words of the page", async () => {
  const words = sound.find(({ language }) => language === "text")?.code.trim();
  const loading = loadConfig({ toml: faulty?.code ?? "" }, { from: here });
  await expect(loading).rejects.toThrow(expect.objectContaining({ message: words }));
});
