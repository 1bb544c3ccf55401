import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { Connection, type ConnectionOptions } from "../src/grpc/connection.ts";
import { GrpcCode, RpcError } from "../src/grpc/status.ts";
import { systemRuntime } from "../src/runtime.ts";
import { GrpcServer, type Served } from "./lib/grpc-server.ts";

const OPTIONS: ConnectionOptions = {
  runtime: systemRuntime,
  connectTimeoutMs: 2_000,
  keepaliveMs: 10_000,
  keepaliveTimeoutMs: 3_000,
  maxMessageBytes: 1_000,
};
const PATH = "/test.Service/Method";
const question = new Uint8Array(Buffer.from("question"));

const soon = (ms = 5_000) => ({ deadline: systemRuntime.now() + ms });
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const echo = (call: Served): void => {
  call.onMessage = (message) => {
    call.send(message);
    call.end(GrpcCode.OK);
  };
};

function connectionTo(address: string, options: Partial<ConnectionOptions> = {}): Connection & Disposable {
  const connection = new Connection(address, { ...OPTIONS, ...options });
  return Object.assign(connection, { [Symbol.dispose]: () => connection.close() });
}

async function failure(call: Promise<unknown>): Promise<RpcError> {
  const error: unknown = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(RpcError);
  return error as RpcError;
}

