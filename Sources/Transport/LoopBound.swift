/// Carries a reference to something that lives on a loop through other threads, which may hold it
/// and hand it on but not look inside.
public struct LoopBound<Value>: @unchecked Sendable {
    private let loop: EventLoop
    private let bound: Value

    public init(_ value: Value, to loop: EventLoop) {
        self.loop = loop
        self.bound = value
    }

    /// Only on the loop's thread; elsewhere it stops the program.
    public var value: Value {
        loop.assertCurrent()
        return bound
    }
}
