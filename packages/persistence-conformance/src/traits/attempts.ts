import { LawBroken } from "../assert.ts";

/** Fails with `law` after so many tries: a loop over a broken driver must end, also where it never waits. */
export function attempts(most: number, law: string): () => void {
  let made = 0;
  return () => {
    made += 1;
    if (made > most) throw new LawBroken(law, `success within ${most} tries`, "none yet");
  };
}
