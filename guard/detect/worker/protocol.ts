/** What the main thread and a scan worker say to each other. Everything is plain data that a structured clone can copy. */
import type { DataClass } from "../../../mesh/contract/data-class.ts";
import type { GuardLists } from "../../../mesh/contract/guard-policy.ts";
import type { ModelState } from "../detection.ts";
import type { Finding } from "../finding.ts";
import type { SpanMemory } from "../span-memory.ts";
import type { NativeGate } from "./native-gate.ts";

/** What a worker is started with. */
export interface WorkerSetup {
  /** Folder of the NER model, or null for rules and lists alone. */
  readonly modelFolder: string | null;
  /** Threads that the model computes with. */
  readonly threads: number;
  /** Tokens of a window, the special ones included. */
  readonly windowTokens: number;
  readonly lists: GuardLists;
  /** Keys the hashes of blocks of text. */
  readonly secret: Uint8Array;
  /** What tells this model from another, 64 hex digits. */
  readonly modelId: string;
  /** What earlier workers found in blocks of text. */
  readonly blocks: SpanMemory["blocks"];
  /** Where the worker says that it is in the model's runtime. */
  readonly gate: NativeGate;
}

/** A value known from another text of the same call. */
export type KnownValue = readonly [value: string, label: DataClass];

/** Spans of one text for its search; `known` is what is looked up in it, instead of a full search. */
export interface ScanJob {
  readonly text: string;
  readonly known?: readonly KnownValue[];
}

/** What the main thread says. */
export type ToWorker =
  | { readonly type: "scan"; readonly id: number; readonly jobs: readonly ScanJob[]; readonly withoutModel: boolean }
  | { readonly type: "drop"; readonly id: number }
  | { readonly type: "lists"; readonly lists: GuardLists }
  | { readonly type: "load"; readonly id: number };

/** What one text gave. */
export interface ScanResult {
  readonly findings: readonly Finding[];
  /** {@link wordHashes} of the text as it reads. */
  readonly words: Uint32Array;
}

/** What a worker says. `blocks` are blocks of text that came again; `progress` only tells that it is alive. */
export type FromWorker =
  | { readonly type: "results"; readonly id: number; readonly results: readonly ScanResult[]; readonly blocks: SpanMemory["blocks"] }
  | { readonly type: "refused"; readonly id: number; readonly reason: string }
  | { readonly type: "loaded"; readonly id: number; readonly state: ModelState }
  | { readonly type: "progress" };
