// Writes what the compiler must know about the packages: the root's list of them, and in each the packages it depends on.
// Run it after adding a package or a dependency between two; a test fails where it was forgotten.
import { writeReferences } from "./lib/references.ts";
import { root } from "./lib/workspace.ts";

writeReferences(root);
