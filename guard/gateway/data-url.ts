/** Texts that travel as files: a data URL or base64 of a kind that is text can be read like any other text. */

const TEXT_TYPE = /^(?:text\/[\w.+-]+|application\/(?:json|xml|yaml|x-yaml|csv|x-ndjson)|image\/svg\+xml)$/i;
const DATA_URL = /^data:([\w/.+-]+)((?:;[\w-]+=[\w.-]+)*)(;base64)?,(.*)$/is;
const CHARSET = /;charset=([\w-]+)/i;

/** The text behind base64 of a media type, or undefined where it is no UTF-8 text. */
export function readBase64Text(mediaType: string, base64: string): string | undefined {
  if (!TEXT_TYPE.test(mediaType) || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(base64)) return undefined;
  return decodeUtf8(Buffer.from(base64, "base64"));
}

/** The text behind a data URL, or undefined where it is something else. */
export function readDataUrl(url: string): string | undefined {
  const [, mediaType = "", parameters = "", isBase64, data = ""] = DATA_URL.exec(url) ?? [];
  const charset = CHARSET.exec(parameters)?.[1]?.toLowerCase() ?? "utf-8";
  if (!TEXT_TYPE.test(mediaType) || !["utf-8", "utf8", "us-ascii"].includes(charset)) return undefined;
  if (isBase64 !== undefined) return readBase64Text(mediaType, data);
  try {
    return decodeURIComponent(data);
  } catch {
    return undefined;
  }
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
