// One call to a server, without any I/O: Proto/PROTOCOL.md, sections 2 and 3. Bytes go in, messages come
// out. Each call has a connection of its own, since closing it is what cancels a job.

import { DecodeError, type Init, type Message, concatenated, decode, encode } from "./codec.js";
import { ConnectionLost, ProtocolError, RefineryError, errorOfStatus } from "./errors.js";
import { Request, Response } from "./messages.js";

const HEADER_BYTES = 10;
const PAYLOAD_BYTE_LIMIT = 4 << 20;
const REQUEST = 1;
const RESPONSE = 2;
const DATA = 3;
const REMOTE_CLOSED = 1;
const NO_DATA = 4;

/** An RPC. */
export interface Method<Ask, Reply> {
  service: string;
  name: string;
  streams: boolean;
  request: Message<Ask>;
  reply: Message<Reply>;
}

/** The call's only frame to the server, on stream 1. `timeout` is in milliseconds. */
export function requestFrame<Ask>(
  method: Method<Ask, unknown>, request: Init<Ask>, timeout: number | undefined, token: string | undefined,
): Uint8Array {
  const payload = encode(Request, {
    service: method.service,
    method: method.name,
    payload: encode(method.request, request),
    timeoutNano: timeout === undefined ? 0n : BigInt(Math.max(1, Math.floor(Math.min(timeout, 1e12) * 1e6))),
    metadata: token === undefined ? [] : [{ key: "authorization", value: `Bearer ${token}` }],
  });
  if (payload.length > PAYLOAD_BYTE_LIMIT) {
    throw new RefineryError(
      `the request is ${payload.length} bytes long; at most ${PAYLOAD_BYTE_LIMIT} are allowed`,
      "RESOURCE_EXHAUSTED", "valueTooLarge",
    );
  }
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, payload.length);
  view.setUint32(4, 1);
  header[8] = REQUEST;
  header[9] = method.streams ? REMOTE_CLOSED : 0;
  return concatenated([header, payload]);
}

/** The answer to a call, as its bytes arrive, cut anywhere. */
export class Answer<Reply> {
  private buffer: Uint8Array = new Uint8Array();
  /** Whether the call has ended well. */
  hasEnded = false;

  constructor(private readonly method: Method<unknown, Reply>) {}

  /** Takes bytes; gives the messages that they complete. Throws how the call failed. */
  *feed(data: Uint8Array): Generator<Reply> {
    this.buffer = this.buffer.length === 0 ? data : concatenated([this.buffer, data]);
    while (!this.hasEnded) {
      if (this.buffer.length > 0 && this.buffer[0] !== 0) {
        throw new ProtocolError("this is not a Refinery server: check the address");
      }
      if (this.buffer.length < HEADER_BYTES) return;
      const view = new DataView(this.buffer.buffer, this.buffer.byteOffset);
      const length = view.getUint32(0);
      if (length > PAYLOAD_BYTE_LIMIT) {
        throw new ProtocolError(`the server announced ${length} bytes in one frame; at most ${PAYLOAD_BYTE_LIMIT} are allowed`);
      }
      if (this.buffer.length < HEADER_BYTES + length) return;
      const payload = this.buffer.subarray(HEADER_BYTES, HEADER_BYTES + length);
      const [stream, type, flags] = [view.getUint32(4), this.buffer[8]!, this.buffer[9]!];
      this.buffer = this.buffer.subarray(HEADER_BYTES + length);
      if (stream === 1) yield* this.take(type, flags, payload);
    }
  }

  /** What it means that the connection has ended. */
  hungUp(): ConnectionLost {
    const where = this.buffer.length > 0 ? "in the middle of a frame" : "before the call's end";
    return new ConnectionLost(
      `the server closed the connection ${where}. It may have been stopped or have crashed: see its log`,
    );
  }

  private *take(type: number, flags: number, payload: Uint8Array): Generator<Reply> {
    if (type === DATA) {
      const closes = (flags & REMOTE_CLOSED) !== 0;
      const isEmpty = (flags & NO_DATA) !== 0 || (closes && payload.length === 0);
      if (!isEmpty) yield this.decoded(this.method.reply, payload);
      this.hasEnded = closes;
    } else if (type === RESPONSE) {
      const response = this.decoded(Response, payload);
      if (response.status !== undefined && response.status.code !== 0) throw errorOfStatus(response.status);
      if (response.payload.length > 0 || !this.method.streams) {
        yield this.decoded(this.method.reply, response.payload);
      }
      this.hasEnded = true;
    }
  }

  private decoded<T>(message: Message<T>, data: Uint8Array): T {
    try {
      return decode(message, data);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new ProtocolError(`the server's answer to ${this.method.name} is not a valid message: ${error.message}`, error);
    }
  }
}
