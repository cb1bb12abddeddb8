// Made by clients/node/generate from Proto/. Do not edit.
import type { EnumTable, Message } from "./codec.js";

/** UNRECOGNIZED is one that this client does not know. */
export type HealthCheckResponseServingStatus = "UNKNOWN" | "SERVING" | "NOT_SERVING" | "SERVICE_UNKNOWN" | "UNRECOGNIZED";
const HealthCheckResponseServingStatusTable: EnumTable = { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 };

/** UNRECOGNIZED is one that this client does not know. */
export type HandoffHistory = "KEEP" | "RESET" | "UNRECOGNIZED";
const HandoffHistoryTable: EnumTable = { KEEP: 0, RESET: 1 };

/** UNRECOGNIZED is one that this client does not know. */
export type Phase = "PHASE_UNSPECIFIED" | "TEXT_ENCODING" | "IMAGE_ENCODING" | "BASE" | "REFINER" | "DECODING" | "UNRECOGNIZED";
const PhaseTable: EnumTable = { PHASE_UNSPECIFIED: 0, TEXT_ENCODING: 1, IMAGE_ENCODING: 2, BASE: 3, REFINER: 4, DECODING: 5 };

/** UNRECOGNIZED is one that this client does not know. */
export type LoraApplyTo = "BASE_ONLY" | "REFINER_ONLY" | "BOTH" | "UNRECOGNIZED";
const LoraApplyToTable: EnumTable = { BASE_ONLY: 0, REFINER_ONLY: 1, BOTH: 2 };

/** UNRECOGNIZED is one that this client does not know. */
export type JobState = "STATE_UNSPECIFIED" | "QUEUED" | "RUNNING" | "FINISHED" | "FAILED" | "CANCELLED" | "PAUSED" | "UNRECOGNIZED";
const JobStateTable: EnumTable = { STATE_UNSPECIFIED: 0, QUEUED: 1, RUNNING: 2, FINISHED: 3, FAILED: 4, CANCELLED: 5, PAUSED: 6 };

/** UNRECOGNIZED is one that this client does not know. */
export type CancelJobRequestOutcome = "DISCARD" | "DECODE_NOW" | "SKIP_TO_REFINER" | "UNRECOGNIZED";
const CancelJobRequestOutcomeTable: EnumTable = { DISCARD: 0, DECODE_NOW: 1, SKIP_TO_REFINER: 2 };

/** UNRECOGNIZED is one that this client does not know. */
export type ModelRole = "UNUSABLE" | "BASE_MODEL" | "REFINER_MODEL" | "LORA" | "EMBEDDING" | "VAE" | "UNRECOGNIZED";
const ModelRoleTable: EnumTable = { UNUSABLE: 0, BASE_MODEL: 1, REFINER_MODEL: 2, LORA: 3, EMBEDDING: 4, VAE: 5 };

export interface Status {
  code: number;
  message: string;
  details: Any[];
}
export const Status: Message<Status> = { fields: [
  { number: 1, name: "code", kind: "int32", rule: "implicit" },
  { number: 2, name: "message", kind: "string", rule: "implicit" },
  { number: 3, name: "details", kind: "message", rule: "repeated", message: () => Any },
] };

export interface Any {
  typeUrl: string;
  value: Uint8Array;
}
export const Any: Message<Any> = { fields: [
  { number: 1, name: "typeUrl", kind: "string", rule: "implicit" },
  { number: 2, name: "value", kind: "bytes", rule: "implicit" },
] };

export interface HealthCheckRequest {
  service: string;
}
export const HealthCheckRequest: Message<HealthCheckRequest> = { fields: [
  { number: 1, name: "service", kind: "string", rule: "implicit" },
] };

export interface HealthCheckResponse {
  status: HealthCheckResponseServingStatus;
}
export const HealthCheckResponse: Message<HealthCheckResponse> = { fields: [
  { number: 1, name: "status", kind: "enum", rule: "implicit", enum: HealthCheckResponseServingStatusTable },
] };

