/** How a demo is started. */

/** What the demo needs of the command that starts it. */
export interface DemoContext {
  readonly env: NodeJS.ProcessEnv;
  readonly installDir: string;
  readonly node: string;
  readonly out: { line(text?: string): void; result(value: unknown): void };
}

/** What the person chose. */
export interface DemoOptions {
  readonly dir: string;
  /** YYYY-MM */
  readonly period: string;
  readonly model?: string;
  /** The person at the keyboard is the executive. */
  readonly interactive: boolean;
  /** Goes on with the organisation of the last demo. */
  readonly again: boolean;
}
