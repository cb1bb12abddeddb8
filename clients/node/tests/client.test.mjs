import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { DecodeError, decode, encode } from "../dist/codec.js";
import { Client, ConnectionLost, RefineryError, ServerUnreachable } from "../dist/index.js";
import { ErrorDetail, GenerateRequest, PingMessage, Response, ServerStats } from "../dist/messages.js";
import { RealServer, binary, withPeer } from "./server.mjs";

const small = { positivePrompt: "a red fox", width: 64, height: 64, steps: 4, seed: 7n };

/** The bytes of the table's reply of that name, and where its frames end. */
function reply(name) {
  const table = JSON.parse(readFileSync(new URL("../../conformance/replies.json", import.meta.url)));
  const bytes = Buffer.from(table.find((entry) => entry.name === name).bytes, "hex");
  const ends = [0];
  while (ends.at(-1) < bytes.length) ends.push(ends.at(-1) + 10 + bytes.readUInt32BE(ends.at(-1)));
  return { bytes, ends };
}

describe("the codec", () => {
  test("a request comes back as it was sent, what is absent absent", () => {
    const request = {
      requestId: "id", positivePrompt: "f\u00fcchse", steps: 0, seed: -(2n ** 63n), cfgScale: 7.5, detach: false,
      refiner: { model: "r", startStep: 3 }, loras: [{ model: "a", weight: 0, applyTo: "BOTH" }],
    };
    const decoded = decode(GenerateRequest, encode(GenerateRequest, request));
    for (const [name, value] of Object.entries(request)) {
      if (typeof value !== "object") assert.equal(decoded[name], value);
    }
    assert.equal(decoded.refiner.startStep, 3);
    assert.equal(decoded.refiner.startSigma, undefined);
    assert.deepEqual(decoded.loras, request.loras);
    assert.equal(decoded.width, undefined);
    assert.equal(decoded.model, "");
  });

  test("what the schema has no place for is refused with the field's name", () => {
    for (const [request, message] of [
      [{ sede: 7n }, /no field sede/],
      [{ steps: 1.5 }, /steps cannot be 1.5/],
      [{ steps: -1 }, /steps cannot be -1/],
      [{ positivePrompt: 7 }, /positivePrompt cannot be 7/],
      [{ refiner: { startStep: "x" } }, /refiner\.startStep cannot be x/],
      [{ handoffHistory: "MAYBE" }, /handoffHistory cannot be MAYBE: it is KEEP, RESET/],
    ]) {
      assert.throws(() => encode(GenerateRequest, request), message);
    }
  });

  test("a message cut anywhere is refused or is a shorter message, never a crash", () => {
    const data = encode(GenerateRequest, { ...small, refiner: { model: "r", startSigma: 1.5 } });
    for (let end = 0; end < data.length; end++) {
      try {
        decode(GenerateRequest, data.subarray(0, end));
      } catch (error) {
        assert(error instanceof DecodeError, String(error));
      }
    }
  });

  test("bytes that are no message are refused", () => {
    for (const hex of ["ff", "0a05", "0a01ff", "0d00", "0b", "08ffffffffffffffffffff01"]) {
      assert.throws(() => decode(PingMessage, Buffer.from(hex, "hex")) && decode(GenerateRequest, Buffer.from(hex, "hex")), DecodeError);
    }
  });

  test("the largest numbers keep all their digits", () => {
    assert.equal(decode(ServerStats, encode(ServerStats, { accepted: 2n ** 64n - 1n })).accepted, 2n ** 64n - 1n);
  });
});

describe("a lost connection", () => {
  const { bytes, ends } = reply("two stages");

  test("events go on where they broke off, wherever that is", async () => {
    for (let cut = 0; cut < ends.length - 1; cut++) {
      const rest = bytes.subarray(ends[Math.max(cut - 1, 0)]); // a server may tell some again
      await withPeer([bytes.subarray(0, ends[cut] + 5), rest], async (address) => {
        const sequences = [];
        for await (const event of new Client(address).generate({ positivePrompt: "a red fox", detach: true })) {
          sequences.push(Number(event.sequence));
        }
        assert.deepEqual(sequences, [1, 2, 3, 4, 6, 7, 8, 9, 10], `cut after frame ${cut}`);
      });
    }
  });

  test("a job that ended with its connection is told as that", async () => {
    const gone = reply("an error without a detail").bytes; // NOT_FOUND
    await withPeer([bytes.subarray(0, ends[3]), gone], async (address) => {
      const events = new Client(address).generate({ positivePrompt: "a red fox" });
      await assert.rejects(async () => { for await (const _ of events); }, (error) => {
        assert(error instanceof ConnectionLost);
        assert.match(error.message, /with detach/);
        return true;
      });
    });
  });

  test("a server that never gets on is given up", async () => {
    await withPeer([bytes.subarray(0, ends[3])], async (address) => {
      const events = new Client(address, { reconnect: 300 }).generate({ positivePrompt: "a red fox" });
      await assert.rejects(async () => { for await (const _ of events); }, ConnectionLost);
    });
  });
});

