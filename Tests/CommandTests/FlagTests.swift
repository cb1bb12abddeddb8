import ArgumentParser
import Client
import Generation
import Testing
import Transport

@testable import refinery

@Suite struct FlagTests {
    static func request(_ arguments: String...) throws -> GenerationRequest {
        let command = try #require(
            try Refinery.parseAsRoot(["generate"] + arguments) as? GenerateCommand)
        return try #require(try command.request.read().requests.first)
    }

    @Test func `a flag that is not given leaves its field absent`() throws {
        var expected = GenerationRequest()
        expected.positivePrompt = "a cat"
        #expect(try Self.request("a cat") == expected)
    }

    @Test func `every flag of resume reaches its field`() throws {
        func resumed(_ arguments: String...) throws -> ResumeRequest {
            try #require(try Refinery.parseAsRoot(["resume"] + arguments) as? ResumeCommand).request
        }
        #expect(try resumed("fox") == ResumeRequest(jobID: "fox"))
        var refiner = GenerationRequest.Refiner()
        refiner.model = "r"
        refiner.startStep = 37
        refiner.cfgScale = 2
        refiner.positivePrompt = "in oil"
        refiner.negativePrompt = ""
        #expect(
            try resumed(
                "fox", "--refiner", "r", "--refiner-start-step", "37", "--refiner-cfg-scale", "2",
                "--refiner-prompt", "in oil", "--refiner-negative-prompt", "", "--request-id", "n",
                "--pause-at", "handoff")
                == ResumeRequest(
                    jobID: "fox", requestID: "n", refiner: refiner, pauseAt: .handoff))
        #expect(
            try resumed("fox", "--no-refiner", "--pause-at", "38")
                == ResumeRequest(jobID: "fox", withoutRefiner: true, pauseAt: .step(38)))
    }

    @Test func `a pause is for a server that keeps the job`() throws {
        let arguments = ["generate", "a cat", "--pause-at", "3"]
        #expect(throws: (any Error).self) { try Refinery.parseAsRoot(arguments) }
        let command = try Refinery.parseAsRoot(arguments + ["--server", "127.0.0.1:1"])
        let request = try (command as? GenerateCommand)?.request.read().requests.first
        #expect(request?.pauseAt == .step(3))
    }

    @Test func `every flag reaches its field`() throws {
        var expected = GenerationRequest()
        expected.positivePrompt = "a cat"
        expected.negativePrompt = ""
        expected.model = "base"
        expected.scheduler = "Euler a"
        expected.steps = 40
        expected.seed = 1 << 40
        expected.cfgScale = 6.5
        expected.width = 128
        expected.height = 64
        expected.numberResults = 2
        expected.clipSkip = 1
        expected.guidanceRescale = 0.7
        expected.eta = 0.5
        expected.embeddings = [
            GenerationRequest.Embedding(model: "civitai:1@2", weight: nil),
            GenerationRequest.Embedding(model: "style", weight: -0.5),
        ]
        expected.promptWeighting = "compel"
        expected.handoffHistory = "RESET"
        expected.priority = -3
        (expected.previewEvery, expected.previewSide) = (5, 64)
        expected.deadlineMilliseconds = 1500
        expected.requestID = "my job"
        expected.loras = [.init(model: "civitai:1@2"), .init(model: "b:c", weight: -0.5)]
        var refiner = GenerationRequest.Refiner()
        refiner.model = "refiner"
        refiner.startStepPercentage = 90
        expected.refiner = refiner
        #expect(
            try Self.request(
                "a cat", "--negative-prompt", "", "--model", "base", "--scheduler", "Euler a",
                "--steps", "40", "--seed", "1099511627776", "--cfg-scale", "6.5", "--width", "128",
                "--height", "64", "--count", "2", "--lora", "civitai:1@2", "--lora",
                "b:c:-0.5", "--refiner", "refiner",
                "--refiner-start-percentage", "90",
                "--clip-skip", "1", "--guidance-rescale", "0.7", "--eta", "0.5",
                "--handoff-history", "RESET", "--prompt-weighting", "compel",
                "--embedding", "civitai:1@2", "--embedding", "style:-0.5", "--priority", "-3",
                "--preview-every", "5", "--preview-side", "64",
                "--deadline", "1.5", "--request-id", "my job") == expected)
    }

    @Test(arguments: [["--priority", "-10"], ["--priority=-10"]])
    func `a negative number needs no equals sign`(arguments: [String]) throws {
        let parsed = try Refinery.parseAsRoot(["generate", "a cat"] + arguments)
        let command = try #require(parsed as? GenerateCommand)
        #expect(try command.request.read().requests.first?.priority == -10)
    }

    @Test func `previews that nobody asked for are asked for after every step`() throws {
        var request = GenerationRequest()
        #expect(request.previewed().previewEvery == 1)
        request.previewEvery = 7
        #expect(request.previewed() == request)
    }

    @Test func `completions are the built-in models, or those of the folder that was named`() {
        func names(_ roles: Set<ModelDescription.Role>, _ words: [String], _ prefix: String = "")
            -> [String]
        {
            Completions.names(of: roles, after: words, beginning: prefix)
        }
        #expect(names([.base], ["generate"]) == ["emoji", "tiny-base"])
        #expect(names([.refiner], ["generate"], "tiny-r") == ["tiny-refiner"])
        #expect(names([.base], ["generate"], "x") == [])
        #expect(names([.base], ["generate", "--models", "/nowhere"]) == [])
        #expect(names([.base], ["generate", "--models"]) == ["emoji", "tiny-base"])
        #expect(names([.base], ["generate", "--server", "127.0.0.1:1"]) == [])
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `every shell gets a script that knows the flags`(shell: String) throws {
        let error = #expect(throws: (any Error).self) {
            try Refinery.parseAsRoot(["--generate-completion-script", shell])
        }
        let script = Refinery.fullMessage(for: try #require(error))
        #expect(Refinery.exitCode(for: try #require(error)) == .success)
        for word in ["generate", "preview-every", "Euler-a", "kitty"] {
            #expect(script.contains(word), "\(word)")
        }
    }

    @Test func `a handoff without a refiner is passed on to be refused by name`() throws {
        #expect(try Self.request("a cat", "--refiner-start-step", "3").refiner?.startStep == 3)
    }

    @Test(arguments: [
        ["generate"], ["generate", "a cat", "--request", "tasks.json"],
        ["generate", "--request", "tasks.json", "--steps", "3"],
        ["generate", "a cat", "--steps", "many"], ["generate", "a cat", "--no-such-flag"],
        ["generate", "a cat", "--server", "localhost:1", "--models", "m"],
        ["generate", "a cat", "--server", "localhost:1", "--trace", "t"],
        ["generate", "a cat", "--threads", "0"],
        ["generate", "a cat", "--detach"], ["generate", "a cat", "--deadline", "0"],
        ["serve", "--drain-seconds=-1"], ["serve", "--log-format", "xml"],
        ["serve", "--log-level", "loud"], ["generate", "a cat", "--token-file", "t"],
        ["serve", "--keep-days=-1"], ["serve", "--keep-gib", "nan"],
        ["watch", "--output", "a.png"], ["watch", "j", "--preview", "ascii"],
        ["jobs", "--state", "done"], ["cancel"], ["cancel", "j", "--outcome", "pause"],
        ["models", "--server", "localhost:1", "--threads", "2"],
        ["nonsense"],
    ])
    func `bad usage is refused`(arguments: [String]) {
        #expect(throws: (any Error).self) { try Refinery.parseAsRoot(arguments) }
    }

    @Test(
        arguments: [
            (GenerationError(.invalidArgument, code: "c", "m"), 2),
            (GenerationError(.notFound, code: "c", "m"), 2),
            (GenerationError(.failedPrecondition, code: "c", "m"), 2),
            (GenerationError(.unavailable, code: "c", "m"), 3),
            (GenerationError(.internal, code: "c", "m"), 4),
            (GenerationError(.resourceExhausted, code: "c", "m"), 4),
            (ClientError.unreachable("m"), 3),
            (ClientError.connectionLost("m"), 3),
            (ClientError.protocolBroken("m"), 4),
            (ClientError.invalidAddress("m"), 2),
            (TransportError(.addressInUse, "m"), 4),
            (TransportError(.invalidAddress, "m"), 2),
            (UsageError("m"), 2),
            (FileError("write", "m"), 4),
            (CancellationError(), 130),
        ] as [(any Error, Int32)])
    func `scripts can tell failures apart`(error: any Error, code: Int32) {
        #expect(ExitStatus(error).rawValue == code)
    }
}
