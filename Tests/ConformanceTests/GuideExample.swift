import Client
import Foundation
import Generation

/// Prints every step as it happens, and writes the picture.
func stream(from address: String, to file: URL) async throws {
    let client = try RefineryClient(address)
    defer { client.close() }
    var request = GenerationRequest()
    request.positivePrompt = "a red fox"
    (request.steps, request.seed) = (20, 7)
    var refiner = GenerationRequest.Refiner()
    (refiner.model, refiner.startStepPercentage) = ("emoji-refiner", 80)
    request.refiner = refiner
    for try await event in client.generate(request) {
        switch event.content {
        case .progress(let progress):
            print(progress.phase, progress.step, "of", progress.steps)
        case .image(let image): try Data(image.png).write(to: file)
        default: break
        }
    }
}
