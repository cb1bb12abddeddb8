import Generation
import Server
import TestSupport
import Testing
import Wire

/// Previews as a peer sees them. Those here are noise, of 0.8 MB where they are as large as may be.
@Suite(.timeLimit(.minutes(15)))
struct PreviewTests {
    private func watched(_ id: String, steps: Int, side: Int) -> GenerationRequest {
        var request = GenerationRequest.picture(steps: steps, id: id)
        request.previewEvery = 1
        request.previewSide = side
        return request
    }

    @Test func `the latest progress is told again with each, also to those who come later`()
        async throws
    {
        try await RunningServer.with { server in
            server.control.hold(beforeStep: 3)
            var client = try server.client()
            _ = try client.send(.generate(watched("mine", steps: 5, side: 16)))
            var preview: Event.Progress?
            while preview?.preview?.step != 2 {
                let event = try client.nextEvent()
                if let progress = event.progress, progress.preview != nil { preview = progress }
            }
            #expect(preview?.step == 2 && preview?.phase == .base)
            #expect(preview?.preview?.png.starts(with: [0x89, 0x50, 0x4E, 0x47]) == true)

            // The first progress that either hears of is the latest, with the latest preview.
            for call in [CallRequest.watch(jobID: "mine", after: 0), .watch(jobID: nil, after: 0)] {
                var late = try server.client()
                _ = try late.send(call)
                var progress: Event.Progress?
                while progress == nil { progress = try late.nextEvent().progress }
                #expect(progress == preview)
            }
            server.control.release()
            let events = try client.remainingEvents()
            #expect(grows(events.map(\.sequence)))
            #expect(events.last?.image?.summary != nil)
        }
    }

    @Test func `a reader that pauses loses previews, but is not cut, and gets its picture`()
        async throws
    {
        try await RunningServer.with(configuration: .testing { $0.outputByteLimit = 4 << 20 }) {
            server in
            var client = WireClient(
                try RawSocket(port: server.port, receiveBufferByteCount: 4096))
            // 16 MB of them.
            _ = try client.send(.generate(watched("mine", steps: 20, side: 512)))
            try await server.wait { $0.finished == 1 }
            let events = try client.remainingEvents()
            #expect(grows(events.map(\.sequence)))
            let steps = events.compactMap { $0.progress?.preview?.step }
            #expect(steps == steps.sorted())
            #expect(events.last?.image?.summary != nil)
            #expect(!server.log.lines.contains { $0.contains("the peer does not read") })
        }
    }
}
