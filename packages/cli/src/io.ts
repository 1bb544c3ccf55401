import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** What a command touches of the process. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes to standard output. */
  readonly out: (text: string) => void;
  /** Writes to standard error. */
  readonly err: (text: string) => void;
  readonly isTerminal: boolean;
  /** Fires when the person or the system asks to end. */
  readonly signal: AbortSignal;
}

/** Colours text, on terminals whose owner did not ask for none. */
export function painter({ isTerminal, env }: Io): (style: Style, text: string) => string {
  const colours = isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  return (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text);
}

/** A command that can't go on, with the sentence for whoever called it. */
export class CommandFailure extends Error {
  override readonly name: string = "CommandFailure";
}
