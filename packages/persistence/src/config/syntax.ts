/** Text that is no valid document. Its message names the place and never quotes the text, which may hold secrets. */
export class SyntaxFault extends Error {
  override readonly name: string = "SyntaxFault";

  constructor(text: string, position: number, reason: string) {
    const before = text.slice(0, position).split("\n");
    super(`line ${before.length}, column ${(before.at(-1) ?? "").length + 1}: ${reason}`);
  }
}
