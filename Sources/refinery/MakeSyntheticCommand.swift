import ArgumentParser
import SDXL

struct MakeSyntheticCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "make-synthetic",
        abstract: "Writes an SDXL base and a refiner of real size with random weights.",
        discussion: """
            For measuring: they run as published models do, but their pictures show nothing. The base \
            takes 6.9 GB of disk, the refiner 6.1 GB.

            EXAMPLES
              refinery models make-synthetic --base ~/models/base.safetensors \
            --refiner ~/models/refiner.safetensors
            """)

    @Option(help: "The file to write the base to.")
    var base: String?

    @Option(help: "The file to write the refiner to.")
    var refiner: String?

    @Option(help: "The same number gives the same files.")
    var seed: UInt64 = 1

    func validate() throws {
        guard base != nil || refiner != nil else {
            throw ValidationError("Name the files to write: --base FILE, --refiner FILE, or both.")
        }
        guard base != refiner else {
            throw ValidationError("--base and --refiner are the same file.")
        }
    }

    func run() throws {
        for (path, dimensions) in [(base, SDXLDimensions.base), (refiner, .refiner)] {
            guard let path else { continue }
            let model = SyntheticModel(dimensions, seed: seed)
            Terminal.write("\(path): \(model.byteCount / 1_000_000) MB\n", to: .output)
            try model.write(to: path)
        }
    }
}
