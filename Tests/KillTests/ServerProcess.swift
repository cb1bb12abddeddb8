import Client
import Foundation

/// A folder of its own for the servers of one test, removed in the end.
final class KillFolder: Sendable {
    let path: String

    init() throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "refinery-kill-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// `refinery serve` in a process of its own, with the built-in models.
final class ServerProcess {
    let client: RefineryClient
    private let process = Process()

    struct NeverReady: Error {}

    /// Waits until it answers.
    init(_ folder: KillFolder, data: String) async throws {
        let socket = "\(folder.path)/socket"
        try? FileManager.default.removeItem(atPath: socket)
        process.executableURL = Self.executable
        process.arguments = [
            "serve", "--listen", "unix:\(socket)", "--data", "\(folder.path)/\(data)",
            "--threads", "1", "--checkpoint-seconds", "0",
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        client = try RefineryClient("unix:\(socket)")
        for _ in 0..<3000 {
            if (try? await client.ping()) != nil { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        kill()
        throw NeverReady()
    }

    /// As the kernel would, for want of memory.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        client.close()
    }

    /// Beside the tests' own.
    private static var executable: URL {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "refinery")
    }
}
