import Foundation
import Generation
import TestSupport
import Testing

@testable import SDXL
@testable import Tensors
@testable import Weights

struct PreviewTests {
    static let steps = 6

    let generator: SDXLGenerator

    init() throws {
        generator = try SDXLGenerator(catalog: ModelCatalog(), lanes: 1, threads: 2)
    }

    @Test(arguments: CheckpointTests.schedulers)
    func `looking on changes no bit of a picture, nor of where it stands`(
        scheduler: String
    ) throws {
        let (_, plain) = try finish(request(scheduler), isWatched: false)
        let (sketches, watched) = try finish(request(scheduler), isWatched: true)
        #expect(plain == watched)
        #expect(sketches.count == Self.steps)
    }

    @Test func `nor of branches' pictures, each of which is seen to become`() throws {
        var asked = request("Euler a")
        asked.refiner?.startStep = nil
        asked.branches = [nil, 5, 3].map { start in
            .init(
                refiner: start.map {
                    var refiner = GenerationRequest.Refiner()
                    refiner.startStep = $0
                    return refiner
                })
        }
        let (_, plain) = try finish(asked, isWatched: false)
        let (sketches, watched) = try finish(asked, isWatched: true)
        #expect(plain == watched && plain.count == 3)
        // One for each step that is run: the base's are shared.
        #expect(sketches.map(\.step) == [1, 2, 3, 4, 5, 6] + [3, 4, 5, 6] + [5, 6])
    }

    @Test func `who asks for none gets none, and before a step there is none`() throws {
        let job = try job(request("Euler"), isWatched: false)
        let run = try generator.makeRun(job, plan: generator.plan(job))
        while run.nextPhase != nil {
            #expect(run.sketch() == nil)
            _ = try run.advance()
        }
        let watched = try self.job(request("Euler"), isWatched: true)
        let other = try generator.makeRun(watched, plan: generator.plan(watched))
        #expect(other.sketch() == nil)
        _ = try other.advance()
        #expect(other.sketch() == nil)
        _ = try other.advance()
        let checkpoint = try #require(other.checkpoint())
        // What was foreseen is not kept with where a run stands.
        let rest = try generator.makeRun(watched, plan: generator.plan(watched), from: checkpoint)
        _ = try rest.advance()
        #expect(rest.sketch() == nil)
        _ = try rest.advance()
        #expect(rest.sketch() != nil)
    }

    @Test(
        arguments: [
            (nil, 8, 16), (16, 8, 16), (256, 128, 256), (20, 10, 20), (512, 256, 512),
        ] as [(Int?, Int, Int)])
    func `the longer side is as asked, or a pixel each latent`(
        side: Int?, height: Int, width: Int
    ) throws {
        var asked = request("Euler")
        (asked.width, asked.height, asked.previewSide) = (128, 64, side)
        let (sketches, _) = try finish(asked, isWatched: true)
        for (_, picture) in sketches {
            #expect(picture.size == ImageSize(height: height, width: width))
        }
    }

    @Test func `what is foreseen is what cutting the picture short there would decode`() throws {
        let job = try job(request("Euler"), isWatched: true)
        let run = try generator.makeRun(job, plan: generator.plan(job))
        for _ in 0...3 { _ = try run.advance() }
        let sketch = try #require(run.sketch())
        let seen = sketch()
        let likeness = correlation(seen.pixels, averaged(try run.preview()))
        #expect(likeness > 0.5, "\(likeness)")
    }

    @Test func `parts that stay the seed picture's are shown as they are`() throws {
        // Everything stays: what is foreseen is the picture's encoding after every step.
        var asked = request("Euler a")
        asked.refiner = nil
        asked.seedImage = String(repeating: "a", count: 64)
        asked.maskImage = String(repeating: "b", count: 64)
        let pixels = (0..<64 * 64 * 3).map { UInt8(truncatingIfNeeded: $0 / 3 % 64 * 4) }
        let job = try job(asked, isWatched: true) { name in
            Picture(
                size: ImageSize(height: 64, width: 64),
                pixels: name.hasPrefix("a") ? pixels : [UInt8](repeating: 0, count: pixels.count))
        }
        let run = try generator.makeRun(job, plan: generator.plan(job))
        var seen: [Picture] = []
        while run.nextPhase != nil {
            _ = try run.advance()
            if let sketch = run.sketch() { seen.append(sketch()) }
        }
        #expect(seen.count == 4)
        #expect(Set(seen.map(\.pixels)).count == 1)
    }

