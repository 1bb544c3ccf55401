/**
 * Reads a stream step by step through `step`, which may give a step up. The stream is opened inside the first step. It
 * is ended when the reader stops; a stream whose step was given up is told to end but not waited for.
 */
export async function* stepwise<T>(
  open: () => AsyncIterable<T>,
  step: (next: () => Promise<IteratorResult<T, unknown>>) => Promise<IteratorResult<T, unknown>>,
): AsyncGenerator<T, void, undefined> {
  let stream: AsyncIterator<T, unknown> | undefined;
  let waiting = false;
  const next = (): Promise<IteratorResult<T, unknown>> => {
    stream ??= open()[Symbol.asyncIterator]();
    return stream.next();
  };
  try {
    for (;;) {
      waiting = true;
      const result = await step(next);
      waiting = false;
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    const ended = stream?.return?.();
    // It can't end before its step does, which may be never; the reader already has the error of the step.
    if (waiting) ended?.catch(() => undefined);
    else await ended;
  }
}
