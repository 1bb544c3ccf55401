import { readSync } from "node:fs";

/*
 * The pages of an LMDB tree, as far as a reader of them must be able to trust them: struct MDB_page_header, MDB_node,
 * MDB_ovpage and MDB_db of mdb.c in format 2, on 64-bit little-endian systems.
 */
const PAGE_HEADER = 24;
const FLAGS_AT = 18;
const LOWER_AT = 20;
const UPPER_AT = 22;
const BRANCH = 1;
const LEAF = 2;
const OVERFLOW = 4;
const KIND_MASK = 0xf;
/** A leaf of fixed-size keys, which has no nodes. Orbit's tables have none. */
const LEAF2 = 0x20;

const NODE_HEADER = 8;
const BIG_DATA = 1;
const SUB_TREE = 2;

/** One tree: its description in a meta page, or as the data of a node. */
const TREE_BYTES = 48;
const DEPTH_AT = 6;
const ROOT_AT = 40;
const EMPTY_ROOT = 2n ** 64n - 1n;

export interface TreeFile {
  readonly fd: number;
  readonly size: number;
  readonly pageSize: number;
  readonly lastPage: number;
}

interface Step {
  readonly page: number;
  /** Levels down to the leaves: 1 is a leaf. */
  readonly depth: number;
}

/** Walks the trees of a data file. Returns what is wrong with the first page that can't be trusted. */
export class TreeWalk {
  readonly #file: TreeFile;
  readonly #todo: Step[] = [];
  #visited = 0;

  constructor(file: TreeFile) {
    this.#file = file;
  }

  /** Adds the tree that is described at `at`. */
  add(view: DataView, at: number): void {
    const root = view.getBigUint64(at + ROOT_AT, true);
    if (root !== EMPTY_ROOT) this.#todo.push({ page: Number(root), depth: view.getUint16(at + DEPTH_AT, true) });
  }

  run(): string | undefined {
    for (let step = this.#todo.pop(); step !== undefined; step = this.#todo.pop()) {
      this.#visited += 1;
      if (this.#visited > this.#file.lastPage) return "its pages form a loop";
      const fault = this.#visit(step);
      if (fault !== undefined) return `page ${step.page} ${fault}`;
    }
    return undefined;
  }

  #visit({ page, depth }: Step): string | undefined {
    const { pageSize } = this.#file;
    const view = this.#read(page, 1, pageSize);
    if (view === undefined) return "is missing";
    const flags = view.getUint16(FLAGS_AT, true);
    const isLeaf = depth === 1;
    if (!isPage(view, page, isLeaf ? LEAF : BRANCH)) return "is not the page that belongs there";
    if (isLeaf && (flags & LEAF2) !== 0) return undefined;
    const lower = view.getUint16(LOWER_AT, true);
    const upper = view.getUint16(UPPER_AT, true);
    const count = lower >> 1;
    if (lower > upper || upper > pageSize - PAGE_HEADER || count === 0) return "has a damaged header";
    for (let index = 0; index < count; index += 1) {
      const at = PAGE_HEADER + view.getUint16(PAGE_HEADER + 2 * index, true);
      if (at < PAGE_HEADER + upper || at + NODE_HEADER > pageSize) return "has a damaged list of nodes";
      const sound = isLeaf ? this.#leafNode(view, at) : this.#branchNode(view, at, depth);
      if (!sound) return `has a damaged node ${index}`;
    }
    return undefined;
  }

  #branchNode(view: DataView, at: number, depth: number): boolean {
    const keyBytes = view.getUint16(at + 6, true);
    const page = view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32;
    this.#todo.push({ page, depth: depth - 1 });
    return at + NODE_HEADER + keyBytes <= this.#file.pageSize;
  }

  #leafNode(view: DataView, at: number): boolean {
    const dataBytes = view.getUint32(at, true);
    const flags = view.getUint16(at + 4, true);
    const dataAt = at + NODE_HEADER + view.getUint16(at + 6, true);
    const room = this.#file.pageSize - dataAt;
    if ((flags & BIG_DATA) !== 0) {
      if (room < 24) return false;
      const page = Number(view.getBigUint64(dataAt, true));
      const pages = Number(view.getBigUint64(dataAt + 16, true));
      const overflow = this.#read(page, pages, PAGE_HEADER);
      if (overflow === undefined || !isPage(overflow, page, OVERFLOW)) return false;
      return dataBytes + PAGE_HEADER <= pages * this.#file.pageSize;
    }
    if (dataBytes > room) return false;
    if ((flags & SUB_TREE) !== 0) {
      if (dataBytes < TREE_BYTES) return false;
      this.add(view, dataAt);
    }
    return true;
  }

  /** Reads the start of `pages` pages; `undefined` where they are not all in the file. */
  #read(page: number, pages: number, bytes: number): DataView | undefined {
    const { fd, size, pageSize, lastPage } = this.#file;
    const end = page + pages;
    if (!(page > 1 && pages > 0 && end - 1 <= lastPage && end * pageSize <= size)) return undefined;
    const buffer = new Uint8Array(bytes);
    return readSync(fd, buffer, 0, bytes, page * pageSize) === bytes ? new DataView(buffer.buffer) : undefined;
  }
}

function isPage(view: DataView, page: number, kind: number): boolean {
  return view.getBigUint64(0, true) === BigInt(page) && (view.getUint16(FLAGS_AT, true) & KIND_MASK) === kind;
}