    // MARK: The colours

    /// Latents other than those the colours were found with.
    private func latents(_ seed: Int, height: Int, width: Int) -> [Float] {
        var draws = Draws(state: UInt64(seed))
        return (0..<4 * height * width).map { index in
            let (x, y) = (Float(index % width), Float(index / width % height))
            let phase = Float(index / (height * width))
            let wave = sin(x / 3 + phase) + cos(y / 4 - 2 * phase)
            return wave + 0.1 * Float(draws.next(below: 20)) - 1
        }
    }

    enum Model: CaseIterable {
        case builtInBase, builtInRefiner, synthetic

        func decoder() throws -> VAEDecoder {
            switch self {
            case .builtInBase: try expert(Expert(base: StoredModel(BuiltIn.base())))
            case .builtInRefiner: try expert(Expert(refiner: StoredModel(BuiltIn.refiner())))
            case .synthetic:
                try withTemporaryDirectory { directory in
                    let path = directory + "/vae.safetensors"
                    try SyntheticModel(SyntheticModelTests.tinyBase, seed: 3).write(to: path)
                    return try expert(Expert(base: StoredModel(ModelFile(path: path))))
                }
            }
        }

        private func expert(_ expert: Expert) throws -> VAEDecoder { try #require(expert.decoder) }
    }

    @Test(arguments: Model.allCases)
    func `a sketch is like what the decoder makes of the latents`(model: Model) throws {
        let decoder = try model.decoder()
        let compute = try Compute(threads: 2, memoryByteCount: 1 << 30)
        #expect(decoder.colours.fitted == nil)
        decoder.fitColours(compute)
        let colours = try #require(decoder.colours.fitted)
        for seed in [1, 2, 3] {
            let (height, width) = (12, 20)
            let latents = latents(seed, height: height, width: width)
            let input = compute.activation(images: 1, height: height, width: width, channels: 4)
            for index in 0..<input.count {
                input.data[index] = latents[index % 4 * height * width + index / 4]
            }
            let decoded = compute.pixels(of: decoder.decode(input, compute))
            let whole = DecodedImage(
                imageIndex: 0, size: ImageSize(height: 8 * height, width: 8 * width), seed: 0,
                pixels: decoded)
            let sketch = LatentSketch(
                latents: latents, height: height, width: width, colours: colours
            ).pixels()
            let likeness = correlation(sketch.pixels, averaged(whole))
            let noise = deviation(sketch.pixels, averaged(whole))
            // Of 255. Both have weights at random, where a pixel has more to do with its neighbours than in a
            // trained VAE: that gives 0.95 (see FittedColours).
            #expect(likeness > (model == .synthetic ? 0.4 : 0.7), "seed \(seed): \(likeness)")
            #expect(noise < 50, "seed \(seed): \(noise)")
        }
    }