export interface GenerateRequest {
  requestId: string;
  positivePrompt: string;
  negativePrompt?: string | undefined;
  positivePrompt2: string;
  negativePrompt2?: string | undefined;
  model: string;
  width?: number | undefined;
  height?: number | undefined;
  steps?: number | undefined;
  scheduler: string;
  seed?: bigint | undefined;
  cfgScale?: number | undefined;
  numberResults?: number | undefined;
  refiner?: Refiner | undefined;
  originalSize?: Size | undefined;
  cropTopLeft?: Point | undefined;
  targetSize?: Size | undefined;
  negativeOriginalSize?: Size | undefined;
  negativeCropTopLeft?: Point | undefined;
  negativeTargetSize?: Size | undefined;
  vae: string;
  seedImage: string;
  maskImage: string;
  strength?: number | undefined;
  clipSkip: number;
  promptWeighting: string;
  guidanceRescale: number;
  embeddings: Embedding[];
  eta?: number | undefined;
  handoffHistory: HandoffHistory;
  loras: Lora[];
  priority?: number | undefined;
  deadlineMs?: bigint | undefined;
  detach?: boolean | undefined;
  branches: Branch[];
  pauseAt?: PausePoint | undefined;
  previewEvery?: number | undefined;
  previewSide?: number | undefined;
}
export const GenerateRequest: Message<GenerateRequest> = { fields: [
  { number: 1, name: "requestId", kind: "string", rule: "implicit" },
  { number: 2, name: "positivePrompt", kind: "string", rule: "implicit" },
  { number: 3, name: "negativePrompt", kind: "string", rule: "optional" },
  { number: 4, name: "positivePrompt2", kind: "string", rule: "implicit" },
  { number: 5, name: "negativePrompt2", kind: "string", rule: "optional" },
  { number: 6, name: "model", kind: "string", rule: "implicit" },
  { number: 7, name: "width", kind: "uint32", rule: "optional" },
  { number: 8, name: "height", kind: "uint32", rule: "optional" },
  { number: 9, name: "steps", kind: "uint32", rule: "optional" },
  { number: 10, name: "scheduler", kind: "string", rule: "implicit" },
  { number: 11, name: "seed", kind: "int64", rule: "optional" },
  { number: 12, name: "cfgScale", kind: "double", rule: "optional" },
  { number: 13, name: "numberResults", kind: "uint32", rule: "optional" },
  { number: 14, name: "refiner", kind: "message", rule: "optional", message: () => Refiner },
  { number: 15, name: "originalSize", kind: "message", rule: "optional", message: () => Size },
  { number: 16, name: "cropTopLeft", kind: "message", rule: "optional", message: () => Point },
  { number: 17, name: "targetSize", kind: "message", rule: "optional", message: () => Size },
  { number: 18, name: "negativeOriginalSize", kind: "message", rule: "optional", message: () => Size },
  { number: 19, name: "negativeCropTopLeft", kind: "message", rule: "optional", message: () => Point },
  { number: 20, name: "negativeTargetSize", kind: "message", rule: "optional", message: () => Size },
  { number: 26, name: "vae", kind: "string", rule: "implicit" },
  { number: 27, name: "seedImage", kind: "string", rule: "implicit" },
  { number: 28, name: "maskImage", kind: "string", rule: "implicit" },
  { number: 29, name: "strength", kind: "double", rule: "optional" },
  { number: 21, name: "clipSkip", kind: "uint32", rule: "implicit" },
  { number: 22, name: "promptWeighting", kind: "string", rule: "implicit" },
  { number: 23, name: "guidanceRescale", kind: "double", rule: "implicit" },
  { number: 25, name: "embeddings", kind: "message", rule: "repeated", message: () => Embedding },
  { number: 30, name: "eta", kind: "double", rule: "optional" },
  { number: 31, name: "handoffHistory", kind: "enum", rule: "implicit", enum: HandoffHistoryTable },
  { number: 24, name: "loras", kind: "message", rule: "repeated", message: () => Lora },
  { number: 32, name: "priority", kind: "int32", rule: "optional" },
  { number: 33, name: "deadlineMs", kind: "uint64", rule: "optional" },
  { number: 34, name: "detach", kind: "bool", rule: "optional" },
  { number: 35, name: "branches", kind: "message", rule: "repeated", message: () => Branch },
  { number: 36, name: "pauseAt", kind: "message", rule: "optional", message: () => PausePoint },
  { number: 37, name: "previewEvery", kind: "uint32", rule: "optional" },
  { number: 38, name: "previewSide", kind: "uint32", rule: "optional" },
] };

export type PausePoint = {
} & (
  | { kind: "step"; step: number }
  | { kind: "handoff"; handoff: boolean }
);
export const PausePoint: Message<PausePoint> = { fields: [
  { number: 1, name: "step", kind: "uint32", rule: "choice" },
  { number: 2, name: "handoff", kind: "bool", rule: "choice" },
] };

