/** Which model a call goes to by the signed model policy. */
import type { ModelChoice, ModelPolicy, TaskClass } from "../../mesh/contract/model-policy.ts";
import { fitsModel } from "./price.ts";

/** Name of the upstream that `gaggle model --url … --name …` sets. */
export const DEFAULT_UPSTREAM = "default";

/** What decides about a call's route. */
export interface RouteQuestion {
  readonly role: string;
  readonly task: TaskClass;
  /** Model that Goose asked for. */
  readonly asked: string;
}

/** Where a call may go: the model that the route names, then its fallback. `id` is that of the route; undefined for the machine's own model. */
export interface RouteChoice {
  readonly id: string | undefined;
  readonly choices: readonly [ModelChoice, ...ModelChoice[]];
}

const among = <T>(list: readonly T[] | undefined, fits: (item: T) => boolean): boolean => list === undefined || list.some(fits);

/** The first route that fits; the machine's own model where none does; undefined where policy refuses that. */
export function chooseRoute(policy: ModelPolicy, { role, task, asked }: RouteQuestion): RouteChoice | undefined {
  const route = policy.routes.find(
    (one) =>
      among(one.roles, (name) => name === role) &&
      among(one.tasks, (name) => name === task) &&
      among(one.asked, (name) => fitsModel(name, asked)),
  );
  if (route !== undefined) return { id: route.id, choices: [route.use, ...(route.fallback === undefined ? [] : [route.fallback])] };
  return policy.otherModels === "refuse" ? undefined : { id: undefined, choices: [{ upstream: DEFAULT_UPSTREAM, model: asked }] };
}
