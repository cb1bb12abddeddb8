internal import Transport

/// One connection of the admin port: reads the head of one HTTP/1 request, answers it, closes. Lives on
/// the loop's thread.
///
/// What it takes is little, and bounded: GET and HEAD, a head of ``headByteMaximum`` bytes within
/// ``timeout``, no body, one request a connection.
final class AdminSession: ConnectionHandler {
    static let headByteMaximum = 8 << 10
    static let timeout = Duration.seconds(5)

    struct Response: Equatable {
        var status: String
        var contentType = "text/plain; charset=utf-8"
        var body: String

        /// - Parameter isHead: whether the body is left out, as HEAD wants it.
        func encoded(isHead: Bool = false) -> [UInt8] {
            let lines = [
                "HTTP/1.1 \(status)", "Content-Type: \(contentType)",
                "Content-Length: \(body.utf8.count)", "Cache-Control: no-store",
                "Connection: close", "", "",
            ]
            return Array((lines.joined(separator: "\r\n") + (isHead ? "" : body)).utf8)
        }
    }

    private let connection: Connection
    private let respond: (_ path: String) -> Response
    private let onEnd: (AdminSession) -> Void
    private let timer: LoopTimer
    private var head: [UInt8] = []
    private var isAnswered = false

    init(
        _ connection: Connection, respond: @escaping (_ path: String) -> Response,
        onEnd: @escaping (AdminSession) -> Void
    ) {
        self.connection = connection
        self.respond = respond
        self.onEnd = onEnd
        timer = LoopTimer(on: connection.loop)
        timer.start(after: Self.timeout) { [unowned self] in
            isAnswered ? connection.abort() : answer(.timedOut)
        }
    }

    func connection(_ connection: Connection, received bytes: RawSpan) {
        guard !isAnswered else { return }
        let room = Self.headByteMaximum - head.count
        bytes.withUnsafeBytes { head += $0.prefix(room) }
        if let end = Self.endOfHead(head) {
            let (response, isHead) = Self.response(to: head[..<end], respond)
            answer(response, isHead: isHead)
        } else if head.count == Self.headByteMaximum {
            answer(.headTooLarge)
        }
    }

    func connectionReachedEnd(_ connection: Connection) {
        if isAnswered { return }
        connection.close()
    }

    func connectionBecameWritable(_ connection: Connection) {}

    func connection(_ connection: Connection, closedBy reason: Connection.CloseReason) {
        timer.close()
        onEnd(self)
    }

    private func answer(_ response: Response, isHead: Bool = false) {
        isAnswered = true
        head = []
        connection.write(response.encoded(isHead: isHead))
        connection.close()
    }

    // MARK: The request

    /// Where the empty line after the head begins; a lone line feed ends a line too.
    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        var lineStart = 0
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") {
            let line = bytes[lineStart..<index]
            if line.isEmpty || line.elementsEqual([UInt8(ascii: "\r")]) { return lineStart }
            lineStart = index + 1
        }
        return nil
    }

    static func response(
        to head: ArraySlice<UInt8>, _ respond: (_ path: String) -> Response
    ) -> (Response, isHead: Bool) {
        let line = head.prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }
        let words = String(decoding: line, as: UTF8.self)
            .split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, ["HTTP/1.1", "HTTP/1.0"].contains(words[2]),
            words[1].hasPrefix("/")
        else { return (.badRequest, false) }
        guard ["GET", "HEAD"].contains(words[0]) else { return (.methodNotAllowed, false) }
        let path = words[1].prefix { $0 != "?" }
        return (respond(String(path)), words[0] == "HEAD")
    }
}

extension AdminSession.Response {
    static let notFound = Self(
        status: "404 Not Found", body: "There is /metrics and /healthz.\n")
    static let badRequest = Self(
        status: "400 Bad Request", body: "This is no HTTP/1 request.\n")
    static let methodNotAllowed = Self(
        status: "405 Method Not Allowed", body: "There is GET and HEAD.\n")
    static let timedOut = Self(
        status: "408 Request Timeout", body: "The request did not arrive in time.\n")
    static let headTooLarge = Self(
        status: "431 Request Header Fields Too Large",
        body: "A request's head may have \(AdminSession.headByteMaximum) bytes.\n")
}
