import Foundation
import Generation
import Metrics
import PNGEncoding
import TestSupport
import Testing

@testable import Jobs

/// Five steps, from the fourth the refiner's; a preview is one pixel of the colour so far.
@Suite(.timeLimit(.minutes(5))) struct `Previews` {
    static func watched(_ id: String = "j", every interval: Int = 1, images: Int = 1)
        -> GenerationRequest
    {
        var request = request(id, images: images)
        request.previewEvery = interval
        return request
    }

    /// What each preview that was told shows, by the step after which it was foreseen.
    private func told(_ recorder: Recorder?) -> [Event.Progress] {
        recorder?.progress.filter { $0.preview != nil } ?? []
    }

    @Test(arguments: [(1, [1, 2, 3, 4, 5]), (2, [2, 4]), (3, [3]), (5, [5]), (6, []), (100, [])])
    func `come after every so many steps, with the progress of the moment`(
        interval: Int, steps: [Int]
    ) throws {
        let workshop = Workshop()
        try workshop.submit(Self.watched(every: interval))
        var drawn: [[UInt8]] = []
        while workshop.work() != nil {
            if let picture = workshop.drawPreview() { drawn.append(picture.pixels) }
        }
        let told = told(workshop.recorders["j"])
        #expect(told.map(\.preview?.step) == steps)
        #expect(told.map(\.step) == steps)
        #expect(told.map(\.phase) == steps.map { $0 < 4 ? .base : .refiner })
        #expect(told.compactMap(\.preview?.png) == drawn)
        #expect(workshop.recorders["j"]?.complaints == [])
    }

    @Test func `are for those who ask: other jobs are told as ever`() throws {
        let (with, without) = (Workshop(), Workshop())
        try with.submit(Self.watched())
        try without.submit(request("j"))
        while with.work() != nil { _ = with.drawPreview() }
        while without.work() != nil { #expect(without.drawPreview() == nil) }
        let plain = with.recorders["j"]?.progress.filter { $0.preview == nil }
        #expect(plain == without.recorders["j"]?.progress)
        #expect(with.recorders["j"]?.images.map(\.sha256).count == 1)
        #expect(
            with.recorders["j"]?.images.map(\.png) == without.recorders["j"]?.images.map(\.png))
    }

    @Test func `that are drawn late come with later progress, and only the latest of each job`()
        throws
    {
        let workshop = Workshop()
        try workshop.submit(Self.watched())
        // The text, three steps.
        for _ in 0..<4 { workshop.work() }
        #expect(workshop.drawPreview() != nil)
        #expect(workshop.drawPreview() == nil, "older ones have been left out")
        workshop.work()
        workshop.work()
        #expect(workshop.drawPreview() != nil)
        let told = told(workshop.recorders["j"])
        #expect(told.map(\.preview?.step) == [3, 5])
        #expect(told.map(\.step) == [3, 5])
    }

    @Test func `of an image that is done are not told`() throws {
        let workshop = Workshop()
        try workshop.submit(Self.watched(every: 5, images: 2))
        // The text, five steps, the decoding.
        for _ in 0..<7 { workshop.work() }
        #expect(workshop.drawPreview() != nil)
        #expect(told(workshop.recorders["j"]).isEmpty)
        for _ in 0..<5 { workshop.work() }
        #expect(workshop.drawPreview() != nil)
        #expect(told(workshop.recorders["j"]).map(\.imageIndex) == [1])
        workshop.workUntilIdle()
        #expect(workshop.recorders["j"]?.end?.failure == nil)
    }

    @Test func `of a job that has ended are not told`() throws {
        let workshop = Workshop()
        try workshop.submit(Self.watched(every: 5))
        workshop.workUntilIdle()
        #expect(workshop.drawPreview() != nil)
        #expect(told(workshop.recorders["j"]).isEmpty)
        #expect(workshop.recorders["j"]?.complaints == [])
    }

    @Test func `are told to one who comes late too, the latest one, once`() throws {
        let workshop = Workshop()
        try workshop.submit(Self.watched(every: 2))
        for _ in 0..<3 { workshop.work() }
        let drawn = try #require(workshop.drawPreview())
        workshop.work()
        let late = Recorder()
        let watcher = JobWatcher(jobID: JobID("j"), observer: late.observe)
        workshop.change { table in
            if let job = table.live[JobID("j")] { table.watch(job, watcher, after: 0) }
        }
        #expect(told(late).map(\.preview?.png) == [drawn.pixels])
        #expect(told(late).map(\.preview?.step) == [2])
        #expect(told(late).map(\.step) == [3])
        workshop.workUntilIdle()
        #expect(told(late).count == 1)
        #expect(late.complaints == [])
    }

    @Test func `are PNGs, drawn on a thread that the lane does not wait for`() throws {
        let recorder = Recorder()
        // Each step waits until the preview of the one before has been told.
        let generator = FakeGenerator(hook: { (_, unit, _) throws(GenerationError) in
            recorder.waitForPreviews(unit - 1)
        })
        let scheduler = try JobScheduler(generator: generator)
        defer { scheduler.stop(drain: false) }
        try scheduler.submit(Self.watched(), observer: recorder.observe)
        #expect(recorder.waitForEnd() == nil)
        #expect(recorder.complaints == [])
        let told = told(recorder)
        #expect(told.map(\.preview?.step) == [1, 2, 3, 4, 5])
        for progress in told {
            let picture = try PNGDecoder(sideMaximum: 16, pixelMaximum: 256).decode(
                try #require(progress.preview).png)
            #expect(picture.size == ImageSize(height: 1, width: 1))
        }
    }

    @Test func `that take forever hold nobody up`() throws {
        let gate = Gate()
        let scheduler = try JobScheduler(generator: FakeGenerator(draw: { gate.pass() }))
        for id in ["a", "b"] {
            let recorder = Recorder()
            try scheduler.submit(Self.watched(id), observer: recorder.observe)
            #expect(recorder.waitForEnd() == nil)
            #expect(recorder.images.count == 1)
            #expect(told(recorder).isEmpty)
        }
        gate.open()
        scheduler.stop(drain: true)
    }

    @Test func `are left out while jobs wait for memory that the machine does not have`() throws {
        let shop = Workshop(configuration: JobScheduler.Configuration(laneCount: 2))
        try shop.submit(Self.watched())
        // The text and a step.
        shop.work()
        shop.work()
        #expect(shop.drawPreview() != nil)
        let tight = MemoryReading(limitByteCount: 1 << 30, availableByteCount: 1 << 20)
        shop.change { $0.budget.reading = tight }
        try shop.submit(request("waits"))
        let job = try #require(shop.take())
        #expect(shop.take() == nil && shop.table.isShortOfMemory)
        shop.finish(job)
        #expect(shop.drawPreview() == nil)
        shop.change { $0.budget.reading = nil }
        shop.workUntilIdle()
        #expect(shop.ends.count == 2)
        #expect(shop.drawPreview() != nil)
    }

    @Test func `are asked for again by a job that the store has kept`() throws {
        let job = try GenerationJob(
            Self.watched(every: 3), models: FakeGenerator().models)
        let again = try GenerationJob(
            GenerationRequest(resolving: job), models: FakeGenerator().models)
        #expect(again.previews?.interval == 3)
        #expect(again == job)
    }
}

extension Recorder {
    func waitForPreviews(_ count: Int) {
        wait(for: count) {
            if case .progress(let progress) = $0 { progress.preview != nil } else { false }
        }
    }
}
