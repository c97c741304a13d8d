/** Keys of well-known providers, by the fixed beginning that each provider documents for secret scanners. */
import { type Part, type Rule, whole } from "../../rule.ts";

const START = String.raw`(?<![\p{L}\p{N}_])`;
const END = String.raw`(?![\p{L}\p{N}_])`;

/** Longest key that is read as one; no provider's is near. */
const MOST = 4_000;

/** Beginning of a key, the characters behind it, and how many there are at least (`exactly` where the number is fixed). */
interface KeyKind {
  readonly provider: string;
  readonly beginnings: readonly string[];
  readonly characters?: string;
  readonly least: number;
  readonly exactly?: true;
  /** Set where ordinary words could follow the beginning: then a figure and a letter must be among the characters. */
  readonly wordy?: true;
}

const WORD = "A-Za-z0-9";
const DASHED = "A-Za-z0-9_-";
const BASE64 = "A-Za-z0-9+/=_-";

/** The whole address is the secret, with its scheme where that is written. */
const withScheme = (address: string): readonly string[] => [`https://${address}`, address];

const KINDS: readonly KeyKind[] = [
  { provider: "anthropic", beginnings: ["sk-ant-"], characters: DASHED, least: 20 },
  { provider: "openai", beginnings: ["sk-", "sess-"], characters: DASHED, least: 20, wordy: true },
  { provider: "aws", beginnings: ["AKIA", "ASIA", "ABIA", "ACCA"], characters: "A-Z0-9", least: 16, exactly: true },
  { provider: "aws-bedrock", beginnings: ["ABSKQmVkcm9ja0FQSUtleS", "bedrock-api-key-"], characters: BASE64, least: 20 },
  { provider: "github", beginnings: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], least: 36 },
  { provider: "github-fine", beginnings: ["github_pat_"], characters: "A-Za-z0-9_", least: 22 },
  {
    provider: "gitlab",
    beginnings: ["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "glimt-", "glagent-", "gloas-", "glffct-", "glwt-"],
    characters: "A-Za-z0-9_.-",
    least: 20,
  },
  { provider: "google", beginnings: ["AIza"], characters: DASHED, least: 35, exactly: true },
  { provider: "google-oauth", beginnings: ["ya29.", "GOCSPX-", "1//0"], characters: "A-Za-z0-9_.-", least: 20 },
  {
    provider: "slack",
    beginnings: ["xoxb-", "xoxp-", "xoxa-", "xoxe-", "xoxe.", "xoxo-", "xoxr-", "xoxs-", "xoxc-", "xoxd-"],
    characters: "A-Za-z0-9.%-",
    least: 10,
    wordy: true,
  },
  { provider: "slack-app", beginnings: ["xapp-"], characters: "A-Za-z0-9-", least: 20, wordy: true },
  {
    provider: "slack-hook",
    beginnings: ["services/", "workflows/", "triggers/"].flatMap((kind) => withScheme(`hooks.slack.com/${kind}`)),
    characters: "A-Za-z0-9+/",
    least: 30,
  },
  { provider: "stripe", beginnings: ["sk_live_", "rk_live_", "sk_test_", "rk_test_", "sk_org_"], least: 16 },
  { provider: "webhook-secret", beginnings: ["whsec_"], characters: BASE64, least: 24 },
  { provider: "npm", beginnings: ["npm_"], least: 36, wordy: true },
  { provider: "pypi", beginnings: ["pypi-AgE"], characters: DASHED, least: 40 },
  { provider: "rubygems", beginnings: ["rubygems_"], characters: "a-f0-9", least: 48 },
  { provider: "crates", beginnings: ["cio"], least: 32, exactly: true, wordy: true },
  { provider: "sendgrid", beginnings: ["SG."], characters: "A-Za-z0-9_.-", least: 33 },
  { provider: "twilio", beginnings: ["SK", "AC"], characters: "0-9a-f", least: 32, exactly: true },
  { provider: "mailgun", beginnings: ["key-"], characters: "0-9a-f", least: 32, exactly: true },
  { provider: "brevo", beginnings: ["xkeysib-", "xsmtpsib-"], characters: "A-Za-z0-9-", least: 40 },
  { provider: "mailchimp", beginnings: ["md-"], characters: DASHED, least: 22, exactly: true, wordy: true },
  { provider: "hugging-face", beginnings: ["hf_", "api_org_"], least: 30, wordy: true },
  { provider: "digitalocean", beginnings: ["dop_v1_", "doo_v1_", "dor_v1_"], characters: "a-f0-9", least: 64 },
  {
    provider: "discord-hook",
    beginnings: ["discord.com", "discordapp.com"].flatMap((host) => withScheme(`${host}/api/webhooks/`)),
    characters: "A-Za-z0-9_/-",
    least: 60,
  },
  { provider: "shopify", beginnings: ["shpat_", "shpca_", "shppa_", "shpss_", "shptka_", "shpua_"], characters: "a-fA-F0-9", least: 32 },
  { provider: "square", beginnings: ["sq0atp-", "sq0csp-", "sq0idp-", "EAAAE"], characters: DASHED, least: 22, wordy: true },
  { provider: "databricks", beginnings: ["dapi", "dose", "dkea"], characters: "a-f0-9-", least: 32 },
  { provider: "atlassian", beginnings: ["ATATT3", "ATCTT3", "ATBB", "ATOA"], characters: "A-Za-z0-9_=-", least: 20, wordy: true },
  { provider: "okta", beginnings: ["SSWS 00"], characters: DASHED, least: 38 },
  { provider: "linear", beginnings: ["lin_api_", "lin_oauth_", "lin_wh_"], least: 32 },
  { provider: "notion", beginnings: ["ntn_", "secret_"], least: 40, wordy: true },
  { provider: "vault", beginnings: ["hvs.", "hvb.", "hvr."], characters: DASHED, least: 24 },
  { provider: "vault-old", beginnings: ["s."], least: 24, exactly: true, wordy: true },
  { provider: "terraform", beginnings: ["atlasv1."], characters: DASHED, least: 40 },
  {
    provider: "doppler",
    beginnings: ["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."],
    characters: "A-Za-z0-9._-",
    least: 40,
  },
  { provider: "grafana", beginnings: ["glsa_", "glc_", "eyJrIjoi"], characters: BASE64, least: 32 },
  { provider: "groq", beginnings: ["gsk_"], least: 40 },
  { provider: "perplexity", beginnings: ["pplx-"], least: 32 },
  { provider: "xai", beginnings: ["xai-"], least: 40 },
  { provider: "replicate", beginnings: ["r8_"], characters: DASHED, least: 37 },
  { provider: "langchain", beginnings: ["lsv2_pt_", "lsv2_sk_"], characters: "A-Za-z0-9_", least: 32 },
  { provider: "pinecone", beginnings: ["pcsk_"], characters: "A-Za-z0-9_", least: 40 },
  { provider: "age", beginnings: ["AGE-SECRET-KEY-1"], characters: "A-Z0-9", least: 58 },
  { provider: "cloudflare", beginnings: ["v1.0-"], characters: "a-f0-9-", least: 100, wordy: true },
  { provider: "cloudflare-token", beginnings: ["cfut_", "cfat_", "cfk_"], characters: DASHED, least: 36 },
  { provider: "docker", beginnings: ["dckr_pat_", "dckr_oat_"], characters: DASHED, least: 27 },
  { provider: "figma", beginnings: ["figd_", "figo_", "figu_"], characters: DASHED, least: 36 },
  { provider: "vercel", beginnings: ["vcp_", "vci_", "vca_", "vcr_", "vck_"], least: 20, wordy: true },
  { provider: "netlify", beginnings: ["nfp_", "nfo_", "nfc_"], least: 36 },
  { provider: "supabase", beginnings: ["sbp_", "sb_secret_"], characters: "A-Za-z0-9_-", least: 30 },
  { provider: "planetscale", beginnings: ["pscale_tkn_", "pscale_pw_", "pscale_oauth_"], characters: "A-Za-z0-9_.-", least: 32 },
  { provider: "new-relic", beginnings: ["NRAK-", "NRII-", "NRJS-", "NRRA-"], characters: "A-Za-z0-9-", least: 19, wordy: true },
  { provider: "sentry", beginnings: ["sntrys_", "sntryu_"], characters: BASE64, least: 40 },
  { provider: "posthog", beginnings: ["phx_", "phs_"], least: 36 },
  { provider: "heroku", beginnings: ["HRKU-"], characters: DASHED, least: 36 },
  { provider: "dynatrace", beginnings: ["dt0c01.", "dt0s01.", "dt0s16."], characters: "A-Z0-9.", least: 60 },
  { provider: "airtable", beginnings: ["pat"], characters: "A-Za-z0-9.", least: 79, wordy: true },
  { provider: "postman", beginnings: ["PMAK-"], characters: "a-f0-9-", least: 50 },
  { provider: "easypost", beginnings: ["EZAK", "EZTK"], least: 54 },
  { provider: "flutterwave", beginnings: ["FLWSECK_TEST-", "FLWSECK-"], characters: "A-Za-z0-9-", least: 12 },
  { provider: "razorpay", beginnings: ["rzp_live_", "rzp_test_"], least: 14 },
  { provider: "paypal-braintree", beginnings: ["access_token$production$", "access_token$sandbox$"], characters: "a-z0-9$", least: 32 },
  { provider: "facebook", beginnings: ["EAAC", "EAAB", "EAAG"], least: 60 },
  { provider: "asana", beginnings: ["0/", "1/"], characters: "0-9:a-f", least: 45, wordy: true },
  { provider: "azure-storage", beginnings: ["AccountKey=", "SharedAccessKey=", "accountkey="], characters: "A-Za-z0-9+/=", least: 40 },
  { provider: "1password", beginnings: ["ops_eyJ"], characters: BASE64, least: 100 },
  { provider: "tailscale", beginnings: ["tskey-"], characters: DASHED, least: 20 },
  { provider: "buildkite", beginnings: ["bkua_"], characters: "a-f0-9", least: 40 },
  { provider: "launchdarkly", beginnings: ["api-", "sdk-"], characters: "0-9a-f-", least: 36, exactly: true, wordy: true },
];

