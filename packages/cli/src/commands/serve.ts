import { OrbitServer } from "@orbit/server";

import { type Io, painter } from "../io.ts";
import { createLog } from "../log.ts";
import { type Flags, loadSettings, type Settings } from "../settings.ts";

/** Serves until it is asked to end. */
export async function serve(flags: Flags, config: string | undefined, json: boolean, io: Io): Promise<number> {
  const settings = await loadSettings(config, flags, io);
  const log = createLog(settings.server.logLevel, io, json);
  await using server = await OrbitServer.builder()
    .withOptions(settings.server)
    .withPersistence(settings.persistence)
    .withLogger(log)
    .withProcessMetrics()
    .build();
  const asked = new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    else io.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([server.start(), asked]);
  if (!io.signal.aborted && io.isTerminal && !json) io.out(banner(server, settings, io));
  await asked;
  await server.stop();
  return 0;
}

function banner({ address: { grpc, admin } }: OrbitServer, { persistence }: Settings, io: Io): string {
  const paint = painter(io);
  const { addressable, cluster } = persistence.defaults;
  const stores = persistence.providers.map(({ name, provider, options }) => {
    const roles = [...(name === addressable ? ["directory"] : []), ...(name === cluster ? ["membership"] : [])];
    const path = "path" in options ? ` at ${String(options.path)}` : "";
    return `${provider.name}${path}${roles.length === 0 ? "" : ` (${roles.join(", ")})`}`;
  });
  return [
    "",
    `  ${paint("bold", "Orbit is serving")}`,
    "",
    `  gRPC   ${paint("cyan", grpc)}`,
    `  Admin  ${paint("cyan", admin)}  /readyz  /metrics  /api/v1/nodes`,
    `  Store  ${stores.join(", ")}`,
    "",
    `  ${paint("dim", "Ctrl-C stops it; what is under way finishes first.")}`,
    "",
    "",
  ].join("\n");
}
