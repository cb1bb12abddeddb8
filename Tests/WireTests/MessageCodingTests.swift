import Generation
import Testing
import Wire

@Suite("Messages")
struct MessageCodingTests {
    static func decoded(_ bytes: [UInt8]) throws -> GenerationRequest {
        guard case .generate(let request) = try CallRequest(.generate, decoding: bytes) else {
            throw GenerationError(.internal, code: "", "not a GenerateRequest")
        }
        return request
    }

    static let full: GenerationRequest = {
        var request = Samples.request
        request.positivePrompt2 = "ein See, 湖, 🏞"
        request.negativePrompt2 = ""
        request.numberResults = 3
        request.originalSize = ImageSize(height: 1, width: 2)
        request.cropTopLeft = ImagePoint(top: 3, left: 4)
        request.targetSize = ImageSize(height: 5, width: 6)
        request.negativeOriginalSize = ImageSize(height: 7, width: 8)
        request.negativeCropTopLeft = ImagePoint(top: 9, left: 10)
        request.negativeTargetSize = ImageSize(height: 11, width: 12)
        request.clipSkip = 2
        request.guidanceRescale = 0.7
        request.promptWeighting = "sdEmbeds"
        request.embeddings = [
            GenerationRequest.Embedding(model: "x", weight: 0), GenerationRequest.Embedding(),
        ]
        request.eta = 0
        request.handoffHistory = "RESET"
        request.loras = [
            .init(model: "a", weight: -0.0, applyTo: .both), .init(),
            .init(model: "湖", applyTo: .refiner),
        ]
        request.branches = [
            .init(), .init(refiner: GenerationRequest.Refiner()),
            .init(refiner: Samples.request.refiner),
        ]
        request.refiner?.startStep = 0
        request.refiner?.startTimestep = 0
        request.refiner?.startSigma = .infinity
        request.refiner?.cfgScale = -0.0
        request.refiner?.positivePrompt = "p"
        request.refiner?.negativePrompt = ""
        request.refiner?.aestheticScore = 6
        request.refiner?.negativeAestheticScore = 2.5
        request.seedImage = String(repeating: "a1", count: 32)
        request.maskImage = "b"
        request.strength = 0
        request.priority = -10
        request.deadlineMilliseconds = 1 << 40
        request.detach = false
        request.pauseAt = .handoff
        request.previewEvery = 0
        request.previewSide = 512
        return request
    }()

    @Test(arguments: [GenerationRequest(), Samples.request, full])
    func `a request comes out as it went in`(request: GenerationRequest) throws {
        let packed = try CallRequest.generate(request).packed()
        #expect(try CallRequest(.generate, decoding: packed) == .generate(request))
    }

    @Test func `absent, zero and empty stay apart`() throws {
        #expect(try Self.decoded([]) == GenerationRequest())
        let zeros = try Self.decoded(
            Bytes.text(field: 3, "") + Bytes.varint(field: 7, 0) + Bytes.varint(field: 11, 0)
                + Bytes.double(field: 12, 0))
        #expect(zeros.negativePrompt == "")
        #expect(zeros.width == 0)
        #expect(zeros.seed == 0)
        #expect(zeros.cfgScale == 0)
        #expect(zeros.height == nil)
    }

    @Test func `a history that the schema does not know is left for the job to refuse`() throws {
        #expect(try Self.decoded(Bytes.varint(field: 31, 0)).handoffHistory == nil)
        #expect(try Self.decoded(Bytes.varint(field: 31, 7)).handoffHistory == "7")
        var request = GenerationRequest()
        request.handoffHistory = "reset"
        #expect(throws: GenerationError.self) { try CallRequest.generate(request).packed() }
    }

