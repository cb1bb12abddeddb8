import Client
import Generation
import Jobs
import PNGEncoding
import Server
import TestSupport
import Testing
import Wire

/// Pictures sent to a server, and requests that name them.
@Suite(.timeLimit(.minutes(15)))
struct UploadTests {
    /// Noise of 640 x 480: about 920 kB, two pieces of the client's.
    private static let picture: (picture: Picture, file: [UInt8]) = {
        var state: UInt32 = 1
        let size = ImageSize(height: 480, width: 640)
        let pixels = (0..<size.height * size.width * 3).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24)
        }
        do {
            let image = DecodedImage(imageIndex: 0, size: size, seed: 1, pixels: pixels)
            return (Picture(size: size, pixels: pixels), try PNGEncoder().encode(image))
        } catch {
            fatalError("\(error)")
        }
    }()

    @Test func `a picture is uploaded in pieces and then named`() async throws {
        try await RunningServer.with { server in
            let client = try RefineryClient("127.0.0.1:\(server.port)")
            defer { client.close() }
            let name = try await client.upload(picture: Self.picture.file)
            #expect(server.jobs.pictures.picture(named: name) == Self.picture.picture)
            // A second time it is there already.
            #expect(try await client.upload(picture: Self.picture.file) == name)

            var request = GenerationRequest.picture()
            request.seedImage = name
            request.strength = 0.5
            var events: [Event] = []
            for try await event in client.generate(request) { events.append(event) }
            guard case .accepted(let plan) = events.first?.content else {
                Issue.record("no plan")
                return
            }
            #expect(plan.size == Self.picture.picture.size)
        }
    }

    @Test func `a picture that is not there is NOT_FOUND and names the field`() async throws {
        try await RunningServer.with { server in
            var client = try server.client()
            var request = GenerationRequest.picture()
            request.seedImage = String(repeating: "0", count: 64)
            _ = try client.send(.generate(request))
            let error = try #require(throws: GenerationError.self) { try client.nextEvent() }
            #expect(error.status == .notFound)
            #expect(error.code == "imageNotFound")
            #expect(error.fields == ["seedImage"])
        }
    }

    @Test func `a file that is no picture is refused, and the connection goes on`() async throws {
        try await RunningServer.with { server in
            let client = try RefineryClient("127.0.0.1:\(server.port)")
            defer { client.close() }
            for file in [Array("GIF89a".utf8), Array(Self.picture.file.dropLast())] {
                let error = await #expect(throws: GenerationError.self) {
                    try await client.upload(picture: file)
                }
                #expect(error?.code == "invalidImage")
            }
            #expect(try await client.ping([1]) == [1])
        }
    }

    @Test func `an upload goes on where another connection's ended`() async throws {
        try await RunningServer.with { server in
            let file = Self.picture.file
            let piece = PicturePiece(
                data: Array(file.prefix(100_000)), offset: 0, total: file.count,
                sha256: SHA256.digest(of: file))
            var first = try server.client()
            guard case .uploaded(let receipt) = try first.call(.uploadImage(piece)) else { return }
            #expect(receipt.received == 100_000 && !receipt.isComplete)
            let client = try RefineryClient("127.0.0.1:\(server.port)")
            defer { client.close() }
            #expect(try await client.upload(picture: file) == receipt.name)
        }
    }
}
