/** The revocation statements that an agent knows, on its disk: what admin keys have revoked since the newest bundle. Source: decision 0108. */
import { z } from "zod";
import type { BundleManifest } from "../../mesh/contract/bundle.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { parseAs, parseJson } from "../../mesh/contract/json.ts";
import { revocationJws } from "../../mesh/contract/revocation.ts";
import { addRevocation, openRevocations, type SignedRevocation, withRevocations } from "../../mesh/identity/revocation.ts";
import { writePrivateFile } from "../../mesh/store/private-file.ts";

const bookFile = z.strictObject({ v: z.literal(1), statements: z.array(revocationJws) });

/** Known revocation statements. Each call names the newest manifest as the root signed it. */
export interface RevocationBook {
  /** The manifest with what statements revoke on top of it. */
  under(manifest: BundleManifest): BundleManifest;
  /** The statements that count under the manifest: compact JWS, in order. */
  open(manifest: BundleManifest): readonly string[];
  /**
   * Takes a statement; on the disk when it resolves.
   * @returns the statement where it says something new
   * @throws GaggleError CREDENTIAL_INVALID, REVOKED (its admin key), NOT_A_MEMBER, TOO_LARGE
   */
  add(jws: string, manifest: BundleManifest): Promise<SignedRevocation | undefined>;
}

/**
 * Opens the book.
 * @param read text of the file, or undefined where there is none
 * @throws GaggleError INVALID_INPUT for a damaged file: that revocations were lost must not pass unseen
 */
export async function openRevocationBook(path: string, read: (path: string) => Promise<string | undefined>): Promise<RevocationBook> {
  const text = await read(path);
  let statements: readonly string[] = text === undefined ? [] : readBook(text, path);
  let view: { readonly of: BundleManifest; readonly merged: BundleManifest; readonly open: readonly string[] } | undefined;
  const viewOf = (manifest: BundleManifest): NonNullable<typeof view> => {
    if (view?.of === manifest) return view;
    const open = openRevocations(statements, manifest).map(({ jws }) => jws);
    const merged = open.length === 0 ? manifest : { ...manifest, revocations: withRevocations(manifest, open) };
    view = { of: manifest, merged, open };
    return view;
  };
  return {
    under: (manifest) => viewOf(manifest).merged,
    open: (manifest) => viewOf(manifest).open,
    async add(jws, manifest) {
      const next = addRevocation(statements, jws, manifest);
      if (next === undefined) return undefined;
      await writePrivateFile(path, JSON.stringify({ v: 1, statements: next.statements }));
      [statements, view] = [next.statements, undefined];
      return next.added;
    },
  };
}

function readBook(text: string, path: string): string[] {
  try {
    return parseAs(bookFile, parseJson(text, path), path).statements;
  } catch (cause) {
    throw new GaggleError(
      "INVALID_INPUT",
      `${path} is damaged: what admins revoked lately is not known. Delete the file; colleagues and the bootstrap node tell it again.`,
      { cause },
    );
  }
}
