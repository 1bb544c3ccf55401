import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** Stands between a client and a server, counts what passes, and can break it. */
export interface Proxy extends AsyncDisposable {
  readonly url: string;
  /** Bytes to the server and back, since the last `reset`. */
  readonly sent: number;
  readonly received: number;
  reset(): void;
  /** Requests still pass; at the first answer the connection is cut instead. */
  dropAnswers(): void;
  /** Cuts every connection and takes no more. */
  refuse(): void;
  /** Nothing passes any more, either way. */
  hang(): void;
  /** Every answer comes so many milliseconds later. */
  delay(ms: number): void;
  heal(): void;
}

type Mode = "pass" | "drop" | "refuse" | "hang";

export async function startProxy(port: number): Promise<Proxy> {
  let mode: Mode = "pass";
  let [sent, received, delayMs] = [0, 0, 0];
  const sockets = new Set<Socket>();
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((client) => {
    if (mode === "refuse") {
      client.destroy();
      return;
    }
    const backend = connect(port, "127.0.0.1");
    for (const [socket, other] of [
      [client, backend],
      [backend, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (bytes) => {
      if (mode === "hang") return;
      sent += bytes.length;
      backend.write(bytes);
    });
    backend.on("data", (bytes) => {
      if (mode === "hang") return;
      if (mode === "drop") {
        cut();
        return;
      }
      received += bytes.length;
      if (delayMs === 0) client.write(bytes);
      else setTimeout(() => client.write(bytes), delayMs);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    url: `redis://127.0.0.1:${address.port}`,
    get sent() {
      return sent;
    },
    get received() {
      return received;
    },
    reset: () => void ([sent, received] = [0, 0]),
    dropAnswers: () => void (mode = "drop"),
    refuse() {
      mode = "refuse";
      cut();
    },
    hang: () => void (mode = "hang"),
    delay: (ms) => void (delayMs = ms),
    heal() {
      if (mode === "hang") cut();
      mode = "pass";
      delayMs = 0;
    },
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
