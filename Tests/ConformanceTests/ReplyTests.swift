import Client
import Generation
import Testing
import Transport

/// The table that all clients share, clients/conformance/replies.json: what a server may send.
@Suite(.timeLimit(.minutes(15)))
struct ReplyTests {
    @Test(arguments: try Table.replies())
    func `a reply is understood as the table says`(reply: Reply) async throws {
        let peer = try await BytePeer(reply.data)
        defer { peer.stop() }
        var options = RefineryClient.Options()
        options.reconnectLimit = .zero
        let client = try RefineryClient(peer.address, options: options)
        defer { client.close() }
        var request = GenerationRequest()
        request.positivePrompt = "a red fox"
        var letters = ""
        var outcome = "OK"
        do {
            for try await event in client.generate(request) {
                letters.append(Table.letter(of: event))
            }
        } catch ClientError.connectionLost {
            outcome = "lost"
        } catch ClientError.protocolBroken {
            outcome = "broken"
        } catch let error as GenerationError {
            outcome = Table.name(of: error.status)
            #expect(error.retryAfterMilliseconds == reply.retryAfterMs)
        }
        #expect(letters == reply.events)
        // The server's own errors and what the client finds in a reply have one type here.
        let isBroken = reply.outcome == "broken" && outcome == "INTERNAL"
        #expect(outcome == reply.outcome || isBroken)
    }
}

/// Answers the first bytes on each connection with the same, then hangs up.
private final class BytePeer: Sendable {
    let loop: EventLoop
    let address: String

    init(_ bytes: [UInt8]) async throws {
        let loop = try EventLoop(name: "byte-peer")
        self.loop = loop
        address = try await loop.perform {
            let listener = try Listener(
                on: loop, at: .address(SocketAddress("127.0.0.1:0")),
                limit: ConnectionLimit(maximum: 10)
            ) { connection in
                connection.start(Answer(bytes))
            }
            return listener.address.description
        }
    }

    func stop() { loop.stop() }

    private final class Answer: ConnectionHandler {
        let bytes: [UInt8]

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        func connection(_ connection: Connection, received: RawSpan) {
            if !bytes.isEmpty { connection.write(bytes) }
            connection.close()
        }

        func connectionReachedEnd(_ connection: Connection) { connection.close() }
        func connectionBecameWritable(_ connection: Connection) {}
        func connection(_ connection: Connection, closedBy reason: Connection.CloseReason) {}
    }
}
