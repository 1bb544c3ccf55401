import {
  type AddressableDirectory,
  type ClusterMembership,
  directory,
  membership,
  type Store,
  StoreError,
} from "@orbit/persistence";

/** Where the servers themselves join and contend. Clients may read it. */
const MANAGEMENT = "management";

export interface Namespace {
  readonly name: string;
  readonly membership: ClusterMembership;
  readonly directory: AddressableDirectory;
}

export interface NamespacesInit {
  readonly directoryStore: Store;
  readonly membershipStore: Store;
  readonly allowWeak: boolean;
  /** The namespace of requests that name none. */
  readonly fallback: string;
}

/** What an observer has seen is forgotten with its namespace, so that expiry is noticed later, never earlier. */
const MAX_NAMESPACES = 1_000;

/** Many namespaces over two stores, each made when first asked for; the least recently used give way. */
export class Namespaces {
  readonly #init: NamespacesInit;
  readonly #open = new Map<string, Namespace>();
  readonly #management: Namespace;

  /** Throws `UNSUPPORTED` for stores that are too weak. */
  constructor(init: NamespacesInit) {
    this.#init = init;
    this.#management = this.#make(MANAGEMENT);
  }

  get management(): Namespace {
    return this.#management;
  }

  /** For reading; the empty name means the server's own default. */
  reader(name: string): Namespace {
    const wanted = name === "" ? this.#init.fallback : name;
    if (wanted === MANAGEMENT) return this.#management;
    const found = this.#open.get(wanted) ?? this.#make(wanted);
    this.#open.delete(wanted);
    this.#open.set(wanted, found);
    if (this.#open.size > MAX_NAMESPACES) {
      const [oldest] = this.#open.keys();
      if (oldest !== undefined) this.#open.delete(oldest);
    }
    return found;
  }

  /** For clients that write. */
  writer(name: string): Namespace {
    const found = this.reader(name);
    if (found !== this.#management) return found;
    throw new StoreError("INVALID_ARGUMENT", `namespace: ${MANAGEMENT} is for servers alone; choose another one`);
  }

  /** The namespaces in use here. */
  get size(): number {
    return this.#open.size;
  }

  opened(): readonly Namespace[] {
    return [this.#management, ...this.#open.values()];
  }

  #make(name: string): Namespace {
    const { membershipStore, directoryStore, allowWeak } = this.#init;
    const members = membership(membershipStore, { namespace: name, allowWeak });
    return { name, membership: members, directory: directory(directoryStore, { membership: members, allowWeak }) };
  }
}
