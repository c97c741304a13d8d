/** A queue whose both ends cost the same however long it is: `Array.shift` moves every element once there are many. */

/** First in, first out. */
export interface Fifo<T> {
  push(item: T): void;
  shift(): T | undefined;
  peek(): T | undefined;
  readonly size: number;
}

/** Taken elements that may lie in front before they are given back. */
const SLACK = 1_024;

/** Makes an empty queue. */
export function createFifo<T>(): Fifo<T> {
  let items: (T | undefined)[] = [];
  let first = 0;
  return {
    push: (item) => void items.push(item),
    shift() {
      if (first === items.length) return undefined;
      const item = items[first];
      items[first++] = undefined;
      if (first > SLACK && first * 2 > items.length) {
        items = items.slice(first);
        first = 0;
      }
      return item;
    },
    peek: () => items[first],
    get size() {
      return items.length - first;
    },
  };
}
