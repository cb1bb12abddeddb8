import Generation
import Testing
import Wire

@testable import refinery

@Suite struct LoadRecordTests {
    static func sample(
        _ end: LoadSample.End, by behaviour: LoadRequest.Behaviour = .waits,
        accepted: Double? = 0.1, time: Double = 1, start: Double = 0, seed: Int64 = 0
    ) -> LoadSample {
        var sample = LoadSample(
            LoadRequest(
                number: 0, kind: .init(size: nil, steps: 4, handoff: nil, seed: seed),
                behaviour: behaviour), start: start)
        (sample.acceptedTime, sample.endTime, sample.end) = (accepted, time, end)
        return sample
    }

    static let failure = LoadSample.Failure(code: "queueFull", message: "The queue is full.")

    /// One of each.
    static let record: LoadRecord = {
        var record = LoadRecord()
        for sample in [
            sample(.finished(sha256: [1]), time: 2), sample(.finished(sha256: [1]), time: 4),
            sample(.finished(sha256: [2]), time: 3, start: 2.5, seed: 1),
            sample(.finished(sha256: [1]), by: .readsSlowly, time: 60),
            sample(.finished(sha256: [1]), by: .cancels(step: 1), time: 0.5),
            sample(.cancelled, by: .cancels(step: 1)), sample(.cut, by: .isCut(step: 1)),
            sample(.refused(failure), accepted: nil),
            sample(.failed(.init(code: "timeout", message: "Too late.")), time: 9),
            sample(.failed(.init(code: "connectionLost", message: "Gone.")), accepted: nil),
        ] {
            record.started += 1
            record.add(sample)
        }
        return record
    }()

    @Test func `every request has one end`() {
        var record = Self.record
        #expect(record.started == 10 && record.finished == 5 && record.refused == 1)
        #expect(record.failed == 2 && record.cancelled == 1 && record.cut == 1)
        #expect(record.failedAfterAcceptance == 1 && record.jobs == 8)
        #expect(record.sumsClose)
        record.started += 1
        #expect(!record.sumsClose)
    }

    @Test func `times are of those who wait for their picture`() {
        #expect(Self.record.image.count == 3 && Self.record.image.maximum == 4)
        #expect(Self.record.slowImage.maximum == 60)
        #expect(Self.record.accepted.count == 4)
        #expect(Self.record.seconds == 60 && Self.record.rate == 5.0 / 60)
    }

    @Test func `the timeline counts begins and ends by the second`() {
        let timeline = Self.record.timeline
        #expect(timeline.count == 61 && timeline[0].started == 9 && timeline[2].started == 1)
        #expect(timeline.reduce(0) { $0 + $1.finished } == 5)
        #expect(timeline.reduce(0) { $0 + $1.ended } == 5 && timeline[9].ended == 1)
    }

    @Test func `pictures of one request that differ are found`() {
        var record = Self.record
        #expect(record.repeatedKindCount == 1 && record.unlikeKinds.isEmpty)
        record.add(Self.sample(.finished(sha256: [3]), seed: 1))
        #expect(record.unlikeKinds.map(\.seed) == [1] && record.repeatedKindCount == 2)
    }

