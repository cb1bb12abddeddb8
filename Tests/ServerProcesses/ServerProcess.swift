public import Client
import Foundation

/// A folder of its own for the servers of one test, removed in the end.
public final class ServerFolder: Sendable {
    public let path: String

    public init() throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "refinery-server-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// `refinery serve` in a process of its own, with the built-in models and one thread to compute with.
public final class ServerProcess {
    /// Over the Unix socket.
    public let client: RefineryClient
    /// Of this server and of any later one on the folder.
    public let address: String
    private let process = Process()
    private let folder: ServerFolder
    private let logPath: String

    /// A checkpoint after each unit of work, so that every kill finds one to go on from.
    public static let checkpoints = ["--checkpoint-seconds", "0"]

    public struct NeverReady: Error {}

    /// Waits until it answers.
    ///
    /// - Parameters:
    ///   - data: the store's name in the folder.
    ///   - flags: of `serve`, beside those for the socket and the store.
    ///   - descriptorLimit: how many descriptors it may have; nil for as many as the tests.
    public init(
        _ folder: ServerFolder, data: String, flags: [String] = [], descriptorLimit: Int? = nil
    ) async throws {
        self.folder = folder
        logPath = "\(folder.path)/log"
        let socket = "\(folder.path)/socket"
        address = "unix:\(socket)"
        try? FileManager.default.removeItem(atPath: socket)
        let command =
            [
                Self.executablePath, "serve", "--listen", "unix:\(socket)", "--data",
                "\(folder.path)/\(data)", "--threads", "1", "--default-model", "tiny-base",
            ] + flags
        let limit = descriptorLimit.map { "ulimit -n \($0); " } ?? ""
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", limit + "exec \"$@\"", "sh"] + command
        try Data().write(to: URL(filePath: logPath))
        process.standardError = FileHandle(forWritingAtPath: logPath)
        try process.run()
        client = try RefineryClient(address)
        for _ in 0..<3000 {
            if (try? await client.ping()) != nil { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        kill()
        throw NeverReady()
    }

    public var processID: Int32 { process.processIdentifier }

    /// What it has logged so far.
    public var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    /// The TCP port that it chose when it was told to listen on `127.0.0.1:0`.
    public var port: UInt16? {
        log.firstMatch(of: #/listening on 127\.0\.0\.1:(\d+)/#).flatMap { UInt16($0.1) }
    }

    /// As the kernel would, for want of memory.
    public func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        client.close()
    }

    /// The program, beside the tests' own unless another is named.
    public static var executablePath: String {
        ProcessInfo.processInfo.environment["REFINERY_BINARY"]
            ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "refinery").path
    }
}