    @Test func `of a decoder that is an affine map itself the colours are that map`() throws {
        let compute = try Compute(threads: 1, memoryByteCount: 1 << 30)
        let (height, width) = (6, 9)
        let values = latents(1, height: height, width: width)
        let map = (0..<15).map { Float($0 * 7 % 15) / 100 - 0.07 }
        let input = compute.activation(images: 1, height: height, width: width, channels: 4)
        for index in 0..<input.count {
            input.data[index] = values[index % 4 * height * width + index / 4]
        }
        let picture = compute.activation(
            images: 1, height: 8 * height, width: 8 * width, channels: 3)
        for index in 0..<picture.count {
            let (pixel, colour) = (index / 3, index % 3)
            let token = pixel / picture.width / 8 * width + pixel % picture.width / 8
            picture.data[index] = (0..<4).reduce(map[12 + colour]) {
                $0 + input.data[token * 4 + $1] * map[$1 * 3 + colour]
            }
        }
        let found = VAEDecoder.colours(of: input, in: picture)
        for (found, expected) in zip(found, map) { #expect(abs(found - expected) < 1e-5) }
    }

    @Test func `colours are found once for a decoder, the same each time`() throws {
        let (first, second) = (try Model.builtInBase.decoder(), try Model.builtInBase.decoder())
        let compute = try Compute(threads: 1, memoryByteCount: 1 << 30)
        first.fitColours(compute)
        let highWater = compute.arena.highWater
        #expect(highWater > 0)
        compute.arena.trim(all: true)
        second.fitColours(try Compute(threads: 2, memoryByteCount: 1 << 30))
        #expect(first.colours.fitted == second.colours.fitted)
        let grid = FittedColours.grid
        #expect(highWater <= first.memoryByteCount(grid, threads: 1))
    }

    // MARK: Helpers

    /// The mean of each latent's 8 x 8 pixels.
    private func averaged(_ image: DecodedImage) -> [UInt8] {
        let (height, width) = (image.size.height / 8, image.size.width / 8)
        return (0..<height * width * 3).map { index in
            let (token, colour) = index.quotientAndRemainder(dividingBy: 3)
            let (row, column) = token.quotientAndRemainder(dividingBy: width)
            var sum = 0
            for y in 0..<8 {
                for x in 0..<8 {
                    let pixel = (row * 8 + y) * image.size.width + column * 8 + x
                    sum += Int(image.pixels[pixel * 3 + colour])
                }
            }
            return UInt8((sum + 32) / 64)
        }
    }

    /// Pearson's, over all pixels and colours.
    private func correlation(_ left: [UInt8], _ right: [UInt8]) -> Double {
        precondition(left.count == right.count)
        func centred(_ values: [UInt8]) -> [Double] {
            let all = values.map(Double.init)
            let mean = mean(all)
            return all.map { $0 - mean }
        }
        let (a, b) = (centred(left), centred(right))
        let covariance = mean(zip(a, b).map { $0 * $1 })
        return covariance / (mean(a.map { $0 * $0 }) * mean(b.map { $0 * $0 })).squareRoot()
    }

    /// The root of the mean square of the differences.
    private func deviation(_ left: [UInt8], _ right: [UInt8]) -> Double {
        let differences = zip(left, right).map { Double($0) - Double($1) }
        return mean(differences.map { $0 * $0 }).squareRoot()
    }

    private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

    private func job(
        _ request: GenerationRequest, isWatched: Bool,
        pictures: @escaping GenerationJob.PictureLookup = { _ in nil }
    ) throws -> GenerationJob {
        var request = request
        request.previewEvery = isWatched ? 1 : nil
        if !isWatched { request.previewSide = nil }
        return try GenerationJob(request, models: generator.models, pictures: pictures)
    }

    /// Every sketch with the step it is of, and the images; where watched, checkpoints on the way too.
    private func finish(
        _ request: GenerationRequest, isWatched: Bool
    ) throws -> (sketches: [(step: Int, picture: Picture)], images: [DecodedImage]) {
        let job = try job(request, isWatched: isWatched)
        let run = try generator.makeRun(job, plan: generator.plan(job))
        var sketches: [(Int, Picture)] = []
        var images: [DecodedImage] = []
        while run.nextPhase != nil {
            switch try run.advance() {
            case .image(let image): images.append(image)
            case .step(let report):
                let before = run.checkpoint()
                if let sketch = run.sketch() { sketches.append((report.step, sketch())) }
                #expect(run.checkpoint() == before)
            case .textEncoded, .imageEncoded: break
            }
        }
        return (sketches, images)
    }

    private func request(_ scheduler: String) -> GenerationRequest {
        var request = GenerationRequest()
        request.positivePrompt = "a red fox"
        request.negativePrompt = "blurry"
        request.model = ModelCatalog.builtInBaseID
        request.scheduler = scheduler
        request.steps = Self.steps
        request.seed = 7
        (request.width, request.height) = (64, 64)
        var refiner = GenerationRequest.Refiner()
        refiner.model = ModelCatalog.builtInRefinerID
        refiner.startStep = 4
        request.refiner = refiner
        return request
    }
}
