import Generation
import Wire

/// The messages that the transcripts hold.
enum Samples {
    static let request: GenerationRequest = {
        var request = GenerationRequest()
        request.requestID = "r-1"
        request.positivePrompt = "a lake"
        request.negativePrompt = ""
        request.model = "base"
        request.width = 64
        request.height = 64
        request.steps = 10
        request.scheduler = "Euler"
        request.seed = 42
        request.cfgScale = 7.5
        request.refiner = GenerationRequest.Refiner()
        request.refiner?.model = "refiner"
        request.refiner?.startStepPercentage = 80
        return request
    }()

    static let handoff = GenerationPlan.Handoff(step: 9, percentage: 80, timestep: 101, sigma: 0.5)

    static let events: [Event] = [
        event(
            1,
            .accepted(
                GenerationPlan(
                    model: "base", refinerModel: "refiner", size: ImageSize(height: 64, width: 64),
                    seeds: [42], scheduler: "Euler", spacing: "leading", timesteps: [901, 101],
                    sigmas: [9.5, 0.5, 0], baseSteps: 8, refinerSteps: 2, handoff: handoff,
                    advice: ["Fewer than 3 refiner steps."]))),
        event(2, .queued(Event.Queued(place: 1, etaSeconds: 2.5))),
        event(
            3,
            .progress(
                Event.Progress(
                    phase: .base, step: 1, steps: 10, phaseStep: 1, phaseSteps: 8, timestep: 901,
                    sigma: 9.5, stepSeconds: 0.25, elapsedSeconds: 0.5, etaSeconds: 2.25,
                    imageIndex: 0, imageCount: 1))),
        event(
            4,
            .handedOff(
                Event.HandedOff(
                    imageIndex: 0, handoff: handoff, latentsSHA256: Array(0..<32)))),
        event(
            6,
            .image(
                Event.Image(
                    png: [0x89] + Array("PNG\r\n\u{1A}\n".utf8),
                    size: ImageSize(height: 64, width: 64), seed: 42, sha256: Array(32..<64),
                    imageIndex: 0, imageCount: 1,
                    summary: Event.Summary(
                        baseSteps: 8, refinerSteps: 2, textEncodingSeconds: 0.125, baseSeconds: 2,
                        refinerSeconds: 0.5, decodingSeconds: 0.25, totalSeconds: 2.875)))),
    ]

    /// One with everything, one with nothing.
    static let jobs: [JobDescription] = {
        let plan = GenerationPlan(
            model: "base", refinerModel: "refiner", size: ImageSize(height: 64, width: 72),
            seeds: [], scheduler: "", spacing: "", timesteps: [], sigmas: [], baseSteps: 8,
            refinerSteps: 2, handoff: nil, advice: [])
        var full = JobDescription(
            id: "j-1", state: .failed, plan: plan, createdMilliseconds: 1, sequence: .max)
        (full.place, full.phase, full.imageIndex, full.imageCount) = (0, .refiner, 1, 3)
        (full.step, full.etaSeconds, full.endedMilliseconds) = (9, 0, 2)
        full.error = badHandoff
        full.resumes = "j-0"
        var empty = JobDescription(
            id: "", state: .queued, plan: plan, createdMilliseconds: 0, sequence: 0)
        empty.refinerModel = nil
        return [full, empty]
    }()

    static let branchedPlan: GenerationPlan = {
        var plan = GenerationPlan(
            model: "base", refinerModel: "refiner", size: ImageSize(height: 8, width: 8),
            seeds: [1], scheduler: "", spacing: "", timesteps: [], sigmas: [], baseSteps: 8,
            refinerSteps: 2, handoff: handoff, advice: ["Few."], fingerprint: "a b")
        let refined = plan
        (plan.refinerModel, plan.baseSteps, plan.refinerSteps, plan.handoff) = (nil, 10, 0, nil)
        var joined = GenerationPlan(joining: [plan, refined])
        joined.pauseStep = 3
        joined.resumes = GenerationPlan.Ticket(jobID: "j", step: 0)
        return joined
    }()

    static let resumed = event(
        1 << 32 + 1,
        .resumed(Event.Resumed(imageIndex: 2, step: 7, reason: "The server was started again.")))

    static func event(_ sequence: UInt64, _ content: Event.Content) -> Event {
        Event(
            jobID: "j-1", sequence: sequence,
            timeMilliseconds: 1_700_000_000_000 + Int64(clamping: sequence & 0xFFFF),
            content: content)
    }

    static let badHandoff = GenerationError(
        .invalidArgument, code: "invalidRefinerStartStep",
        "refiner.startStep is 11: it must be from 2 to steps, which is 10.",
        fields: ["refiner.startStep", "steps"])

    static let badLatents = GenerationError(
        .internal, code: "inferenceError",
        "The latents of step 2 (BASE) are not finite. Try another seed.")
}

/// A small server: answers each call as the transcripts' server does.
struct SampleServer {
    var state = ServerConnectionState()
    var now = Duration.zero
    var calls: [CallRequest] = []
    var written: [UInt8] = []
    var fault: FrameDecoder.Fault?
    /// The last thing said to a Generate, after its events.
    var failure: GenerationError?
    var events = Samples.events

    mutating func receive(_ bytes: some Sequence<UInt8>) {
        state.receive(Array(bytes))
        while let action = state.nextAction(at: now) {
            switch action {
            case .call(let call): answer(call)
            case .refuse(let stream, let error):
                written += ServerConnectionState.errorFrame(error, on: stream)
            case .close(let fault): self.fault = fault
            }
        }
    }

    private mutating func answer(_ call: ServerConnectionState.Call) {
        calls.append(call.request)
        switch call.request {
        case .generate:
            for event in events { written += state.send(.event(event), on: call.stream) ?? [] }
            written +=
                failure.map { state.fail(call.stream, with: $0) ?? [] }
                ?? state.finish(call.stream) ?? []
        case .ping(let payload): written += state.send(.pong(payload), on: call.stream) ?? []
        case .checkHealth: written += state.send(.health(.serving), on: call.stream) ?? []
        default: written += state.fail(call.stream, with: Samples.badLatents) ?? []
        }
    }
}
