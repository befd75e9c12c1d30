/** What an event may carry: never a message's body, a token or a header. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export type LogLevel = "info" | "warning" | "error";

/** Writes events for the container's log collector. */
export interface Log {
  info(event: string, fields?: LogFields): void;
  warning(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** A log of one JSON object a line. */
export function jsonLog(write: (line: string) => void, now: () => Date = () => new Date()): Log {
  const entry = (level: LogLevel, event: string, fields: LogFields = {}): void => {
    write(`${JSON.stringify({ time: now().toISOString(), level, service: "acp-gateway", event, ...fields })}\n`);
  };
  return {
    info: (event, fields) => {
      entry("info", event, fields);
    },
    warning: (event, fields) => {
      entry("warning", event, fields);
    },
    error: (event, fields) => {
      entry("error", event, fields);
    },
  };
}
