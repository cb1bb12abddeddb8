import Dispatch
import Generation
import Jobs
import SDXL

/// Pictures made in this process, by the same jobs as a server's.
struct LocalPictures: PictureSource {
    private let engine: Engine
    private let scheduler: JobScheduler
    /// Where the numbers of every step go, when asked for.
    private let trace: (recorder: TraceRecorder, path: String)?

    /// - Parameter trace: the file for the numbers of every step.
    init(_ options: EngineOptions, trace: String?) throws {
        self.trace = trace.map { (TraceRecorder(), $0) }
        engine = try Engine(options, trace: self.trace?.recorder)
        scheduler = try JobScheduler(
            generator: engine.generator)
    }

    func events(of request: GenerationRequest) throws -> AsyncThrowingStream<Event, any Error> {
        let (events, continuation) = AsyncThrowingStream<Event, any Error>.makeStream()
        let job = try scheduler.submit(request) { update in
            switch update {
            case .event(let event): continuation.yield(event)
            case .ended(.success): continuation.finish()
            case .ended(.failure(let error)): continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { [scheduler] reason in
            if case .cancelled = reason { scheduler.cancel(job) }
        }
        return events
    }

    func add(picture file: [UInt8]) throws -> String { try scheduler.pictures.add(file) }

    func models() -> [ModelDescription] { engine.models }

    /// - Throws: ``FileError`` when the trace cannot be written.
    func close() async throws {
        await withCheckedContinuation { continuation in
            // Waits for the step in progress: not on a thread that tasks share.
            DispatchQueue.global().async { [scheduler] in
                scheduler.stop(drain: false)
                continuation.resume()
            }
        }
        if let trace { try Files.write(Array(trace.recorder.serialized()), to: trace.path) }
    }
}
