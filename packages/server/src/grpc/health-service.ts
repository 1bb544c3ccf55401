import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  AddressableManagementService,
  DirectoryService,
  HealthCheckResponse_ServingStatus as Serving,
  type HealthService,
  MembershipService,
  NodeManagementService,
} from "@orbit/proto";

import type { ReadinessMonitor } from "../readiness.ts";

const KNOWN: ReadonlySet<string> = new Set([
  "",
  DirectoryService.typeName,
  MembershipService.typeName,
  NodeManagementService.typeName,
  AddressableManagementService.typeName,
]);

/** Answers `grpc.health.v1.Health`: every service here serves when the stores answer and no stop was asked for. */
export function healthService(readiness: ReadinessMonitor): ServiceImpl<typeof HealthService> {
  return {
    async check({ service }) {
      if (!KNOWN.has(service)) throw new ConnectError(`there is no service ${service} here`, Code.NotFound);
      return { status: statusOf((await readiness.check()).ready) };
    },
    async *watch({ service }, { signal }) {
      // The protocol keeps the stream of an unknown service open, since one may appear; none does here.
      const status = (ready: boolean): Serving => (KNOWN.has(service) ? statusOf(ready) : Serving.SERVICE_UNKNOWN);
      let wake = (): void => undefined;
      const stop = readiness.onChange(() => wake());
      signal.addEventListener("abort", () => wake(), { once: true });
      try {
        let last = status((await readiness.check()).ready);
        yield { status: last };
        while (!signal.aborted) {
          const { ready, draining } = readiness.current;
          const now = status(ready);
          if (now !== last) {
            last = now;
            yield { status: now };
          } else if (draining) {
            // The stream must end with the server, or the server would wait for it.
            throw new ConnectError("this server is stopping", Code.Unavailable);
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        stop();
      }
    },
  };
}

function statusOf(ready: boolean): Serving {
  return ready ? Serving.SERVING : Serving.NOT_SERVING;
}