export interface ResumeJobRequest {
  jobId: string;
  requestId: string;
  refiner?: Refiner | undefined;
  withoutRefiner: boolean;
  pauseAt?: PausePoint | undefined;
  priority?: number | undefined;
  deadlineMs?: bigint | undefined;
}
export const ResumeJobRequest: Message<ResumeJobRequest> = { fields: [
  { number: 1, name: "jobId", kind: "string", rule: "implicit" },
  { number: 2, name: "requestId", kind: "string", rule: "implicit" },
  { number: 3, name: "refiner", kind: "message", rule: "optional", message: () => Refiner },
  { number: 4, name: "withoutRefiner", kind: "bool", rule: "implicit" },
  { number: 5, name: "pauseAt", kind: "message", rule: "optional", message: () => PausePoint },
  { number: 6, name: "priority", kind: "int32", rule: "optional" },
  { number: 7, name: "deadlineMs", kind: "uint64", rule: "optional" },
] };

export interface Branch {
  refiner?: Refiner | undefined;
}
export const Branch: Message<Branch> = { fields: [
  { number: 1, name: "refiner", kind: "message", rule: "optional", message: () => Refiner },
] };

export interface Embedding {
  model: string;
  weight?: number | undefined;
}
export const Embedding: Message<Embedding> = { fields: [
  { number: 1, name: "model", kind: "string", rule: "implicit" },
  { number: 2, name: "weight", kind: "double", rule: "optional" },
] };

export interface Lora {
  model: string;
  weight?: number | undefined;
  applyTo: LoraApplyTo;
}
export const Lora: Message<Lora> = { fields: [
  { number: 1, name: "model", kind: "string", rule: "implicit" },
  { number: 2, name: "weight", kind: "double", rule: "optional" },
  { number: 3, name: "applyTo", kind: "enum", rule: "implicit", enum: LoraApplyToTable },
] };

export interface Refiner {
  model: string;
  startStep?: number | undefined;
  startStepPercentage?: number | undefined;
  startTimestep?: number | undefined;
  startSigma?: number | undefined;
  cfgScale?: number | undefined;
  positivePrompt?: string | undefined;
  negativePrompt?: string | undefined;
  aestheticScore?: number | undefined;
  negativeAestheticScore?: number | undefined;
}
export const Refiner: Message<Refiner> = { fields: [
  { number: 1, name: "model", kind: "string", rule: "implicit" },
  { number: 2, name: "startStep", kind: "uint32", rule: "optional" },
  { number: 3, name: "startStepPercentage", kind: "uint32", rule: "optional" },
  { number: 4, name: "startTimestep", kind: "double", rule: "optional" },
  { number: 5, name: "startSigma", kind: "double", rule: "optional" },
  { number: 6, name: "cfgScale", kind: "double", rule: "optional" },
  { number: 7, name: "positivePrompt", kind: "string", rule: "optional" },
  { number: 8, name: "negativePrompt", kind: "string", rule: "optional" },
  { number: 9, name: "aestheticScore", kind: "double", rule: "optional" },
  { number: 10, name: "negativeAestheticScore", kind: "double", rule: "optional" },
] };

export interface UploadImageRequest {
  data: Uint8Array;
  offset: bigint;
  total: bigint;
  sha256: Uint8Array;
}
export const UploadImageRequest: Message<UploadImageRequest> = { fields: [
  { number: 1, name: "data", kind: "bytes", rule: "implicit" },
  { number: 2, name: "offset", kind: "uint64", rule: "implicit" },
  { number: 3, name: "total", kind: "uint64", rule: "implicit" },
  { number: 4, name: "sha256", kind: "bytes", rule: "implicit" },
] };

export interface UploadedImage {
  sha256: string;
  received: bigint;
  complete: boolean;
  width: number;
  height: number;
}
export const UploadedImage: Message<UploadedImage> = { fields: [
  { number: 1, name: "sha256", kind: "string", rule: "implicit" },
  { number: 2, name: "received", kind: "uint64", rule: "implicit" },
  { number: 3, name: "complete", kind: "bool", rule: "implicit" },
  { number: 4, name: "width", kind: "uint32", rule: "implicit" },
  { number: 5, name: "height", kind: "uint32", rule: "implicit" },
] };

export interface Size {
  height: number;
  width: number;
}
export const Size: Message<Size> = { fields: [
  { number: 1, name: "height", kind: "uint32", rule: "implicit" },
  { number: 2, name: "width", kind: "uint32", rule: "implicit" },
] };

export interface Point {
  top: number;
  left: number;
}
export const Point: Message<Point> = { fields: [
  { number: 1, name: "top", kind: "uint32", rule: "implicit" },
  { number: 2, name: "left", kind: "uint32", rule: "implicit" },
] };

