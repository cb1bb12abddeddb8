internal import Glibc
internal import Tensors
internal import Weights

/// A made-up expert of any size, as an original single file with random float16 weights: for
/// measuring and testing at SDXL's real size without its weights. It makes no picture worth seeing,
/// but a generation with it runs as one with a trained model does.
///
/// Its tensors are `SyntheticTensors`; the same dimensions and seed give the same bytes.
public struct SyntheticModel: Sendable {
    private let tensors: [SyntheticTensor]
    let header: [UInt8]
    private let seed: UInt64

    /// Of the file.
    public var byteCount: Int { tensors.reduce(header.count) { $0 + $1.byteCount } }

    public init(_ dimensions: SDXLDimensions, seed: UInt64) {
        tensors = SyntheticTensors(dimensions).tensors
        self.seed = seed
        let kind = dimensions.isRefiner ? "refiner" : "base"
        var metadata = [
            "format": "pt", "modelspec.sai_model_spec": "1.0.0",
            "modelspec.architecture": "stable-diffusion-xl-v1-\(kind)",
            "modelspec.title": "synthetic SDXL \(kind) of random weights, seed \(seed)",
            "modelspec.prediction_type": "epsilon",
        ]
        metadata["sdxl_hints"] = dimensions.hints
        header = SafetensorsWriter.header(
            tensors.map { ($0.name, $0.type, $0.shape, $0.byteCount) }, metadata: metadata)
    }

    /// Writes the file: first beside `path`, hidden, then in its place in one step.
    ///
    /// Memory is bounded whatever the model's size, time is the disk's.
    public func write(to path: String) throws(SyntheticModelError) {
        let split = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        let folder = String(path[..<split])
        try checkSpace(in: folder.isEmpty ? "." : folder, for: path)
        let partial = "\(folder).\(path[split...]).partial"
        let file = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Self.failure(path) }
        do throws(SyntheticModelError) {
            defer { close(file) }
            try Self.write(header, to: file, path)
            for tensor in tensors {
                try write(tensor, to: file, path)
            }
            guard fsync(file) == 0, rename(partial, path) == 0 else { throw Self.failure(path) }
        } catch {
            unlink(partial)
            throw error
        }
    }

    private func checkSpace(in folder: String, for path: String) throws(SyntheticModelError) {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { throw Self.failure(path) }
        let free = Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
        // So that the disk is not full to the last byte afterwards.
        let margin = 64 << 20
        guard free >= byteCount + margin else {
            throw SyntheticModelError(
                "\(path) would take \(Self.megabytes(byteCount)) MB, but there are "
                    + "\(Self.megabytes(free)) MB free: choose a folder on another disk, or make "
                    + "room there")
        }
    }

    private static func megabytes(_ byteCount: Int) -> Int { byteCount / 1_000_000 }

    private static func failure(_ path: String) -> SyntheticModelError {
        SyntheticModelError("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
}

/// Why a made-up model cannot be written.
public struct SyntheticModelError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

// MARK: - Contents

extension SyntheticModel {
    private static let blockElementCount = 4 << 20

    private func write(
        _ tensor: SyntheticTensor, to file: Int32, _ path: String
    ) throws(SyntheticModelError) {
        if tensor.fill == .positions {
            let positions = (0..<Int64(tensor.elementCount)).map(\.littleEndian)
            return try Self.write(positions, to: file, path)
        }
        var first = 0
        while first < tensor.elementCount {
            let range = first..<min(tensor.elementCount, first + Self.blockElementCount)
            try Self.write(values(of: tensor, range), to: file, path)
            first = range.upperBound
        }
    }

    /// Elements `range` of a float16 tensor.
    private func values(of tensor: SyntheticTensor, _ range: Range<Int>) -> [UInt16] {
        var block: [UInt16]
        switch tensor.fill {
        case .normal(let deviation):
            let weights = RandomWeights(
                seed: seed &+ Self.hash(tensor.name), deviation: deviation)
            block = [UInt16](unsafeUninitializedCapacity: range.count) { buffer, count in
                weights.fill(
                    UnsafeMutableBufferPointer(rebasing: buffer[..<range.count]),
                    first: range.lowerBound)
                count = range.count
            }
        case .constant(let value):
            block = Array(repeating: Float16(value).bitPattern, count: range.count)
        case .positions:
            preconditionFailure("positions are no float16")
        }
        for edit in tensor.edits where range.contains(edit.position) {
            block[edit.position - range.lowerBound] = Float16(edit.value).bitPattern
        }
        return block
    }

    /// FNV-1a, so that every tensor has a stream of its own.
    private static func hash(_ name: String) -> UInt64 {
        name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    private static func write<Element: BitwiseCopyable>(
        _ values: [Element], to file: Int32, _ path: String
    ) throws(SyntheticModelError) {
        try values.withUnsafeBufferPointer { (values) throws(SyntheticModelError) in
            var rest = UnsafeRawBufferPointer(values)
            while !rest.isEmpty {
                let written = Glibc.write(file, rest.baseAddress, rest.count)
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { throw failure(path) }
                rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            }
        }
    }
}
