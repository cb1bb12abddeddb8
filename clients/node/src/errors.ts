import { DecodeError, decode } from "./codec.js";
import { ErrorDetail, type JobError, type Status } from "./messages.js";

/** gRPC's status codes. */
export const statusNames = [
  "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
  "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
] as const;
export type StatusName = (typeof statusNames)[number];

const DETAIL_URL = "type.googleapis.com/refinery.v1.ErrorDetail";

/** A call that did not succeed. Its message says what was wrong, what is allowed and what to do. */
export class RefineryError extends Error {
  override readonly name: string = "RefineryError";

  constructor(
    message: string,
    /** Its kind. */
    readonly status: StatusName,
    /** The contract's name for it, such as "invalidRefinerStartStep", or empty. */
    readonly code = "",
    /** The request's fields at fault in the contract's words, such as "refiner.startStep". */
    readonly fields: readonly string[] = [],
    /** Whether the same request may succeed later. */
    readonly retryable = false,
    cause?: unknown,
    /** Milliseconds to wait at least before that; 0 where the server cannot tell. */
    readonly retryAfterMs = 0,
  ) {
    super(message);
    if (cause !== undefined) Object.defineProperty(this, "cause", { value: cause, enumerable: false });
  }
}

/** No connection came about: nothing was asked of the server. */
export class ServerUnreachable extends RefineryError {
  override readonly name = "ServerUnreachable";

  constructor(address: string, cause: Error) {
    super(
      `cannot reach a server at ${address}: ${cause.message}. Is one running there? Start one with: refinery serve`,
      "UNAVAILABLE", "", [], true, cause,
    );
  }
}

/** The connection ended in the middle of a call, and the call could not go on. */
export class ConnectionLost extends RefineryError {
  override readonly name = "ConnectionLost";

  constructor(message: string, cause?: unknown) {
    super(message, "UNAVAILABLE", "", [], true, cause);
  }
}

/** What came back is not what a Refinery server sends. */
export class ProtocolError extends RefineryError {
  override readonly name = "ProtocolError";

  constructor(message: string, cause?: unknown) {
    super(message, "INTERNAL", "", [], false, cause);
  }
}

export function errorOfStatus(status: Status): RefineryError {
  let detail: ErrorDetail | undefined;
  for (const item of status.details) {
    if (item.typeUrl !== DETAIL_URL) continue;
    try {
      detail = decode(ErrorDetail, item.value);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error; // a broken detail counts as none
    }
  }
  return made(status.code, status.message, detail);
}

/** Whether the server refused a call that it may take a little later. */
export function isForNow(error: RefineryError): boolean {
  const isServers = !(error instanceof ServerUnreachable || error instanceof ConnectionLost);
  return isServers && error.retryable && (error.status === "RESOURCE_EXHAUSTED" || error.status === "UNAVAILABLE");
}

/** What a failed or cancelled job would have ended its events with. */
export function errorOfJob(error: JobError): RefineryError {
  return made(error.code, error.message, error.detail);
}

function made(code: number, message: string, detail: ErrorDetail | undefined): RefineryError {
  const name = statusNames[code] ?? "UNKNOWN";
  return new RefineryError(
    message || `the server answered ${name} without a message`,
    name,
    detail?.code,
    detail?.fields,
    detail?.retryable ?? name === "UNAVAILABLE",
    undefined,
    detail?.retryAfterMs,
  );
}