export type Event = {
  jobId: string;
  sequence: bigint;
  timeMs: bigint;
} & (
  | { kind: "accepted"; accepted: Accepted }
  | { kind: "queued"; queued: Queued }
  | { kind: "progress"; progress: Progress }
  | { kind: "handedOff"; handedOff: HandedOff }
  | { kind: "image"; image: Image }
  | { kind: "resumed"; resumed: Resumed }
  | { kind: "ended"; ended: Ended }
);
export const Event: Message<Event> = { fields: [
  { number: 1, name: "jobId", kind: "string", rule: "implicit" },
  { number: 2, name: "sequence", kind: "uint64", rule: "implicit" },
  { number: 3, name: "timeMs", kind: "int64", rule: "implicit" },
  { number: 4, name: "accepted", kind: "message", rule: "choice", message: () => Accepted },
  { number: 5, name: "queued", kind: "message", rule: "choice", message: () => Queued },
  { number: 6, name: "progress", kind: "message", rule: "choice", message: () => Progress },
  { number: 7, name: "handedOff", kind: "message", rule: "choice", message: () => HandedOff },
  { number: 8, name: "image", kind: "message", rule: "choice", message: () => Image },
  { number: 9, name: "resumed", kind: "message", rule: "choice", message: () => Resumed },
  { number: 10, name: "ended", kind: "message", rule: "choice", message: () => Ended },
] };

export interface Accepted {
  model: string;
  refinerModel: string;
  size?: Size | undefined;
  seeds: bigint[];
  scheduler: string;
  spacing: string;
  timesteps: number[];
  sigmas: number[];
  baseSteps: number;
  refinerSteps: number;
  handoff?: Handoff | undefined;
  advice: string[];
  fingerprint: string;
  branches: BranchPlan[];
  pauseStep: number;
  resumes?: Ticket | undefined;
}
export const Accepted: Message<Accepted> = { fields: [
  { number: 1, name: "model", kind: "string", rule: "implicit" },
  { number: 2, name: "refinerModel", kind: "string", rule: "implicit" },
  { number: 3, name: "size", kind: "message", rule: "optional", message: () => Size },
  { number: 4, name: "seeds", kind: "int64", rule: "repeated" },
  { number: 5, name: "scheduler", kind: "string", rule: "implicit" },
  { number: 6, name: "spacing", kind: "string", rule: "implicit" },
  { number: 7, name: "timesteps", kind: "double", rule: "repeated" },
  { number: 8, name: "sigmas", kind: "double", rule: "repeated" },
  { number: 9, name: "baseSteps", kind: "uint32", rule: "implicit" },
  { number: 10, name: "refinerSteps", kind: "uint32", rule: "implicit" },
  { number: 11, name: "handoff", kind: "message", rule: "optional", message: () => Handoff },
  { number: 12, name: "advice", kind: "string", rule: "repeated" },
  { number: 13, name: "fingerprint", kind: "string", rule: "implicit" },
  { number: 14, name: "branches", kind: "message", rule: "repeated", message: () => BranchPlan },
  { number: 15, name: "pauseStep", kind: "uint32", rule: "implicit" },
  { number: 16, name: "resumes", kind: "message", rule: "optional", message: () => Ticket },
] };

export interface Ticket {
  jobId: string;
  step: number;
}
export const Ticket: Message<Ticket> = { fields: [
  { number: 1, name: "jobId", kind: "string", rule: "implicit" },
  { number: 2, name: "step", kind: "uint32", rule: "implicit" },
] };

export interface BranchPlan {
  index: number;
  refinerModel: string;
  baseSteps: number;
  refinerSteps: number;
  handoff?: Handoff | undefined;
  advice: string[];
  fingerprint: string;
}
export const BranchPlan: Message<BranchPlan> = { fields: [
  { number: 1, name: "index", kind: "uint32", rule: "implicit" },
  { number: 2, name: "refinerModel", kind: "string", rule: "implicit" },
  { number: 3, name: "baseSteps", kind: "uint32", rule: "implicit" },
  { number: 4, name: "refinerSteps", kind: "uint32", rule: "implicit" },
  { number: 5, name: "handoff", kind: "message", rule: "optional", message: () => Handoff },
  { number: 6, name: "advice", kind: "string", rule: "repeated" },
  { number: 7, name: "fingerprint", kind: "string", rule: "implicit" },
] };

export interface Handoff {
  step: number;
  percentage: number;
  timestep: number;
  sigma: number;
}
export const Handoff: Message<Handoff> = { fields: [
  { number: 1, name: "step", kind: "uint32", rule: "implicit" },
  { number: 2, name: "percentage", kind: "double", rule: "implicit" },
  { number: 3, name: "timestep", kind: "double", rule: "implicit" },
  { number: 4, name: "sigma", kind: "double", rule: "implicit" },
] };

export interface Queued {
  place: number;
  etaSeconds?: number | undefined;
}
export const Queued: Message<Queued> = { fields: [
  { number: 1, name: "place", kind: "uint32", rule: "implicit" },
  { number: 2, name: "etaSeconds", kind: "double", rule: "optional" },
] };

