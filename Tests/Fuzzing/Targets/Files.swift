import Generation
import PNGEncoding
import Tensors
import Weights

/// Files that others made.
enum Files {
    static func runSafetensors(_ bytes: [UInt8]) throws {
        guard let file = try? ModelFile(name: "fuzzed", bytes: bytes) else { return }
        try require(file.tensorNames == file.tensorNames.sorted(), "names are out of order")
        _ = ModelArchitecture(file).name
        for name in file.tensorNames {
            guard let shape = file.shape(of: name),
                let tensor = try? file.tensor(name, shape: shape)
            else { continue }
            let count = tensor.elementCount
            try require(
                count == shape.reduce(1, *), "\(name) has \(count) elements and shape \(shape)")
            try file.withBytes(of: name) { bytes in
                // To the last of them.
                let sum = bytes.reduce(0) { $0 &+ Int($1) }
                try require(sum >= 0, "\(name) has no bytes")
            }
        }
    }

    /// As they are, and with right checksums: few changes of a file would get past those.
    static func runPNG(_ bytes: [UInt8]) throws {
        try decodePNG(bytes)
        try decodePNG(PNGChecksums.corrected(bytes))
    }

    private static func decodePNG(_ bytes: [UInt8]) throws {
        let decoder = PNGDecoder(sideMaximum: 256, pixelMaximum: 1 << 14)
        if let picture = try? decoder.decode(bytes) {
            let size = try decoder.size(ofFileBeginning: bytes)
            try require(picture.size == size, "the header told another size")
            try require(
                picture.pixels.count == size.width * size.height * 3, "it has other pixels")
        }
        for keyword in ["parameters", PictureRecord.keyword] {
            if let text = try? PNGTextReader.text(keyword, in: bytes) {
                try require(text.count <= bytes.count, "a text is longer than its file")
                _ = try? PictureRecord(text)
            }
        }
    }
}
