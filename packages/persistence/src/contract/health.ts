/** `degraded` still serves, with less room or speed; `unhealthy` does not serve. */
export type HealthStatus = "healthy" | "degraded" | "unhealthy";

export interface Health {
  readonly status: HealthStatus;
  /** Why it is not healthy, for a person to read. */
  readonly cause?: string;
  /** How long the check took, in milliseconds. */
  readonly latencyMs: number;
  /** Figures and facts that explain the state, such as entries and bytes in use. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}
