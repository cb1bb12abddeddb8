import os

from refinery_client import Client, Image, Progress, Refiner

with Client(os.environ.get("REFINERY_SERVER", "127.0.0.1:7420")) as client:
    refiner = Refiner(model="emoji-refiner", start_step_percentage=80)
    for event in client.generate("a red fox", steps=20, seed=7, refiner=refiner):
        if isinstance(event, Progress):
            print(event.phase.name, event.step, "of", event.steps)
        elif isinstance(event, Image):
            event.save("fox.png")
