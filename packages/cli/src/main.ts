#!/usr/bin/env node
import { constants } from "node:os";

import { run } from "./run.ts";

const asked = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    // Whoever asks a second time does not want to wait.
    if (asked.signal.aborted) process.exit(128 + constants.signals[signal]);
    asked.abort();
  });
}

const code = await run(process.argv.slice(2), {
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isTerminal: process.stdout.isTTY,
  signal: asked.signal,
});
// What is still written to a pipe goes out first; nothing else may keep the process.
process.stdout.write("", () => process.exit(code));
