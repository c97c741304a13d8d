/** Which person of the org chart an ID token's claims name, and which roles their groups let in. docs/decisions/0106-sign-in.md */
import type { JWTPayload } from "jose";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { subjectId } from "../../mesh/contract/ids.ts";
import type { SignInProvider } from "../../mesh/contract/sign-in.ts";

const PLAIN = /^[\x21-\x7e]+$/;

const refuse = (problem: string): GaggleError => new GaggleError("SIGN_IN_FAILED", problem);

/** A claim's name as the signed provider section has it, so that no text of the provider's gets into an error. */
const own = (claims: JWTPayload, name: string): unknown => (Object.hasOwn(claims, name) ? claims[name] : undefined);

/**
 * The person's id of the org chart. Whether the chart has such a person is not looked at here.
 * @throws GaggleError SIGN_IN_FAILED where a required claim is missing or other, or the subject's claim can't be one
 */
export function subjectOf(claims: JWTPayload, { require, subject: { claim, domain } }: SignInProvider): string {
  for (const [name, value] of Object.entries(require)) {
    if (own(claims, name) !== value)
      throw refuse(`The account does not have the ${name} that the organisation requires; sign in with your work account.`);
  }
  const value = own(claims, claim);
  if (typeof value !== "string")
    throw refuse(`The ID token has no ${claim}; an admin lets the provider send it, or names another in signIn.subject.`);
  // Whoever may type any address into their own account could else name a colleague's.
  if (claim === "email" && own(claims, "email_verified") !== true)
    throw refuse(
      "The provider does not say that the account's e-mail address is verified; an admin names another claim in signIn.subject.",
    );
  const login = domain === undefined ? value : localPart(value, domain);
  const parsed = subjectId.safeParse(login.toLowerCase());
  // Unicode has letters that only become plain ones in lower case, such as the Kelvin sign: another account than the one with the plain letter.
  if (!parsed.success || !PLAIN.test(value))
    throw refuse(`The account's ${claim} is no id of the org chart; check signIn.subject in organisation.yaml.`);
  return parsed.data;
}

function localPart(address: string, domain: string): string {
  const at = address.lastIndexOf("@");
  if (at > 0 && address.slice(at + 1).toLowerCase() === domain) return address.slice(0, at);
  throw refuse(`The account is not of ${domain}; sign in with your work account.`);
}

/**
 * Refuses a person none of whose groups lets in the role that the org chart gives them. Groups never give a role: they confirm it.
 * @throws GaggleError SIGN_IN_FAILED
 */
export function checkGroups(claims: JWTPayload, { groups }: SignInProvider, role: string): void {
  if (groups === undefined) return;
  const value = own(claims, groups.claim);
  const named = typeof value === "string" ? [value] : Array.isArray(value) ? value : undefined;
  if (named === undefined) {
    throw refuse(
      `The ID token has no ${groups.claim}; an admin lets the provider send the person's groups, fewer of them where it leaves them out for their number.`,
    );
  }
  const letIn = named.some(
    (group) => typeof group === "string" && Object.hasOwn(groups.roles, group) && groups.roles[group]?.includes(role),
  );
  if (!letIn)
    throw refuse(
      `None of the account's groups is one that lets the role ${role} in; an admin adds the person to one, or mends signIn.groups.`,
    );
}
