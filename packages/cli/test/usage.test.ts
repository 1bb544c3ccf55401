import { expect, test } from "vitest";

import { orbit } from "./harness.ts";

test.each(["serve", "nodes", "leases", "doctor", "conformance"])("%s explains itself with examples", async (name) => {
  const { code, out, err } = await orbit([name, "--help"]);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain(`Usage: orbit ${name}`);
  expect(out).toContain(`  $ orbit ${name}`);
});

test("orbit --help", async () => {
  const { code, out } = await orbit(["--help"]);
  expect(code).toBe(0);
  expect(out).toMatchInlineSnapshot(`
    "Usage: orbit [options] [command]

    Leases and membership for virtual actors

    Options:
      -V, --version                print the version
      -h, --help                   explain a command

    Commands:
      serve [options]              run the server
      nodes [options]              show the nodes of a cluster
      leases [options]             show which node hosts what
      doctor [options]             look for what is wrong, and how to mend it
      conformance [options] <url>  prove that a store keeps the contract
      help [command]               explain a command

    Examples:
      $ orbit serve
      $ orbit nodes
      $ orbit leases --node n1
      $ orbit doctor
    "
  `);
});

test.each([
  [["srve"], "unknown command 'srve'", "Did you mean serve?"],
  [["serve", "--prt", "1"], "unknown option '--prt'", "Did you mean --port?"],
  [["nodes", "--actve"], "unknown option '--actve'", "Did you mean --active?"],
  [["leases", "--limit", "none"], "Expected a whole number", "Run 'orbit leases --help'"],
  [["conformance"], "missing required argument 'url'", "Run 'orbit conformance --help'"],
  [["doctor", "--config"], "argument missing", "Run 'orbit doctor --help'"],
  [["nodes", "too", "many"], "too many arguments", "Run 'orbit nodes --help'"],
  [[], "Usage: orbit", "serve"],
])("orbit %j is called wrongly", async (args, what, hint) => {
  const { code, out, err } = await orbit(args);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(what);
  expect(err).toContain(hint);
});

test("a value that an option refuses is called wrongly, all at once", async () => {
  const { code, err } = await orbit(["serve", "--port", "70000", "--log-level", "loud"]);
  expect(code).toBe(2);
  expect(err).toMatch(/--port: expected .* from 0 to 65535/);
  expect(err).toMatch(/--log-level: expected "trace" or/);
});

test("the version", async () => {
  expect((await orbit(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("colours appear on a terminal alone, and not for those who want none", async () => {
  const args = ["doctor", "--config", "/nowhere.toml"];
  const escape = "\u001B[";
  expect((await orbit(args, { isTerminal: true })).out).toContain(escape);
  expect((await orbit(args, { isTerminal: true, env: { NO_COLOR: "1" } })).out).not.toContain(escape);
  expect((await orbit(args)).out).not.toContain(escape);
});
