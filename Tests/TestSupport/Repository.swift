public import Foundation

/// Places in this checkout, for tests.
public enum Repository {
    public static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The vectors made with diffusers: see `scripts/README.md` there.
    public static let references = root.appending(path: "Tests/References")

    /// The built-in checkpoints, as files.
    public static let models = root.appending(path: "Sources/CEmbeddedModels")

    public static func reference(_ path: String) throws -> Data {
        try Data(contentsOf: references.appending(path: path), options: .mappedIfSafe)
    }
}
