import Client
import Foundation
import Generation
import ServerProcesses
import TestSupport
import Testing
import Wire

/// kill -9 of a real server at random moments, again and again: every accepted job is finished by the
/// servers that follow, by itself, with the bytes of a server that nobody killed, and what was finished
/// stays.
///
/// `REFINERY_KILLS=100 swift test --filter KillTests` makes it longer; `REFINERY_KILL_SEED` draws the
/// requests and moments of another run again.
@Suite(.timeLimit(.minutes(60)))
struct KillTests {
    static let killCount = number("REFINERY_KILLS") ?? 6
    static let seed = number("REFINERY_KILL_SEED") ?? .random(in: 0..<1 << 30)

    @Test func `no accepted job is lost or run twice, and all bytes are the same`() async throws {
        let folder = try ServerFolder()
        let kinds = try await JobKind.all(in: folder)
        var random = Draws(state: UInt64(Self.seed))
        var jobs: [AcceptedJob] = []
        var moments: [String: Int] = [:]
        for round in 0..<Self.killCount {
            let server = try await ServerProcess(
                folder, data: "killed", flags: ServerProcess.checkpoints)
            for kind in kinds where round == 0 || random.next(below: 2) == 0 {
                jobs.append(try await kind.submit(as: "\(round)-\(kind.name)", to: server))
            }
            try await Task.sleep(for: .milliseconds(random.next(below: 900)))
            moments[try await Self.activity(of: server), default: 0] += 1
            for index in jobs.indices { try await jobs[index].lookForPictures(at: server) }
            server.kill()
        }
        let server = try await ServerProcess(
            folder, data: "killed", flags: ServerProcess.checkpoints)
        for job in jobs { try await job.checkEnd(at: server) }
        let stats = try await server.client.serverStats()
        #expect(stats.queued == 0 && stats.running == 0 && stats.failed == 0)
        #expect(stats.cancelled == 0)
        print("killed \(Self.killCount) times, seed \(Self.seed): \(jobs.count) jobs; \(moments)")
        server.kill()
    }

    /// What a kill now interrupts.
    private static func activity(of server: ServerProcess) async throws -> String {
        let running = try await server.client.jobs(JobFilter(states: [.running])).jobs.first
        guard let phase = running?.phase else { return running == nil ? "idle" : "beginning" }
        return "\(phase)"
    }

    private static func number(_ variable: String) -> Int? {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) }
    }
}
