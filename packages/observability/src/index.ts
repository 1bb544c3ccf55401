export { prometheus, type Prometheus, type PrometheusOptions } from "./prometheus.ts";
export type { RpcEvent } from "./rpc-metrics.ts";
