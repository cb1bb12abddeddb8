internal import CLibuv
internal import Glibc

extension SocketAddress {
    var isUnix: Bool {
        if case .unix = endpoint { true } else { false }
    }

    /// Looks a name up; anything else is its own answer. On the loop's thread, which does not wait:
    /// libuv asks on a thread of its own.
    /// - Parameter completion: called once, later, with at least one address, IPv4 first.
    public func lookUp(
        on loop: EventLoop,
        completion: @escaping (Result<[SocketAddress], TransportError>) -> Void
    ) {
        loop.assertCurrent()
        guard case .name(let host, let port) = endpoint else {
            loop.submit(LoopBound({ completion(.success([self])) }, to: loop))
            return
        }
        LookUpRequest.send(host, on: loop) { result in
            completion(
                result.flatMap { found in
                    let addresses = found.compactMap { $0.with(port: port) }
                    // Servers that listen on "localhost" mostly mean 127.0.0.1.
                    let sorted =
                        addresses.filter { !$0.isIPv6 } + addresses.filter { $0.isIPv6 }
                    guard !sorted.isEmpty else {
                        return .failure(
                            TransportError(.invalidAddress, "\(host) has no IP address"))
                    }
                    return .success(sorted)
                })
        }
    }

    private var isIPv6: Bool {
        if case .ipv6 = endpoint { true } else { false }
    }

    private func with(port: UInt16) -> SocketAddress? {
        switch endpoint {
        case .ipv4(let host, _): SocketAddress(.ipv4(host, port: port))
        case .ipv6(let host, _): SocketAddress(.ipv6(host, port: port))
        case .name, .unix: nil
        }
    }
}

/// One question to the resolver; owned like a ``WriteRequest``.
private final class LookUpRequest {
    typealias Completion = (Result<[SocketAddress], TransportError>) -> Void

    private let request = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)
    private let host: String
    private let completion: Completion

    private init(_ host: String, completion: @escaping Completion) {
        self.host = host
        self.completion = completion
    }

    deinit { request.deallocate() }

    static func send(_ host: String, on loop: EventLoop, completion: @escaping Completion) {
        let lookUp = LookUpRequest(host, completion: completion)
        let retained = Unmanaged.passRetained(lookUp)
        lookUp.request.pointee.data = retained.toOpaque()
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        let code = uv_getaddrinfo(
            loop.pointer, lookUp.request,
            { request, code, list in
                guard let request else { return }
                let lookUp = Unmanaged<LookUpRequest>.fromOpaque(request.pointee.data)
                    .takeRetainedValue()
                lookUp.finish(code, list)
            }, host, nil, &hints)
        guard code < 0 else { return }
        retained.release()
        loop.submit(LoopBound({ lookUp.finish(code, nil) }, to: loop))
    }

    private func finish(_ code: Int32, _ list: UnsafeMutablePointer<addrinfo>?) {
        defer { uv_freeaddrinfo(list) }
        guard code == 0 else {
            return completion(.failure(TransportError(code: code, doing: "look up \(host)")))
        }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next {
            if let address = entry.pointee.ai_addr.flatMap({ SocketAddress($0) }) {
                addresses.append(address)
            }
            next = entry.pointee.ai_next
        }
        completion(.success(addresses))
    }
}

extension EventLoop {
    /// Runs loop-bound work in a later turn; for the loop's own thread.
    func submit(_ work: LoopBound<() -> Void>) {
        submit { work.value() }
    }
}