export interface Progress {
  phase: Phase;
  step: number;
  steps: number;
  phaseStep: number;
  phaseSteps: number;
  timestep: number;
  sigma: number;
  stepSeconds: number;
  elapsedSeconds: number;
  etaSeconds?: number | undefined;
  imageIndex: number;
  imageCount: number;
  branch?: number | undefined;
  jobStep: number;
  jobSteps: number;
  preview: Uint8Array;
  previewStep: number;
}
export const Progress: Message<Progress> = { fields: [
  { number: 1, name: "phase", kind: "enum", rule: "implicit", enum: PhaseTable },
  { number: 2, name: "step", kind: "uint32", rule: "implicit" },
  { number: 3, name: "steps", kind: "uint32", rule: "implicit" },
  { number: 4, name: "phaseStep", kind: "uint32", rule: "implicit" },
  { number: 5, name: "phaseSteps", kind: "uint32", rule: "implicit" },
  { number: 6, name: "timestep", kind: "double", rule: "implicit" },
  { number: 7, name: "sigma", kind: "double", rule: "implicit" },
  { number: 8, name: "stepSeconds", kind: "double", rule: "implicit" },
  { number: 9, name: "elapsedSeconds", kind: "double", rule: "implicit" },
  { number: 10, name: "etaSeconds", kind: "double", rule: "optional" },
  { number: 11, name: "imageIndex", kind: "uint32", rule: "implicit" },
  { number: 12, name: "imageCount", kind: "uint32", rule: "implicit" },
  { number: 13, name: "branch", kind: "uint32", rule: "optional" },
  { number: 14, name: "jobStep", kind: "uint32", rule: "implicit" },
  { number: 15, name: "jobSteps", kind: "uint32", rule: "implicit" },
  { number: 16, name: "preview", kind: "bytes", rule: "implicit" },
  { number: 17, name: "previewStep", kind: "uint32", rule: "implicit" },
] };

export interface HandedOff {
  imageIndex: number;
  handoff?: Handoff | undefined;
  latentsSha256: Uint8Array;
  branch?: number | undefined;
}
export const HandedOff: Message<HandedOff> = { fields: [
  { number: 1, name: "imageIndex", kind: "uint32", rule: "implicit" },
  { number: 2, name: "handoff", kind: "message", rule: "optional", message: () => Handoff },
  { number: 3, name: "latentsSha256", kind: "bytes", rule: "implicit" },
  { number: 4, name: "branch", kind: "uint32", rule: "optional" },
] };

export interface Resumed {
  imageIndex: number;
  step: number;
  reason: string;
}
export const Resumed: Message<Resumed> = { fields: [
  { number: 1, name: "imageIndex", kind: "uint32", rule: "implicit" },
  { number: 2, name: "step", kind: "uint32", rule: "implicit" },
  { number: 3, name: "reason", kind: "string", rule: "implicit" },
] };

export interface Ended {
  state: JobState;
  error?: JobError | undefined;
}
export const Ended: Message<Ended> = { fields: [
  { number: 1, name: "state", kind: "enum", rule: "implicit", enum: JobStateTable },
  { number: 2, name: "error", kind: "message", rule: "optional", message: () => JobError },
] };

export interface Image {
  png: Uint8Array;
  width: number;
  height: number;
  seed: bigint;
  sha256: Uint8Array;
  imageIndex: number;
  imageCount: number;
  summary?: Summary | undefined;
  branch?: number | undefined;
  pausedStep: number;
}
export const Image: Message<Image> = { fields: [
  { number: 1, name: "png", kind: "bytes", rule: "implicit" },
  { number: 2, name: "width", kind: "uint32", rule: "implicit" },
  { number: 3, name: "height", kind: "uint32", rule: "implicit" },
  { number: 4, name: "seed", kind: "int64", rule: "implicit" },
  { number: 5, name: "sha256", kind: "bytes", rule: "implicit" },
  { number: 6, name: "imageIndex", kind: "uint32", rule: "implicit" },
  { number: 7, name: "imageCount", kind: "uint32", rule: "implicit" },
  { number: 8, name: "summary", kind: "message", rule: "optional", message: () => Summary },
  { number: 9, name: "branch", kind: "uint32", rule: "optional" },
  { number: 10, name: "pausedStep", kind: "uint32", rule: "implicit" },
] };

