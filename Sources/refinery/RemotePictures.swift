import Client
import Generation
import Transport

/// Pictures made by a server.
struct RemotePictures: PictureSource {
    private let client: RefineryClient

    init(address: String) async throws {
        client = try await RefineryClient(connectingTo: try SocketAddress(address))
    }

    func events(of request: GenerationRequest) -> AsyncThrowingStream<Event, any Error> {
        client.generate(request)
    }

    func models() async throws -> [ModelDescription] { try await client.models() }

    func close() async { await client.close() }
}
