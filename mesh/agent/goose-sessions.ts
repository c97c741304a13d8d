/** The Goose sessions that registered with this daemon: a person's chats, and the runs that it started itself. */

/** What is known of a session. */
export interface GooseSession {
  readonly kind: "chat" | "run";
  /** Trace of everything that follows from the session. */
  readonly traceId: string;
}

/** Registered sessions, bounded: the one that registered first is forgotten first. */
export interface GooseSessions {
  /** Registers a session. A run keeps its kind and trace when Goose's own hook registers it again. */
  register(sessionId: string, session: GooseSession): void;
  find(sessionId: string): GooseSession | undefined;
}

/** Sessions remembered. */
const MAX_SESSIONS = 2_000;

/** Makes the register. */
export function createGooseSessions(): GooseSessions {
  const sessions = new Map<string, GooseSession>();
  return {
    register(sessionId, session) {
      if (session.kind === "chat" && sessions.has(sessionId)) return;
      sessions.set(sessionId, session);
      const [oldest] = sessions.keys();
      if (sessions.size > MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest);
    },
    find: (sessionId) => sessions.get(sessionId),
  };
}
