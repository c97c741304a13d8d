/** Secrets: keys of well-known providers, private-key blocks, JWTs, credentials in URLs, and assignments to names that say secret. */
import type { Part, Rule } from "../rule.ts";
import { whole } from "../rule.ts";

const START = String.raw`(?<![\p{L}\p{N}_])`;
const END = String.raw`(?![\p{L}\p{N}_])`;

/** Provider and the fixed shape of its keys, from the providers' own documentation. */
const PROVIDER_KEYS: readonly (readonly [provider: string, shape: string])[] = [
  ["anthropic", String.raw`sk-ant-[A-Za-z0-9_-]{20,200}`],
  ["openai", String.raw`sk-(?:proj-|svcacct-|admin-|or-v1-)?[A-Za-z0-9_-]{20,200}`],
  ["aws", String.raw`(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}`],
  ["github", String.raw`gh[pousr]_[A-Za-z0-9]{36,255}`],
  ["github-fine", String.raw`github_pat_[A-Za-z0-9_]{22,255}`],
  ["gitlab", String.raw`gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{20,64}`],
  ["google", String.raw`AIza[A-Za-z0-9_-]{35}`],
  ["google-oauth", String.raw`(?:ya29\.[A-Za-z0-9_-]{20,300}|GOCSPX-[A-Za-z0-9_-]{28})`],
  ["slack", String.raw`xox[abeoprs]-[A-Za-z0-9-]{10,250}`],
  ["slack-app", String.raw`xapp-\d-[A-Za-z0-9-]{20,200}`],
  ["slack-hook", String.raw`hooks\.slack\.com/(?:services|workflows)\/[A-Za-z0-9+\/]{40,80}`],
  ["stripe", String.raw`(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,250}`],
  ["stripe-hook", String.raw`whsec_[A-Za-z0-9+/=]{24,80}`],
  ["npm", String.raw`npm_[A-Za-z0-9]{36}`],
  ["pypi", String.raw`pypi-AgE[A-Za-z0-9_-]{50,250}`],
  ["sendgrid", String.raw`SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}`],
  ["twilio", String.raw`(?:SK|AC)[0-9a-f]{32}`],
  ["mailgun", String.raw`key-[0-9a-f]{32}`],
  ["hugging-face", String.raw`hf_[A-Za-z0-9]{30,60}`],
  ["digitalocean", String.raw`do[opr]_v1_[a-f0-9]{64}`],
  ["telegram", String.raw`\d{8,10}:AA[A-Za-z0-9_-]{33}`],
  ["shopify", String.raw`shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}`],
  ["square", String.raw`sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,60}`],
  ["databricks", String.raw`dapi[a-f0-9]{32}`],
  ["atlassian", String.raw`ATATT3[A-Za-z0-9_=-]{50,250}`],
  ["linear", String.raw`lin_(?:api|oauth)_[A-Za-z0-9]{32,64}`],
  ["notion", String.raw`ntn_[A-Za-z0-9]{40,60}`],
  ["vault", String.raw`hv[sbr]\.[A-Za-z0-9_-]{24,200}`],
  ["doppler", String.raw`dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9]{40,44}`],
  ["grafana", String.raw`gl(?:sa|c)_[A-Za-z0-9_+/=]{32,200}`],
  ["groq", String.raw`gsk_[A-Za-z0-9]{40,80}`],
  ["perplexity", String.raw`pplx-[A-Za-z0-9]{32,80}`],
  ["xai", String.raw`xai-[A-Za-z0-9]{40,120}`],
  ["age", String.raw`AGE-SECRET-KEY-1[A-Z0-9]{58}`],
  ["azure-storage", String.raw`(?<=AccountKey=)[A-Za-z0-9+/]{86}==`],
];

/** True where the first part of a JWT is a JSON object with an algorithm. */
function isJwt(text: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(text.split(".")[0] ?? "", "base64url").toString("utf8"));
    return typeof header === "object" && header !== null && "alg" in header;
  } catch {
    return false;
  }
}

/** Bits per character: a written word has less than three, random text of this length more. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}

/** The last group of the match is the value. */
const lastGroup = (match: RegExpExecArray): Part => {
  const value = match.at(-1) ?? "";
  const start = match[0].lastIndexOf(value);
  return [start, start + value.length];
};

/** A value behind a name that says secret: random enough, and no placeholder. */
function assigned(match: RegExpExecArray): Part | undefined {
  const value = match.at(-1) ?? "";
  const random = value.length >= 12 ? entropy(value) >= 3 : true;
  return /\d/.test(value) && /[A-Za-z]/.test(value) && random && !/[<>${}*]|\.\.\.|xxx/i.test(value) ? lastGroup(match) : undefined;
}

const secret = (detector: string, pattern: RegExp, accept: Rule["accept"], score = 0.97): Rule => ({
  label: "SECRET",
  detector,
  score,
  pattern,
  accept,
});

/** Rules for secrets. */
export const SECRET_RULES: readonly Rule[] = [
  ...PROVIDER_KEYS.map(([provider, shape]) => secret(`rule:key-${provider}`, new RegExp(START + shape + END, "gu"), whole)),
  secret(
    "rule:jwt",
    new RegExp(String.raw`${START}eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{4,8000}\.[A-Za-z0-9_-]{0,2000}`, "gu"),
    (match) => (isJwt(match[0]) ? whole(match) : undefined),
  ),
  secret("rule:url-credentials", /\b[a-z][a-z0-9+.-]{1,20}:\/\/([^\s"'<>/:]{0,200}:[^\s"'<>/]{1,300})@/gi, lastGroup, 0.995),
  secret(
    "rule:assignment",
    /(?:passw(?:or)?d|passwort|pwd|passphrase|secret|api[_-]?key|apikey|access[_-]?key|auth[_-]?token|access[_-]?token|refresh[_-]?token|private[_-]?key|client[_-]?secret)\w{0,20}["']?\s{0,3}(?::|=|=>)\s{0,3}["']?([^\s"',;&<>()[\]{}\\]{8,200})/giu,
    assigned,
    0.7,
  ),
  secret("rule:authorization", /\b(?:bearer|basic)\s{1,3}([A-Za-z0-9._~+/-]{20,2000}={0,2})/gi, assigned, 0.75),
];
