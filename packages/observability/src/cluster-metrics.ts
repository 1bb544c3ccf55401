import type { HealthMessage, HealthStatus, LeaseEvent, MembershipEvent, StallEvent } from "@orbit/persistence";
import { Counter, Gauge, type Registry } from "prom-client";

import { listen } from "./channels.ts";
import { BoundedLabel, MAX_PROVIDERS } from "./labels.ts";

const STATUSES: readonly HealthStatus[] = ["healthy", "degraded", "unhealthy"];

const LEASE_HELP: Readonly<Record<LeaseEvent["type"], string>> = {
  acquired: "Leases granted of addressables that were free",
  takeover: "Leases granted of addressables whose earlier holder was dead or superseded",
  renewed: "Leases confirmed",
  released: "Leases given back",
  lost: "Leases that ended against their holder's will",
  conflict: "Leases refused because somebody else held them",
};

const NODE_HELP: Readonly<Record<MembershipEvent["type"], string>> = {
  joined: "Nodes that joined",
  renewed: "Renewals of nodes",
  left: "Nodes that left",
  lost: "Nodes of this process that lost their place",
  expired: "Nodes that were ended because their time had passed",
};

/** Counts what happens to leases, nodes, health and stalls in this process. Returns how to stop. */
export function observeCluster(registry: Registry): () => void {
  const registers = [registry];
  const providers = new BoundedLabel(MAX_PROVIDERS);
  const counters = <Type extends string>(prefix: string, help: Readonly<Record<Type, string>>) =>
    Object.fromEntries(
      Object.entries<string>(help).map(([type, text]) => [
        type,
        new Counter({ name: `${prefix}_${type}_total`, help: text, labelNames: ["provider"], registers }),
      ]),
    );
  const leases = counters("orbit_lease", LEASE_HELP);
  const nodes = counters("orbit_node", NODE_HELP);
  const health = new Gauge({
    name: "orbit_health_status",
    help: "1 for the state that the last health check of a store found, 0 for the others",
    labelNames: ["provider", "status"],
    registers,
  });
  const stalls = new Counter({
    name: "orbit_stalls_total",
    help: "Heartbeats that came late because the process did not run",
    registers,
  });
  const stalled = new Counter({
    name: "orbit_stall_seconds_total",
    help: "How late those heartbeats came, together",
    registers,
  });
  const stops = [
    listen<LeaseEvent>("orbit.lease", ({ type, provider }) => {
      leases[type]?.inc({ provider: providers.value(provider) });
    }),
    listen<MembershipEvent>("orbit.membership", ({ type, provider }) => {
      nodes[type]?.inc({ provider: providers.value(provider) });
    }),
    listen<HealthMessage>("orbit.health", ({ provider, health: { status } }) => {
      for (const each of STATUSES) {
        health.set({ provider: providers.value(provider), status: each }, each === status ? 1 : 0);
      }
    }),
    listen<StallEvent>("orbit.stall", ({ lateMs }) => {
      stalls.inc();
      stalled.inc(lateMs / 1000);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
