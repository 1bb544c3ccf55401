import { CommandFailure } from "./io.ts";

const TIMEOUT_MS = 15_000;

/** Asks a server's admin API. Throws one sentence where that fails. */
export async function askAdmin<Answer>(
  base: string,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): Promise<Answer> {
  const url = URL.parse(path, base);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CommandFailure(`${base} is no address of a server: expected a URL such as http://127.0.0.1:50052`);
  }
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (cause) {
    const reason = cause instanceof Error && cause.name === "TimeoutError" ? "does not answer" : "can't be reached";
    const mend = "start it with 'orbit serve', or name another one with --admin URL";
    throw new CommandFailure(`the server at ${base} ${reason}: ${mend}`, { cause });
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok && answer !== undefined) return answer as Answer;
  const { error } = (answer ?? {}) as { readonly error?: { readonly message?: string } };
  throw new CommandFailure(error?.message ?? `${base} answered ${response.status}: is it the admin address of Orbit?`);
}
