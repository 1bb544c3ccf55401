/** The npm scope of the project's own packages. */
export const SCOPE = "@orbit";

interface KnownType {
  readonly package: string;
  readonly schemes: readonly string[];
}

/** The provider types of this project, as written in configuration files. */
export type KnownTypeName =
  | "Memory"
  | "BTree"
  | "LSM"
  | "RocksDB"
  | "Flash"
  | "Redis"
  | "Etcd"
  | "S3"
  | "MinIO"
  | "Azure"
  | "GoogleCloud"
  | "Kubernetes"
  | "TiKV"
  | "Composite";

/** Where each type comes from, so that a missing one can be named. */
export const KNOWN_TYPES: Readonly<Record<KnownTypeName, KnownType>> = {
  Memory: known("memory", "memory"),
  BTree: known("btree", "btree"),
  LSM: known("lsm", "lsm"),
  RocksDB: known("rocksdb", "rocksdb"),
  Flash: known("flash", "flash"),
  Redis: known("redis", "redis", "rediss"),
  Etcd: known("etcd", "etcd"),
  S3: known("s3", "s3"),
  MinIO: known("minio", "minio"),
  Azure: known("azure", "azure"),
  GoogleCloud: known("gcs", "gcs"),
  Kubernetes: known("kubernetes", "kubernetes"),
  TiKV: known("tikv", "tikv"),
  Composite: known("composite"),
};

function known(name: string, ...schemes: readonly string[]): KnownType {
  return { package: `${SCOPE}/persistence-${name}`, schemes };
}

/** Returns the package of this project that brings a type or a URL scheme; `undefined` where none does. */
export function knownPackage(wanted: { readonly type?: string; readonly scheme?: string }): string | undefined {
  const found = Object.entries(KNOWN_TYPES).find(
    ([type, { schemes }]) =>
      (wanted.type !== undefined && sameName(type, wanted.type)) ||
      (wanted.scheme !== undefined && schemes.includes(wanted.scheme)),
  );
  return found?.[1].package;
}

/** Types are compared without regard to case. */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
