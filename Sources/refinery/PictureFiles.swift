import Generation

/// Names and writes the pictures of one command.
struct PictureFiles {
    /// The file of a single picture; several are numbered before the extension.
    let output: String
    /// Pictures in all.
    let count: Int
    private var written = 0

    /// - Throws: ``UsageError`` when nothing can be written there, before any work is done for it.
    init(output: String, count: Int) throws {
        let folder = output.lastIndex(of: "/").map { String(output[...$0]) } ?? "."
        guard Files.isFolder(folder), Files.isWritable(folder) else {
            throw UsageError(
                "cannot write \(output): \(folder) is no folder that can be written to. "
                    + "Make it, or choose another file.")
        }
        guard !output.isEmpty, !Files.isFolder(output) else {
            throw UsageError("cannot write '\(output)': it is a folder. Name a file.")
        }
        self.output = output
        self.count = count
    }

    /// Writes the next picture, whole or not at all, over an older one. Returns its path.
    mutating func write(_ png: [UInt8]) throws -> String {
        written += 1
        let path = path(number: written)
        try Files.write(png, to: path)
        return path
    }

    private func path(number: Int) -> String {
        guard count > 1 else { return output }
        let name = output.lastIndex(of: "/").map { output[$0...].dropFirst() } ?? output[...]
        // A name's leading dot begins no extension.
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex else {
            return "\(output)-\(number)"
        }
        return "\(output[..<dot])-\(number)\(output[dot...])"
    }
}

extension GenerationRequest {
    /// As far as it can be told before it is checked.
    var pictureCount: Int {
        (numberResults ?? Parameter.Default.numberResults) * max(branches.count, 1)
    }
}
