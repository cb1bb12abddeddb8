public import Client
import Foundation

/// A folder of its own for the servers of one test, removed in the end.
public final class ServerFolder: Sendable {
    public let path: String

    public init() throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "refinery-kill-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// `refinery serve` in a process of its own, with the built-in models.
public final class ServerProcess {
    public let client: RefineryClient
    /// Of this server and of any later one on the folder.
    public let address: String
    private let process = Process()

    public struct NeverReady: Error {}

    /// Waits until it answers.
    public init(_ folder: ServerFolder, data: String) async throws {
        let socket = "\(folder.path)/socket"
        address = "unix:\(socket)"
        try? FileManager.default.removeItem(atPath: socket)
        process.executableURL = Self.executable
        process.arguments = [
            "serve", "--listen", "unix:\(socket)", "--data", "\(folder.path)/\(data)",
            "--threads", "1", "--checkpoint-seconds", "0",
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        client = try RefineryClient(address)
        for _ in 0..<3000 {
            if (try? await client.ping()) != nil { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        kill()
        throw NeverReady()
    }

    /// As the kernel would, for want of memory.
    public func kill() {
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
