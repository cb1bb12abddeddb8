// Going on after a lost connection: which call to make next, and how long to try.

import type { Method } from "./call.js";
import type { Init } from "./codec.js";
import { ConnectionLost, type RefineryError, isForNow } from "./errors.js";
import { Event, GenerateRequest, WatchRequest } from "./messages.js";

const FIRST_DELAY = 100;
const LONGEST_DELAY = 5000;
const SERVICE = "refinery.v1.ImageGeneration";

const generateMethod: Method<GenerateRequest, Event> = {
  service: SERVICE, name: "Generate", streams: true, request: GenerateRequest, reply: Event,
};
const watchMethod: Method<WatchRequest, Event> = {
  service: SERVICE, name: "Watch", streams: true, request: WatchRequest, reply: Event,
};

/** How long, in milliseconds, a server is tried again: one that was lost for `reconnect`, one that refuses a
 * call for now for `retry`; 0 is not at all. One that was never reached is not waited for. */
export class Patience {
  private wasReached = false;
  /** When the trouble began. */
  private since: number | undefined;
  private delay = FIRST_DELAY;

  constructor(private readonly reconnect: number, private readonly retry: number) {}

  /** The server was heard: the next trouble is a new one. */
  succeeded(): void {
    this.wasReached = true;
    this.since = undefined;
    this.delay = FIRST_DELAY;
  }

  /** Milliseconds to wait before the next try, at least as many as the server asks for. Throws the error when
   * there is to be none. `isRefusal`: the call was refused; nothing had come of it. */
  delayAfter(error: RefineryError, isRefusal: boolean): number {
    const limit = this.limit(error, isRefusal);
    const now = performance.now();
    this.since ??= now;
    const delay = Math.max(this.delay, error.retryAfterMs);
    if (now + delay > this.since + limit) throw error;
    this.delay = Math.min(2 * this.delay, LONGEST_DELAY);
    return delay;
  }

  /** How long what the error tells of is waited out, from its beginning. */
  private limit(error: RefineryError, isRefusal: boolean): number {
    const isLost = error instanceof ConnectionLost;
    let limit = 0;
    if (isLost || (this.wasReached && error.retryable && error.status === "UNAVAILABLE")) {
      this.wasReached = true;
      limit = this.reconnect;
    }
    return isRefusal ? Math.max(limit, this.retry) : limit;
  }
}

export interface NextCall<Ask = any> {
  method: Method<Ask, Event>;
  request: Init<Ask>;
}

export interface Start {
  /** Generate this; else watch. */
  generate?: Init<GenerateRequest>;
  /** Watch this job; without it all. */
  jobId?: string;
  afterSequence?: bigint;
}

/** The calls that bring a job's events, each once: Generate or Watch at first, and after a lost connection
 * Watch from the last event on. */
export class Following {
  private jobId: string;
  private sequence: bigint;
  private loss: RefineryError | undefined;
  /** An event came of the call under way, which so was not refused. */
  private hasTold = false;
  private readonly patience: Patience;
  private readonly isOfAll: boolean;
  /** Leaving the events ends the job. */
  private readonly cancels: boolean;
  /** The job's last event has been told, or what ended the events. */
  hasEnded = false;

  constructor(private readonly start: Start, reconnect: number, retry: number) {
    this.jobId = start.jobId ?? "";
    this.sequence = start.afterSequence ?? 0n;
    this.isOfAll = start.generate === undefined && start.jobId === undefined;
    this.cancels = start.generate !== undefined && !start.generate.detach;
    this.patience = new Patience(reconnect, retry);
  }

  /** The next call to make. */
  call(): NextCall {
    this.hasTold = false;
    if (this.start.generate !== undefined && !(this.loss && this.jobId)) {
      return { method: generateMethod, request: this.start.generate };
    }
    return { method: watchMethod, request: { jobId: this.jobId, afterSequence: this.sequence } };
  }

  /** Whether the event is new, and of a kind known here. */
  takes(event: Event): boolean {
    if (!this.isOfAll) {
      if (event.sequence <= this.sequence) return false;
      this.sequence = event.sequence;
      this.jobId = event.jobId;
      this.hasEnded = event.kind === "image" && event.image.summary !== undefined;
    }
    this.patience.succeeded();
    this.hasTold = true;
    return event.kind !== undefined;
  }

  /** Whether a good end of the call is one of the events. */
  get mayEnd(): boolean {
    return this.hasEnded || (this.start.afterSequence ?? 0n) > 0n;
  }

  /** Milliseconds to wait before the next call. Throws what ends the events. */
  delayAfter(error: RefineryError): number {
    const isRefusal = !this.hasTold && isForNow(error);
    try {
      const delay = this.patience.delayAfter(error, isRefusal);
      if (!isRefusal || this.loss) this.loss = error;
      return delay;
    } catch {
      // What the caller did (a timeout, an abort) leaves the job as it is on the server.
      const isServers = error.cause === undefined && error.status !== "DEADLINE_EXCEEDED";
      const endedWithConnection = error.status === "CANCELLED" || error.status === "NOT_FOUND";
      if (this.loss && this.cancels && endedWithConnection && isServers) {
        this.hasEnded = true;
        throw new ConnectionLost(
          `${this.loss.message}. The job ended with its connection: ask again, or with detach, and it goes on without one`,
          error,
        );
      }
      throw error;
    }
  }

  /** The job to be cancelled now that the caller has left: one whose own connection, whose end would have
   * told the server, was lost. */
  get abandonedJob(): string | undefined {
    return this.cancels && this.loss && !this.hasEnded && this.jobId ? this.jobId : undefined;
  }
}
