import Foundation

/// Runs `body` with the path of a fresh folder, and removes it afterwards.
public func withTemporaryDirectory<Result>(
    _ body: (String) throws -> Result
) throws -> Result {
    let directory = FileManager.default.temporaryDirectory
        .appending(path: "refinery-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try body(directory.path)
}
