// Numbers and states as people read them.

export const PHASES = {
  textEncoding: "reading the prompt",
  imageEncoding: "encoding the picture",
  base: "base",
  refiner: "refiner",
  decoding: "decoding",
};

export const STATES = {
  queued: "waiting",
  running: "at work",
  finished: "done",
  failed: "failed",
  cancelled: "cancelled",
  paused: "paused",
};

/** 0.082 s, 4.1 s, 3:20 min, 2:05 h. */
export function seconds(value) {
  if (value < 0.0995) return `${value.toFixed(3)} s`;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  if (value < 99.5) return `${Math.round(value)} s`;
  const minutes = Math.round(value / 60);
  if (minutes < 100) return `${Math.floor(value / 60)}:${two(Math.floor(value % 60))} min`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)} h`;
}

export function perStep(value) {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} s`;
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 999.5 && unit < units.length - 1) [count, unit] = [count / 1000, unit + 1];
  return `${count < 10 && unit > 0 ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

export function sigma(value) {
  return value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toFixed(3);
}

export function title(job) {
  const prompt = job.request?.positivePrompt;
  return prompt && prompt !== "__BLANK__" ? prompt : job.id;
}

/** "refiner from step 17 (80 %)", "base alone", or "3 endings". */
export function ending(job) {
  if (job.branches?.length) return count(job.branches.length, "ending");
  const handoff = job.handoff;
  if (!handoff) return job.timesteps || job.baseSteps ? "base alone" : "";
  // Its last space does not break.
  return `refiner from step ${handoff.step} (${Math.round(handoff.percentage)}\u00a0%)`;
}

function two(number) {
  return String(number).padStart(2, "0");
}
