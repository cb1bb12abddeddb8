import CAllocationCounter
import Generation
import TestSupport
import Testing

@testable import Wire

/// What happens when memory runs out while a message is unpacked, at every single allocation.
struct `Memory that runs out in a message` {
    static let requests: [CallRequest] =
        [.generate(MessageCodingTests.full), .submit(MessageCodingTests.full)]
        + MessageCodingTests.requests

    /// Gives protobuf-c 16 bytes more each time, which is what an allocation is rounded to: so each of them
    /// is once the first that fails.
    @Test(arguments: requests)
    func `costs that call alone, and leaks nothing`(request: CallRequest) throws {
        var client = ClientConnectionState()
        let (stream, frame) = try client.open(request)
        var failures = 0
        for byteLimit in stride(from: 0, through: 1 << 20, by: 16) {
            var answer: StatusCode?
            func call() {
                answer = Arena.$unpackingByteLimit.withValue(byteLimit) {
                    Self.answer(to: frame, on: stream)
                }
            }
            // The first time may take what is then kept for ever, such as a type's description.
            call()
            refinery_allocations_begin()
            call()
            let taken = refinery_allocations_end()
            #expect(taken.live_byte_count == 0, "with \(byteLimit) bytes")
            guard answer == .resourceExhausted else {
                #expect(answer == .ok, "with \(byteLimit) bytes")
                break
            }
            failures += 1
        }
        #expect(failures > 3)
    }

    /// Of a call, with a Ping behind it on the same connection, which must be answered as ever.
    private static func answer(to frame: [UInt8], on stream: StreamID) -> StatusCode? {
        var state = ServerConnectionState()
        state.receive(frame)
        let status: StatusCode
        switch state.nextAction(at: .zero) {
        case .call(let call) where call.stream == stream: status = .ok
        case .refuse(stream, let error): status = error.status
        default: return nil
        }
        let ping = Arena.$unpackingByteLimit.withValue(8 << 20) { () -> Bool in
            let payload = Bytes.bytes(field: 1, [1, 2, 3])
            let request = Bytes.request(.ping, payload: payload)
            state.receive(Frame(stream: 77, type: .request, payload: request).encoded())
            guard case .call(let call) = state.nextAction(at: .zero) else { return false }
            return call.request == .ping([1, 2, 3])
        }
        return ping ? status : nil
    }
}