describe("a call that is refused for now", () => {
  const wait = 300;
  const busy = refusal("tooManyCalls", { retryable: true, retryAfterMs: wait });
  const final = refusal("valueTooLarge", {});
  const served = reply("two stages").bytes;
  const generate = (client) => client.generateImage({ positivePrompt: "a red fox" });
  const ping = (client) => client.ping();

  for (const [name, call, replies, retry, status, waits] of [
    ["events are asked for again, as late as the server says", generate, [busy, busy, served], 60_000, "OK", 2 * wait],
    ["so is a short call", ping, [busy, response({ payload: new Uint8Array() })], 60_000, "OK", wait],
    ["not without the caller's wish", generate, [busy, served], undefined, "RESOURCE_EXHAUSTED", 0],
    ["nor a short one", ping, [busy, served], undefined, "RESOURCE_EXHAUSTED", 0],
    ["nor later than the caller waits", generate, [busy, served], wait / 2, "RESOURCE_EXHAUSTED", 0],
    ["nor what is refused for good", generate, [final, served], 60_000, "RESOURCE_EXHAUSTED", 0],
  ]) {
    test(name, async () => {
      await withPeer(replies, async (address) => {
        const begin = performance.now();
        const outcome = await call(new Client(address, { retry })).then(() => "OK", (error) => error.status);
        assert.equal(outcome, status);
        // A timer may be early by less than a millisecond.
        assert(performance.now() - begin > waits - waits / wait);
      });
    });
  }

  function refusal(code, more) {
    const value = encode(ErrorDetail, { code, ...more });
    const detail = { typeUrl: "type.googleapis.com/refinery.v1.ErrorDetail", value };
    return response({ status: { code: 8, message: "no", details: [detail] } });
  }

  function response(message) {
    const payload = encode(Response, message);
    const header = Buffer.alloc(10);
    header.writeUInt32BE(payload.length);
    header.writeUInt32BE(1, 4);
    header[8] = 2;
    return Buffer.concat([header, payload]);
  }
});

test("nobody listening is unreachable, with advice", async () => {
  await assert.rejects(new Client("127.0.0.1:1").ping(), (error) => {
    assert(error instanceof ServerUnreachable);
    assert.match(error.message, /refinery serve/);
    return true;
  });
  await assert.rejects(new Client("unix:/nowhere.sock").ping(), ServerUnreachable);
});

test("an address, a token or a job id that cannot be meant is refused at once", () => {
  for (const address of ["", "host", "host:0", "host:70000", "::1:7420", "unix:"]) {
    assert.throws(() => new Client(address), /write HOST:PORT/);
  }
  for (const address of ["localhost:7420", "[::1]:7420", "unix:/run/refinery.sock"]) new Client(address);
  assert.throws(() => new Client("127.0.0.1:1", { token: "two\nlines" }), /token/);
  assert.throws(() => new Client().watch(""), /watchAll/);
});