    @Test func `a LoRA for an expert that there is not is refused by its place`() throws {
        let good = Bytes.bytes(field: 24, Bytes.text(field: 1, "a"))
        let error = #expect(throws: GenerationError.self) {
            try Self.decoded(good + Bytes.bytes(field: 24, Bytes.varint(field: 3, 3)))
        }
        #expect(error?.fields == ["lora[1].applyTo"])
        #expect(error?.message.contains("BOTH (2)") == true)
    }

    @Test func `numbers out of range pass through, for the job to judge`() throws {
        let request = try Self.decoded(
            Bytes.varint(field: 9, 1 << 31) + Bytes.double(field: 12, .nan)
                + Bytes.varint(field: 7, 65536))
        #expect(request.steps == 1 << 31)
        #expect(request.cfgScale?.isNaN == true)
        #expect(request.width == 65536)
    }

    static func refiner(_ bytes: [UInt8]) -> [UInt8] { Bytes.bytes(field: 14, bytes) }

    static let refused: [(field: String, code: String, [UInt8])] = [
        ("positivePrompt", "invalidPositivePrompt", Bytes.bytes(field: 2, [0xC3, 0x28])),
        ("positivePrompt", "invalidPositivePrompt", Bytes.text(field: 2, "a\0b")),
        ("negativePrompt", "invalidNegativePrompt", Bytes.bytes(field: 3, [0xFF])),
        ("taskUUID", "invalidTaskUUID", Bytes.bytes(field: 1, [0xED, 0xA0, 0x80])),
        ("steps", "invalidSteps", Bytes.text(field: 9, "20")),
        ("CFGScale", "invalidCFGScale", Bytes.varint(field: 12, 7)),
        ("width", "invalidWidth", [0x3D, 0, 0, 0, 0]),
        ("numberResults", "invalidNumberResults", [0x68]),
        ("refiner", "invalidRefiner", [0x72, 0x05, 0x0A]),
        (
            "refiner.startStepPercentage", "invalidRefinerStartStepPercentage",
            refiner(Bytes.double(field: 3, 80))
        ),
        ("refiner.CFGScale", "invalidRefinerCFGScale", refiner(Bytes.text(field: 6, "x"))),
        ("refiner.positivePrompt", "invalidRefinerPositivePrompt", refiner([0x3A, 0x01, 0xFE])),
        ("originalSize.height", "invalidOriginalSizeHeight", Bytes.bytes(field: 15, [0x0A, 0x00])),
    ]

    @Test("what cannot be read is refused by its name in the contract", arguments: refused)
    func namesTheField(_ field: String, _ code: String, _ bytes: [UInt8]) {
        let error = #expect(throws: GenerationError.self) { try Self.decoded(bytes) }
        #expect(error?.status == .invalidArgument)
        #expect(error?.fields == [field])
        #expect(error?.code == code)
        #expect(error?.message.contains(field) == true)
    }

    @Test(arguments: [(64, true), (65, false)])
    func `unknown fields are ignored, up to 64`(count: Int, isTaken: Bool) throws {
        let prompt = Bytes.text(field: 2, "a lake")
        let unknown = (0..<count).flatMap { Bytes.varint(field: UInt64(1000 + $0), 1) }
        // Also inside another message.
        for bytes in [prompt + unknown, prompt + Self.refiner(unknown)] {
            if isTaken {
                #expect(try Self.decoded(bytes).positivePrompt == "a lake")
            } else {
                #expect(throws: GenerationError.self) { try Self.decoded(bytes) }
            }
        }
    }

    @Test func `a message cut off at any byte is refused or shorter, never a trap`() throws {
        let whole = try CallRequest.generate(Self.full).packed()
        for count in 0..<whole.count {
            let request = try? Self.decoded(Array(whole.prefix(count)))
            #expect(request != Self.full, "\(count) bytes")
        }
    }

    static let replies: [CallReply] =
        (Samples.events + [Samples.resumed]).map { .event($0) } + [
            .event(
                Samples.event(
                    9,
                    .accepted(
                        GenerationPlan(
                            model: "", refinerModel: nil, size: ImageSize(height: 8, width: 16),
                            seeds: [-1, .max, .min], scheduler: "", spacing: "", timesteps: [],
                            sigmas: [], baseSteps: 0, refinerSteps: 0, handoff: nil,
                            advice: ["", "ä"])))),
            .event(Samples.event(9, .accepted(Samples.branchedPlan))),
            .event(
                Samples.event(
                    10,
                    .progress(
                        Event.Progress(
                            phase: .refiner, step: 9, steps: 10, phaseStep: 1, phaseSteps: 2,
                            timestep: 1, sigma: 2, stepSeconds: 3, elapsedSeconds: 4,
                            etaSeconds: nil, imageIndex: 3, imageCount: 4, branch: 0, jobStep: 19,
                            jobSteps: 24)))),
            .event(
                Samples.event(
                    10,
                    .progress(
                        Event.Progress(
                            phase: .base, step: 9, steps: 10, phaseStep: 9, phaseSteps: 9,
                            timestep: 1, sigma: 2, stepSeconds: 3, elapsedSeconds: 4,
                            etaSeconds: 0, imageIndex: 0, imageCount: 1,
                            preview: .init(png: Array(0...255), step: 8))))),
            .event(
                Samples.event(
                    11,
                    .handedOff(
                        Event.HandedOff(
                            imageIndex: 3, handoff: Samples.handoff, latentsSHA256: [],
                            branch: 1)))),
            .event(
                Samples.event(
                    12,
                    .image(
                        Event.Image(
                            png: [], size: ImageSize(height: 8, width: 8), seed: 0, sha256: [],
                            imageIndex: 3, imageCount: 4, branch: 0, pausedStep: 7,
                            summary: Event.Summary(
                                baseEvaluations: 1, refinerEvaluations: 2,
                                sharedEvaluations: 3))))),
            .event(Samples.event(0, .queued(Event.Queued(place: 0, etaSeconds: nil)))),
            .event(Samples.event(.max, .queued(Event.Queued(place: 0, etaSeconds: 0)))),
            .event(Samples.event(1, .ended(Event.Ended(state: .finished, error: nil)))),
            .event(
                Samples.event(
                    2, .ended(Event.Ended(state: .failed, error: Samples.badHandoff)))),
            .job(Samples.jobs[0]), .job(Samples.jobs[1]),
            .jobs(JobPage(jobs: [], nextToken: nil)),
            .jobs(JobPage(jobs: Samples.jobs, nextToken: "5-ä")),
            .imageChunk(ImageChunk(data: [], offset: 0, byteCount: 0, sha256: [])),
            .imageChunk(
                ImageChunk(data: [1, 2], offset: 1 << 33, byteCount: 1 << 34, sha256: [3])),
            .uploaded(PictureReceipt(name: "ab", received: 7, size: nil)),
            .uploaded(
                PictureReceipt(name: "", received: 1 << 40, size: ImageSize(height: 1, width: 2))),
            .models([]),
            .models([
                ModelDescription(
                    id: "base", aliases: ["civitai:101055@128078", "b"],
                    architecture: "SDXL base", role: .base, dtype: "F16", byteCount: 7 << 30,
                    parameterCount: 2_600_000_000, defaultSize: ImageSize(height: 64, width: 128),
                    minimumSide: 32, problem: "", sha256: String(repeating: "0a", count: 32)),
                ModelDescription(
                    id: "x", aliases: [], architecture: "Stable Diffusion 1.x", role: .unusable,
                    dtype: "", byteCount: 0, parameterCount: 0,
                    defaultSize: ImageSize(height: 0, width: 0), minimumSide: 0,
                    problem: "not SDXL"),
            ]),
            .info(
                ServerInfo(
                    version: "0.1.0", blasCore: "SkylakeX", blasGFLOPS: 157.5, lanes: 1,
                    threadsPerLane: 2, defaultModel: "base", requestByteLimit: 65536,
                    queueLimit: 64, sideLimit: 2048, uptimeSeconds: 0.5)),
            .stats(ServerStats()),
            .stats(
                ServerStats(
                    accepted: 10, finished: 1, failed: 2, cancelled: 3, refused: .max, queued: 3,
                    running: 1, paused: 4, baseSteps: 100, baseSeconds: 1.5, refinerSteps: 20,
                    refinerSeconds: 0.25, connections: 7, connectionsCut: 9, connectionsNotTTRPC: 8,
                    memoryBudgetByteCount: 8 << 30,
                    memoryReservedByteCount: 1, memoryAvailableByteCount: 2,
                    memoryHoldsBack: true, memoryHolds: 3)),
            .pong([]), .pong(Array(0...255)),
            .authenticated(tenant: ""), .authenticated(tenant: "alice"),
            .health(.unknown), .health(.serving), .health(.notServing), .health(.serviceUnknown),
        ]

    @Test("a reply comes out as it went in", arguments: replies)
    func replyRoundTrip(_ reply: CallReply) throws {
        for method in Method.allCases where reply.answers(method) {
            #expect(try CallReply(method, decoding: reply.packed()) == reply)
        }
    }

    static let requests: [CallRequest] = [
        .listModels, .getInfo, .getStats, .ping([]), .ping([0, 1, 2]),
        .uploadImage(PicturePiece(data: [], offset: 0, total: 0, sha256: [])),
        .uploadImage(
            PicturePiece(data: [0, 1, 255], offset: 1 << 40, total: .max, sha256: [1, 2])),
        .authenticate(token: ""), .authenticate(token: "abcdefghijklmnop"),
        .checkHealth(service: ""), .checkHealth(service: "refinery.v1.Server"),
        .submit(full), .watch(jobID: nil, after: 0), .watch(jobID: "j", after: .max),
        .getJob(""), .getJob("湖"), .listJobs(JobFilter()),
        .listJobs(
            JobFilter(states: JobState.allCases, model: "m", pageSize: 7, pageToken: "t")),
        .resumeJob(ResumeRequest(jobID: "j")),
        .resumeJob(
            ResumeRequest(
                jobID: "j", requestID: "r", refiner: Samples.request.refiner, withoutRefiner: true,
                pauseAt: .step(3), priority: 0, deadlineMilliseconds: 1 << 40)),
        .cancelJob("j", .discard), .cancelJob("j", .decodeNow), .cancelJob("", .skipToRefiner),
        .readImage(ImagePart(jobID: "j", imageIndex: 0)),
        .readImage(ImagePart(jobID: "", imageIndex: 19, offset: 1 << 40, byteCount: 1 << 20)),
    ]

    @Test(arguments: [
        (Method.listJobs, "states", Bytes.varint(field: 1, 9)),
        (.cancelJob, "outcome", Bytes.varint(field: 2, 3)),
        (.getJob, "jobId", Bytes.bytes(field: 1, [0xFF])),
    ])
    func `a value that the schema does not know is refused by name`(
        method: Method, field: String, bytes: [UInt8]
    ) {
        let error = #expect(throws: GenerationError.self) {
            try CallRequest(method, decoding: bytes)
        }
        #expect(error?.status == .invalidArgument && error?.fields == [field])
    }

    @Test("a request of every other method comes out as it went in", arguments: requests)
    func requestRoundTrip(_ request: CallRequest) throws {
        #expect(try CallRequest(request.method, decoding: request.packed()) == request)
    }

    @Test(arguments: StatusCode.allCases.filter { $0 != .ok })
    func `an error crosses the wire whole`(status: StatusCode) throws {
        for isRetryable in [false, true] {
            let error = GenerationError(
                status, code: "invalidX", "what, ä, \n", fields: ["a", "b.c"],
                retryable: isRetryable, retryAfterMilliseconds: isRetryable ? 1500 : nil)
            var client = ClientConnectionState()
            _ = try client.open(.getInfo)
            client.receive(ServerConnectionState.errorFrame(error, on: 1))
            #expect(client.nextAction() == .failed(1, error))
        }
    }
}
