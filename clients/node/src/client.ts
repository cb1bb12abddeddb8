import { createHash, randomUUID } from "node:crypto";

import type { Method } from "./call.js";
import type { Init, Message } from "./codec.js";
import { type Limits, type Server, call, parseAddress } from "./connection.js";
import { ProtocolError, RefineryError, isForNow } from "./errors.js";
import { Following, Patience, type Start } from "./following.js";
import * as wire from "./messages.js";

export interface ClientOptions {
  /** What the server asks for, if it asks. */
  token?: string;
  /** Milliseconds for connecting and for every short call; 10,000 when absent. */
  timeout?: number;
  /** Milliseconds for which a server that was lost is tried again before a call fails; 60,000 when absent,
   * 0 for not at all. Events then go on where they broke off. */
  reconnect?: number;
  /** Milliseconds for which a call is made again that the server refuses for now: its queue is full, the
   * token's calls a minute are used up, it is stopping. In between the client waits as long as the server
   * asks (`RefineryError.retryAfterMs`), else longer each time. 0 when absent: not at all. */
  retry?: number;
}

/** How a job is to end that is cancelled. */
export type Outcome = Exclude<wire.CancelJobRequestOutcome, "UNRECOGNIZED">;
type Picture = Extract<wire.Event, { kind: "image" }>;

const IMAGES = "refinery.v1.ImageGeneration";
/** Of a picture, in one call; with its envelope it must stay below the server's 1 MiB. */
const PIECE_BYTES = 512 << 10;

function unary<Ask, Reply>(
  service: string, name: string, request: Message<Ask>, reply: Message<Reply>,
): Method<Ask, Reply> {
  return { service, name, streams: false, request, reply };
}

/** A Refinery server. Every call has its own connection, made at once and closed at its end. */
export class Client {
  private readonly server: Server;
  private readonly timeout: number;
  private readonly reconnect: number;
  private readonly retry: number;

  /** `address` is "HOST:PORT", "[IPV6]:PORT" or "unix:PATH". */
  constructor(address = "127.0.0.1:7420", options: ClientOptions = {}) {
    this.timeout = options.timeout ?? 10_000;
    this.reconnect = options.reconnect ?? 60_000;
    this.retry = options.retry ?? 0;
    if (options.token !== undefined && !/^[\x21-\x7e]+$/.test(options.token)) {
      throw new TypeError("token: give printable ASCII characters");
    }
    this.server = {
      address: parseAddress(address), name: address, token: options.token, connectTimeout: this.timeout,
    };
  }

  /** Makes pictures and tells every step: accepted, then queued and progress, handedOff where the refiner
   * takes over, and an image for each picture, the last one with a summary.
   *
   * Leaving the loop, or aborting, cancels the job. A job with `detach` outlives a lost connection, and any
   * job a restart of a server that keeps jobs: the events then go on. */
  generate(request: Init<wire.GenerateRequest>, limits: Limits = {}): AsyncGenerator<wire.Event, void, undefined> {
    return this.follow({ generate: withRequestId(request) }, limits);
  }

  /** Makes pictures and gives the last one. */
  async generateImage(
    request: Init<wire.GenerateRequest>, limits: Limits & { onEvent?: (event: wire.Event) => void } = {},
  ): Promise<wire.Image> {
    let picture: Picture | undefined;
    for await (const event of this.generate(request, limits)) {
      limits.onEvent?.(event);
      if (event.kind === "image") picture = event;
    }
    return picture!.image; // there is one: events that end without are an error
  }

  /** Makes the same pictures with several endings, the request's `branches`, and the base's steps once. Gives
   * them by branch, in the request's order, then by seed; a job that somebody cuts short lacks some. `generate`
   * gives each picture as soon as it is finished. */
  async compare(
    request: Init<wire.GenerateRequest>, limits: Limits & { onEvent?: (event: wire.Event) => void } = {},
  ): Promise<wire.Image[][]> {
    if (!request.branches?.length) throw new TypeError("branches is empty: give one for each ending");
    const pictures: wire.Image[][] = request.branches.map(() => []);
    for await (const event of this.generate(request, limits)) {
      limits.onEvent?.(event);
      if (event.kind !== "image") continue;
      const branch = pictures[event.image.branch ?? -1];
      if (branch === undefined) {
        throw new ProtocolError("a picture came that is of none of the branches asked for: the server may be older than this client");
      }
      branch.push(event.image);
    }
    return pictures;
  }

