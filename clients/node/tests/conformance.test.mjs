// The table that all clients share: clients/conformance.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Client, ConnectionLost, ProtocolError, RefineryError } from "../dist/index.js";
import { PATIENCE, RealServer, binary, withPeer } from "./server.mjs";

const table = (name) => JSON.parse(readFileSync(new URL(`../../conformance/${name}`, import.meta.url)));
const kinds = { accepted: "a", queued: "q", handedOff: "h", image: "I", resumed: "R" };
const phases = { TEXT_ENCODING: "t", IMAGE_ENCODING: "i", BASE: "b", REFINER: "r", DECODING: "d" };
const letterOf = (event) => (event.kind === "progress" ? phases[event.progress.phase] : kinds[event.kind]);

/** The proto's names as this client has them; 64-bit integers are bigint. */
function requestOf(json) {
  const entries = Object.entries(json).map(([name, value]) => {
    const key = name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
    if (key === "seed" || key === "deadlineMs") return [key, BigInt(value)];
    if (key === "pauseAt") return [key, value === "handoff" ? { handoff: true } : { step: value }];
    return [key, typeof value === "object" ? requestOf(value) : value];
  });
  return Object.fromEntries(entries);
}

describe("scenarios", { skip: binary ? false : "REFINERY_BINARY does not name a refinery executable" }, () => {
  let server;
  before(async () => (server = await RealServer.started()));
  after(() => server.kill());

  for (const scenario of table("scenarios.json").scenarios) {
    test(scenario.name, async () => {
      const client = new Client(server.address);
      const timeout = scenario.timeout_seconds && scenario.timeout_seconds * 1000;
      const seen = [];
      let [error, left, killed, cancelled] = [undefined, false, false, false];
      try {
        for await (const event of client.generate(requestOf(scenario.request), { timeout })) {
          if (seen.length > 0) assert(event.sequence > seen.at(-1).sequence);
          seen.push(event);
          const letter = letterOf(event);
          if (letter === scenario.leave_at) {
            left = true;
            break;
          }
          if (letter === scenario.kill_at && !killed) {
            killed = true;
            await server.kill();
            await server.start();
          }
          if (letter === scenario.cancel_at && event.progress.step > 0 && !cancelled) {
            cancelled = true;
            await client.cancel(event.jobId, scenario.outcome);
          }
        }
      } catch (failure) {
        if (!(failure instanceof RefineryError)) throw failure;
        error = failure;
      }

      assert.equal(error?.status ?? "OK", scenario.status ?? "OK", error?.message);
      if (scenario.code) assert.equal(error.code, scenario.code);
      if (scenario.fields) assert.deepEqual(error.fields, scenario.fields);
      assert.deepEqual(
        [left, killed, cancelled],
        [scenario.leave_at, scenario.kill_at, scenario.cancel_at].map((at) => at !== undefined),
      );
      if (scenario.events) {
        assert.match(seen.map(letterOf).join(""), new RegExp(scenario.events));
        await checkPicture(client, seen.at(-1), scenario);
      }
      if (scenario.job_state) await checkState(client, seen[0].jobId, scenario.job_state);
      if (scenario.resume) await checkResumed(client, seen[0].jobId, scenario.resume);
    });
  }
});

async function checkPicture(client, { jobId, image }, scenario) {
  assert.deepEqual(createHash("sha256").update(image.png).digest(), Buffer.from(image.sha256));
  assert.equal(image.summary.isCutShort, scenario.is_cut_short ?? false);
  assert.equal(image.pausedStep, scenario.paused_step ?? 0);
  checkSteps(image, scenario);
  if (scenario.read_again) assert(Buffer.from(image.png).equals(await client.readImage(jobId)));
}

function checkSteps({ summary }, said) {
  if ("base_steps" in said) assert.equal(summary.baseSteps, said.base_steps);
  if ("refiner_steps" in said) assert.equal(summary.refinerSteps, said.refiner_steps);
}

async function checkResumed(client, jobId, said) {
  const job = await client.resume(jobId, requestOf(said.with));
  assert.equal(job.resumes, jobId);
  const seen = [];
  for await (const event of client.watch(job.id)) seen.push(event);
  assert.match(seen.map(letterOf).join(""), new RegExp(said.events));
  const { image } = seen.at(-1);
  checkSteps(image, said);
  const whole = await client.generateImage(requestOf(said.same_as));
  assert(Buffer.from(image.png).equals(whole.png), "its picture is not that of the whole request");
}

/** A job's end takes effect before its next step. */
async function checkState(client, jobId, state) {
  const end = performance.now() + PATIENCE;
  let job = await client.job(jobId);
  while (job.endedMs === 0n && performance.now() < end) {
    await sleep(20);
    job = await client.job(jobId);
  }
  assert.equal(job.state, state);
}

describe("replies", () => {
  for (const entry of table("replies.json")) {
    test(entry.name, async () => {
      let [seen, outcome, retryAfter] = ["", "OK", 0];
      await withPeer([Buffer.from(entry.bytes, "hex")], async (address) => {
        const client = new Client(address, { reconnect: 0 });
        try {
          for await (const event of client.generate({ positivePrompt: "a red fox" })) seen += letterOf(event);
        } catch (error) {
          retryAfter = error.retryAfterMs;
          if (error instanceof ConnectionLost) outcome = "lost";
          else if (error instanceof ProtocolError) outcome = "broken";
          else outcome = error.status;
        }
      });
      assert.deepEqual([seen, outcome, retryAfter], [entry.events, entry.outcome, entry.retry_after_ms ?? 0]);
    });
  }
});
