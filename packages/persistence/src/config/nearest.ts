const MAX_LENGTH = 64;
const MAX_LISTED = 12;

/** Says which known name was probably meant; where none is near, which names there are. */
export function suggest(unknown: string, known: readonly string[]): string {
  const near = nearest(unknown, known);
  if (near !== undefined) return `did you mean ${near}?`;
  if (known.length === 0) return "there are none";
  const shown = known.slice(0, MAX_LISTED).join(", ");
  return known.length > MAX_LISTED ? `there are ${shown} and ${known.length - MAX_LISTED} more` : `there are ${shown}`;
}

/** Returns the known name with the fewest edits, if they are few for its length. Case and underscores count nothing. */
function nearest(unknown: string, known: readonly string[]): string | undefined {
  const wanted = plain(unknown);
  let best: string | undefined;
  let fewest = Infinity;
  for (const name of known) {
    const edits = distance(wanted, plain(name));
    if (edits < fewest && edits <= Math.max(2, Math.floor(name.length / 3)) && edits < plain(name).length) {
      best = name;
      fewest = edits;
    }
  }
  return best;
}

function plain(name: string): string {
  return name.slice(0, MAX_LENGTH).toLowerCase().replaceAll(/[_.-]/g, "");
}

/** Counts the edits between two words: insert, delete, replace, or swap two neighbours. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let edits = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) edits = Math.min(edits, (before[j - 2] ?? 0) + 1);
      row.push(edits);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
