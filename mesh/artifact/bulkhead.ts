/** Lets only so many run at once, of one kind and in all, so that one slow peer delays nobody else. The others wait in order. */

/** Makes the gate. */
export function createBulkhead(limits: { readonly perKey: number; readonly inAll: number }) {
  const running = new Map<string, number>();
  const waiting: { readonly key: string; readonly begin: () => void }[] = [];
  let all = 0;

  const hasRoom = (key: string): boolean => all < limits.inAll && (running.get(key) ?? 0) < limits.perKey;

  const change = (key: string, by: 1 | -1): void => {
    all += by;
    const count = (running.get(key) ?? 0) + by;
    if (count === 0) running.delete(key);
    else running.set(key, count);
  };

  const next = (): void => {
    const at = waiting.findIndex(({ key }) => hasRoom(key));
    if (at < 0) return;
    const [entry] = waiting.splice(at, 1);
    if (entry === undefined) return;
    change(entry.key, 1);
    entry.begin();
  };

  return async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    if (hasRoom(key)) change(key, 1);
    else await new Promise<void>((begin) => void waiting.push({ key, begin }));
    try {
      return await work();
    } finally {
      change(key, -1);
      next();
    }
  };
}
