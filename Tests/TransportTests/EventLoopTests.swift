import Foundation
import Locking
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(15)))
struct EventLoopTests {
    @Test func `work runs in the order it was submitted`() async throws {
        let loop = try EventLoop(name: "order")
        let seen = Locked<[Int]>([])
        for number in 0..<1000 { loop.submit { seen.withLock { $0.append(number) } } }
        loop.stop()
        #expect(seen.withLock { $0 } == Array(0..<1000))
    }

    @Test func `work from many threads is neither lost nor repeated`() async throws {
        let loop = try EventLoop(name: "many")
        let seen = Locked<[Int]>([])
        await withTaskGroup { group in
            for task in 0..<8 {
                group.addTask {
                    for number in 0..<500 {
                        loop.submit { seen.withLock { $0.append(task * 500 + number) } }
                    }
                }
            }
        }
        loop.stop()
        #expect(seen.withLock { $0.sorted() } == Array(0..<4000))
    }

    @Test func `work submitted on the loop runs in a later turn`() async throws {
        let loop = try EventLoop(name: "later")
        let seen = Locked<[String]>([])
        try await loop.perform {
            loop.submit { seen.withLock { $0.append("later") } }
            seen.withLock { $0.append("now") }
        }
        loop.stop()
        #expect(seen.withLock { $0 } == ["now", "later"])
    }

    @Test func `the thread carries the loop's name, cut to what the kernel takes`() async throws {
        let loop = try EventLoop(name: "a-name-of-many-letters")
        defer { loop.stop() }
        let name = try await loop.perform {
            try String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
        }
        #expect(name == "a-name-of-many-\n")
    }

    /// From 6.12 on Linux keeps a thread's own; the file is there where the kernel is built to tell.
    @Test func `the thread asks for short turns, at the priority that it has`() async throws {
        let loop = try EventLoop(name: "short")
        defer { loop.stop() }
        let (slice, nice) = try await loop.perform {
            let text = try? String(contentsOfFile: "/proc/thread-self/sched", encoding: .utf8)
            let slice = text?.firstMatch(of: #/se\.slice\s*:\s*(\d+)/#).flatMap { UInt64($0.1) }
            return (slice, getpriority(Int32(PRIO_PROCESS.rawValue), 0))
        }
        #expect(nice == getpriority(Int32(PRIO_PROCESS.rawValue), 0))
        var system = utsname()
        uname(&system)
        let release = withUnsafeBytes(of: system.release) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let numbers = release.split(separator: ".").prefix(2).map { Int($0) ?? 0 }
        guard let slice, !numbers.lexicographicallyPrecedes([6, 12]) else { return }
        #expect(slice == EventLoop.turnNanoseconds)
    }

    @Test func `a stopped loop refuses work, and may be stopped again`() async throws {
        let loop = try EventLoop(name: "stopped")
        loop.stop()
        loop.stop()
        #expect(!loop.submit {})
        let error = await #expect(throws: TransportError.self) { try await loop.perform {} }
        #expect(error?.kind == .stopped)
    }

    @Test func `what a loop's work throws reaches the one who waits`() async throws {
        let loop = try EventLoop(name: "throwing")
        defer { loop.stop() }
        let thrown = TransportError(.refused, "just so")
        await #expect(throws: thrown) { try await loop.perform { throw thrown } }
    }

    @Test func `a stopped loop leaves nothing behind`() async throws {
        weak var weakLoop: EventLoop?
        do {
            let loop = try EventLoop(name: "gone")
            weakLoop = loop
            loop.stop()
        }
        #expect(weakLoop == nil)
    }

    @Test func `a loop's object used on another thread stops the program`() async {
        await #expect(processExitsWith: .failure) {
            let loop = try EventLoop(name: "guarded")
            let bound = LoopBound(1, to: loop)
            print(bound.value)
        }
    }

    @Test func `a timer fires once, or until it is stopped`() async throws {
        let loop = try EventLoop(name: "timer")
        let once = Locked(0)
        let (ticks, continuation) = AsyncStream.makeStream(of: Void.self)
        try await loop.perform {
            let single = LoopTimer(on: loop)
            single.start(after: .zero) { once.withLock { $0 += 1 } }
            let repeated = LoopTimer(on: loop)
            var left = 5
            repeated.start(after: .milliseconds(1), every: .milliseconds(1)) {
                continuation.yield()
                left -= 1
                if left == 0 {
                    repeated.stop()
                    repeated.close()
                    single.close()
                    continuation.finish()
                }
            }
        }
        var count = 0
        for await _ in ticks { count += 1 }
        #expect(count == 5)
        #expect(once.withLock { $0 } == 1)
        loop.stop()
    }

    @Test func `a closed timer stays silent`() async throws {
        let loop = try EventLoop(name: "silent")
        let fired = Locked(false)
        try await loop.perform {
            let timer = LoopTimer(on: loop)
            timer.start(after: .zero) { fired.withLock { $0 = true } }
            timer.close()
            timer.start(after: .zero) { fired.withLock { $0 = true } }
            timer.stop()
        }
        loop.stop()
        #expect(!fired.withLock { $0 })
    }

    @Test(
        "a duration becomes milliseconds and is never cut",
        arguments: [
            (Duration.zero, UInt64(0)), (.nanoseconds(1), 1), (.milliseconds(1), 1),
            (.microseconds(1001), 2), (.seconds(3), 3000), (.seconds(-1), 0),
            (.milliseconds(-1), 0), (.seconds(Int64.max), UInt64(Int64.max)),
        ])
    func milliseconds(duration: Duration, expected: UInt64) {
        #expect(duration.wholeMilliseconds == expected)
    }

    @Test func `a stopped loop is nobody's, even of a thread that got the identity of its own`()
        throws
    {
        let loop = try EventLoop(name: "gone")
        loop.stop()
        // The system gives a new thread the memory, and with it the identity, of one that ended.
        for _ in 0..<16 {
            let claims = Locked(true)
            let thread = Thread {
                claims.withLock { $0 = loop.isCurrent }
                loop.stop()
            }
            thread.start()
            while !thread.isFinished { usleep(100) }
            #expect(!claims.withLock { $0 })
        }
    }
}
