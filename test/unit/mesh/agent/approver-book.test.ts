/** Who can sign approvals, by org chart, roster and directory. */
import { expect, it } from "vitest";
import { createApproverBook, rolesBelow } from "../../../../mesh/agent/approver-book.ts";
import type { OrgChart } from "../../../../mesh/contract/bundle.ts";
import type { AgentView } from "../../../../mesh/contract/daemon-api.ts";
import type { Directory } from "../../../../mesh/directory/create-directory.ts";

const seat = (id: string, role: string, manager: string | null): OrgChart[number] => ({
  id,
  title: id,
  role,
  department: role,
  manager,
  locale: "en",
});
const CHART = [
  seat("nora", "chair", null),
  seat("edward", "executive", "nora"),
  seat("olga", "executive", "nora"),
  seat("fiona", "finance", "edward"),
];
const agent = (subject: string, role: string, self = false) =>
  ({ agentId: `${subject}-1`, subject, role, department: role, self }) as AgentView;

/** The book over these agents and these people on the roster. */
function bookOf(agents: readonly AgentView[], signers: readonly (readonly [subject: string, role: string])[]) {
  const actions: unknown[] = [];
  const route: Directory["route"] = (_, action) => {
    actions.push(action);
    const ranked = agents.map((principal) => ({ principal, devices: [], because: "", online: true }));
    return { to: agents[0] as AgentView, devices: [], because: "", notChosen: [], ranked };
  };
  const approvers = signers.map(([subject, role]) => ({ subject, role, key: {} as never }));
  const directory = { agents: () => [...agents], route };
  return { actions, ...createApproverBook({ directory, orgChart: () => CHART, roster: () => ({ approvers, stewards: [] }) }) };
}

it("those who can be asked are those whom policy lets be asked for approvals, and whose key is on the roster in this role", () => {
  const agents = [agent("edward", "executive"), agent("olga", "executive")];
  const { actions, candidates } = bookOf(agents, [
    ["edward", "executive"],
    ["olga", "legal"],
  ]);
  expect(candidates({ targetRole: "executive" }).map(({ subject }) => subject)).toEqual(["edward"]);
  expect(actions).toEqual(["approval.request"]);
});

it("whom somebody reports to comes nearest first, from the signed org chart", () => {
  const { above } = bookOf([], []);
  expect(above("fiona")).toEqual(["edward", "nora"]);
  expect(above("nora")).toEqual([]);
  expect(above("stranger")).toEqual([]);
});

it("a person has an agent to ask where one is known in the role of the chart, that is not this one, and they can sign", () => {
  const all = [agent("nora", "chair"), agent("edward", "marketing"), agent("olga", "executive", true)];
  const { agentOf } = bookOf(all, [
    ["nora", "chair"],
    ["edward", "marketing"],
    ["edward", "executive"],
    ["olga", "executive"],
  ]);
  expect(agentOf("nora")).toEqual({ agentId: "nora-1", subject: "nora", role: "chair", department: "chair" });
  for (const subject of ["edward", "olga", "fiona", "stranger"]) expect(agentOf(subject), subject).toBeUndefined();
  expect(bookOf(all, []).agentOf("nora")).toBeUndefined();
});

it("the roles below a person are those of all who report to them, over whomever", () => {
  expect(rolesBelow("nora", CHART)).toEqual(["executive", "finance"]);
  expect(rolesBelow("edward", CHART)).toEqual(["finance"]);
  expect(rolesBelow("fiona", CHART)).toEqual([]);
});
