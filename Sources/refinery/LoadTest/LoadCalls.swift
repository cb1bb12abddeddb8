import Client
import Generation
import Wire

/// The clients of a load, and how one request goes through one of them.
struct LoadCalls: Sendable {
    let mix: LoadMix
    /// After which the server ends a job.
    let timeout: Duration
    private let client: RefineryClient
    /// Reads a little, and then nothing for a while.
    private let slowClient: RefineryClient

    /// How long a slow reader leaves what has come in the kernel.
    static let slowReadInterval = Duration.milliseconds(250)

    /// - Parameter reconnectLimit: how long a server that is lost is waited for; unless given that is an
    ///   error under load.
    /// - Throws: `ClientError` for an address that is none. Nothing is connected yet.
    init(
        _ address: String, token: String?, mix: LoadMix, timeout: Duration,
        reconnectLimit: Duration = .zero
    ) throws(ClientError) {
        self.mix = mix
        self.timeout = timeout
        var options = RefineryClient.Options(token: token)
        options.reconnectLimit = reconnectLimit
        client = try RefineryClient(address, options: options)
        options.readInterval = Self.slowReadInterval
        slowClient = try RefineryClient(address, options: options)
    }

    func close() {
        client.close()
        slowClient.close()
    }

    func stats() async throws -> ServerStats { try await client.serverStats() }
    func info() async throws -> ServerInfo { try await client.serverInfo() }

    /// Makes a picture that does not count.
    func warmUp(_ request: LoadRequest) async throws {
        for try await _ in client.generate(mix.generationRequest(request.kind), timeout: timeout) {}
    }

    /// - Parameters:
    ///   - intended: when it was to begin: the zero of its times.
    ///   - start: the same, in seconds since the run began.
    func run(
        _ request: LoadRequest, intended: ContinuousClock.Instant, start: Double
    ) async -> LoadSample {
        func time() -> Double { (ContinuousClock.now - intended) / .seconds(1) }
        var sample = LoadSample(request, start: start)
        sample.lateness = time()
        var png: Event.Image?
        do {
            let client = request.behaviour == .readsSlowly ? slowClient : client
            var hasCancelled = false
            for try await event in client.generate(
                mix.generationRequest(request.kind), timeout: timeout)
            {
                sample.jobID = event.jobID
                sample.take(event.content, at: time())
                if case .image(let image) = event.content { png = image }
                // Only of a job that is under way.
                guard sample.firstProgressTime != nil, png == nil else { continue }
                switch request.behaviour {
                case .waits, .readsSlowly: break
                case .cancels(let step) where sample.step >= step && !hasCancelled:
                    hasCancelled = true
                    try await client.cancel(event.jobID)
                case .cancels: break
                case .isCut(let step):
                    guard sample.step >= step else { break }
                    sample.endTime = time()
                    sample.end = .cut
                    // Leaving the events closes their connection.
                    return sample
                }
            }
            sample.endTime = time()
            sample.end = png.map(Self.end) ?? .cut
        } catch {
            sample.endTime = time()
            sample.end = Self.end(error, sample)
        }
        return sample
    }

    /// Of what came, not of what the server says of it.
    private static func end(_ image: Event.Image) -> LoadSample.End {
        let sha256 = SHA256.digest(of: image.png)
        return sha256 == image.sha256
            ? .finished(sha256: sha256)
            : .failed(.init(code: "damagedPicture", message: "A picture is not its SHA-256's."))
    }

    private static func end(_ error: any Error, _ sample: LoadSample) -> LoadSample.End {
        switch error {
        case let error as GenerationError:
            let failure = LoadSample.Failure(code: error.code, message: error.message)
            if case .cancels = sample.request.behaviour, error.status == .cancelled {
                return .cancelled
            }
            return sample.acceptedTime == nil ? .refused(failure) : .failed(failure)
        case let error as ClientError:
            return .failed(.init(code: error.name, message: error.description))
        default: return .failed(.init(code: "unknown", message: "\(error)"))
        }
    }
}

extension ClientError {
    /// In the manner of the server's codes.
    fileprivate var name: String {
        switch self {
        case .invalidAddress: "invalidAddress"
        case .unreachable: "unreachable"
        case .connectionLost: "connectionLost"
        case .protocolBroken: "protocolBroken"
        case .silent: "silent"
        case .closed: "closed"
        }
    }
}
