import Foundation
import Generation
import Jobs
import Metrics
import PNGEncoding
import SDXL
import TestSupport
import Testing

/// The picture of the README's first command. It is held to its bytes where this machine computes as one that
/// is in the table does, and to the eye's measure everywhere: kernels of another instruction set round
/// otherwise.
@Suite(.timeLimit(.minutes(15)))
struct BuiltInPictureTests {
    static let request: GenerationRequest = {
        var request = GenerationRequest()
        request.positivePrompt = "a red apple"
        request.steps = 30
        request.seed = 7
        var refiner = GenerationRequest.Refiner()
        refiner.model = ModelCatalog.builtInRefinerID
        refiner.startStepPercentage = 80
        request.refiner = refiner
        return request
    }()

    @Test func `the built-in pair draws a red apple, the same as ever`() throws {
        let generator = try SDXLGenerator(catalog: ModelCatalog(), lanes: 1, threads: 2)
        let scheduler = try JobScheduler(generator: generator)
        defer { scheduler.stop(drain: true) }
        let outcome = Outcome()
        let fingerprint = Protected("")
        try scheduler.submit(Self.request) { update in
            if case .event(let event) = update, case .accepted(let plan) = event.content {
                fingerprint.withLock { $0 = plan.fingerprint }
            }
            outcome.take(update)
        }
        let file = try #require(try outcome.wait().first)
        let decoder = PNGDecoder(sideMaximum: 128, pixelMaximum: 128 * 128)
        let picture = try decoder.decode(file)
        let known = try decoder.decode([UInt8](Repository.reference("png/emoji_red_apple.png")))
        #expect(picture.size == known.size)

        let squares = zip(picture.pixels, known.pixels).reduce(0) { sum, pair in
            let difference = Int(pair.0) - Int(pair.1)
            return sum + difference * difference
        }
        let mean = Double(squares) / Double(known.pixels.count)
        // 40 dB: no eye tells the two apart.
        #expect(mean <= 255 * 255 * 1e-4, "the mean square of the differences is \(mean)")

        let computed = fingerprint.withLock { $0 }
        let table = try JSONDecoder().decode(
            [String: String].self, from: Repository.reference("emoji_red_apple.json"))
        let digest = SHA256.digest(of: picture.pixels).map { String(format: "%02x", $0) }.joined()
        if let golden = table[computed] {
            #expect(digest == golden, "of \(computed)")
        } else {
            print("emoji_red_apple.json has no \"\(computed)\": \"\(digest)\"")
        }
    }
}
