// A call's own connection, from its request to its end.

import { type Socket, connect } from "node:net";

import { Answer, type Method, requestFrame } from "./call.js";
import type { Init } from "./codec.js";
import { ConnectionLost, RefineryError, ServerUnreachable } from "./errors.js";

export type Address = { path: string } | { host: string; port: number };

/** "HOST:PORT", "[IPV6]:PORT" or "unix:PATH". Throws TypeError for anything else. */
export function parseAddress(text: string): Address {
  if (text.startsWith("unix:") && text.length > 5 && !text.includes("\0")) return { path: text.slice(5) };
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(parts?.[3]);
  const host = parts?.[1] ?? parts?.[2];
  if (host === undefined || port < 1 || port > 65535) {
    throw new TypeError(`server address ${JSON.stringify(text)}: write HOST:PORT, [IPV6]:PORT or unix:PATH`);
  }
  return { host, port };
}

/** What may end a call before its end. */
export interface Limits {
  /** Milliseconds for all of it. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface Server {
  address: Address;
  /** As the caller wrote it. */
  name: string;
  token: string | undefined;
  /** Milliseconds for connecting. */
  connectTimeout: number;
}

/** The messages of one call. Leaving them closes the connection, which cancels a Generate. */
export async function* call<Ask, Reply>(
  server: Server, method: Method<Ask, Reply>, request: Init<Ask>, limits: Limits,
): AsyncGenerator<Reply, void, undefined> {
  const frame = requestFrame(method, request, limits.timeout, server.token);
  const answer = new Answer(method);
  const socket = connect(server.address);
  // What ended the call from this side; the socket's own errors come as its iteration's.
  let ending: Error | undefined;
  const end = (error: Error) => {
    ending ??= error;
    socket.destroy(error);
  };
  const ignore = () => {};
  socket.on("error", ignore);
  const timer = limits.timeout === undefined
    ? undefined
    : setTimeout(() => end(deadlineExceeded(limits.timeout!)), Math.min(limits.timeout, 2 ** 31 - 1));
  const abort = () => end(cancelled(limits.signal?.reason));
  limits.signal?.addEventListener("abort", abort);
  try {
    if (limits.signal?.aborted) throw cancelled(limits.signal.reason);
    await connected(socket, server);
    socket.write(frame);
    for await (const data of socket) {
      for (const reply of answer.feed(data)) {
        yield reply;
        if (ending !== undefined) throw ending;
      }
      if (answer.hasEnded) return;
    }
    throw ending ?? answer.hungUp();
  } catch (error) {
    if (ending !== undefined) throw ending;
    if (error instanceof RefineryError) throw error;
    throw new ConnectionLost(`the connection to the server broke (${(error as Error).message})`, error);
  } finally {
    clearTimeout(timer);
    limits.signal?.removeEventListener("abort", abort);
    socket.destroy();
  }
}

function connected(socket: Socket, server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      clearTimeout(timer);
      reject(error instanceof RefineryError ? error : new ServerUnreachable(server.name, error));
    };
    const timer = setTimeout(() => socket.destroy(new Error("no answer in time")), server.connectTimeout);
    socket.once("error", fail);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", fail);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 30_000); // a peer that vanished without a word is noticed
      resolve();
    });
  });
}

function deadlineExceeded(timeout: number): RefineryError {
  return new RefineryError(
    `no end within the timeout of ${timeout} ms; the call was given up`, "DEADLINE_EXCEEDED", "", [], true,
  );
}

function cancelled(reason: unknown): RefineryError {
  return new RefineryError("the call was aborted", "CANCELLED", "", [], false, reason);
}
