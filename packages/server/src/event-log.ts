import { subscribe, unsubscribe } from "node:diagnostics_channel";

import { formatReference, type LeaseEvent, type MembershipEvent, type StallEvent } from "@orbit/persistence";
import type { Logger } from "pino";

/** Logs what happens to leases and nodes in this process. Returns how to stop. */
export function logEvents(log: Logger): () => void {
  const stops = [
    listen<LeaseEvent>("orbit.lease", ({ type, namespace, reference, node, fence }) => {
      const level = type === "takeover" || type === "lost" ? "info" : "trace";
      const fields = { namespace, reference: formatReference(reference), node: node.key, fence: String(fence) };
      log[level](fields, `lease: ${type}`);
    }),
    listen<MembershipEvent>("orbit.membership", ({ type, node }) => {
      log[type === "renewed" ? "trace" : "info"]({ namespace: node.namespace, node: node.key }, `node: ${type}`);
    }),
    listen<StallEvent>("orbit.stall", ({ node, lateMs, ttlMs }) => {
      log.warn(
        { node: node.key, lateMs: Math.round(lateMs), ttlMs },
        "a heartbeat came late: this process did not run",
      );
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function listen<Message>(channel: string, listener: (message: Message) => void): () => void {
  // A channel carries one type of message: the one that its publisher exports.
  const onMessage = (message: unknown): void => listener(message as Message);
  subscribe(channel, onMessage);
  return () => void unsubscribe(channel, onMessage);
}
