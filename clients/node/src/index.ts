// The Node client of Refinery, the two-stage SDXL picture server.
//
//   const client = new Client("127.0.0.1:7420");
//   for await (const event of client.generate({ positivePrompt: "a red fox", seed: 1n })) { … }

export { Client, type ClientOptions, type Outcome } from "./client.js";
export type { Init } from "./codec.js";
export type { Limits } from "./connection.js";
export {
  ConnectionLost, ProtocolError, RefineryError, ServerUnreachable, type StatusName, errorOfJob, statusNames,
} from "./errors.js";
export type {
  Accepted, Branch, BranchPlan, Embedding, Ended, Event, GenerateRequest, HandedOff, Handoff, HandoffHistory, Image,
  ImageChunk, Job, JobError, JobState, Lora, LoraApplyTo, Model, ModelRole, PausePoint, Phase, Point, Progress, Queued,
  Refiner, Resumed, ResumeJobRequest, ServerInfo, ServerStats, Size, Summary, Ticket,
} from "./messages.js";
