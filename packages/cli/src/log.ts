import type { LogLevel } from "@orbit/server";
import { type Logger, pino } from "pino";
import { build as pretty } from "pino-pretty";

import type { Io } from "./io.ts";

/** Makes the log: lines of JSON on standard output, for people on a terminal instead. */
export function createLog(level: LogLevel, io: Io, json: boolean): Logger {
  const base = {
    level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (json || !io.isTerminal) return pino(base, { write: (line: string) => io.out(line) });
  const colorize = (io.env["NO_COLOR"] ?? "") === "";
  const destination = pretty({ colorize, ignore: "pid", translateTime: "SYS:HH:MM:ss", sync: true, singleLine: true });
  return pino(base, destination);
}
