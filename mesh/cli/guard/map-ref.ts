/** How a person names a map that the daemon keeps: the session that masked, and the map in it. */

/** A map of the daemon. */
export interface MapRef {
  readonly sessionId: string;
  readonly mapRef: string;
}

/** As it is printed and typed. */
export const formatMapRef = ({ sessionId, mapRef }: MapRef): string => `${sessionId}:${mapRef}`;

/** Reads it; undefined for anything else. */
export function parseMapRef(text: string): MapRef | undefined {
  const [, sessionId, mapRef] = /^(cli-[0-9a-f]{32}):([\w.-]{1,160})$/.exec(text) ?? [];
  return sessionId === undefined || mapRef === undefined ? undefined : { sessionId, mapRef };
}

/** The session of one masking: its tokens restore nothing else. @param bytes 16 random bytes */
export const newCliSession = (bytes: Uint8Array): string => `cli-${Buffer.from(bytes).toString("hex")}`;
