import { inspect } from "node:util";

import { StoreError } from "@orbit/persistence";
import { expect, test } from "vitest";

import { isConnectionError, refusalWord, toStoreError } from "../src/errors.ts";

const reply = (message: string): Error => Object.assign(new Error(message), { name: "ReplyError" });
const coded = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

test.each([
  ["ASK 866 127.0.0.1:7001", "UNAVAILABLE", true],
  ["BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", "UNAVAILABLE", true],
  ["CLUSTERDOWN Hash slot not served", "UNAVAILABLE", true],
  ["CROSSSLOT Keys in request don't hash to the same slot", "UNSUPPORTED", false],
  ["DENIED Redis is running in protected mode because protected mode is enabled", "DENIED", false],
  ["ERR Client sent AUTH, but no password is set", "DENIED", false],
  ["ERR DB index is out of range", "INVALID_CONFIG", false],
  [
    "ERR Error running script (call to f_1): @user_script:40: @user_script: 40: -OOM command not allowed when used memory > 'maxmemory'.",
    "FULL",
    false,
  ],
  ["ERR No such master with that name", "INVALID_CONFIG", false],
  ["ERR This instance has cluster support disabled", "INVALID_CONFIG", false],
  ["ERR max number of clients reached", "THROTTLED", true],
  ["ERR unknown command 'EVALSHA'", "UNSUPPORTED", false],
  ["LOADING Redis is loading the dataset in memory", "UNAVAILABLE", true],
  ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "UNAVAILABLE", true],
  [
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "UNAVAILABLE",
    true,
  ],
  ["MOVED 866 127.0.0.1:7001", "UNAVAILABLE", true],
  ["NOAUTH Authentication required.", "DENIED", false],
  ["NOPERM this user has no permissions to run the 'evalsha' command", "DENIED", false],
  ["NOREPLICAS Not enough good replicas to write.", "UNAVAILABLE", true],
  ["NOSCRIPT No matching script. Please use EVAL.", "UNAVAILABLE", true],
  ["OOM command not allowed when used memory > 'maxmemory'. script: 1, on @user_script:40.", "FULL", false],
  ["READONLY You can't write against a read only replica.", "UNAVAILABLE", true],
  ["TRYAGAIN Multiple keys request during rehashing of slot", "UNAVAILABLE", true],
  ["WRONGPASS invalid username-password pair or user is disabled.", "DENIED", false],
  ["WRONGTYPE Operation against a key holding the wrong kind of value", "CORRUPT", false],
])("a write that the server refuses with %s was not applied", (message, code, retryable) => {
  expect(toStoreError(reply(message), true)).toMatchObject({ code, retryable, outcome: "none" });
});

test.each([
  [coded("ECONNREFUSED"), "UNAVAILABLE"],
  [coded("ECONNRESET"), "UNAVAILABLE"],
  [coded("ENOTFOUND"), "UNAVAILABLE"],
  [coded("ETIMEDOUT"), "UNAVAILABLE"],
  [coded("EPIPE"), "UNAVAILABLE"],
  [coded("SELF_SIGNED_CERT_IN_CHAIN"), "DENIED"],
  [coded("ERR_TLS_CERT_ALTNAME_INVALID"), "DENIED"],
  [new Error("Connection is closed."), "UNAVAILABLE"],
  [new Error("Reached the max retries per request limit (which is 0)."), "UNAVAILABLE"],
  [new Error("Socket timeout. Expecting data, but didn't receive any in 5000ms."), "UNAVAILABLE"],
  [new Error("None of startup nodes is available"), "UNAVAILABLE"],
  [new Error("All sentinels are unreachable and retry is disabled."), "UNAVAILABLE"],
  [new Error("Too many Cluster redirections. Last error: x"), "UNAVAILABLE"],
  [new Error("something else"), "INTERNAL"],
  [reply("ERR user_script:3: attempt to index a nil value"), "INTERNAL"],
])("a write that left and met %s may have been applied, one that did not leave was not", (cause, code) => {
  expect(toStoreError(cause, true)).toMatchObject({ code, retryable: false, outcome: "unknown" });
  expect(toStoreError(cause, false)).toMatchObject({ code, outcome: "none" });
});

test("a refusal is no lost connection", () => {
  expect([isConnectionError(reply("LOADING x")), isConnectionError(coded("ECONNRESET"))]).toEqual([false, true]);
  expect([refusalWord(reply("NOSCRIPT x")), refusalWord(new Error("NOSCRIPT x"))]).toEqual(["NOSCRIPT", ""]);
});

test("what is a StoreError already stays as it is", () => {
  const error = new StoreError("FULL", "no room");
  expect(toStoreError(error, true)).toBe(error);
});

test("no argument of a command is told: it may be a password or a value", () => {
  const failed = reply("ERR unknown command `AUTH`, with args beginning with: `hunter2`, ");
  const error = toStoreError(Object.assign(failed, { command: { name: "auth", args: ["hunter2"] } }), true);
  expect(inspect(error, { depth: 9 })).not.toContain("hunter2");
});
