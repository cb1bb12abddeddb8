import Client
import Generation
import PNGEncoding
import ServerProcesses
import Testing

/// A kind of request, and the pictures that a server which nobody kills makes of it.
struct JobKind {
    let name: String
    let request: GenerationRequest
    let picture: [UInt8]?
    private(set) var pictures: [[UInt8]] = []
    /// Of both experts, of the whole job.
    private(set) var stepCount = 0

    static func all(in folder: ServerFolder) async throws -> [JobKind] {
        var kinds = try [
            JobKind("plain") { $0.steps = 12 },
            JobKind("refined") {
                $0.steps = 20
                $0.scheduler = "UniPC 3M"
                $0.refine(from: 14)
            },
            JobKind("ancestral") {
                $0.steps = 10
                $0.scheduler = "Euler a"
                $0.refine(from: 7)
                $0.numberResults = 3
            },
            JobKind("branches") {
                $0.steps = 16
                $0.scheduler = "DPM++ 2M SDE"
                $0.numberResults = 2
                $0.branches = [nil, 13, 10, 7].map { step in
                    var holder = GenerationRequest()
                    if let step { holder.refine(from: step) }
                    return GenerationRequest.Branch(refiner: holder.refiner)
                }
            },
            JobKind("paused") {
                $0.steps = 14
                $0.scheduler = "UniPC"
                $0.refine(from: 12)
                $0.pauseAt = .handoff
            },
            JobKind("from a picture", picture: Self.seedPicture()) {
                $0.steps = 16
                $0.scheduler = "DPM++ 2M SDE"
                $0.strength = 0.8
                $0.refine(from: 9)
            },
        ]
        let server = try await ServerProcess(
            folder, data: "undisturbed", flags: ServerProcess.checkpoints)
        for index in kinds.indices {
            let job = try await kinds[index].submit(as: kinds[index].name, to: server)
            let images = try await job.images(at: server)
            kinds[index].pictures = images.map(\.png)
            let summary = try #require(images.last?.summary)
            kinds[index].stepCount = summary.baseSteps + summary.refinerSteps
        }
        server.kill()
        return kinds
    }

    private init(
        _ name: String, picture: [UInt8]? = nil, _ change: (inout GenerationRequest) -> Void
    ) {
        self.name = name
        self.picture = picture
        var request = GenerationRequest()
        request.positivePrompt = "a red fox"
        request.negativePrompt = "blurry"
        request.seed = 7
        (request.width, request.height) = (64, 64)
        change(&request)
        self.request = request
    }

    func submit(as id: String, to server: ServerProcess) async throws -> AcceptedJob {
        var request = request
        request.requestID = id
        if let picture {
            request.seedImage = try await server.client.upload(picture: picture)
        }
        _ = try await server.client.submit(request)
        return AcceptedJob(request: request, expected: pictures, stepCount: stepCount)
    }

    private static func seedPicture() throws -> [UInt8] {
        let size = ImageSize(height: 64, width: 64)
        let pixels = (0..<64 * 64 * 3).map { UInt8($0 * 7 % 256) }
        return try PNGEncoder().encode(
            DecodedImage(imageIndex: 0, size: size, seed: 0, pixels: pixels), texts: [])
    }
}

/// A job that a server has said it has.
struct AcceptedJob {
    let request: GenerationRequest
    let expected: [[UInt8]]
    let stepCount: Int
    /// Found so far: never fewer from then on.
    private var pictureCount = 0

    var id: String { request.requestID ?? "" }

    init(request: GenerationRequest, expected: [[UInt8]], stepCount: Int) {
        self.request = request
        self.expected = expected
        self.stepCount = stepCount
    }

    mutating func lookForPictures(at server: ServerProcess) async throws {
        var count = 0
        do {
            while count < expected.count {
                let png = try await server.client.image(count, of: id)
                #expect(png == expected[count], "\(id), image \(count)")
                count += 1
            }
        } catch let error as GenerationError where error.code == "imageNotFound" {}
        #expect(count >= pictureCount, "\(id) has lost pictures")
        pictureCount = count
    }

    func images(at server: ServerProcess) async throws -> [Event.Image] {
        var images: [Event.Image] = []
        for try await event in server.client.watch(id) {
            if case .image(let image) = event.content { images.append(image) }
        }
        return images
    }

    func checkEnd(at server: ServerProcess) async throws {
        let images = try await images(at: server)
        #expect(images.map(\.png) == expected, "\(id)")
        // Every step counts once, however often it was begun.
        let summary = try #require(images.last?.summary, "\(id)")
        #expect(summary.baseSteps + summary.refinerSteps == stepCount, "\(id)")
        // The same request again is the same job.
        let state = try await server.client.submit(request).state
        #expect(state == (request.pauseAt == nil ? .finished : .paused))
    }
}

extension GenerationRequest {
    mutating func refine(from step: Int) {
        var refiner = Refiner()
        refiner.model = "tiny-refiner"
        refiner.startStep = step
        self.refiner = refiner
    }
}