export interface Summary {
  baseSteps: number;
  refinerSteps: number;
  textEncodingSeconds: number;
  baseSeconds: number;
  refinerSeconds: number;
  decodingSeconds: number;
  totalSeconds: number;
  imageEncodingSeconds: number;
  isCutShort: boolean;
  baseEvaluations: number;
  refinerEvaluations: number;
  sharedEvaluations: number;
}
export const Summary: Message<Summary> = { fields: [
  { number: 1, name: "baseSteps", kind: "uint32", rule: "implicit" },
  { number: 2, name: "refinerSteps", kind: "uint32", rule: "implicit" },
  { number: 3, name: "textEncodingSeconds", kind: "double", rule: "implicit" },
  { number: 4, name: "baseSeconds", kind: "double", rule: "implicit" },
  { number: 5, name: "refinerSeconds", kind: "double", rule: "implicit" },
  { number: 6, name: "decodingSeconds", kind: "double", rule: "implicit" },
  { number: 7, name: "totalSeconds", kind: "double", rule: "implicit" },
  { number: 8, name: "imageEncodingSeconds", kind: "double", rule: "implicit" },
  { number: 9, name: "isCutShort", kind: "bool", rule: "implicit" },
  { number: 10, name: "baseEvaluations", kind: "uint32", rule: "implicit" },
  { number: 11, name: "refinerEvaluations", kind: "uint32", rule: "implicit" },
  { number: 12, name: "sharedEvaluations", kind: "uint32", rule: "implicit" },
] };

export interface WatchRequest {
  jobId: string;
  afterSequence: bigint;
}
export const WatchRequest: Message<WatchRequest> = { fields: [
  { number: 1, name: "jobId", kind: "string", rule: "implicit" },
  { number: 2, name: "afterSequence", kind: "uint64", rule: "implicit" },
] };

export interface JobReference {
  jobId: string;
}
export const JobReference: Message<JobReference> = { fields: [
  { number: 1, name: "jobId", kind: "string", rule: "implicit" },
] };

export interface Job {
  id: string;
  state: JobState;
  place?: number | undefined;
  phase: Phase;
  imageIndex: number;
  imageCount: number;
  step: number;
  baseSteps: number;
  refinerSteps: number;
  etaSeconds?: number | undefined;
  model: string;
  refinerModel: string;
  size?: Size | undefined;
  createdMs: bigint;
  endedMs: bigint;
  sequence: bigint;
  error?: JobError | undefined;
  resumes: string;
}
export const Job: Message<Job> = { fields: [
  { number: 1, name: "id", kind: "string", rule: "implicit" },
  { number: 2, name: "state", kind: "enum", rule: "implicit", enum: JobStateTable },
  { number: 3, name: "place", kind: "uint32", rule: "optional" },
  { number: 4, name: "phase", kind: "enum", rule: "implicit", enum: PhaseTable },
  { number: 5, name: "imageIndex", kind: "uint32", rule: "implicit" },
  { number: 6, name: "imageCount", kind: "uint32", rule: "implicit" },
  { number: 7, name: "step", kind: "uint32", rule: "implicit" },
  { number: 8, name: "baseSteps", kind: "uint32", rule: "implicit" },
  { number: 9, name: "refinerSteps", kind: "uint32", rule: "implicit" },
  { number: 10, name: "etaSeconds", kind: "double", rule: "optional" },
  { number: 11, name: "model", kind: "string", rule: "implicit" },
  { number: 12, name: "refinerModel", kind: "string", rule: "implicit" },
  { number: 13, name: "size", kind: "message", rule: "optional", message: () => Size },
  { number: 14, name: "createdMs", kind: "int64", rule: "implicit" },
  { number: 15, name: "endedMs", kind: "int64", rule: "implicit" },
  { number: 16, name: "sequence", kind: "uint64", rule: "implicit" },
  { number: 17, name: "error", kind: "message", rule: "optional", message: () => JobError },
  { number: 18, name: "resumes", kind: "string", rule: "implicit" },
] };

export interface JobError {
  code: number;
  message: string;
  detail?: ErrorDetail | undefined;
}
export const JobError: Message<JobError> = { fields: [
  { number: 1, name: "code", kind: "int32", rule: "implicit" },
  { number: 2, name: "message", kind: "string", rule: "implicit" },
  { number: 3, name: "detail", kind: "message", rule: "optional", message: () => ErrorDetail },
] };

export interface ListJobsRequest {
  states: JobState[];
  model: string;
  pageSize: number;
  pageToken: string;
}
export const ListJobsRequest: Message<ListJobsRequest> = { fields: [
  { number: 1, name: "states", kind: "enum", rule: "repeated", enum: JobStateTable },
  { number: 2, name: "model", kind: "string", rule: "implicit" },
  { number: 3, name: "pageSize", kind: "uint32", rule: "implicit" },
  { number: 4, name: "pageToken", kind: "string", rule: "implicit" },
] };

