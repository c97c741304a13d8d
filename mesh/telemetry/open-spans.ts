/** Chooses where spans go. Off unless somebody asked for them; then nothing is loaded and nothing is made. */
import type { SpanSink } from "./span-file.ts";

/** What an agent's configuration says. */
export interface TraceConfig {
  /** `file`: a file of this machine; a URL: the `/v1/traces` of a collector. */
  readonly traces?: string | undefined;
}

/** Where spans go, and what tells of it. */
export interface SpanPlace {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly config: TraceConfig;
  /** The file, where they go into one. */
  readonly path: string;
  readonly service: string;
  readonly version: string;
  onError(error: unknown): void;
}

/** The sink, or undefined where nobody wants spans. The environment comes before the configuration. */
export async function openSpans({ env, config, path, service, version, onError }: SpanPlace): Promise<SpanSink | undefined> {
  const target = targetOf(env, config);
  if (target === undefined) return undefined;
  if (target === "file") return (await import("./span-file.ts")).openSpanFile({ path }, onError);
  const { openOtlp } = await import("./span-otlp.ts");
  return openOtlp({ service, version }, onError, target === "otlp" ? undefined : target);
}

/** `OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER` and the endpoints as the OpenTelemetry specification names them; `GAGGLE_TRACES=file` for a file. */
function targetOf(env: SpanPlace["env"], { traces }: TraceConfig): string | undefined {
  if (env["OTEL_SDK_DISABLED"] === "true" || env["OTEL_TRACES_EXPORTER"] === "none" || env["GAGGLE_TRACES"] === "off") return undefined;
  if (env["GAGGLE_TRACES"] === "file") return "file";
  const endpoint = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] || env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  return endpoint === undefined || endpoint === "" ? traces : "otlp";
}