const mixed = (text: string): boolean =>
  /\d/.test(text) && /[A-Za-z]/.test(text) && /(?:[A-Z].*[a-z]|[a-z].*[A-Z]|\d.*[A-Za-z].*\d)/.test(text);

/** Groups of letters as in a name of several words: nobody's key. */
const isName = (text: string): boolean =>
  /^(?:[a-z]{2,}|[A-Z]{2,}|[A-Z][a-z]+|\d{1,4})(?:[-_.](?:[a-z]{2,}|[A-Z]{2,}|[A-Z][a-z]+|\d{1,4}))+$/.test(text);

const escaped = (text: string): string => text.replace(/[.$/+?]/g, String.raw`\$&`);

/** Keys end where their characters end, whatever follows; those of a fixed length end with their word. */
function toRule({ provider, beginnings, characters = WORD, least, exactly, wordy }: KeyKind): Rule {
  const tail = exactly === true ? `[${characters}]{${least}}${END}` : `[${characters}]{${least},${MOST}}`;
  const accept = (match: RegExpExecArray): Part | undefined => {
    const key = match[0].replace(/[.-]+$/, "");
    const rest = key.slice(beginnings.find((beginning) => key.startsWith(beginning))?.length ?? 0);
    return wordy === true && (!mixed(rest) || isName(rest)) ? undefined : [0, key.length];
  };
  return {
    label: "SECRET",
    detector: `rule:key-${provider}`,
    score: 0.97,
    pattern: new RegExp(`${START}(?:${beginnings.map(escaped).join("|")})${tail}`, "gu"),
    starts: { texts: beginnings },
    accept,
  };
}

