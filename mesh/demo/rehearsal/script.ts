/**
 * The form of a rehearsal's script: what a careful model would do with a recipe, written down. It holds no figures: every value in a call's
 * arguments comes from the recipe's parameters or from what tools returned earlier in the same conversation.
 */
import type { Json } from "../../contract/json.ts";

/** A value of the conversation, put together when a call is made. */
export type Template =
  | Exclude<Json, Json[] | { [key: string]: Json }>
  | readonly Template[]
  | { readonly [key: string]: Template }
  | Reference;

/** Where a value comes from. */
export type Reference =
  /** A parameter that {@link Script.reads} found. */
  | { readonly $param: string }
  /** RFC 6901 pointer into the result of a call of this script, by the call's key; "" is the whole result. */
  | { readonly $from: string; readonly at: string }
  /** Texts, one after the other. */
  | { readonly $join: readonly Template[] }
  /** The first that the conversation has. */
  | { readonly $first: readonly Template[] };

/** Holds where the value is one of `in`, or none of `notIn`. */
export type Condition = { readonly value: Template } & ({ readonly in: readonly Json[] } | { readonly notIn: readonly Json[] });

/** One tool call. `key` is unique in the script. */
export interface Call {
  readonly key: string;
  /** As Goose names it, `extension__tool`. */
  readonly tool: string;
  readonly args: Template;
  /** Made only where this holds. */
  readonly when?: Condition;
  /** Repeated until the value at this pointer of its result is one of `in`, at most `atMost` times. */
  readonly until?: { readonly at: string; readonly in: readonly Json[]; readonly atMost: number };
}

/** Calls that go out together, and what comes of them. */
export interface Step {
  /** What the model says before it calls. */
  readonly say: string;
  readonly calls: readonly Call[];
  /** Name of the finish where a call fails twice; see {@link Script.finishes}. */
  readonly onError: string;
  /** Name of the finish where `until` is still not reached; `onError` where left out. */
  readonly onUnfinished?: string;
  /** Looked at in order when all calls are done; the first that holds ends the script. */
  readonly ends?: readonly { readonly when: Condition; readonly finish: string }[];
}

/** The script for one recipe. */
export interface Script {
  /** Title that the rehearsal gives to the chat. */
  readonly title: string;
  /** A sentence of the recipe's instructions, by which its conversation is known. */
  readonly marker: string;
  /** Parameters, each by an expression over the instructions and the first request; its first group is the value. */
  readonly reads: Readonly<Record<string, RegExp>>;
  readonly steps: readonly Step[];
  /** Arguments of `recipe__final_output` by name; `done` is the one after the last step. */
  readonly finishes: { readonly done: Template } & Readonly<Record<string, Template>>;
}
