// The real server as a process of a test's own, and peers that say what a test tells them to.

import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const binary = process.env.REFINERY_BINARY;
export const PATIENCE = 60_000;

/** The executable that REFINERY_BINARY names, with a folder for its jobs, always on the same port. */
export class RealServer {
  constructor(port) {
    this.address = `127.0.0.1:${port}`;
    const folder = mkdtempSync(join(tmpdir(), "refinery-"));
    this.data = join(folder, "data");
    this.socket = `unix:${join(folder, "socket")}`;
  }

  /** `environment` is on top of this process's. */
  static async started(environment = {}) {
    const [port, close] = await listening(createServer());
    close();
    const server = new RealServer(port);
    server.environment = { ...process.env, ...environment };
    await server.start();
    return server;
  }

  /** Resolves once the server listens. */
  start() {
    this.process = spawn(binary, ["serve", "--listen", this.socket, "--listen", this.address, "--data", this.data,
      "--default-model", "tiny-base"], {
      stdio: ["ignore", "ignore", "pipe"],
      env: this.environment,
    });
    return new Promise((resolve, reject) => {
      let log = "";
      const fail = () => reject(new Error(`the server does not listen:\n${log}`));
      const timer = setTimeout(fail, PATIENCE);
      this.process.once("exit", fail);
      this.process.stderr.on("data", (data) => {
        log += data;
        if (!log.includes(`listening on ${this.address}`)) return;
        clearTimeout(timer);
        this.process.removeListener("exit", fail);
        resolve();
      });
    });
  }

  kill() {
    return new Promise((resolve) => {
      this.process.once("exit", resolve);
      this.process.kill("SIGKILL");
    });
  }
}

function listening(server) {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve([server.address().port, () => server.close()]));
  });
}

/** A peer that answers the request on each connection with the next of these bytes, then hangs up; the last
 * one again and again. Runs `body` with its address. */
export async function withPeer(replies, body) {
  let count = 0;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(replies[Math.min(count++, replies.length - 1)]));
  });
  const [port, close] = await listening(server);
  try {
    return await body(`127.0.0.1:${port}`);
  } finally {
    close();
  }
}
