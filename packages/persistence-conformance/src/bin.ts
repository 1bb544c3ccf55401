#!/usr/bin/env node
import { main } from "./cli.ts";

const asked = new AbortController();
process.once("SIGINT", () => asked.abort());
process.exitCode = await main(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isTerminal: process.stdout.isTTY && process.env["NO_COLOR"] === undefined,
  directory: process.cwd(),
  signal: asked.signal,
});