/** Rules without a fixed beginning made of letters. */
const OTHERS: readonly Rule[] = [
  {
    label: "SECRET",
    detector: "rule:key-telegram",
    score: 0.97,
    pattern: new RegExp(String.raw`${START}\d{8,10}:AA[A-Za-z0-9_-]{33}${END}`, "gu"),
    starts: { figures: 8 },
    accept: whole,
  },
  {
    label: "SECRET",
    detector: "rule:key-discord",
    score: 0.97,
    pattern: new RegExp(String.raw`${START}[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}${END}`, "gu"),
    starts: { texts: ["M", "N", "O"] },
    accept: whole,
  },
  {
    label: "SECRET",
    detector: "rule:key-azure-ad",
    score: 0.97,
    pattern: /~[A-Za-z0-9_~.-]{31,34}/g,
    starts: { texts: ["~"] },
    accept: (match) =>
      /[A-Za-z0-9_~.-]{3}[78]Q$/.test(match.input.slice(Math.max(0, match.index - 5), match.index)) ? [-5, match[0].length] : undefined,
  },
  {
    label: "SECRET",
    detector: "rule:key-azure-signature",
    score: 0.97,
    pattern: /sig=[A-Za-z0-9%+/=_-]{40,200}/g,
    starts: { texts: ["sig="] },
    accept: (match) => [4, match[0].length],
  },
];

/** Rules for the keys of well-known providers. */
export const PROVIDER_KEY_RULES: readonly Rule[] = [...KINDS.map(toRule), ...OTHERS];
