import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { TikvControl } from "./control.ts";
import { buildPd, buildStore } from "./programs.ts";
import { Server } from "./server.ts";

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
  /** The members of PD, in the order of their endpoints. */
  readonly members: readonly Server[];
  /** The one process of all stores. Its restart forgets faults, and lets stores that were down be reached. */
  readonly stores: Server;
  readonly control: TikvControl;
}

/** Starts PD and the stores, and builds them where they are not built. */
export async function startTikv({ stores = 3, pds = 1 }: TikvOptions = {}): Promise<TikvCluster> {
  const [pdServer, storeServer] = [await buildPd(), await buildStore()];
  const folder = await mkdtemp(join(tmpdir(), "orbit-tikv-"));
  const members: Server[] = [];
  let store: Server | undefined;
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
      members.push(new Server(pdServer, [...name, ...urls, "--log-file", join(folder, `pd${at}.log`)]));
    }
    const where = ["-pd", clients.join(","), "-data", join(folder, "store")];
    store = new Server(storeServer, [...where, "-listen", listen.join(","), "-control", controlAt], "ready:");
    // The store waits for PD.
    await Promise.all([...members, store].map((server) => server.start()));
    const control = new TikvControl(`http://${controlAt}`);
    return { pd: clients, members, stores: store, control, [Symbol.asyncDispose]: dispose };
  } catch (cause) {
    await dispose();
    throw cause;
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
