internal import CLibuv

extension uv_buf_t {
    /// libuv only reads what is sent, though its type does not say so.
    init(lending bytes: UnsafeRawBufferPointer) {
        let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        self = uv_buf_init(base?.assumingMemoryBound(to: CChar.self), UInt32(bytes.count))
    }
}

/// One queued write: the request, its bytes and what to do afterwards. libuv reads from it until
/// its callback, so until then the request's `data` retains it.
final class WriteRequest {
    private let request = UnsafeMutablePointer<uv_write_t>.allocate(capacity: 1)
    private let bytes: UnsafeMutableRawBufferPointer
    private let completion: (Int32) -> Void

    private init(_ bytes: ArraySlice<UInt8>, completion: @escaping (Int32) -> Void) {
        self.bytes = .allocate(byteCount: bytes.count, alignment: 1)
        self.bytes.copyBytes(from: bytes)
        self.completion = completion
    }

    deinit {
        bytes.deallocate()
        request.deallocate()
    }

    /// - Returns: libuv's code; when negative, `completion` is not called.
    static func send(
        _ bytes: ArraySlice<UInt8>, on stream: UnsafeMutablePointer<uv_stream_t>,
        completion: @escaping (Int32) -> Void
    ) -> Int32 {
        let write = WriteRequest(bytes, completion: completion)
        let retained = Unmanaged.passRetained(write)
        write.request.pointee.data = retained.toOpaque()
        var buffer = uv_buf_t(lending: UnsafeRawBufferPointer(write.bytes))
        let code = uv_write(write.request, stream, &buffer, 1) { request, code in
            guard let request else { return }
            let write = Unmanaged<WriteRequest>.fromOpaque(request.pointee.data).takeRetainedValue()
            write.completion(code)
        }
        if code < 0 { retained.release() }
        return code
    }
}

/// The end of our side of a stream, after all queued writes; owned like a ``WriteRequest``.
final class ShutdownRequest {
    private let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
    private let completion: (Int32) -> Void

    private init(completion: @escaping (Int32) -> Void) {
        self.completion = completion
    }

    deinit { request.deallocate() }

    /// - Returns: libuv's code; when negative, `completion` is not called.
    static func send(
        on stream: UnsafeMutablePointer<uv_stream_t>, completion: @escaping (Int32) -> Void
    ) -> Int32 {
        let shutdown = ShutdownRequest(completion: completion)
        let retained = Unmanaged.passRetained(shutdown)
        shutdown.request.pointee.data = retained.toOpaque()
        let code = uv_shutdown(shutdown.request, stream) { request, code in
            guard let request else { return }
            Unmanaged<ShutdownRequest>.fromOpaque(request.pointee.data).takeRetainedValue()
                .completion(code)
        }
        if code < 0 { retained.release() }
        return code
    }
}
