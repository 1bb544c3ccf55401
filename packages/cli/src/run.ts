import { faultsOf, StoreError } from "@orbit/persistence";
import { CommanderError } from "commander";

import { CommandFailure, type Io } from "./io.ts";
import { createProgram, usageCode } from "./program.ts";

/**
 * Runs the `orbit` command with arguments as a shell gives them. Returns the exit code: 0 when it went well, 1 when it
 * did not, 2 when it was called wrongly.
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  let code = 0;
  const program = createProgram(io, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    // Commander has said what was wrong.
    if (error instanceof CommanderError) return usageCode(error);
    // What is expected to go wrong is one message; anything else is a defect, and its stack is wanted.
    const known = StoreError.is(error) || error instanceof CommandFailure;
    io.err(
      `orbit: ${known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    const faults = faultsOf(error);
    return faults.length > 0 && faults.every(({ path }) => path.startsWith("--")) ? 2 : 1;
  }
}
