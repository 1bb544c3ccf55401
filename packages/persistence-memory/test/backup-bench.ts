import { subscribe, unsubscribe } from "node:diagnostics_channel";

import type { StoreDriver } from "@orbit/persistence/driver";
import { manualClock, type ManualClock } from "@orbit/persistence/testing";
import { onTestFinished } from "vitest";

import { type BackupEvent, type DiskBackupOptions, memory } from "../src/index.ts";
import { FakeDisk } from "./fake-disk.ts";
import { bytes, contentOf } from "./helpers.ts";

export const PATH = "/data/backup";

/** A disk, a clock, and stores over them that keep a backup every second. */
export class BackupBench {
  disk: FakeDisk = new FakeDisk();
  clock: ManualClock = manualClock();
  readonly events: BackupEvent[] = [];

  constructor() {
    const listen = (event: unknown): unknown => this.events.push(event as BackupEvent);
    subscribe("orbit.backup", listen);
    onTestFinished(() => {
      unsubscribe("orbit.backup", listen);
    });
  }

  make(options: Partial<DiskBackupOptions> = {}): StoreDriver {
    const diskBackup = { path: PATH, syncIntervalMs: 1000, ...options };
    return memory({ diskBackup }, { clock: this.clock, files: this.disk });
  }

  async opened(options?: Partial<DiskBackupOptions>): Promise<StoreDriver> {
    const driver = this.make(options);
    await driver.open();
    return driver;
  }

  /** What a new process finds. */
  async found(): Promise<Readonly<Record<string, string | undefined>>> {
    const driver = await this.opened();
    const content = await contentOf(driver);
    await driver.close();
    return content;
  }

  /** Ends the process and loses power; the first `kept` changes of names that were not synced survive. */
  powerFails(kept: number): void {
    this.disk.crash(kept);
    this.abandonLock();
  }

  /** Makes the lock look as if its process were gone. */
  abandonLock(): void {
    this.disk.put(`${PATH}.lock`, Buffer.alloc(0));
  }

  /** Fills a backup with `old`, then with `new`: the first becomes the previous one. */
  async twoBackups(): Promise<void> {
    const driver = await this.opened();
    await driver.put("k", bytes("old"), "always");
    await this.clock.advance(1000);
    await driver.put("k", bytes("new"), "always");
    await driver.close();
    this.events.length = 0;
  }
}
