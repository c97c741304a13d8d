/** The vendor's key for the model, on disk for the daemon alone: Goose never gets it. */
import { z } from "zod";
import { readSecretFile, writeSecretFile } from "../identity/secret-file.ts";

const modelKeyFile = z.strictObject({ v: z.literal(1), apiKey: z.string().min(1).max(1_000) });

/** Stores the key, 0600. */
export const writeModelKey = (path: string, apiKey: string): Promise<void> => writeSecretFile(path, { v: 1, apiKey });

/** The key, or undefined where the model's server wants none. @throws GaggleError CREDENTIAL_INVALID where others could read it */
export const readModelKey = async (path: string): Promise<string | undefined> => (await readSecretFile(path, modelKeyFile))?.apiKey;
