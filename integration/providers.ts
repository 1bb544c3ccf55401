// Every provider of this repository, one a line: what the matrix and the scenarios run on.
export { provider as btree } from "@orbit/persistence-btree";
export { provider as memory } from "@orbit/persistence-memory";
export { provider as redis } from "@orbit/persistence-redis";
