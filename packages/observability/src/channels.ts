import { subscribe, unsubscribe } from "node:diagnostics_channel";

/** Calls `listener` with each message of a diagnostics channel until the returned function is called. */
export function listen<Message>(channel: string, listener: (message: Message) => void): () => void {
  // A channel carries one type of message: the one that its publisher exports.
  const onMessage = (message: unknown): void => listener(message as Message);
  subscribe(channel, onMessage);
  return () => void unsubscribe(channel, onMessage);
}
