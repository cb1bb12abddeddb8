// Going on after a lost connection: which call to make next, and how long to try.

import type { Method } from "./call.js";
import type { Init } from "./codec.js";
import { ConnectionLost, type RefineryError } from "./errors.js";
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

/** How long, in milliseconds, a server that was lost is tried again; 0 is not at all. One that was never
 * reached is not waited for. */
export class Patience {
  private wasReached = false;
  private lostAt: number | undefined;
  private delay = FIRST_DELAY;

  constructor(private readonly limit: number) {}

  /** The server was heard: the next loss is a new one. */
  succeeded(): void {
    this.wasReached = true;
    this.lostAt = undefined;
    this.delay = FIRST_DELAY;
  }

  /** Milliseconds to wait before the next try. Throws the error when there is to be none. */
  delayAfter(error: RefineryError): number {
    if (error.status !== "UNAVAILABLE" || !error.retryable) throw error;
    if (!this.wasReached && !(error instanceof ConnectionLost)) throw error;
    this.wasReached = true;
    const now = performance.now();
    this.lostAt ??= now;
    if (now + this.delay > this.lostAt + this.limit) throw error;
    const delay = this.delay;
    this.delay = Math.min(2 * delay, LONGEST_DELAY);
    return delay;
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
  private readonly patience: Patience;
  private readonly isOfAll: boolean;
  /** Leaving the events ends the job. */
  private readonly cancels: boolean;
  /** The job's last event has been told, or what ended the events. */
  hasEnded = false;

  constructor(private readonly start: Start, reconnect: number) {
    this.jobId = start.jobId ?? "";
    this.sequence = start.afterSequence ?? 0n;
    this.isOfAll = start.generate === undefined && start.jobId === undefined;
    this.cancels = start.generate !== undefined && !start.generate.detach;
    this.patience = new Patience(reconnect);
  }

  /** The next call to make. */
  call(): NextCall {
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
    return event.kind !== undefined;
  }

  /** Whether a good end of the call is one of the events. */
  get mayEnd(): boolean {
    return this.hasEnded || (this.start.afterSequence ?? 0n) > 0n;
  }

  /** Milliseconds to wait before the next call. Throws what ends the events. */
  delayAfter(error: RefineryError): number {
    try {
      const delay = this.patience.delayAfter(error);
      this.loss = error;
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
