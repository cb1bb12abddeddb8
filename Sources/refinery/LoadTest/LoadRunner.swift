/// Carries out a plan, and waits for what it has begun.
struct LoadRunner: Sendable {
    let plan: LoadPlan
    let calls: LoadCalls
    let recorder: LoadRecorder

    /// Of a caller in a closed loop, after an error.
    private static let pause = Duration.milliseconds(100)

    /// - Throws: `CancellationError` when the task was cancelled.
    func run() async throws {
        let begin = ContinuousClock.now
        await withDiscardingTaskGroup { group in
            switch plan.arrivals {
            case .open:
                for (number, start) in plan.starts.enumerated() {
                    do { try await Task.sleep(until: begin + start, clock: .continuous) } catch {
                        return
                    }
                    group.addTask { _ = await make(number, at: begin + start, since: begin) }
                }
            case .closed(let clients):
                for client in 0..<clients {
                    group.addTask {
                        // Each caller's own requests: who is served first changes nobody's.
                        var number = client
                        repeat {
                            let end = await make(number, at: .now, since: begin)
                            number += clients
                            // Who is refused does not ask again at once, and a server that is gone is
                            // not asked a thousand times a second.
                            switch end {
                            case .refused, .failed: try? await Task.sleep(for: Self.pause)
                            case .finished, .cancelled, .cut: break
                            }
                        } while !Task.isCancelled && ContinuousClock.now - begin < plan.duration
                    }
                }
            }
        }
        try Task.checkCancellation()
    }

    private func make(
        _ number: Int, at intended: ContinuousClock.Instant, since begin: ContinuousClock.Instant
    ) async -> LoadSample.End {
        let request = plan.request(number)
        await recorder.begin()
        let sample = await calls.run(
            request, intended: intended, start: (intended - begin) / .seconds(1))
        if !Task.isCancelled { await recorder.add(sample) }
        return sample.end
    }
}

/// Collects what the requests of a run became.
actor LoadRecorder {
    private(set) var record = LoadRecord()
    private let observe: @Sendable (LoadSample) -> Void

    /// - Parameter observe: is told of each, too.
    init(observe: @escaping @Sendable (LoadSample) -> Void = { _ in }) { self.observe = observe }

    func begin() { record.started += 1 }

    func add(_ sample: LoadSample) {
        record.add(sample)
        observe(sample)
    }
}
