#!/usr/bin/env node
import { run } from "./run.ts";

const asked = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (!asked.signal.aborted) {
      asked.abort();
      return;
    }
    // Whoever asks a second time does not want to wait. The signal itself ends the process: to exit would run the end of
    // native code, which waits for ever where LMDB is writing. Stores stand a kill.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
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