export interface ListJobsResponse {
  jobs: Job[];
  nextPageToken: string;
}
export const ListJobsResponse: Message<ListJobsResponse> = { fields: [
  { number: 1, name: "jobs", kind: "message", rule: "repeated", message: () => Job },
  { number: 2, name: "nextPageToken", kind: "string", rule: "implicit" },
] };

export interface CancelJobRequest {
  jobId: string;
  outcome: CancelJobRequestOutcome;
}
export const CancelJobRequest: Message<CancelJobRequest> = { fields: [
  { number: 1, name: "jobId", kind: "string", rule: "implicit" },
  { number: 2, name: "outcome", kind: "enum", rule: "implicit", enum: CancelJobRequestOutcomeTable },
] };

export interface ReadImageRequest {
  jobId: string;
  imageIndex: number;
  offset: bigint;
  byteCount: number;
}
export const ReadImageRequest: Message<ReadImageRequest> = { fields: [
  { number: 1, name: "jobId", kind: "string", rule: "implicit" },
  { number: 2, name: "imageIndex", kind: "uint32", rule: "implicit" },
  { number: 3, name: "offset", kind: "uint64", rule: "implicit" },
  { number: 4, name: "byteCount", kind: "uint32", rule: "implicit" },
] };

export interface ImageChunk {
  data: Uint8Array;
  offset: bigint;
  byteCount: bigint;
  sha256: Uint8Array;
}
export const ImageChunk: Message<ImageChunk> = { fields: [
  { number: 1, name: "data", kind: "bytes", rule: "implicit" },
  { number: 2, name: "offset", kind: "uint64", rule: "implicit" },
  { number: 3, name: "byteCount", kind: "uint64", rule: "implicit" },
  { number: 4, name: "sha256", kind: "bytes", rule: "implicit" },
] };

export interface ListModelsRequest {
}
export const ListModelsRequest: Message<ListModelsRequest> = { fields: [
] };

export interface ListModelsResponse {
  models: Model[];
}
export const ListModelsResponse: Message<ListModelsResponse> = { fields: [
  { number: 1, name: "models", kind: "message", rule: "repeated", message: () => Model },
] };

export interface Model {
  id: string;
  aliases: string[];
  architecture: string;
  role: ModelRole;
  dtype: string;
  byteCount: bigint;
  parameterCount: bigint;
  defaultSize?: Size | undefined;
  minimumSide: number;
  problem: string;
  sha256: string;
}
export const Model: Message<Model> = { fields: [
  { number: 1, name: "id", kind: "string", rule: "implicit" },
  { number: 2, name: "aliases", kind: "string", rule: "repeated" },
  { number: 3, name: "architecture", kind: "string", rule: "implicit" },
  { number: 4, name: "role", kind: "enum", rule: "implicit", enum: ModelRoleTable },
  { number: 5, name: "dtype", kind: "string", rule: "implicit" },
  { number: 6, name: "byteCount", kind: "int64", rule: "implicit" },
  { number: 7, name: "parameterCount", kind: "int64", rule: "implicit" },
  { number: 8, name: "defaultSize", kind: "message", rule: "optional", message: () => Size },
  { number: 9, name: "minimumSide", kind: "uint32", rule: "implicit" },
  { number: 10, name: "problem", kind: "string", rule: "implicit" },
  { number: 11, name: "sha256", kind: "string", rule: "implicit" },
] };

export interface GetInfoRequest {
}
export const GetInfoRequest: Message<GetInfoRequest> = { fields: [
] };

export interface ServerInfo {
  version: string;
  blasCore: string;
  blasGflops: number;
  lanes: number;
  threadsPerLane: number;
  defaultModel: string;
  requestByteLimit: number;
  queueLimit: number;
  sideLimit: number;
  uptimeSeconds: number;
}
export const ServerInfo: Message<ServerInfo> = { fields: [
  { number: 1, name: "version", kind: "string", rule: "implicit" },
  { number: 2, name: "blasCore", kind: "string", rule: "implicit" },
  { number: 3, name: "blasGflops", kind: "double", rule: "implicit" },
  { number: 4, name: "lanes", kind: "uint32", rule: "implicit" },
  { number: 5, name: "threadsPerLane", kind: "uint32", rule: "implicit" },
  { number: 6, name: "defaultModel", kind: "string", rule: "implicit" },
  { number: 7, name: "requestByteLimit", kind: "uint32", rule: "implicit" },
  { number: 8, name: "queueLimit", kind: "uint32", rule: "implicit" },
  { number: 9, name: "sideLimit", kind: "uint32", rule: "implicit" },
  { number: 10, name: "uptimeSeconds", kind: "double", rule: "implicit" },
] };

export interface GetStatsRequest {
}
export const GetStatsRequest: Message<GetStatsRequest> = { fields: [
] };

