import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { TikvControl } from "./control.ts";
import { buildPd, buildStore } from "./programs.ts";

export interface TikvOptions {
  /** Stores of the cluster; every region has a peer at each. Default: 3. */
  readonly stores?: number;
  /** Members of PD. Default: 1. */
  readonly pds?: number;
}

/** A running cluster, reached at 127.0.0.1 only; disposing it stops it and deletes its data. */
export interface TikvCluster extends AsyncDisposable {
  /** The endpoints of PD, such as `127.0.0.1:2379`. */
  readonly pd: readonly string[];
  readonly control: TikvControl;
  /** Stops all stores in good order and starts them on the same data. Faults are gone then. */
  restartStores(): Promise<void>;
}

const READY_MS = 30_000;

/** Starts PD and the stores, and builds them where they are not built. */
export async function startTikv({ stores = 3, pds = 1 }: TikvOptions = {}): Promise<TikvCluster> {
  const [pdServer, storeServer] = [await buildPd(), await buildStore()];
  const folder = await mkdtemp(join(tmpdir(), "orbit-tikv-"));
  const members: Program[] = [];
  let store: Program | undefined;
  const dispose = async (): Promise<void> => {
    await store?.stop();
    // A member of three takes ten seconds to leave in good order, for data that is deleted here.
    await Promise.all(members.map((member) => member.stop("SIGKILL")));
    await rm(folder, { recursive: true });
  };
  try {
    const ports = await freePorts(2 * pds + stores + 1);
    const address = (port: number | undefined): string => `127.0.0.1:${port}`;
    const clients = ports.slice(0, pds).map(address);
    const peers = ports.slice(pds, 2 * pds).map(address);
    const listen = ports.slice(2 * pds, 2 * pds + stores).map(address);
    const controlAt = address(ports.at(-1));
    const initial = peers.map((peer, at) => `pd${at}=http://${peer}`).join(",");
    for (const [at, client] of clients.entries()) {
      const name = ["--name", `pd${at}`, "--data-dir", join(folder, `pd${at}`), "--initial-cluster", initial];
      const urls = ["--client-urls", `http://${client}`, "--peer-urls", `http://${peers[at]}`];
      members.push(new Program(pdServer, [...name, ...urls, "--log-file", join(folder, `pd${at}.log`)]));
    }
    const startStores = async (): Promise<void> => {
      const where = ["-pd", clients.join(","), "-data", join(folder, "store")];
      store = new Program(storeServer, [...where, "-listen", listen.join(","), "-control", controlAt]);
      await store.said("ready:");
    };
    await startStores();
    return {
      pd: clients,
      control: new TikvControl(`http://${controlAt}`),
      async restartStores() {
        await store?.stop();
        await startStores();
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (cause) {
    await dispose();
    throw cause;
  }
}

/** A server as a child process. */
class Program {
  readonly #path: string;
  readonly #child: ChildProcess;
  #output = "";

  constructor(path: string, args: readonly string[]) {
    this.#path = path;
    this.#child = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (piece: Buffer) => (this.#output += piece.toString()));
    }
    this.#child.on("error", (cause) => (this.#output += cause.message));
  }

  /** Waits until it has printed a text. */
  async said(text: string): Promise<void> {
    const late = AbortSignal.timeout(READY_MS);
    while (!this.#output.includes(text)) {
      if (late.aborted || this.#ended) throw new Error(`${this.#path} did not start:\n${this.#output}`);
      await Promise.race([once(this.#child.stdout!, "data", { signal: late }), once(this.#child, "close")]).catch(
        (cause: unknown) => {
          if (!late.aborted) throw cause;
        },
      );
    }
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Sends it a signal and waits for its end; kills what has not stopped in time. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.#ended || this.#child.pid === undefined) return;
    const closed = once(this.#child, "close");
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), READY_MS);
    await closed;
    clearTimeout(timer);
  }
}

/** Finds ports that nobody listens on; they are all held until all are found, so no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { readonly port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
