import ArgumentParser
import Generation
import SDXL

/// What to measure.
struct BenchOptions: ParsableArguments {
    @Option(help: "The base model; see 'refinery models'.")
    var model: String?

    @Option(help: "The refiner.")
    var refiner: String?

    @Option(
        help: ArgumentHelp(
            "Pixels, multiples of 8; may be given again. 512x512 unless given, or a small model's own.",
            valueName: "WxH"))
    var size: [PixelSize] = []

    @Option(
        help: ArgumentHelp(
            "Of text, base, refiner, decode, encode, with commas; all that the models have by default.",
            valueName: "parts"))
    var parts: PartList?

    @Option(
        help: "off: one image. on: both halves of guidance in a batch. both: one, then the other.")
    var guidance = Guidance.both

    @Option(help: "Runs after the first, whose time is told apart.")
    var runs = 3

    func validate() throws {
        guard (1...1000).contains(runs) else {
            throw ValidationError("--runs is \(runs): give 1 to 1000.")
        }
    }
}

extension BenchOptions {
    struct PixelSize: ExpressibleByArgument, Equatable {
        let size: ImageSize

        init?(argument: String) {
            let sides = argument.split(separator: "x", omittingEmptySubsequences: false)
            guard sides.count == 2, let width = Int(sides[0]), let height = Int(sides[1]),
                [width, height].allSatisfy({ (8...4096).contains($0) && $0 % 8 == 0 })
            else { return nil }
            size = ImageSize(height: height, width: width)
        }
    }

    struct PartList: ExpressibleByArgument, Equatable {
        let parts: [Workbench.Part]

        init?(argument: String) {
            let names = argument.split(separator: ",", omittingEmptySubsequences: false)
            parts = names.compactMap { Workbench.Part(rawValue: String($0)) }
            guard parts.count == names.count else { return nil }
        }
    }

    enum Guidance: String, ExpressibleByArgument, CaseIterable {
        case on
        case off
        case both

        /// Images in a batch.
        var imageCounts: [Int] {
            switch self {
            case .on: [2]
            case .off: [1]
            case .both: [1, 2]
            }
        }
    }

    /// One thing to measure.
    struct Item: Equatable {
        var part: Workbench.Part
        var size: ImageSize
        var images: Int
    }

    /// Size by size; what does not depend on size or guidance is there once.
    ///
    /// - Throws: ``UsageError`` for a part that the models do not have.
    func items(_ bench: Workbench) throws -> [Item] {
        for part in parts?.parts ?? [] where !bench.parts.contains(part) {
            throw UsageError(
                "the models have no \(part.rawValue): name one that has with --model or --refiner, "
                    + "or leave it out of --parts.")
        }
        let sizes = size.isEmpty ? [Self.usualSize(of: bench.base)] : size.map(\.size)
        var items: [Item] = []
        for size in sizes {
            for part in parts?.parts ?? bench.parts where part != .text || size == sizes[0] {
                for images in part.isGuided ? guidance.imageCounts : [1] {
                    items.append(Item(part: part, size: size, images: images))
                }
            }
        }
        return items
    }

    private static func usualSize(of model: ModelDescription) -> ImageSize {
        let longest = 512
        return ImageSize(
            height: min(longest, model.defaultSize.height),
            width: min(longest, model.defaultSize.width))
    }
}
