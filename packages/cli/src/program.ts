import { readFileSync } from "node:fs";

import { Command, type CommanderError, InvalidArgumentError, Option } from "commander";

import { conformance, type ConformanceFlags } from "./commands/conformance.ts";
import { doctor, type DoctorFlags } from "./commands/doctor.ts";
import { leases, type LeasesFlags } from "./commands/leases.ts";
import { nodes, type NodesFlags } from "./commands/nodes.ts";
import { serve } from "./commands/serve.ts";
import type { Io } from "./io.ts";

/** Takes the exit code of the command that ran. */
type Done = (code: number) => void;

interface ServeFlags {
  readonly config?: string;
  readonly namespace?: string;
  readonly host?: string;
  readonly port?: string;
  readonly adminPort?: string;
  readonly logLevel?: string;
  readonly json?: boolean;
}

const DEFAULT_ADMIN = "http://127.0.0.1:50052";

/** Makes the command line of `orbit`. */
export function createProgram(io: Io, done: Done): Command {
  const program = new Command("orbit")
    .description("Leases and membership for virtual actors")
    .version(version(), "-V, --version", "print the version")
    .helpCommand("help [command]", "explain a command")
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .addHelpText("after", examples("orbit serve", "orbit nodes", "orbit leases --node n1", "orbit doctor"));
  addServe(program, io, done);
  addNodes(program, io, done);
  addLeases(program, io, done);
  addDoctor(program, io, done);
  addConformance(program, io, done);
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .helpOption("-h, --help", command === program ? "explain a command" : "explain this command")
      .showHelpAfterError(`Run '${nameOf(command)} --help' to see what there is.`);
  }
  return program;
}

function addServe(program: Command, io: Io, done: Done): void {
  program
    .command("serve")
    .summary("run the server")
    .description("Run the server: gRPC for nodes, and health, metrics and a JSON API on an admin address.")
    .addOption(configOption())
    .option("--namespace <name>", "namespace of requests that name none (ORBIT_NAMESPACE)")
    .option("--host <address>", "address of gRPC (ORBIT_HOST, 127.0.0.1)")
    .option("--port <number>", "port of gRPC (ORBIT_PORT, 50051)")
    .option("--admin-port <number>", "port of the admin address (ORBIT_ADMIN_PORT, 50052)")
    .option("--log-level <level>", "trace, debug, info, warn, error or silent (ORBIT_LOG_LEVEL, info)")
    .option("--json", "log in JSON, also on a terminal")
    .addHelpText(
      "after",
      "\nWithout configuration, data is kept under .orbit/data (ORBIT_DATA_DIR) in the working directory." +
        examples("orbit serve", "orbit serve --config orbit.toml --log-level debug", "ORBIT_PORT=6000 orbit serve"),
    )
    .action(async ({ config, json, adminPort, logLevel, ...rest }: ServeFlags) => {
      const flags = { ...rest, admin_port: adminPort, log_level: logLevel };
      done(await serve(flags, config, json === true, io));
    });
}

function addNodes(program: Command, io: Io, done: Done): void {
  program
    .command("nodes")
    .summary("show the nodes of a cluster")
    .description("Show the nodes of a cluster, as a running server sees them.")
    .addOption(adminOption(io))
    .option("--namespace <name>", "namespace to look into; the server's own by default")
    .option("--active", "leave out nodes that are stopped, expired or draining")
    .option("--watch", "show them again whenever they change")
    .option("--json", "print JSON")
    .addHelpText("after", examples("orbit nodes --active", "orbit nodes --namespace management --json"))
    .action(async (flags: NodesFlags) => done(await nodes(flags, io)));
}

function addLeases(program: Command, io: Io, done: Done): void {
  program
    .command("leases")
    .summary("show which node hosts what")
    .description("Show which node hosts which addressable, as a running server sees it.")
    .addOption(adminOption(io))
    .option("--namespace <name>", "namespace to look into; the server's own by default")
    .option("--node <id>", "only the leases of this node")
    .addOption(new Option("--limit <number>", "at most so many").argParser(count).default(100))
    .option("--after <cursor>", "go on where an earlier answer ended")
    .option("--watch", "show them again whenever they change")
    .option("--json", "print JSON")
    .addHelpText("after", examples("orbit leases", "orbit leases --node n1 --limit 1000 --json"))
    .action(async (flags: LeasesFlags) => done(await leases(flags, io)));
}

function addDoctor(program: Command, io: Io, done: Done): void {
  program
    .command("doctor")
    .summary("look for what is wrong, and how to mend it")
    .description(
      "Look over the configuration and open each store: what it promises, how it is, how long a takeover takes. " +
        "Opening proves a store with a few writes to a key of its own.",
    )
    .addOption(configOption())
    .option("--json", "print JSON")
    .addHelpText("after", examples("orbit doctor", "orbit doctor --config orbit.toml --json"))
    .action(async (flags: DoctorFlags) => done(await doctor(flags, io)));
}

function addConformance(program: Command, io: Io, done: Done): void {
  program
    .command("conformance")
    .summary("prove that a store keeps the contract")
    .description("Run the conformance kit on a store. It writes many keys: give a store that holds nothing else.")
    .argument("<url>", "the store, such as btree:///tmp/orbit-proof")
    .option("--filter <text>", "only laws whose name or group holds this text")
    .option("--layers", "prove it again through each layer")
    .option("--output <file>", "write the report to a file, as for a badge")
    .option("--json", "print the report as JSON")
    .addHelpText("after", examples("orbit conformance memory:", "orbit conformance btree:///tmp/orbit-proof --json"))
    .action(async (url: string, flags: ConformanceFlags) => done(await conformance(url, flags, io)));
}

function configOption(): Option {
  return new Option("-c, --config <file>", "configuration in TOML or JSON");
}

function adminOption({ env }: Io): Option {
  const fallback = env["ORBIT_ADMIN"] || DEFAULT_ADMIN;
  return new Option("--admin <url>", "admin address of the server (ORBIT_ADMIN)").default(fallback);
}

function count(text: string): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number < 1) throw new InvalidArgumentError("Expected a whole number of at least 1.");
  return number;
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

/** Tells a wrong call from help that was asked for. */
export function usageCode(error: CommanderError): number {
  return error.exitCode === 0 ? 0 : 2;
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "?";
}
