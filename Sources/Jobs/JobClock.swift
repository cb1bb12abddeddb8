internal import Glibc

/// The time, as an input: tests bring their own.
public struct JobClock: Sendable {
    /// Since some fixed moment; never goes back, whatever happens to the wall clock.
    public var now: @Sendable () -> Duration
    /// Since 1970, for display only.
    public var wallMilliseconds: @Sendable () -> Int64
    /// Takes what is to be called when ``now`` goes faster than real time, as only a test's does.
    public var whenItJumps: @Sendable (@escaping @Sendable () -> Void) -> Void

    public init(
        now: @escaping @Sendable () -> Duration,
        wallMilliseconds: @escaping @Sendable () -> Int64,
        whenItJumps: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void = { _ in }
    ) {
        self.now = now
        self.wallMilliseconds = wallMilliseconds
        self.whenItJumps = whenItJumps
    }

    public static let system = JobClock(
        now: { read(CLOCK_MONOTONIC) },
        wallMilliseconds: { Int64(read(CLOCK_REALTIME) / .milliseconds(1)) })

    private static func read(_ clock: clockid_t) -> Duration {
        var time = timespec()
        clock_gettime(clock, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}

extension Duration {
    /// As a floating-point number of seconds.
    var inSeconds: Double { self / .seconds(1) }
}
