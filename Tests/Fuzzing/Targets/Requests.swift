import Generation
import SDXL
import Wire

/// Requests from the wire and from JSON, up to the plan that a job would follow.
enum Requests {
    /// The built-in models: only plans are made, nothing is computed.
    private static let generator: SDXLGenerator? =
        (try? ModelCatalog()).flatMap { try? SDXLGenerator(catalog: $0, lanes: 1, threads: 1) }

    static func runMessage(_ input: inout ArraySlice<UInt8>) throws {
        let methods = Method.allCases
        let method = methods[input.choice() % methods.count]
        guard let request = try? CallRequest(method, decoding: Array(input)) else { return }
        try require(request.method == method, "it is another method's")
        // What was read can be written, and read again as the same.
        let packed = try request.packed()
        let again = try CallRequest(method, decoding: packed)
        try require(try again.packed() == packed, "written and read it is another")
        switch request {
        case .generate(let parameters), .submit(let parameters): try plan(parameters)
        default: break
        }
    }

    static func runJSON(_ bytes: [UInt8]) throws {
        if let reading = try? RequestReader.read(bytes) {
            for request in reading.requests.prefix(8) { try plan(request) }
        }
        if let record = try? PictureRecord(bytes) { try plan(record.request) }
    }

    private static func plan(_ request: GenerationRequest) throws {
        guard let generator else { throw Violation(description: "the built-in models are gone") }
        let models = generator.models
        let picture = Picture(
            size: ImageSize(height: 64, width: 64),
            pixels: [UInt8](repeating: 0, count: 64 * 64 * 3))
        guard
            var job = try? GenerationJob(request, models: models, pictures: { _ in picture })
        else { return }
        guard let plan = try? generator.plan(job) else { return }
        let steps = plan.baseSteps + plan.refinerSteps
        try require(plan.sigmas.allSatisfy(\.isFinite), "a sigma is no number")
        try require(plan.timesteps.allSatisfy(\.isFinite), "a timestep is no number")
        try require(steps > 0 && plan.timesteps.count >= steps, "it plans \(steps) steps")
        try require(plan.seeds.count == job.seeds.count, "it plans other pictures")

        // A job says what it is: the store and a picture's record rely on it.
        let repeated = GenerationRequest(resolving: job)
        var same = try GenerationJob(repeated, models: models, pictures: { _ in picture })
        // The default is named by then.
        (job.scheduler, same.scheduler) = ("", "")
        try require(same == job, "its own request makes another job")
    }
}