  /** Hands a job in. It goes on whatever becomes of this client; `watch` follows it. */
  submit(request: Init<wire.GenerateRequest>): Promise<wire.Job> {
    return this.askAgain(unary(IMAGES, "Submit", wire.GenerateRequest, wire.Job), withRequestId(request));
  }

  /** A job's events: what still counts of those after `afterSequence`, then what comes. Leaving them
   * changes nothing for the job. */
  watch(
    jobId: string, limits: Limits & { afterSequence?: bigint } = {},
  ): AsyncGenerator<wire.Event, void, undefined> {
    if (jobId === "") throw new TypeError("jobId is empty: watchAll() follows all jobs");
    return this.follow({ jobId, afterSequence: limits.afterSequence ?? 0n }, limits);
  }

  /** The events of all jobs, without an end: how each stands, then what comes. Images come without their
   * PNG, and each job's end as `ended`. After a lost connection the standing is told again. */
  watchAll(limits: Limits = {}): AsyncGenerator<wire.Event, void, undefined> {
    return this.follow({}, limits);
  }

  /** The job as it is now. */
  job(jobId: string): Promise<wire.Job> {
    return this.ask(unary(IMAGES, "GetJob", wire.JobReference, wire.Job), { jobId });
  }

  /** The jobs in these states (none: in any) with this base model or refiner, the newest first, fetched in
   * pages as they are asked for. */
  async *jobs(filter: { states?: readonly wire.JobState[]; model?: string } = {}): AsyncGenerator<wire.Job, void, undefined> {
    const method = unary(IMAGES, "ListJobs", wire.ListJobsRequest, wire.ListJobsResponse);
    let pageToken = "";
    do {
      const page = await this.ask(method, { states: filter.states ?? [], model: filter.model ?? "", pageToken });
      yield* page.jobs;
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  /** Ends a job, before its next step. One that has ended stays as it is. */
  cancel(jobId: string, outcome: Outcome = "DISCARD"): Promise<wire.Job> {
    return this.ask(unary(IMAGES, "CancelJob", wire.CancelJobRequest, wire.Job), { jobId, outcome });
  }

  /** Makes a job that goes on from a paused one, which stays and may be resumed again; `watch` follows it. What
   * `request` leaves out is as in the paused job: the picture is that of such a request run from the start. */
  resume(jobId: string, request: Omit<Init<wire.ResumeJobRequest>, "jobId"> = {}): Promise<wire.Job> {
    const method = unary(IMAGES, "ResumeJob", wire.ResumeJobRequest, wire.Job);
    return this.askAgain(method, { ...withRequestId(request), jobId });
  }

  /** A finished image's PNG, fetched in pieces, across lost connections too, and checked. */
  async readImage(jobId: string, imageIndex = 0): Promise<Uint8Array> {
    const method = unary(IMAGES, "ReadImage", wire.ReadImageRequest, wire.ImageChunk);
    let png = new Uint8Array();
    for (let offset = 0; ; ) {
      const chunk = await this.askAgain(method, { jobId, imageIndex, offset: BigInt(offset) });
      if (offset === 0) png = new Uint8Array(Number(chunk.byteCount));
      if (chunk.offset !== BigInt(offset) || chunk.data.length === 0 || offset + chunk.data.length > png.length) {
        throw new ProtocolError(`byte ${offset} of the picture was asked for, and ${chunk.data.length} bytes from ${chunk.offset} came`);
      }
      png.set(chunk.data, offset);
      offset += chunk.data.length;
      if (offset < png.length) continue;
      if (!areEqual(digest(png), chunk.sha256)) {
        throw new ProtocolError("the picture did not arrive as it is on the server: try again");
      }
      return png;
    }
  }

  /** Part of a finished image's PNG, at most 3 MiB; a `byteCount` of 0 is as many as there are, up to that. */
  readImageChunk(
    jobId: string, part: { imageIndex?: number; offset?: bigint; byteCount?: number } = {},
  ): Promise<wire.ImageChunk> {
    return this.ask(unary(IMAGES, "ReadImage", wire.ReadImageRequest, wire.ImageChunk), { ...part, jobId });
  }

  /** Sends a PNG file, in pieces; gives its name for `seedImage` and `maskImage`. */
  async upload(picture: Uint8Array): Promise<string> {
    const method = unary(IMAGES, "UploadImage", wire.UploadImageRequest, wire.UploadedImage);
    const sha256 = digest(picture);
    const total = BigInt(picture.length);
    // A server that asks for the same piece again and again is not obeyed for ever.
    for (let attempt = 0, offset = 0; attempt < 2 * (Math.floor(picture.length / PIECE_BYTES) + 1); attempt++) {
      const data = picture.subarray(offset, offset + PIECE_BYTES);
      const reply = await this.ask(method, { data, offset: BigInt(offset), total, sha256 });
      if (reply.complete) return reply.sha256;
      offset = Number(reply.received);
    }
    throw new ProtocolError("the server does not take in the picture");
  }

  /** The models on the server, also those that it cannot use, with the reason. */
  async models(): Promise<wire.Model[]> {
    const method = unary("refinery.v1.Models", "ListModels", wire.ListModelsRequest, wire.ListModelsResponse);
    return (await this.ask(method, {})).models;
  }

  /** The server's build, engine and limits. */
  serverInfo(): Promise<wire.ServerInfo> {
    return this.ask(unary("refinery.v1.Server", "GetInfo", wire.GetInfoRequest, wire.ServerInfo), {});
  }

  /** The server's counts since its start. */
  serverStats(): Promise<wire.ServerStats> {
    return this.ask(unary("refinery.v1.Server", "GetStats", wire.GetStatsRequest, wire.ServerStats), {});
  }

  /** Asks whether the server takes the client's token, and as whose: the tenant's name, empty where the server
   * does not tell its callers apart. All calls bring the token without it. */
  async authenticate(): Promise<string> {
    const method = unary("refinery.v1.Server", "Authenticate", wire.AuthenticateRequest, wire.AuthenticateResponse);
    return (await this.ask(method, { token: this.server.token ?? "" })).tenant;
  }

  /** Sends `payload` there and back. */
  async ping(payload: Uint8Array = new Uint8Array()): Promise<Uint8Array> {
    return (await this.ask(unary("refinery.v1.Server", "Ping", wire.PingMessage, wire.PingMessage), { payload })).payload;
  }

  /** Whether the server, or one service of it, takes requests. */
  async isServing(service = ""): Promise<boolean> {
    const method = unary("grpc.health.v1.Health", "Check", wire.HealthCheckRequest, wire.HealthCheckResponse);
    return (await this.ask(method, { service })).status === "SERVING";
  }

  private async *follow(start: Start, limits: Limits): AsyncGenerator<wire.Event, void, undefined> {
    const following = new Following(start, this.reconnect, this.retry);
    const end = limits.timeout === undefined ? undefined : performance.now() + limits.timeout;
    try {
      for (;;) {
        const timeout = end === undefined ? undefined : Math.max(1, end - performance.now());
        const { method, request } = following.call();
        try {
          for await (const event of call(this.server, method, request, { timeout, signal: limits.signal })) {
            if (following.takes(event)) yield event;
          }
          if (following.mayEnd) return;
          throw new ProtocolError(`the server ended ${method.name} without the message that completes it`);
        } catch (error) {
          if (following.hasEnded) return;
          if (!(error instanceof RefineryError)) throw error;
          const delay = following.delayAfter(error);
          const left = end === undefined ? delay : Math.max(0, end - performance.now());
          await pause(Math.min(delay, left), limits.signal);
        }
      }
    } finally {
      const jobId = following.abandonedJob;
      // The caller has left: nobody is there to hear of an error.
      if (jobId !== undefined) await this.cancel(jobId).catch(() => undefined);
    }
  }

  private ask<Ask, Reply>(method: Method<Ask, Reply>, request: Init<Ask>): Promise<Reply> {
    return this.tryFor(new Patience(0, this.retry), method, request);
  }

  /** For calls that may be made twice: a lost server is tried again. */
  private askAgain<Ask, Reply>(method: Method<Ask, Reply>, request: Init<Ask>): Promise<Reply> {
    return this.tryFor(new Patience(this.reconnect, this.retry), method, request);
  }

  private async tryFor<Ask, Reply>(
    patience: Patience, method: Method<Ask, Reply>, request: Init<Ask>,
  ): Promise<Reply> {
    for (;;) {
      try {
        for await (const reply of call(this.server, method, request, { timeout: this.timeout })) return reply;
        throw new ProtocolError(`the server ended ${method.name} without an answer`);
      } catch (error) {
        if (!(error instanceof RefineryError)) throw error;
        await pause(patience.delayAfter(error, isForNow(error)), undefined);
      }
    }
  }
}

/** What is sent again after a lost connection shall begin no second job. */
function withRequestId<Ask extends { requestId?: string }>(request: Ask): Ask {
  return request.requestId ? request : { ...request, requestId: randomUUID() };
}

function digest(data: Uint8Array): Uint8Array {
  return createHash("sha256").update(data).digest();
}

function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** Resolves early when the caller aborts; the next call then tells. */
function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(milliseconds, 2 ** 31 - 1));
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}