describe("the real server", { skip: binary ? false : "REFINERY_BINARY does not name a refinery executable" }, () => {
  let [server, client] = [];
  before(async () => {
    server = await RealServer.started();
    client = new Client(server.address, { token: "any" });
  });
  after(() => server.kill());

  test("tells about itself", async () => {
    assert.deepEqual([...(await client.ping(Uint8Array.of(1, 2)))], [1, 2]);
    assert.deepEqual([...(await new Client(server.socket).ping(Uint8Array.of(3)))], [3]);
    assert(await client.isServing("refinery.v1.ImageGeneration"));
    assert.notEqual((await client.serverInfo()).version, "");
    const roles = (await client.models()).map((model) => model.role);
    assert(roles.includes("BASE_MODEL") && roles.includes("REFINER_MODEL"));
  });

  test("a job is handed in, watched, listed, read, and its picture sent back", async () => {
    const job = await client.submit(small);
    let image;
    for await (const event of client.watch(job.id)) if (event.kind === "image") image = event.image;
    const ids = [];
    for await (const listed of client.jobs({ states: ["FINISHED"] })) ids.push(listed.id);
    assert.deepEqual(ids, [job.id]);
    assert.equal((await client.job(job.id)).state, "FINISHED");
    const png = await client.readImage(job.id);
    assert(Buffer.from(png).equals(image.png));
    assert.equal((await client.serverStats()).finished, 1n);
    const again = await client.generateImage({ ...small, seedImage: await client.upload(png), strength: 0.5 });
    assert.equal(again.summary.baseSteps, 2);
  });

  test("pictures are compared by branch and seed", async () => {
    const refiner = { model: "tiny-refiner" };
    const endings = [{}, { refiner: { startStep: 3 } }];
    const pictures = await client.compare({ ...small, numberResults: 2, refiner, branches: endings });
    assert.deepEqual(pictures.map((branch) => branch.length), [2, 2]);
    for (const [index, image] of pictures[1].entries()) {
      const own = { ...small, seed: 7n + BigInt(index), refiner: { ...refiner, startStep: 3 } };
      assert(Buffer.from(image.png).equals((await client.generateImage(own)).png));
    }
    await assert.rejects(client.compare(small), /branches is empty/);
  });

  test("a paused job is paused again and thrown away", async () => {
    const request = { ...small, refiner: { model: "tiny-refiner", startStep: 3 }, pauseAt: { step: 1 } };
    const job = await client.submit(request);
    for await (const event of client.watch(job.id)) if (event.kind === "image") assert.equal(event.image.pausedStep, 1);
    for (let attempt = 0; attempt < 2; attempt++) {
      // The same call under its id is the same job.
      const later = await client.resume(job.id, { requestId: "later", pauseAt: { handoff: true } });
      assert.deepEqual([later.id, later.resumes], ["later", job.id]);
    }
    for await (const event of client.watch("later")) if (event.kind === "image") assert.equal(event.image.pausedStep, 2);
    assert.equal((await client.job("later")).state, "PAUSED");
    assert.equal((await client.cancel("later")).state, "CANCELLED");
    await assert.rejects(client.resume("later"), RefineryError);
    await assert.rejects(client.resume(job.id, { sede: 7n }), /no field sede/);
  });

  test("a picture is read in parts of the caller's size", async () => {
    const request = { ...small, requestId: "in parts" };
    const { png } = await client.generateImage(request);
    const chunk = await client.readImageChunk("in parts", { offset: 5n, byteCount: 10 });
    assert(Buffer.from(chunk.data).equals(png.subarray(5, 15)));
    assert.equal(chunk.byteCount, BigInt(png.length));
  });

  test("a token is asked about", async () => {
    assert.equal(await client.authenticate(), "");
    const guarded = await RealServer.started({ REFINERY_TOKENS: "alice alice-0123456789" });
    try {
      assert.equal(await new Client(guarded.address, { token: "alice-0123456789" }).authenticate(), "alice");
      for (const token of [undefined, "mallory-0123456789"]) {
        const asked = new Client(guarded.address, { token }).authenticate();
        await assert.rejects(asked, (error) => error.status === "UNAUTHENTICATED");
      }
    } finally {
      await guarded.kill();
    }
  });

  test("all jobs are watched", async () => {
    const controller = new AbortController();
    let job;
    const submitted = client.submit({ ...small, seed: 8n }).then((made) => (job = made));
    for await (const event of client.watchAll({ signal: controller.signal })) {
      await submitted;
      if (event.jobId === job.id && event.kind === "ended") {
        assert.equal(event.ended.state, "FINISHED");
        break;
      }
    }
  });

  test("runs the guide's example", () => {
    const folder = mkdtempSync(join(tmpdir(), "refinery-"));
    const example = new URL("../examples/stream.mjs", import.meta.url).pathname;
    const env = { ...process.env, REFINERY_SERVER: server.address };
    const said = execFileSync(process.execPath, [example], { cwd: folder, env, encoding: "utf8" });
    assert.match(said, /^BASE 16 of 20$/m);
    assert.match(said, /^REFINER 20 of 20$/m);
    assert.equal(readFileSync(join(folder, "fox.png")).subarray(1, 4).toString(), "PNG");
  });

  test("aborting cancels the job", async () => {
    const controller = new AbortController();
    let id;
    const run = async () => {
      const request = { ...small, width: 256, height: 256, steps: 100 };
      for await (const event of client.generate(request, { signal: controller.signal })) {
        id = event.jobId;
        if (event.kind === "progress" && event.progress.step > 0) controller.abort();
      }
    };
    await assert.rejects(run, (error) => error instanceof RefineryError && error.status === "CANCELLED");
    await assert.rejects(async () => { for await (const _ of client.watch(id)); }, /cancelled/i);
  });
});
