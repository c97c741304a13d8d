/** Routes of the controller: hand-overs, candidates, status, evaluation, events. */
import { z } from "zod";
import {
  candidates,
  eventPage,
  eventQuery,
  evaluateRequest,
  evaluation,
  handedOver,
  handOver,
  statusReport,
  taskRouteRequest,
} from "../controller-api.ts";
import { uuid } from "../ids.ts";
import { empty, MAIL_CODES, route } from "./route.ts";

/** The rows. */
export const controllerRoutes = {
  routeTask: route(
    "POST",
    "/api/v1/tasks/route",
    "token",
    "With a target: who could be asked, and why. With sealed envelopes of a task that the caller signed: keeps them for their recipients.",
    taskRouteRequest,
    z.union([candidates, handedOver]),
    { codes: MAIL_CODES },
  ),
  openSession: route(
    "POST",
    "/api/v1/sessions",
    "token",
    "Keeps the sealed invitations to a session of the caller's for their recipients, all or none.",
    handOver,
    handedOver,
    { codes: MAIL_CODES },
  ),
  requestApproval: route(
    "POST",
    "/api/v1/approvals",
    "token",
    "Keeps a sealed request for approval, or a decision that an approver signed, for its recipients, all or none.",
    handOver,
    handedOver,
    { codes: MAIL_CODES },
  ),
  status: route(
    "GET",
    "/api/v1/status/:id",
    "token",
    "What the node knows of a task, session or approval that the caller takes part in: deposits, and what the participants' audit says.",
    empty,
    statusReport,
    { params: { id: uuid }, codes: ["NOT_FOUND"] },
  ),
  evaluate: route(
    "POST",
    "/api/v1/evaluate",
    "token",
    "What the newest policy says to an action of the caller, and why.",
    evaluateRequest,
    evaluation,
  ),
  events: route(
    "GET",
    "/api/v1/events",
    "token",
    "What happened since an earlier answer that the caller may know; waits for the first event where it is told to (long poll).",
    empty,
    eventPage,
    { query: eventQuery },
  ),
} as const;
