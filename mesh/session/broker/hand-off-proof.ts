/** Signed hand-offs: who was made a session's owner, by whom. Pure. docs/decisions/0094-sessions.md */
import { GaggleError } from "../../contract/errors.ts";
import type { MessageOf } from "../../contract/message.ts";
import type { Signer } from "../../contract/ports.ts";
import { type HandOffStatement, handOffStatement } from "../../contract/session.ts";
import { openJws, signJws } from "../../identity/jws.ts";
import { jwkOfAgentId, verifyingKeyOf } from "../../identity/keys.ts";
import type { BrokerSession } from "./session-record.ts";

const TYP = "gaggle-handoff+jws";

/** Signs a hand-off. */
export const signHandOff = (statement: HandOffStatement, signer: Signer): string => signJws({ typ: TYP, payload: statement, signer });

/** The statement of a hand-off that is signed by whom it names as `from`; undefined for anything else. */
export function readHandOff(jws: string): HandOffStatement | undefined {
  try {
    const opened = openJws(jws);
    const statement = handOffStatement.parse(opened.payload);
    opened.assertSigned(TYP, verifyingKeyOf(jwkOfAgentId(statement.from)));
    return statement;
  } catch (error) {
    if (error instanceof GaggleError || error instanceof Error) return undefined;
    throw error;
  }
}

/** Whether the sender of a state is the owner that follows from the one known here: the same one again, or the last of an unbroken line of hand-offs. */
export function isHeir(
  org: string,
  known: Pick<BrokerSession, "sessionId" | "epoch" | "owner">,
  { epoch, owner, handOffs }: Pick<MessageOf<"session.state">, "epoch" | "owner" | "handOffs">,
): boolean {
  if (epoch <= known.epoch) return false;
  let line = { holder: known.owner.agentId, epoch: known.epoch };
  for (const jws of handOffs) {
    const step = readHandOff(jws);
    if (step === undefined || step.org !== org || step.sessionId !== known.sessionId) return false;
    if (step.epoch > line.epoch && step.from === line.holder) line = { holder: step.to, epoch: step.epoch };
  }
  return line.holder === owner.agentId && line.epoch <= epoch;
}
