import Client
import Generation

/// Pictures made by a server.
struct RemotePictures: PictureSource {
    private let client: RefineryClient

    /// - Throws: `ClientError` when the address is none. Nothing is connected yet.
    init(_ address: String, _ options: RefineryClient.Options) throws {
        client = try RefineryClient(address, options: options)
    }

    func events(of request: GenerationRequest) -> AsyncThrowingStream<Event, any Error> {
        client.generate(request)
    }

    /// Has jobs accepted without following them.
    func submit(_ request: GenerationRequest) async throws -> JobDescription {
        try await client.submit(request)
    }

    func add(picture file: [UInt8]) async throws -> String {
        try await client.upload(picture: file)
    }

    func models() async throws -> [ModelDescription] { try await client.models() }

    func close() { client.close() }
}