/** Forwards bytes until it is frozen: then it holds them, and the connection stays. */
async function freezable(address: string) {
  const sockets: Socket[] = [];
  const [host, port] = address.split(":");
  const server = createServer((client) => {
    const up = connect(Number(port), host);
    sockets.push(client, up);
    client.pipe(up).pipe(client);
    for (const socket of [client, up]) socket.on("error", () => {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    freeze: () => sockets.forEach((socket) => socket.unpipe()),
    [Symbol.dispose]: () => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}

describe("a call", () => {
  test("is answered", async () => {
    await using server = await GrpcServer.start(echo);
    using connection = connectionTo(server.address);
    expect(text(await connection.unary(PATH, question, soon()))).toBe("question");
  });

  test.each([
    [7, "no%20way%21 100%25", "gRPC status 7: no way! 100%"],
    [14, "%C3%BCber", "UNAVAILABLE: über"],
    [13, "100% wrong", "INTERNAL: 100% wrong"],
  ])("ends with status %i and %s", async (status, message, expected) => {
    await using server = await GrpcServer.start((call) => (call.onMessage = () => call.end(status, message)));
    using connection = connectionTo(server.address);
    const error = await failure(connection.unary(PATH, question, soon()));
    expect([error.code, error.message, error.sent]).toEqual([status, expected, true]);
  });

  test("ends with the status of its trailers, after a message", async () => {
    await using server = await GrpcServer.start((call) => {
      call.onMessage = (message) => {
        call.send(message);
        call.end(GrpcCode.RESOURCE_EXHAUSTED, "full");
      };
    });
    using connection = connectionTo(server.address);
    expect(await failure(connection.unary(PATH, question, soon()))).toMatchObject({
      message: "RESOURCE_EXHAUSTED: full",
    });
  });

  test("fails where the server speaks HTTP but not gRPC, and where it gives no answer", async () => {
    await using server = await GrpcServer.start((call) => {
      call.onMessage = () => {
        if (call.path === "/http") call.stream.respond({ ":status": 404 }, { endStream: true });
        else call.end(GrpcCode.OK);
      };
    });
    using connection = connectionTo(server.address);
    expect((await failure(connection.unary("/http", question, soon()))).message).toContain("HTTP status 404");
    expect((await failure(connection.unary(PATH, question, soon()))).message).toContain("without an answer");
  });

  test("ends at its deadline, and the server learns it", async () => {
    const cancelled = Promise.withResolvers<void>();
    await using server = await GrpcServer.start((call) => call.stream.on("close", () => cancelled.resolve()));
    using connection = connectionTo(server.address);
    const error = await failure(connection.unary(PATH, question, soon(100)));
    expect([error.code, error.sent]).toEqual([GrpcCode.DEADLINE_EXCEEDED, true]);
    await cancelled.promise;
  });

  test("ends with its signal, before it is sent and after", async () => {
    const arrived = Promise.withResolvers<void>();
    await using server = await GrpcServer.start((call) => (call.onMessage = () => arrived.resolve()));
    using connection = connectionTo(server.address);
    const before = await failure(connection.unary(PATH, question, { ...soon(), signal: AbortSignal.abort() }));
    expect([before.code, before.sent]).toEqual([GrpcCode.CANCELLED, false]);
    const controller = new AbortController();
    const call = connection.unary(PATH, question, { ...soon(), signal: controller.signal });
    await arrived.promise;
    controller.abort();
    const after = await failure(call);
    expect([after.code, after.sent]).toEqual([GrpcCode.CANCELLED, true]);
  });

  test("is refused an answer over the limit", async () => {
    await using server = await GrpcServer.start((call) => (call.onMessage = () => call.send(new Uint8Array(1_001))));
    using connection = connectionTo(server.address);
    expect((await failure(connection.unary(PATH, question, soon()))).code).toBe(GrpcCode.RESOURCE_EXHAUSTED);
  });
});

describe("a connection", () => {
  test("is made once for all who need it", async () => {
    await using server = await GrpcServer.start(echo);
    using connection = connectionTo(server.address);
    await Promise.all(Array.from({ length: 50 }, () => connection.unary(PATH, question, soon())));
    expect(server.sessions).toHaveLength(1);
  });

  test("that can't be made fails calls at once until it may be tried again, and then serves", async () => {
    const gone = await GrpcServer.start(echo);
    await gone[Symbol.asyncDispose]();
    let now = 0;
    using connection = connectionTo(gone.address, { runtime: { ...systemRuntime, now: () => now } });
    const bounds = { deadline: 60_000 };
    const first = await failure(connection.unary(PATH, question, bounds));
    expect([first.code, first.sent]).toEqual([GrpcCode.UNAVAILABLE, false]);
    expect(first.message).toContain(`can't connect to ${gone.address}`);
    await using _server = await GrpcServer.start(echo, undefined, Number(gone.address.split(":")[1]));
    expect(await failure(connection.unary(PATH, question, bounds))).toBe(first);
    now = 101;
    expect(text(await connection.unary(PATH, question, bounds))).toBe("question");
  });

  test("that was lost fails what was under way and is made again", async () => {
    const arrived = Promise.withResolvers<void>();
    let calls = 0;
    await using server = await GrpcServer.start((call) => {
      if (calls++ > 0) echo(call);
      else call.onMessage = () => arrived.resolve();
    });
    using connection = connectionTo(server.address);
    const lost = connection.unary(PATH, question, soon());
    await arrived.promise;
    server.sessions[0]!.destroy();
    const error = await failure(lost);
    expect([error.code, error.sent]).toEqual([GrpcCode.UNAVAILABLE, true]);
    expect(text(await connection.unary(PATH, question, soon()))).toBe("question");
    expect(server.sessions).toHaveLength(2);
  });

  test("whose server goes away ends what is under way well, and takes new calls elsewhere", async () => {
    const arrived = Promise.withResolvers<Served>();
    let calls = 0;
    await using server = await GrpcServer.start((call) => {
      if (calls++ > 0) echo(call);
      else call.onMessage = () => arrived.resolve(call);
    });
    using connection = connectionTo(server.address);
    const first = connection.unary(PATH, question, soon());
    const call = await arrived.promise;
    server.sessions[0]!.goaway();
    // Until the client has heard it, calls go to the old connection, whose server refuses them unseen.
    while (server.sessions.length === 1) {
      await connection.unary(PATH, question, soon()).catch((error: RpcError) => expect(error.sent).toBe(false));
    }
    call.send(question);
    call.end(GrpcCode.OK);
    expect(text(await first)).toBe("question");
  });

  test("whose server is frozen is given up", async () => {
    await using server = await GrpcServer.start((call) => (call.onMessage = () => frozen.freeze()));
    using frozen = await freezable(server.address);
    using connection = connectionTo(frozen.address, { keepaliveMs: 50, keepaliveTimeoutMs: 50 });
    const error = await failure(connection.unary(PATH, question, soon()));
    expect([error.code, error.sent]).toEqual([GrpcCode.UNAVAILABLE, true]);
    expect(error.message).toContain("gave no sign of life within 50 ms");
  });

  test("to a server that never answers is given up in time", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    using connection = connectionTo(address, { connectTimeoutMs: 100 });
    expect((await failure(connection.unary(PATH, question, soon()))).message).toContain("no answer within 100 ms");
    using patient = connectionTo(address);
    const error = await failure(patient.unary(PATH, question, soon(100)));
    expect([error.code, error.sent]).toEqual([GrpcCode.DEADLINE_EXCEEDED, false]);
    silent.close();
  });

  test("is closed with what is under way, and makes no other", async () => {
    const arrived = Promise.withResolvers<void>();
    await using server = await GrpcServer.start((call) => (call.onMessage = () => arrived.resolve()));
    const connection = connectionTo(server.address);
    const call = connection.unary(PATH, question, soon());
    await arrived.promise;
    connection.close();
    expect((await failure(call)).code).toBe(GrpcCode.UNAVAILABLE);
    expect((await failure(connection.unary(PATH, question, soon()))).message).toContain("the client is closed");
  });
});

describe("TLS", () => {
  // Of an authority made for tests; see regenerate.sh beside them.
  const certs = join(import.meta.dirname, "../../server/test/certs");
  const pem = (name: string): string => readFileSync(join(certs, name), "utf8");
  const own = { cert: pem("server.pem"), key: pem("server.key") };
  const ca = pem("ca.pem");

  test("is spoken to a server whose authority is trusted, and to no other", async () => {
    await using server = await GrpcServer.start(echo, own);
    using trusting = connectionTo(server.address, { tls: { ca } });
    expect(text(await trusting.unary(PATH, question, soon()))).toBe("question");
    using strange = connectionTo(server.address, { tls: { ca: pem("stranger.pem") } });
    expect((await failure(strange.unary(PATH, question, soon()))).message).toMatch(/certificate/);
    using misnamed = connectionTo(server.address, { tls: { ca, serverName: "elsewhere" } });
    expect((await failure(misnamed.unary(PATH, question, soon()))).message).toMatch(/elsewhere/);
  });

  test("shows a certificate where one is asked for", async () => {
    await using server = await GrpcServer.start(echo, { ...own, ca, requestCert: true, rejectUnauthorized: true });
    using known = connectionTo(server.address, { tls: { ca, cert: pem("client.pem"), key: pem("client.key") } });
    expect(text(await known.unary(PATH, question, soon()))).toBe("question");
    using unknown = connectionTo(server.address, { tls: { ca } });
    expect((await failure(unknown.unary(PATH, question, soon()))).code).toBe(GrpcCode.UNAVAILABLE);
    const stranger = { ca, cert: pem("stranger.pem"), key: pem("stranger.key") };
    using strange = connectionTo(server.address, { tls: stranger });
    expect((await failure(strange.unary(PATH, question, soon()))).code).toBe(GrpcCode.UNAVAILABLE);
  });

  test("where one side speaks plain text, the error asks for it", async () => {
    await using secure = await GrpcServer.start(echo, own);
    using plain = connectionTo(secure.address);
    const toSecure = await failure(plain.unary(PATH, question, soon()));
    expect([toSecure.sent, toSecure.message]).toEqual([false, expect.stringContaining("does it speak TLS?")]);
    await using open = await GrpcServer.start(echo);
    using encrypted = connectionTo(open.address, { tls: { ca } });
    const toPlain = await failure(encrypted.unary(PATH, question, soon()));
    expect([toPlain.sent, toPlain.message]).toEqual([false, expect.stringContaining("does it speak plain text?")]);
  });
});
