internal import Glibc

/// A thread of its own, for a compute lane or the journal, with a stack of known size and a name that
/// tools show.
struct LaneThread: @unchecked Sendable {
    private let thread: pthread_t

    /// - Parameters:
    ///   - name: at most 15 bytes.
    ///   - stackByteCount: a multiple of the page size.
    init(name: String, stackByteCount: Int, body: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        let sized = pthread_attr_setstacksize(&attributes, stackByteCount)
        precondition(sized == 0, "a stack of \(stackByteCount) bytes is not possible")

        let box = Unmanaged.passRetained(Body(name: name, run: body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            { context in
                guard let context else { return nil }
                let body = Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
                LaneThread.name(body.name)
                body.run()
                return nil
            }, box.toOpaque())
        precondition(code == 0, "no thread for \(name): \(String(cString: strerror(code)))")
        self.thread = thread
    }

    /// Waits for its end. To be called once, from another thread.
    func join() {
        pthread_join(thread, nil)
    }

    /// The usual calls are not visible from Swift: one is a GNU extension, the other variadic. A thread
    /// without its name works as well, so failures are of no account.
    private static func name(_ name: String) {
        guard let file = fopen("/proc/thread-self/comm", "w") else { return }
        fputs(name, file)
        fclose(file)
    }

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }
}
