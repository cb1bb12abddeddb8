import Generation
import Testing

@testable import Wire

/// Input made to cost the server much, at the largest size that reaches protobuf-c.
@Suite("Hostile input")
struct HostileInputTests {
    static func repeated(_ element: [UInt8]) -> [UInt8] {
        Array(repeatElement(element, count: 65000 / element.count).joined())
    }

    static func refusal(_ payload: [UInt8]) -> StatusCode? {
        var state = ServerConnectionState()
        state.receive(Frame(stream: 1, type: .request, payload: payload).encoded())
        guard case .refuse(1, let error) = state.nextAction(at: .zero) else { return nil }
        return error.status
    }

    @Test func `64 KiB of unknown fields are refused before they are kept`() {
        #expect(Self.refusal(Self.repeated([0x78, 0x01])) == .invalidArgument)
        let nested = Bytes.request(.generate, payload: Self.repeated([0xF8, 0x07, 0x01]))
        #expect(Self.refusal(nested) == .invalidArgument)
    }

    /// As texts of ours they would keep the loop busy for 40 ms.
    @Test func `64 KiB of empty metadata are refused unread`() {
        for (count, status) in [
            (64, nil), (65, StatusCode.invalidArgument), (32_000, .invalidArgument),
        ] {
            let metadata = repeatElement([0x2A, 0x00] as [UInt8], count: count).joined()
            let request = Bytes.request(.ping, more: Array(metadata))
            #expect(Self.refusal(request) == status, "\(count)")
        }
    }

    @Test func `a message field given thousands of times is merged within the budget, or refused`()
    {
        let sizes = Self.repeated(Bytes.bytes(field: 15, [0x08, 0x40]))
        #expect(
            [nil, .resourceExhausted].contains(
                Self.refusal(Bytes.request(.generate, payload: sizes))))
        // protobuf-c 1.4.1 refuses to merge messages in which a oneof is unset.
        let refiners = Self.repeated(Bytes.bytes(field: 14, Bytes.text(field: 1, "r")))
        #expect(Self.refusal(Bytes.request(.generate, payload: refiners)) == .invalidArgument)
    }

    @Test func `a server's quadratic reply is stopped by the budget`() {
        // Response.status is a singular message with a list in it: each duplicate is merged by
        // copying the list, 13 seconds for 1 MiB without a budget.
        let any = Bytes.bytes(field: 3, [])
        let bytes = Self.repeated(Bytes.bytes(field: 1, any))
        let error = #expect(throws: GenerationError.self) { try ResponseEnvelope(bytes) }
        #expect(error?.status == .resourceExhausted)
    }

    @Test(arguments: [(24 as UInt64, "lora"), (25, "embeddings")])
    func `64 KiB of empty elements of a list are refused unread`(field: UInt64, name: String) {
        for (count, refused) in [(64, false), (65, true), (20_000, true)] {
            let list = repeatElement(Bytes.bytes(field: field, []), count: count).joined()
            let error = Result { () throws(GenerationError) in
                try CallRequest(.generate, decoding: Array(list))
            }
            guard case .failure(let error) = error else {
                #expect(!refused, "\(count) were taken")
                continue
            }
            #expect(refused && error.status == .invalidArgument && error.fields == [name])
        }
    }

    @Test func `64 KiB of states are as many as there are`() throws {
        let states = [UInt8](repeating: 1, count: 30_000) + [UInt8](repeating: 4, count: 30_000)
        let request = try CallRequest(.listJobs, decoding: Bytes.bytes(field: 1, states))
        #expect(request == .listJobs(JobFilter(states: [.queued, .failed])))
    }

    @Test func `an arena gives zeroed, aligned memory, and no more than its limit`() throws {
        let arena = Arena(byteLimit: 10_000)
        var given = 0
        while let memory = arena.allocate(100) {
            given += 100
            #expect(Int(bitPattern: memory) % 16 == 0)
            let bytes = UnsafeMutableRawBufferPointer(start: memory, count: 100)
            #expect(bytes.allSatisfy { $0 == 0 })
            bytes.copyBytes(from: repeatElement(0xFF, count: 100))
        }
        #expect(arena.isExhausted)
        #expect(given > 5000)
        #expect(arena.byteCount <= 10_000)
    }

    @Test func `random bytes never trap`() {
        var generator = SplitMix(state: 42)
        for _ in 0..<3000 {
            let count = Int.random(in: 0...60, using: &generator)
            var payload = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            // Half of them in an envelope that leads to the largest message.
            if Bool.random(using: &generator) {
                payload = Bytes.request(.generate, payload: payload)
            }
            _ = Self.refusal(payload)
        }
    }
}

/// Steele, Lea and Flood's SplitMix64, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
