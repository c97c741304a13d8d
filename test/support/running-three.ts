/** Three real daemons that run and know each other: finance, marketing and the executive. */
import { type DaemonWorld, foundWorld, type WorldAgent } from "./daemon-world.ts";

/** The world and its agents by first name. */
export interface RunningThree {
  readonly world: DaemonWorld;
  readonly fiona: WorldAgent;
  readonly marco: WorldAgent;
  readonly edward: WorldAgent;
}

/** Founds their organisation and starts them. */
export async function startThree(): Promise<RunningThree> {
  const people = { "fiona.berg": "finance", "marco.diaz": "marketing", "edward.lindqvist": "executive" };
  const world = await foundWorld({ people });
  const [fiona, marco, edward] = [world.agent("fiona.berg"), world.agent("marco.diaz"), world.agent("edward.lindqvist")];
  try {
    for (const agent of [fiona, marco, edward]) await agent.start();
    await world.meet(Object.keys(people));
  } catch (error) {
    await world.close();
    throw error;
  }
  return { world, fiona, marco, edward };
}