export interface ServerStats {
  accepted: bigint;
  finished: bigint;
  failed: bigint;
  cancelled: bigint;
  refused: bigint;
  queued: number;
  running: number;
  baseSteps: bigint;
  baseSeconds: number;
  refinerSteps: bigint;
  refinerSeconds: number;
  connections: number;
  paused: number;
  connectionsCut: bigint;
  connectionsNotTtrpc: bigint;
  memoryBudgetBytes: bigint;
  memoryReservedBytes: bigint;
  memoryAvailableBytes: bigint;
  memoryHoldsBack: boolean;
  memoryHolds: bigint;
}
export const ServerStats: Message<ServerStats> = { fields: [
  { number: 1, name: "accepted", kind: "uint64", rule: "implicit" },
  { number: 2, name: "finished", kind: "uint64", rule: "implicit" },
  { number: 3, name: "failed", kind: "uint64", rule: "implicit" },
  { number: 4, name: "cancelled", kind: "uint64", rule: "implicit" },
  { number: 5, name: "refused", kind: "uint64", rule: "implicit" },
  { number: 6, name: "queued", kind: "uint32", rule: "implicit" },
  { number: 7, name: "running", kind: "uint32", rule: "implicit" },
  { number: 8, name: "baseSteps", kind: "uint64", rule: "implicit" },
  { number: 9, name: "baseSeconds", kind: "double", rule: "implicit" },
  { number: 10, name: "refinerSteps", kind: "uint64", rule: "implicit" },
  { number: 11, name: "refinerSeconds", kind: "double", rule: "implicit" },
  { number: 12, name: "connections", kind: "uint32", rule: "implicit" },
  { number: 13, name: "paused", kind: "uint32", rule: "implicit" },
  { number: 14, name: "connectionsCut", kind: "uint64", rule: "implicit" },
  { number: 15, name: "connectionsNotTtrpc", kind: "uint64", rule: "implicit" },
  { number: 20, name: "memoryBudgetBytes", kind: "uint64", rule: "implicit" },
  { number: 21, name: "memoryReservedBytes", kind: "uint64", rule: "implicit" },
  { number: 22, name: "memoryAvailableBytes", kind: "uint64", rule: "implicit" },
  { number: 23, name: "memoryHoldsBack", kind: "bool", rule: "implicit" },
  { number: 24, name: "memoryHolds", kind: "uint64", rule: "implicit" },
] };

export interface PingMessage {
  payload: Uint8Array;
}
export const PingMessage: Message<PingMessage> = { fields: [
  { number: 1, name: "payload", kind: "bytes", rule: "implicit" },
] };

export interface AuthenticateRequest {
  token: string;
}
export const AuthenticateRequest: Message<AuthenticateRequest> = { fields: [
  { number: 1, name: "token", kind: "string", rule: "implicit" },
] };

export interface AuthenticateResponse {
  tenant: string;
}
export const AuthenticateResponse: Message<AuthenticateResponse> = { fields: [
  { number: 1, name: "tenant", kind: "string", rule: "implicit" },
] };

export interface ErrorDetail {
  code: string;
  fields: string[];
  retryable: boolean;
  retryAfterMs: number;
}
export const ErrorDetail: Message<ErrorDetail> = { fields: [
  { number: 1, name: "code", kind: "string", rule: "implicit" },
  { number: 2, name: "fields", kind: "string", rule: "repeated" },
  { number: 3, name: "retryable", kind: "bool", rule: "implicit" },
  { number: 4, name: "retryAfterMs", kind: "uint32", rule: "implicit" },
] };

export interface Request {
  service: string;
  method: string;
  payload: Uint8Array;
  timeoutNano: bigint;
  metadata: KeyValue[];
}
export const Request: Message<Request> = { fields: [
  { number: 1, name: "service", kind: "string", rule: "implicit" },
  { number: 2, name: "method", kind: "string", rule: "implicit" },
  { number: 3, name: "payload", kind: "bytes", rule: "implicit" },
  { number: 4, name: "timeoutNano", kind: "int64", rule: "implicit" },
  { number: 5, name: "metadata", kind: "message", rule: "repeated", message: () => KeyValue },
] };

export interface KeyValue {
  key: string;
  value: string;
}
export const KeyValue: Message<KeyValue> = { fields: [
  { number: 1, name: "key", kind: "string", rule: "implicit" },
  { number: 2, name: "value", kind: "string", rule: "implicit" },
] };

export interface Response {
  status?: Status | undefined;
  payload: Uint8Array;
}
export const Response: Message<Response> = { fields: [
  { number: 1, name: "status", kind: "message", rule: "optional", message: () => Status },
  { number: 2, name: "payload", kind: "bytes", rule: "implicit" },
] };
