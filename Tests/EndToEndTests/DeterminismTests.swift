import Generation
import Jobs
import Metrics
import SDXL
import Testing

/// The promise of DESIGN: equal build, core type and model file give equal PNG bytes, whatever else the
/// machine does.
@Suite(.timeLimit(.minutes(15)))
struct DeterminismTests {
    /// A scheduler that draws noise in every step, both experts, and a side that tiles do not divide.
    static let request: GenerationRequest = {
        var request = GenerationRequest()
        request.positivePrompt = "a red fox in deep snow"
        request.negativePrompt = "blurry"
        request.model = ModelCatalog.tinyBaseID
        (request.width, request.height) = (136, 104)
        request.steps = 4
        request.seed = 11
        request.scheduler = "Euler a"
        request.refiner = GenerationRequest.Refiner()
        request.refiner?.model = ModelCatalog.tinyRefinerID
        request.refiner?.startStep = 3
        return request
    }()

    static let another: GenerationRequest = {
        var request = GenerationRequest()
        request.positivePrompt = "a lighthouse at night, oil on canvas"
        request.model = ModelCatalog.tinyBaseID
        (request.width, request.height) = (192, 128)
        request.steps = 5
        request.seed = 3
        request.scheduler = "DPM++ 2M"
        return request
    }()

    /// What one lane of one thread makes of the request, alone.
    static let alone = Result { try pictures(of: [request], lanes: 1, threads: 1)[0] }

    @Test(arguments: [(1, 2), (2, 1), (2, 2)])
    func `lanes and threads change no byte`(lanes: Int, threads: Int) throws {
        let pictures = try Self.pictures(of: [Self.request], lanes: lanes, threads: threads)
        #expect(try pictures[0] == Self.alone.get())
    }

    @Test(arguments: [1, 2]) func `another job beside it changes no byte`(threads: Int) throws {
        let pictures = try Self.pictures(
            of: [Self.another, Self.request, Self.another], lanes: 2, threads: threads)
        #expect(try pictures[1] == Self.alone.get())
        #expect(pictures[0] == pictures[2])
        #expect(pictures[0] != pictures[1])
    }

    @Test func `a job that another one overtakes is the same picture, and so is that one`() throws {
        var long = Self.another
        long.steps = 12
        var short = Self.request
        short.priority = 1
        let generator = try SDXLGenerator(catalog: ModelCatalog(), lanes: 1, threads: 2)
        let scheduler = try JobScheduler(generator: generator)
        defer { scheduler.stop(drain: true) }
        let ends = Protected<[String]>([])
        let (first, second) = (Outcome(), Outcome())
        let isSubmitted = Protected(false)
        try scheduler.submit(long) { [short] update in
            // In its third step.
            if case .event(let event) = update, case .progress(let progress) = event.content,
                progress.step == 2, !isSubmitted.withLock({ $0 })
            {
                isSubmitted.withLock { $0 = true }
                _ = try? scheduler.submit(short) { update in
                    if case .ended = update { ends.withLock { $0.append("short") } }
                    second.take(update)
                }
            }
            if case .ended = update { ends.withLock { $0.append("long") } }
            first.take(update)
        }
        #expect(try second.wait() == Self.alone.get())
        #expect(try first.wait() == Self.pictures(of: [long], lanes: 1, threads: 1)[0])
        #expect(ends.withLock { $0 } == ["short", "long"])
    }

    @Test func `image i of a batch is the picture of seed + i`() throws {
        var batch = Self.request
        batch.numberResults = 3
        let singles = (0..<3).map { index in
            var single = Self.request
            single.seed = single.seed.map { $0 + Int64(index) }
            return single
        }
        let pictures = try Self.pictures(of: [batch] + singles, lanes: 1, threads: 2)
        #expect(pictures[0] == pictures[1...].flatMap { $0 })
        #expect(try pictures[1] == Self.alone.get())
        #expect(Set(pictures[0]).count == 3)
    }

    @Test func `a branch's file is the separate request's, to the last byte`() throws {
        var branched = Self.request
        branched.refiner?.startStep = nil
        branched.numberResults = 2
        let later = GenerationRequest.Refiner.with { $0.startStep = 4 }
        let other = GenerationRequest.Refiner.with {
            $0.startStep = 3
            $0.positivePrompt = "in oil"
            $0.aestheticScore = 8
        }
        let same = GenerationRequest.Refiner.with { $0.startStep = 3 }
        branched.branches = [later, nil, other, same].map { .init(refiner: $0) }
        // As each would be asked for without knowing of branches.
        var separate = (0..<4).map { _ in Self.request }
        for index in separate.indices { separate[index].numberResults = 2 }
        separate[0].refiner?.startStep = 4
        separate[1].refiner = nil
        separate[2].refiner?.positivePrompt = "in oil"
        separate[2].refiner?.aestheticScore = 8
        let pictures = try Self.pictures(of: [branched] + separate, lanes: 2, threads: 2)
        // Made seed by seed, and of each seed by their handoffs.
        let order = [2, 3, 0, 1]
        let expected = (0..<2).flatMap { seed in order.map { pictures[1 + $0][seed] } }
        #expect(pictures[0] == expected)
        #expect(Set(expected).count == 8)
        #expect(try expected[1] == Self.alone.get()[0])
    }

    /// The PNG files of each request, all submitted at once to one scheduler.
    private static func pictures(
        of requests: [GenerationRequest], lanes: Int, threads: Int
    ) throws -> [[[UInt8]]] {
        let generator = try SDXLGenerator(catalog: ModelCatalog(), lanes: lanes, threads: threads)
        let scheduler = try JobScheduler(
            generator: generator,
            configuration: JobScheduler.Configuration(laneCount: lanes))
        defer { scheduler.stop(drain: true) }
        let outcomes = try requests.map { request in
            let outcome = Outcome()
            try scheduler.submit(request) { outcome.take($0) }
            return outcome
        }
        return try outcomes.map { try $0.wait() }
    }
}

extension GenerationRequest.Refiner {
    fileprivate static func with(_ change: (inout Self) -> Void) -> Self {
        var refiner = Self()
        change(&refiner)
        return refiner
    }
}

/// The pictures of one job, once it has ended.
final class Outcome: Sendable {
    private struct State {
        var pictures: [[UInt8]] = []
        var end: Result<Void, GenerationError>?
    }

    private let state = Protected(State())

    func take(_ update: JobUpdate) {
        state.withLock { state in
            switch update {
            case .event(let event):
                if case .image(let image) = event.content { state.pictures.append(image.png) }
            case .ended(let end): state.end = end
            }
        }
        state.notify()
    }

    func wait() throws -> [[UInt8]] {
        let (pictures, end) = state.wait { state in state.end.map { (state.pictures, $0) } }
        try end.get()
        return pictures
    }
}
