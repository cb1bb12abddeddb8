// What this client uses of Node. Debian packages no types for it, and none are needed to use the client.

declare module "node:net" {
  export interface Socket extends AsyncIterable<Uint8Array> {
    write(data: Uint8Array): boolean;
    destroy(error?: Error): this;
    setNoDelay(on: boolean): this;
    setKeepAlive(on: boolean, initialDelay: number): this;
    once(event: "connect", listener: () => void): this;
    once(event: "error", listener: (error: Error) => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    off(event: "error", listener: (error: Error) => void): this;
  }
  export function connect(options: { path: string } | { host: string; port: number }): Socket;
}

declare module "node:crypto" {
  export function createHash(name: "sha256"): { update(data: Uint8Array): { digest(): Uint8Array } };
  export function randomUUID(): string;
}

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

interface Timer { unref(): Timer }
declare function setTimeout(callback: () => void, milliseconds: number): Timer;
declare function clearTimeout(timer: Timer | undefined): void;
declare const performance: { now(): number };
declare class TextEncoder { encode(text: string): Uint8Array }
declare class TextDecoder {
  constructor(label: string, options: { fatal: boolean; ignoreBOM: boolean });
  decode(data: Uint8Array): string;
}
