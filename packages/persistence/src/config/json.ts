import { SyntaxFault } from "./syntax.ts";

const MAX_DEPTH = 100;
const TOKEN = /[ \t\r\n]*(?:([{}[\],:])|("(?:[^"\\]|\\[^])*")|(-?\d[\d.eE+-]*|true|false|null)|)/y;

/**
 * Reads JSON more strictly than `JSON.parse`: a key given twice is a fault, and faults name the line and column
 * without quoting the text, which may hold secrets.
 */
export function parseJson(text: string): unknown {
  const reader = new JsonReader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class JsonReader {
  readonly #text: string;
  /** Where the present token starts, and where the next one is looked for. */
  #start = 0;
  #next = 0;
  #mark: string | undefined;
  #word: string | undefined;

  constructor(text: string) {
    this.#text = text;
    this.#advance();
  }

  value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw this.#fault("nested too deep");
    if (this.#mark === "{") return this.#object(depth);
    if (this.#mark === "[") return this.#list(depth);
    return this.#scalar();
  }

  end(): void {
    if (this.#mark !== undefined || this.#word !== undefined || this.#start < this.#text.length) {
      throw this.#fault("expected the end");
    }
  }

  #object(depth: number): unknown {
    const entries = new Map<string, unknown>();
    this.#advance();
    while (this.#mark !== "}") {
      if (entries.size > 0) this.#expect(",");
      if (this.#word?.startsWith('"') !== true) throw this.#fault("expected a key in double quotes");
      const at = this.#start;
      const key = String(this.#scalar());
      if (entries.has(key)) throw new SyntaxFault(this.#text, at, "the same key a second time");
      this.#expect(":");
      entries.set(key, this.value(depth + 1));
    }
    this.#advance();
    return Object.fromEntries(entries);
  }

  #list(depth: number): unknown {
    const items: unknown[] = [];
    this.#advance();
    while (this.#mark !== "]") {
      if (items.length > 0) this.#expect(",");
      items.push(this.value(depth + 1));
    }
    this.#advance();
    return items;
  }

  #scalar(): unknown {
    if (this.#word === undefined) throw this.#fault("expected a value");
    try {
      const value: unknown = JSON.parse(this.#word);
      this.#advance();
      return value;
    } catch {
      // The message of JSON.parse quotes the text.
      throw this.#fault("expected a value");
    }
  }

  #expect(mark: string): void {
    if (this.#mark !== mark) throw this.#fault(`expected ${mark}`);
    this.#advance();
  }

  #advance(): void {
    TOKEN.lastIndex = this.#next;
    const match = TOKEN.exec(this.#text);
    this.#mark = match?.[1];
    this.#word = match?.[2] ?? match?.[3];
    this.#next = TOKEN.lastIndex;
    this.#start = this.#next - (this.#mark ?? this.#word ?? "").length;
  }

  #fault(reason: string): SyntaxFault {
    return new SyntaxFault(this.#text, this.#start, reason);
  }
}
