import { writeFileSync } from "node:fs";
import { Client } from "refinery-client";

const client = new Client(process.env.REFINERY_SERVER ?? "127.0.0.1:7420");
const refiner = { model: "emoji-refiner", startStepPercentage: 80 };
for await (const event of client.generate({ positivePrompt: "a red fox", steps: 20, seed: 7n, refiner })) {
  if (event.kind === "progress") {
    console.log(event.progress.phase, event.progress.step, "of", event.progress.steps);
  } else if (event.kind === "image") {
    writeFileSync("fox.png", event.image.png);
  }
}
