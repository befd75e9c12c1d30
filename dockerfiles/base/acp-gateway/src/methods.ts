/** What an observer may ask, beside what is the gateway's to answer. */
export const FOR_OBSERVERS = new Set(["session/list", "session/load", "session/resume", "$/cancel_request"]);
/** What only the machine of the client that works with the agent can do. */
export const FOR_CONTROLLER = /^(fs|terminal)\//;
export const OPENS_SESSION = new Set(["session/new", "session/load", "session/resume", "session/fork"]);
export const CLOSES_SESSION = new Set(["session/close", "session/delete"]);
export const PROMPT = "session/prompt";
export const CANCEL = "$/cancel_request";