    @Test func `an event's time is noted once, and its steps by expert`() {
        var sample = Self.sample(.cut, accepted: nil)
        sample.take(.accepted(Sample.plan), at: 0.1)
        sample.take(.accepted(Sample.plan), at: 0.2)
        sample.take(.queued(.init(place: 1, etaSeconds: 5)), at: 0.3)
        var progress = Sample.progress(.base, step: 0, eta: nil)
        sample.take(.progress(progress), at: 0.4)
        progress = Sample.progress(.base, step: 2, eta: 3)
        progress.stepSeconds = 0.25
        sample.take(.progress(progress), at: 0.5)
        progress = Sample.progress(.refiner, step: 4, eta: 1)
        progress.stepSeconds = 0.5
        sample.take(.progress(progress), at: 0.6)
        #expect(sample.acceptedTime == 0.1 && sample.firstProgressTime == 0.4)
        #expect(sample.baseSteps == [0.25] && sample.refinerSteps == [0.5] && sample.step == 4)
        #expect(
            sample.estimates == [
                Self.estimate(nil, time: 0.3, eta: 5), Self.estimate(.base, 0.5, time: 0.5, eta: 3),
                Self.estimate(.refiner, 1, time: 0.6, eta: 1),
            ])
    }

    static func estimate(
        _ phase: Phase?, _ progress: Double = 0, time: Double, eta: Double
    ) -> LoadSample.Estimate {
        .init(place: phase.map { .init(phase: $0, progress: progress) }, time: time, eta: eta)
    }

    @Test func `an estimate is held against what it took`() throws {
        var errors = EstimateErrors()
        // Real: 4, 2, 0.5 and 0.1 seconds.
        errors.add(
            [
                Self.estimate(nil, time: 1, eta: 5), Self.estimate(.base, 0.5, time: 3, eta: 1),
                Self.estimate(.refiner, 1, time: 4.5, eta: 0.5),
                Self.estimate(.decoding, 1, time: 4.875, eta: 0),
            ], endTime: 5)
        #expect(errors.named.map(\.name) == ["queued", "base", "refiner", "decoding"])
        #expect(errors.queued.bias == 1 && errors.queued.errors.maximum == 1)
        #expect(errors.queued.relative.maximum == 0.25)
        #expect(errors.tenths[5].bias == -1 && errors.tenths[5].errors.maximum == 1)
        let phases = errors.phases
        #expect(phases[.base] == errors.tenths[5] && phases[.base]?.relative.maximum == 0.5)
        #expect(errors.tenths[9].errors.count == 2 && phases[.refiner]?.errors.maximum == 0)
        // Of nothing there are no parts.
        #expect(phases[.decoding]?.bias == -0.125 && phases[.decoding]?.relative.count == 0)
    }

    @Test func `an end that is foreseen elsewhere from one step to the next has moved`() {
        var errors = EstimateErrors()
        errors.add(
            [
                // Of a job that waits longer than foreseen: that is the queue's error alone.
                Self.estimate(nil, time: 0, eta: 1), Self.estimate(.base, 0, time: 5, eta: 4),
                Self.estimate(.base, 0.25, time: 6, eta: 3.5),
                Self.estimate(.refiner, 0.5, time: 7, eta: 1.5),
                Self.estimate(.refiner, 1, time: 8, eta: 0.25),
                Self.estimate(.decoding, 1, time: 8, eta: 2),
            ], endTime: 9)
        #expect(errors.moves.map(\.name) == ["handoff", "step"])
        #expect(errors.movedAtHandoff.count == 1 && errors.movedAtHandoff.maximum == 1)
        #expect(errors.movedAtStep.count == 2 && errors.movedAtStep.maximum == 0.5)
        #expect(errors.movedAtStep.minimum == 0.25)
    }

    // MARK: Against the server

    static func stats(
        accepted: UInt64 = 8, finished: UInt64 = 6, failed: UInt64 = 1, cancelled: UInt64 = 1,
        refused: UInt64 = 1, running: Int = 0
    ) -> ServerStats {
        ServerStats(
            accepted: 100 + accepted, finished: 50 + finished, failed: 20 + failed,
            cancelled: 30 + cancelled, refused: refused, running: running)
    }

    static let before = stats(
        accepted: 0, finished: 0, failed: 0, cancelled: 0, refused: 0)

    @Test(arguments: [
        // The cut job was finished there, or cancelled.
        stats(), stats(finished: 5, cancelled: 2),
        // One call was refused before it was a job's.
        stats(refused: 0),
    ])
    func `the server's counts agree`(after: ServerStats) {
        #expect(LoadLedger(Self.record, before: Self.before, after: after).holds)
    }

    @Test(arguments: [
        (stats(accepted: 9), ["accepted"]), (stats(accepted: 7), ["accepted"]),
        (stats(finished: 4, cancelled: 3), ["finished"]),
        (stats(finished: 7, cancelled: 0), ["cancelled"]),
        (stats(finished: 7), ["finished or cancelled"]), (stats(failed: 2), ["failed"]),
        (stats(refused: 2), ["refused"]), (stats(running: 1), ["queued or running"]),
    ])
    func `a count that differs is found`(after: ServerStats, names: [String]) {
        let ledger = LoadLedger(Self.record, before: Self.before, after: after)
        #expect(ledger.checks.filter { !$0.holds }.map(\.name) == names)
    }
}
