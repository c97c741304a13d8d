/** Admins' revocations: taken from whoever brings one, since an admin key's signature speaks for it. */
import type { BundleShelf } from "../bundle-shelf.ts";
import type { Handlers } from "./call.ts";

/** The handlers. */
export const revocationHandlers = ({ shelf }: { readonly shelf: BundleShelf }): Pick<Handlers, "revoke" | "revocations"> => ({
  async revoke({ body }) {
    return { taken: await shelf.acceptRevocation(body.statement) };
  },
  revocations: () => ({ manifest: shelf.newest().signed.manifest, statements: [...shelf.revocations()] }),
});
