/**
 * A peer node as a process of its own, for tests across machines or network namespaces. The first argument is its JSON configuration;
 * it writes one JSON line an event and takes one JSON line a command; it ends when its standard input does.
 */
import { createInterface } from "node:readline";
import { z } from "zod";
import { errorCode } from "../../mesh/contract/errors.ts";
import { defaultListen } from "../../mesh/peer/libp2p-node.ts";
import { createTestOrganisation, startTestPeer } from "./peer-world.ts";

const configuration = z.strictObject({
  organisation: z.string(),
  name: z.string(),
  mdns: z.boolean(),
  listen: z.array(z.string()).optional(),
  bootstrapPeers: z.array(z.string()),
});
const command = z.strictObject({ request: z.string(), text: z.string() });

const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

const { organisation: organisationName, name, listen, mdns, bootstrapPeers } = configuration.parse(JSON.parse(process.argv[2] ?? "{}"));
const organisation = createTestOrganisation(organisationName);
const { node } = await startTestPeer(organisation, organisation.member(name), {
  config: { mdns, bootstrapPeers, listen: listen ?? defaultListen() },
});
node.handleFrames(async (frame) => frame);
node.onPeerChange(({ type, member }) => say({ event: type, subject: member.principal.subject, agentId: member.principal.agentId }));
say({ event: "ready", agentId: node.agentId, addresses: node.addresses() });

for await (const line of createInterface({ input: process.stdin })) {
  const { request, text } = command.parse(JSON.parse(line));
  const answer = node.request(request, Buffer.from(text)).then(
    (frame) => ({ event: "answer", text: Buffer.from(frame).toString("utf8") }),
    (error: unknown) => ({ event: "failure", code: errorCode(error) }),
  );
  say(await answer);
}
await node.close();
