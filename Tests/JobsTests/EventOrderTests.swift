import Generation
import Jobs
import Testing

@Suite struct `A job's events` {
    @Test func `tell everything in order, for one picture after the other`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        let handle = try scheduler.submit(request("j", images: 2), observer: recorder.observe)
        #expect(handle.jobID == "j")
        #expect(recorder.waitForEnd() == nil)
        #expect(recorder.complaints == [])
        let picture = [
            "base 1/5 1/3", "base 2/5 2/3", "base 3/5 3/3", "handed off at 4", "refiner 4/5 1/2",
            "refiner 5/5 2/2", "decoding 5/5 0/1", "decoding 5/5 1/1",
        ]
        #expect(
            recorder.events.map(words)
                == ["accepted 3+2", "queued 0", "textEncoding 0/5 0/1", "textEncoding 0/5 1/1"]
                + picture + ["image 1 of 2"] + picture + ["image 2 of 2, summary"])
        #expect(recorder.events.allSatisfy { $0.jobID == "j" })
        #expect(
            recorder.progress.map(\.imageIndex) == [0, 0] + Array(repeating: 0, count: 7)
                + Array(repeating: 1, count: 7))
        #expect(recorder.progress.allSatisfy { $0.imageCount == 2 })
        #expect(recorder.progress[2].timestep == 1000)
        #expect(recorder.progress[2].sigma == 5)
        #expect(recorder.images.map(\.seed) == [5, 6])
    }

    @Test func `know no handoff without a refiner`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator())
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request(refined: false), observer: recorder.observe)
        #expect(recorder.waitForEnd() == nil)
        #expect(
            recorder.progress.filter { $0.phase == .base }.map(\.phaseSteps) == [5, 5, 5, 5, 5])
        #expect(!recorder.events.map(words).contains { $0.hasPrefix("handed off") })
        #expect(recorder.images.first?.summary?.refinerSteps == 0)
    }

    @Test func `end with the picture, its digest, its description and the sums`() throws {
        let clock = FakeClock()
        let scheduler = try JobScheduler(
            generator: FakeGenerator(hook: { (_, _, phase) throws(GenerationError) in
                clock.advance(
                    by: phase == .textEncoding
                        ? .seconds(1)
                        : phase == .base
                            ? .seconds(2)
                            : phase == .refiner ? .seconds(4) : .seconds(8))
            }), clock: clock.clock)
        defer { scheduler.stop(drain: false) }
        let recorder = Recorder()
        try scheduler.submit(request(images: 2), observer: recorder.observe)
        #expect(recorder.waitForEnd() == nil)
        let last = try #require(recorder.images.last)
        #expect(recorder.images.first?.summary == nil)
        #expect(
            last.summary
                == Event.Summary(
                    baseSteps: 6, refinerSteps: 4, textEncodingSeconds: 1, baseSeconds: 12,
                    refinerSeconds: 16, decodingSeconds: 16, totalSeconds: 45,
                    baseEvaluations: 6, refinerEvaluations: 4))
        #expect(last.png.starts(with: [0x89, 0x50, 0x4E, 0x47]))
        #expect(last.sha256 == SHA256.digest(of: last.png))
        #expect(last.size == ImageSize(height: 16, width: 8))
        // The texts are not compressed, so they can be looked for as they are.
        let file = String(decoding: last.png, as: UTF8.self)
        for words in [
            "a red fox\nSteps: 5, Sampler: Euler, Schedule type: leading, CFG scale: 7, Seed: 6, "
                + "Size: 8x16, Model: base, Refiner: refiner, Refiner switch at: 0.6, ",
            "Handoff step", "Handoff timestep", "997", "Handoff sigma", "Few steps.",
        ] {
            #expect(file.contains(words), "\(words)")
        }
        #expect(recorder.events.allSatisfy { $0.timeMilliseconds == 42 })
    }

    @Test func `fit a frame, the largest picture of noise with the longest prompts`() throws {
        let scheduler = try JobScheduler(generator: FakeGenerator(isNoisy: true))
        defer { scheduler.stop(drain: false) }
        let longest = String(repeating: "🦊", count: Parameter.promptCharacterMaximum)
        var asked = request()
        asked.positivePrompt = longest
        asked.negativePrompt = longest
        asked.positivePrompt2 = longest
        asked.negativePrompt2 = longest
        asked.refiner?.positivePrompt = longest
        asked.refiner?.negativePrompt = longest
        (asked.width, asked.height) = (640, 2048)
        let recorder = Recorder()
        try scheduler.submit(asked, observer: recorder.observe)
        #expect(recorder.waitForEnd() == nil)
        let png = try #require(recorder.images.first?.png)
        #expect(png.count > 640 * 2048 * 3)
        // What an event holds beside the file is far below 4 KiB.
        #expect(png.count + 4096 < GenerationLimits.frameByteLimit)
    }

    private func words(_ event: Event) -> String {
        switch event.content {
        case .accepted(let plan): "accepted \(plan.baseSteps)+\(plan.refinerSteps)"
        case .queued(let queued): "queued \(queued.place)"
        case .progress(let it):
            "\(it.phase) \(it.step)/\(it.steps) \(it.phaseStep)/\(it.phaseSteps)"
        case .handedOff(let it): "handed off at \(it.handoff.step)"
        case .image(let it):
            "image \(it.imageIndex + 1) of \(it.imageCount)\(it.summary == nil ? "" : ", summary")"
        case .ended(let it): "ended \(it.state)"
        case .resumed(let it): "resumed at \(it.step) of image \(it.imageIndex + 1)"
        }
    }
}
