// Loaded once for each contestant, under an address of its own: so each has its own copy, and what the engine learned
// while one ran does not slow down or speed up the next.

/** One operation; numbers rise and are never given twice to the same contestant. */
export type Operation = (index: number) => Promise<unknown>;

/** Whether an answer is the one that the work asks for. */
export type Accept = (answer: unknown) => boolean;

export interface Loops {
  /** Awaits one operation after the other. */
  awaited(operation: Operation, accept: Accept, from: number, count: number): Promise<void>;
  /** Keeps `width` operations in flight. */
  inFlight(operation: Operation, accept: Accept, from: number, count: number, width: number): Promise<void>;
}

export const loops: Loops = {
  async awaited(operation, accept, from, count) {
    for (let index = from; index < from + count; index += 1) {
      if (!accept(await operation(index))) throw new Error(`operation ${index} gave a wrong answer`);
    }
  },
  async inFlight(operation, accept, from, count, width) {
    let next = from;
    const worker = async (): Promise<void> => {
      while (next < from + count) {
        const index = next++;
        if (!accept(await operation(index))) throw new Error(`operation ${index} gave a wrong answer`);
      }
    };
    await Promise.all(Array.from({ length: width }, worker));
  },
};
