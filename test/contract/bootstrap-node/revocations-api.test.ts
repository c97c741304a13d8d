import { beforeEach, describe, expect, it } from "vitest";
import type { Signer } from "../../../mesh/contract/ports.ts";
import { signRevocation } from "../../../mesh/identity/revocation.ts";
import { openMemoryStore } from "../../support/memory-store.ts";
import { openTestBootstrap, type TestAgent, type TestBootstrap } from "../../support/test-bootstrap.ts";

const code = (name: string) => expect.objectContaining({ code: name });

let node: TestBootstrap;
let marco: TestAgent;
let fiona: TestAgent;

const statement = (subject: string, { seq = 1, signer = node.organisation.admin }: { seq?: number; signer?: Signer } = {}): string =>
  signRevocation({
    statement: {
      v: 1,
      org: node.organisation.org,
      seq,
      issuedAt: new Date(node.clock.now()).toISOString(),
      agents: [],
      subjects: [subject],
      keys: [],
    },
    signer,
  });

const asAdmin = () => node.client(node.organisation.admin);

beforeEach(async () => {
  node = await openTestBootstrap();
  await node.publish(1);
  [marco, fiona] = [node.agent("marco"), node.agent("fiona")];
  await marco.join(node.invite({ subject: "marco.diaz", role: "marketing" }));
  await fiona.join(node.invite({ subject: "fiona.berg", role: "finance" }));
});

describe("a revocation by API", () => {
  it("that an admin key signed counts at once: no credential, token, bundle or directory for who is revoked", async () => {
    await marco.client.renew();
    expect(await fiona.client.revoke(statement("marco.diaz"))).toEqual({ taken: true });
    for (const call of [marco.client.renew, () => marco.client.fetchBundle("marketing"), marco.client.directory])
      await expect(call()).rejects.toThrow(code("REVOKED"));
    expect((await fiona.client.directory()).members.map(({ subject }) => subject)).toEqual(["fiona.berg"]);
    const [event] = (await node.chain.list({ fromSeq: 1, limit: 100 })).filter(({ action }) => action === "member.revoke");
    expect(event?.details).toMatchObject({ admin: node.organisation.admin.thumbprint, seq: 1, subjects: "marco.diaz" });
  });

  it("is handed to members with their bundle, and to admins with the manifest that it stands on; to no stranger, since both name people", async () => {
    const jws = statement("marco.diaz");
    expect(await fiona.client.revoke(jws)).toEqual({ taken: true });
    expect(await fiona.client.revoke(jws)).toEqual({ taken: false });
    expect((await fiona.client.fetchProfile("finance")).revocations).toEqual([jws]);
    expect((await asAdmin().revocations()).statements).toEqual([jws]);
    for (const who of ["stranger", "marco"]) await expect(node.agent(who).client.revocations()).rejects.toThrow(code("CREDENTIAL_INVALID"));
  });

  it("is refused from the issuer key, with which the node itself would sign, and from a stranger's", async () => {
    for (const signer of [node.organisation.issuer, marco.signer]) {
      await expect(fiona.client.revoke(statement("fiona.berg", { signer }))).rejects.toThrow(code("CREDENTIAL_INVALID"));
    }
    expect(await fiona.client.renew()).toContain(".");
  });

  it("survives a restart of the node, and ends where a bundle settles it", async () => {
    const store = openMemoryStore();
    node = await openTestBootstrap({ store });
    await node.publish(1);
    marco = node.agent("marco");
    await marco.join(node.invite({ subject: "marco.diaz", role: "marketing" }));
    await marco.client.revoke(statement("marco.diaz"));
    node = await openTestBootstrap({ store });
    await expect(node.agent("marco").client.renew()).rejects.toThrow(code("REVOKED"));
    const settled = { [node.organisation.admin.thumbprint]: 1 };
    await node.publish(2, { revocations: { seq: 1, agents: [], subjects: [], keys: [], settled } });
    expect(await node.agent("marco").client.renew()).toContain(".");
    expect((await asAdmin().revocations()).statements).toEqual([]);
  });
});
