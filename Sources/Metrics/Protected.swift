internal import Glibc

/// A value that one thread at a time can reach, and for whose changes threads can wait.
///
/// A `pthread_mutex_t` and not `Synchronization.Mutex`, which ThreadSanitizer does not understand.
public final class Protected<Value>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value

    public init(_ value: sending Value) {
        self.value = value
        pthread_mutex_init(mutex, nil)
        // Whatever becomes of the wall clock, a wait lasts as long as it should.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Runs the body while no other thread has the value. Not to be entered again from within it.
    public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// Waits until the body gives a result; it is tried at once and after each ``notify()``.
    public func wait<Result>(until body: (inout Value) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            pthread_cond_wait(changed, mutex)
        }
    }

    /// What a look at the value came to.
    public enum Look<Result> {
        case done(Result)
        /// Until ``notify()``.
        case wait
        /// Likewise, but look again after so long.
        case waitAtMost(Duration)
    }

    /// Waits until the body is done; it is tried at once, after each ``notify()``, and when it asks for it.
    public func look<Result>(_ body: (inout Value) -> Look<Result>) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            switch body(&value) {
            case .done(let result): return result
            case .wait: pthread_cond_wait(changed, mutex)
            case .waitAtMost(let duration):
                var end = timespec()
                clock_gettime(CLOCK_MONOTONIC, &end)
                // Longer waits are cut into hours: nobody notices, and nothing overflows.
                let (seconds, attoseconds) = min(duration, .seconds(3600)).components
                end.tv_nsec += Int(attoseconds / 1_000_000_000)
                end.tv_sec += Int(seconds) + end.tv_nsec / 1_000_000_000
                end.tv_nsec %= 1_000_000_000
                pthread_cond_timedwait(changed, mutex, &end)
            }
        }
    }

    /// Lets all waiting threads look again.
    public func notify() {
        pthread_cond_broadcast(changed)
    }
}
