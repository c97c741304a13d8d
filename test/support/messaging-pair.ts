/** Two nodes of one world: finance asks, marketing works. */
import { type NodeOptions, startNode, type TestNode, type World } from "./messaging-node.ts";

/** Starts both. */
export async function startPair(
  world: World,
  worker: NodeOptions = {},
  asker: NodeOptions = {},
): Promise<{ finance: TestNode; marketing: TestNode }> {
  const fiona = world.addMember("fiona.berg", "finance");
  const marco = world.addMember("marco.diaz", "marketing");
  return { finance: await startNode(world, fiona, asker), marketing: await startNode(world, marco, worker) };
}

/** The state of a task at a node; undefined for what is no task. */
export async function stateOf(node: TestNode, id: string): Promise<string | undefined> {
  const view = await node.call("status.fetch", { id });
  return view.kind === "task" ? view.state : undefined;
}
